"""The icons can be told apart without colour, and read on light and on dark panels."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageColor, ImageStat

from tray_app import icons, pixmaps
from tray_app.shipped import assets
from tray_app.view import IconState

WHITE = (255, 255, 255)
LIGHT_PANELS = ("#ffffff", "#f6f5f4")
DARK_PANELS = ("#2e3436", "#353535", "#000000")
ENOUGH = 4.5
"""WCAG 2's contrast for text, which asks more than the 3:1 for icons."""

ALIKE = 0.06
"""Of all pixels: what differs in no more looks the same."""

GROUNDS = sorted(
    {each.colour for shapes in icons.drawings()[1].values() for each in shapes} - {WHITE}
)


def on_panel(picture: Image.Image, ground: str) -> Image.Image:
    """The icon in greyscale as it looks on a panel of that colour."""
    panel = Image.new("RGB", picture.size, ground)
    panel.paste(picture, (0, 0), picture)
    return panel.convert("L")


def repainted(state: IconState, size: int, ground: tuple[int, ...] = (128,) * 3) -> Image.Image:
    """The icon with its sign in white and every ground in the same colour: only shape is left."""
    picture = icons.image(state, size)
    sign = picture.convert("L").point([255 * (at > 200) for at in range(256)])
    plain = Image.new("RGBA", picture.size, ground)
    plain.paste(WHITE, (0, 0, *picture.size), sign)
    plain.putalpha(picture.getchannel("A"))
    return plain


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that clearly differ."""
    clearly = ImageChops.difference(one, other).point([255 * (at > 60) for at in range(256)])
    return ImageStat.Stat(clearly).mean[0] / 255


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [channel / 255 for channel in ImageColor.getrgb(colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("drawing", "ground"),
    [
        (icons.image, "#f6f5f4"),
        (icons.image, "#2e3436"),
        (repainted, "#f6f5f4"),
        (repainted, "#2e3436"),
        (icons.template, "#f6f5f4"),
    ],
)
@pytest.mark.parametrize("size", icons.ALL_SIZES)
def test_states_differ_in_greyscale(
    size: int, drawing: Callable[[IconState, int], Image.Image], ground: str
) -> None:
    """Every two icons differ clearly in a good part of their pixels, in grey, at every size; also
    when only their shapes are left, and as the template that macOS paints in one colour.
    """
    drawn = {state: on_panel(drawing(state, size), ground) for state in IconState}
    for one, other in itertools.combinations(IconState, 2):
        share = difference(drawn[one], drawn[other])
        assert share > ALIKE, f"{one} and {other} look alike at {size}: {share:.3f}"


@pytest.mark.parametrize("state", IconState)
@pytest.mark.parametrize("ground", ["#f6f5f4", "#2e3436"])
def test_colour_alone_is_no_difference(state: IconState, ground: str) -> None:
    """One shape in any two of our colours counts as alike, so the test above is about shapes."""
    for one, other in itertools.combinations(GROUNDS, 2):
        pair = [on_panel(repainted(state, 32, colour), ground) for colour in (one, other)]
        assert difference(*pair) < ALIKE


@pytest.mark.parametrize("state", IconState)
def test_every_icon_reads_on_light_and_on_dark_panels(state: IconState) -> None:
    """Its outline stands out from light panels, its sign from its ground and from dark panels."""
    shapes = icons.drawings()[1][state]
    signs = {"#{:02x}{:02x}{:02x}".format(*each.colour) for each in shapes if each.is_sign}
    grounds = {"#{:02x}{:02x}{:02x}".format(*each.colour) for each in shapes if not each.is_sign}
    (sign,), (ground,) = signs, grounds
    assert contrast(sign, ground) >= ENOUGH
    assert min(contrast(ground, panel) for panel in LIGHT_PANELS) >= ENOUGH
    assert min(contrast(sign, panel) for panel in DARK_PANELS) >= ENOUGH


@pytest.mark.parametrize("state", IconState)
def test_pixmaps_are_argb_in_network_order(state: IconState) -> None:
    """Each pixel of a pixmap is alpha, red, green, blue of the picture, row by row."""
    for pixmap in icons.drawn(state):
        picture = icons.image(state, pixmap.width)
        assert len(pixmap.argb) == pixmap.width * pixmap.height * 4
        for at in (0, pixmap.width * pixmap.height // 2, pixmap.width * pixmap.height - 1):
            x, y = at % pixmap.width, at // pixmap.width
            pixel = picture.getpixel((x, y))
            assert isinstance(pixel, tuple)
            red, green, blue, alpha = pixel
            assert tuple(pixmap.argb[at * 4 : at * 4 + 4]) == (alpha, red, green, blue)


def test_what_panels_are_shown_is_what_is_drawn() -> None:
    """The file that spares Linux the drawing is new, and read once: nothing is sent again."""
    for state in IconState:
        assert pixmaps.pixmaps(state) == icons.drawn(state), "renew: python -m tray_app.icons"
    assert pixmaps.pixmaps(IconState.OK) is pixmaps.pixmaps(IconState.OK)


def test_pictures_of_other_icons_are_not_shown() -> None:
    """A file of other states or sizes is refused, by a sentence that says what to do."""
    more = zlib.compress(zlib.decompress((assets() / pixmaps.FILE).read_bytes()) + b"more")
    with pytest.raises(ValueError, match="Renew it"):
        pixmaps.unpacked(more)


def test_all_are_written_for_looking_at(tmp_path: Path) -> None:
    """``python -m tray_app.icons`` writes every state in every size and one sheet."""
    written = icons.write_all(tmp_path / "icons")
    assert len(written) == len(IconState) * len(icons.ALL_SIZES) + 1
    for path in written:
        with Image.open(path) as picture:
            picture.verify()
