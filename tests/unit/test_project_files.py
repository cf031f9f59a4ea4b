"""What surrounds the source keeps its promises: pins, forbidden names, the two commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dev

ROOT = Path(__file__).resolve().parents[2]

# Written so that this file does not contain what it looks for.
HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|(deb|security)\.debian\.org", re.IGNORECASE
)
PLACES = re.compile(r"(?<![\w./-])/(?:[w]ork|[r]oot|tmp/[l]ab)\b(?=/|[\s'\"`,:)]|$)", re.MULTILINE)
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "Windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}


def _project_files() -> list[Path]:
    """Every file that is, or is about to be, part of the project."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout (or git is missing), so what belongs is not known")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_registry_or_a_place_on_one_machine() -> None:
    """The project works anywhere, so no file holds a registry's host or a developer's path."""
    offending = []
    for path in _project_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        offending += [
            f"{path.relative_to(ROOT)}: {found.group()}"
            for pattern in (HOSTS, PLACES)
            for found in pattern.finditer(text)
        ]
    assert offending == []


def test_no_lock_file_of_another_tool_is_kept() -> None:
    """Lock files that record download addresses stay out; constraints.txt is the one list."""
    kept = {path.name for path in _project_files()}
    assert kept & {"uv.lock", "poetry.lock", "package-lock.json", "npm-shrinkwrap.json"} == set()


def test_packaging_is_not_a_package() -> None:
    """With an __init__.py our folder packaging would shadow the library of that name.

    Libraries we use import it, and would fail with "No module named 'packaging.version'".
    """
    assert not (ROOT / "packaging" / "__init__.py").exists()


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("part", dev.PARTS)
def test_pins_meet_every_requirement(part: str, python: str, platform: str) -> None:
    """On each system and Python, each part pins every package that pyproject.toml asks it for."""
    where: dict[str, str | AbstractSet[str]] = {**PLATFORMS[platform]}
    where |= {"python_version": python, "python_full_version": f"{python}.0"}
    pinned = {}
    for line in dev.requirements(part).splitlines():
        if line and not line.startswith((" ", "#")):
            entry = Requirement(line.rstrip("\\ "))
            if entry.marker is None or entry.marker.evaluate(where):
                (pin,) = entry.specifier
                pinned[canonicalize_name(entry.name)] = pin.version
    project = tomllib.loads(dev.PROJECT.read_text(encoding="utf-8"))
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for group in ("test", "check"):
        if dev.PARTS.index(part) >= dev.PARTS.index(group):
            asked += [one for one in project["dependency-groups"][group] if isinstance(one, str)]
    for requirement in map(Requirement, asked):
        if requirement.marker is None or requirement.marker.evaluate(where):
            version = pinned.get(canonicalize_name(requirement.name), "none")
            assert version != "none", f"{requirement} has no pin: python3 dev.py pin"
            assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


@pytest.mark.parametrize(
    "name",
    [
        "constraints.txt",
        "tests/real_servers/requirements.txt",
        "tests/real_clients/requirements.txt",
    ],
)
def test_every_pin_has_hashes(name: str) -> None:
    """Each pinned package carries the hashes its files are checked against."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8"))
    pins = [entry for entry in entries if not entry.startswith("#") and "==" in entry]
    assert len(pins) > 20
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_first_screen_of_the_readme_has_the_two_commands() -> None:
    """A newcomer sees how to run and how to test without scrolling, and CI runs the latter."""
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    assert "python3 dev.py run" in first_screen
    assert "python3 dev.py test" in first_screen
    assert "python3 dev.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_what_is_said_to_show_how_good_it_is_exists() -> None:
    """Every test that the page of scores names is there, and its sum is that of its rows."""
    page = (ROOT / "docs" / "ux-score.md").read_text(encoding="utf-8")
    files = [*(ROOT / "tests").rglob("*.py")]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    there = {*re.findall(r"def (test_\w+)", source), *(file.stem for file in files)}
    named = set(re.findall(r"\b(test_\w+)", page))
    assert named - there == set()
    rows = re.findall(r"^\| (\d+)\*? \|[^|]+\| ([012]) \|(.*)\|([^|]*)\|$", page, re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 31))
    assert f"\n{sum(int(score) for _, score, *_ in rows)} of 60." in page
    for number, score, shown, because in rows:
        assert (score == "2") == (not because.strip()), number
        assert re.search(r"test_|\.md", shown), number
