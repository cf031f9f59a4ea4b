"""Every pair of colours of the dashboard that is text on a ground can be read, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STYLE = (Path(__file__).parents[3] / "assets" / "dashboard" / "style.css").read_text("utf-8")
LIGHT, DARK, *_ = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)

TEXT = 4.5  # WCAG 2.2, 1.4.3
SHAPE = 3.0  # 1.4.11: edges of controls, marks
GROUNDS = ("page", "card", "sunken")
TEXTS = [
    *((ink, ground) for ink in ("ink", "quiet", "accent", "bad") for ground in GROUNDS),
    *(("ink", f"{grade}-back") for grade in ("ok", "warn", "bad")),
    *((grade, f"{grade}-back") for grade in ("ok", "warn", "bad")),
    ("on-accent", "accent"),
]
SHAPES = [
    *((mark, ground) for mark in ("ok", "warn", "bad", "quiet", "edge", "accent")
      for ground in GROUNDS),
    *((mark, back) for mark in ("warn", "quiet") for back in ("warn-back", "bad-back")),
]  # fmt: skip


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """WCAG's relative luminance of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("block", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("least", "pair"), [*((TEXT, pair) for pair in TEXTS), *((SHAPE, pair) for pair in SHAPES)]
)
def test_it_can_be_read(block: str, least: float, pair: tuple[str, str]) -> None:
    """Text has 4.5 to 1, what is told by a shape or an edge 3 to 1."""
    found = colours(block)
    assert contrast(found[pair[0]], found[pair[1]]) >= least


def test_there_is_no_colour_but_the_named_ones() -> None:
    """So that every colour is among the pairs above, and both schemes have each."""
    rest = STYLE.replace(LIGHT, "").replace(DARK, "")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl", rest) == []
    assert colours(LIGHT).keys() == colours(DARK).keys()
    used = set(re.findall(r"[^-]color: var\(--([\w-]+)\)", rest))
    assert used <= {ink for ink, _ in TEXTS}
    grounds = set(re.findall(r"background: var\(--([\w-]+)\)", rest))
    assert grounds <= {ground for _, ground in TEXTS} | {"edge", "on-accent"}


def test_the_computation_is_the_standards() -> None:
    """Black on white is 21, a colour on itself 1, and a known grey 4.54."""
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert contrast("#123456", "#123456") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54
