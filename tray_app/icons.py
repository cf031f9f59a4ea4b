"""Draws the tray icons from ``assets/icons.json`` with Pillow, at any size.

That file is the only source of the icons: Pillow cannot read SVG, and a rasteriser that can is
a system library on every platform; a dozen shapes need neither. After changing it, renew what
Linux shows with ``python -m tray_app.icons``; with a directory as its argument, that writes all
icons there as PNG files for looking at.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw

from tray_app.pixmaps import FILE, PANEL_SIZES, Pixmap, packed
from tray_app.shipped import assets
from tray_app.view import IconState

ALL_SIZES = (*PANEL_SIZES, 64)
OVERSAMPLING = 8
"""Shapes are drawn this many times larger and averaged down, for smooth edges."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One filled shape on the grid: its kind, its numbers as in the file, its colour."""

    kind: str
    numbers: tuple[float, ...]
    colour: tuple[int, ...]
    is_sign: bool  # what lies on the ground and tells the state


@functools.cache
def image(state: IconState, size: int) -> Image.Image:
    """The icon as a picture of ``size`` by ``size`` pixels with transparency."""
    canvas = Image.new("RGBA", _canvas(size), (0, 0, 0, 0))
    _draw_all(canvas, [(shape, shape.colour) for shape in drawings()[1][state]])
    return canvas.reduce(OVERSAMPLING)


@functools.cache
def template(state: IconState, size: int) -> Image.Image:
    """The icon for systems that colour it themselves: black, the sign cut out of its ground."""
    mask = Image.new("L", _canvas(size), 0)
    shapes = drawings()[1][state]
    _draw_all(mask, [(shape, (0,) if shape.is_sign else (255,)) for shape in shapes])
    picture = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    picture.putalpha(mask.reduce(OVERSAMPLING))
    return picture


def _canvas(size: int) -> tuple[int, int]:
    return size * OVERSAMPLING, size * OVERSAMPLING


def drawn(state: IconState) -> tuple[Pixmap, ...]:
    """The icon in all sizes a panel may ask for."""
    return tuple(_pixmap(image(state, size)) for size in PANEL_SIZES)


def _pixmap(picture: Image.Image) -> Pixmap:
    red, green, blue, alpha = picture.split()
    argb = Image.merge("RGBA", (alpha, red, green, blue)).tobytes()
    return Pixmap(picture.width, picture.height, argb)


def _draw_all(canvas: Image.Image, shapes: Sequence[tuple[Shape, tuple[int, ...]]]) -> None:
    pen = ImageDraw.Draw(canvas)
    scale = canvas.width / drawings()[0]
    for shape, colour in shapes:
        _draw(pen, shape, colour, scale)


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, colour: tuple[int, ...], scale: float) -> None:
    at = [number * scale for number in shape.numbers]
    match shape.kind:
        case "rounded":
            x0, y0, x1, y1, radius = at
            pen.rounded_rectangle((x0, y0, x1 - 1, y1 - 1), radius, colour)
        case "disc":
            _disc(pen, at[0], at[1], at[2], colour)
        case "polygon":
            pen.polygon(at, colour)
        case "line":
            x0, y0, x1, y1, width = at
            pen.line((x0, y0, x1, y1), colour, round(width))
            _disc(pen, x0, y0, width / 2, colour)  # round ends
            _disc(pen, x1, y1, width / 2, colour)
        case _:
            raise ValueError(f"assets/icons.json: there is no shape {shape.kind!r}")


def _disc(
    pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, ...]
) -> None:
    pen.ellipse((x - radius, y - radius, x + radius - 1, y + radius - 1), colour)


@functools.cache
def drawings() -> tuple[float, dict[IconState, tuple[Shape, ...]]]:
    """The grid's size and every icon's shapes; reads the file the first time."""
    source = json.loads((assets() / "icons.json").read_text(encoding="utf-8"))
    colours = {name: ImageColor.getrgb(value) for name, value in source["colours"].items()}
    return float(source["grid"]), {
        IconState(name): tuple(_shape(shape, colours) for shape in shapes)
        for name, shapes in source["icons"].items()
    }


def _shape(source: dict[str, object], colours: Mapping[str, tuple[int, ...]]) -> Shape:
    name = str(source["colour"])
    ((kind, numbers),) = ((key, value) for key, value in source.items() if key != "colour")
    if not isinstance(numbers, list):
        raise TypeError(f"assets/icons.json: {kind} needs a list of numbers")
    return Shape(
        kind, tuple(float(number) for number in numbers), colours[name], is_sign=name == "sign"
    )


def write_all(directory: Path) -> list[Path]:
    """Write every icon in every size as PNG, and one sheet of all on light, dark and grey."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for state in IconState:
        for size in ALL_SIZES:
            written.append(directory / f"{state}-{size}.png")
            image(state, size).save(written[-1])
    written.append(directory / "sheet.png")
    _sheet().save(written[-1])
    return written


def _sheet() -> Image.Image:
    grounds = ("#ffffff", "#f6f5f4", "#8c8c8c", "#2e3436", "#000000")
    step = max(ALL_SIZES) + 8
    wide, high = step * len(ALL_SIZES), step * len(IconState)
    sheet = Image.new("RGB", (wide * len(grounds), high * 2))
    for column, ground in enumerate(grounds):
        panel = Image.new("RGB", (wide, high), ground)
        for row, state in enumerate(IconState):
            for place, size in enumerate(ALL_SIZES):
                picture = image(state, size)
                panel.paste(picture, (place * step + 4, row * step + 4), picture)
        sheet.paste(panel, (column * wide, 0))
        sheet.paste(panel.convert("L").convert("RGB"), (column * wide, high))
    return sheet


def renew() -> Path:
    """Write what ``tray_app.pixmaps`` shows."""
    file = assets() / FILE
    file.write_bytes(packed({state: drawn(state) for state in IconState}))
    return file


if __name__ == "__main__":
    paths = write_all(Path(sys.argv[1])) if len(sys.argv) == 2 else [renew()]
    sys.stdout.writelines(f"{path}\n" for path in paths)
