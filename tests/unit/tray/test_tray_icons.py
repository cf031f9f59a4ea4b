"""The icons can be told apart without colour, and read on light and on dark panels."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageColor, ImageStat

from tray_app import icons
from tray_app.view import IconState


def on_ground(state: IconState, size: int, ground: str) -> Image.Image:
    """The icon in greyscale as it looks on a panel of that colour."""
    picture = icons.image(state, size)
    panel = Image.new("RGB", picture.size, ground)
    panel.paste(picture, (0, 0), picture)
    return panel.convert("L")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [channel / 255 for channel in ImageColor.getrgb(colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("size", icons.ALL_SIZES)
@pytest.mark.parametrize("ground", ["#f6f5f4", "#2e3436"])
def test_states_differ_in_greyscale(size: int, ground: str) -> None:
    """Every two icons differ clearly in a good part of their pixels, in grey, at every size."""
    drawn = {state: on_ground(state, size, ground) for state in IconState}
    for one, other in itertools.combinations(IconState, 2):
        difference = ImageChops.difference(drawn[one], drawn[other])
        clearly = difference.point([255 if level > 60 else 0 for level in range(256)])
        share = ImageStat.Stat(clearly).mean[0] / 255
        assert share > 0.06, f"{one} and {other} look alike at {size}: {share:.3f}"


@pytest.mark.parametrize("ground", [shape[0].colour for shape in icons.drawings()[1].values()])
def test_grounds_read_on_light_and_dark(ground: tuple[int, ...]) -> None:
    """Every icon's ground stands out from white and black (3:1), its white sign from it (3:1)."""
    colour = "#{:02x}{:02x}{:02x}".format(*ground)
    assert contrast(colour, "#ffffff") >= 3
    assert contrast(colour, "#000000") >= 3


@pytest.mark.parametrize("state", IconState)
def test_pixmaps_are_argb_in_network_order(state: IconState) -> None:
    """Each pixel of a pixmap is alpha, red, green, blue of the picture, row by row."""
    for pixmap in icons.pixmaps(state):
        picture = icons.image(state, pixmap.width)
        assert len(pixmap.argb) == pixmap.width * pixmap.height * 4
        for at in (0, pixmap.width * pixmap.height // 2, pixmap.width * pixmap.height - 1):
            x, y = at % pixmap.width, at // pixmap.width
            pixel = picture.getpixel((x, y))
            assert isinstance(pixel, tuple)
            red, green, blue, alpha = pixel
            assert tuple(pixmap.argb[at * 4 : at * 4 + 4]) == (alpha, red, green, blue)


def test_pixmaps_are_drawn_once() -> None:
    """The same state gives the same pixmaps, so that nothing is redrawn or sent again."""
    assert icons.pixmaps(IconState.OK) is icons.pixmaps(IconState.OK)


def test_all_are_written_for_looking_at(tmp_path: Path) -> None:
    """``python -m tray_app.icons`` writes every state in every size and one sheet."""
    written = icons.write_all(tmp_path / "icons")
    assert len(written) == len(IconState) * len(icons.ALL_SIZES) + 1
    for path in written:
        with Image.open(path) as picture:
            picture.verify()
