"""Where to look to notice that a path leads to something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.config.places import Place, places


def named(found: frozenset[Place], root: Path) -> set[tuple[str, str, bool]]:
    """The places inside a directory as (directory, name, contents)."""
    return {
        (str(place.directory.relative_to(root)), name, place.contents)
        for place in found
        if place.directory.is_relative_to(root)
        for name in place.names
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory whose own path has no links."""
    return Path(os.path.realpath(tmp_path))


def test_a_plain_file(root: Path) -> None:
    """The file in its directory, and the directory in the one above."""
    (root / "dir").mkdir()
    (root / "dir" / "Config.json").touch()
    assert named(places(root / "dir" / "Config.json"), root) == {
        ("dir", "config.json", True),
        (".", "dir", False),
    }


def test_a_missing_file_and_a_missing_directory(root: Path) -> None:
    """What is missing is awaited in the last directory that exists."""
    (root / "dir").mkdir()
    assert named(places(root / "dir" / "c"), root) == {("dir", "c", True), (".", "dir", False)}
    assert named(places(root / "dir" / "sub" / "c"), root) == {
        ("dir", "sub", False),
        (".", "dir", False),
    }


def test_every_link_on_the_way_counts(root: Path) -> None:
    """Links to files and to directories, relative, absolute and upwards, are all followed."""
    (root / "a").mkdir()
    (root / "b" / "v1").mkdir(parents=True)
    (root / "b" / "v1" / "real").touch()
    (root / "b" / "now").symlink_to("v1")
    (root / "a" / "c").symlink_to(root / "b" / "now" / "link")
    (root / "b" / "v1" / "link").symlink_to("../v1/real")
    assert named(places(root / "a" / "c"), root) == {
        ("a", "c", False),
        ("b", "now", False),
        ("b", "v1", False),
        ("b/v1", "link", True),
        ("b/v1", "real", True),
    }


def test_links_in_a_circle_end(root: Path) -> None:
    """A path that leads nowhere is watched all the same, so that its repair is noticed."""
    (root / "x").symlink_to("y")
    (root / "y").symlink_to("x")
    assert {(".", "x", False), (".", "y", False)} <= named(places(root / "x"), root)


def test_a_directory_made_anew_is_another(root: Path) -> None:
    """The same path with another directory behind it is a different place."""
    (root / "dir").mkdir()
    before = places(root / "dir" / "c")
    (root / "dir").rename(root / "old")
    (root / "dir").mkdir()
    assert before != places(root / "dir" / "c")
