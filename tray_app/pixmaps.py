"""The icons as Linux panels take them, drawn beforehand: importing Pillow takes time and memory.

``assets/pixmaps.zlib`` is what ``tray_app.icons`` draws, written by ``python -m tray_app.icons``;
a test draws it again.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tray_app.shipped import assets
from tray_app.view import IconState

PANEL_SIZES = (16, 22, 24, 32, 48)
"""Pixels; what Linux panels ask for at scale 1 and 2. The panel picks the nearest."""

FILE = "pixmaps.zlib"
_DEPTH = 4  # bytes of a pixel


@dataclass(frozen=True, slots=True)
class Pixmap:
    """One picture for the bus: ARGB32, network byte order, row by row, no padding."""

    width: int
    height: int
    argb: bytes


def pixmaps(state: IconState) -> tuple[Pixmap, ...]:
    """The icon in all sizes a panel may ask for; reads a file the first time."""
    return _all()[state]


@functools.cache
def _all() -> Mapping[IconState, tuple[Pixmap, ...]]:
    return unpacked((assets() / FILE).read_bytes())


def packed(pictures: Mapping[IconState, tuple[Pixmap, ...]]) -> bytes:
    """All pictures in the order of the states, each in the order of ``PANEL_SIZES``."""
    raw = b"".join(pixmap.argb for state in IconState for pixmap in pictures[state])
    return zlib.compress(raw, 9)


def unpacked(content: bytes) -> Mapping[IconState, tuple[Pixmap, ...]]:
    """What was packed. Raises ValueError when it was other states or sizes."""
    raw = zlib.decompress(content)
    found: dict[IconState, tuple[Pixmap, ...]] = {}
    at = 0
    for state in IconState:
        pictures = []
        for size in PANEL_SIZES:
            end = at + size * size * _DEPTH
            pictures.append(Pixmap(size, size, raw[at:end]))
            at = end
        found[state] = tuple(pictures)
    if at != len(raw):
        raise ValueError(f"{FILE} holds other icons. Renew it: python -m tray_app.icons")
    return found
