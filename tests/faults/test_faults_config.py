"""F47 to F53, F59: the config file half-written, wrong, gone, replaced, storming, oddly named."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SceneMaker
from tests.faults.scene import Json, Scene, entry
from tests.program import Home, program

pytestmark = pytest.mark.timeout(300)

EDITS = 50


def text_of(home: Home) -> str:
    """What the config file says."""
    return home.config_file.read_text()


def sees(words: str) -> Callable[[Json], bool]:
    """Whether a world tells of a mistake in the config file in these words."""

    def condition(world: Json) -> bool:
        problem = world["config_problem"]
        return problem is not None and any(
            words in f"{each['path']}: {each['message']}" for each in problem["problems"]
        )

    return condition


def is_well(world: Json) -> bool:
    """Whether a world tells of no mistake in the config file."""
    return world["config_problem"] is None


def lives(world: Json) -> dict[str, tuple[int, int]]:
    """Who is who: a server that was started anew has another pid or another attempt."""
    return {name: (each["pid"], each["attempt"]) for name, each in world["servers"].items()}


async def stands(play: Scene, before: Json) -> None:
    """Every server is the one it was, and works."""
    assert lives(play.world) == lives(before)
    assert {each["status"] for each in play.world["servers"].values()} == {"ready"}
    reply = await play.ledger.call(await play.client("steady"))
    assert "result" in reply, reply


async def test_f47_a_half_written_file_is_told_with_its_line_and_awaited(
    scene: SceneMaker,
) -> None:
    """The first half changes nothing but the message, the second half is the new version."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = json.loads(text_of(play.home))
        good["mcpServers"]["newcomer"] = entry()
        text = json.dumps(good, indent=2)
        half = text[: text.index('"newcomer"') + 25]
        with play.home.config_file.open("w") as file:
            file.write(half)
            file.flush()
            world = await play.until(sees("column"))
            [problem] = world["config_problem"]["problems"]
            assert problem["line"] == half.count("\n") + 1
            status = await play.running.get("/api/v1/status")
            assert status["config_problem"] == world["config_problem"]
            await stands(play, before)
            file.write(text[len(half) :])
        await play.until(lambda world: is_well(world) and "newcomer" in world["servers"])
        after = await play.ready()
        assert lives(before).items() <= lives(after).items()


BAD: dict[str, tuple[Callable[[str], bytes], str]] = {
    "nothing at all": (lambda _: b"", "expected"),
    "not even text": (lambda _: bytes(range(128, 256)), "not UTF-8"),
    "zeros, as after a power cut": (lambda text: b"\0" * len(text), "expected"),
    "UTF-16": (lambda text: text.encode("utf-16"), "UTF-16"),
    "cut off in the middle": (lambda text: text[: len(text) // 2].encode(), "column"),
    "two documents": (lambda text: (text + text).encode(), "column"),
    "a merge conflict": (lambda text: f"<<<<<<< HEAD\n{text}=======\n".encode(), "column"),
    "a list at the top": (lambda text: f"[{text}]".encode(), "object"),
    "a word at the top": (lambda _: b'"servers"', "object"),
    "no comma between members": (lambda text: text.replace(",", "", 1).encode(), "','"),
    "a comment without an end": (lambda text: f"/* {text}".encode(), "column"),
    "a thousand brackets": (lambda _: b"[" * 1000 + b"]" * 1000, "deep"),
    "more than 4 MiB": (lambda text: (text + " " * (4 << 20)).encode(), "larger than 4 MiB"),
    "a server that is a number": (
        lambda text: text.replace('"mcpServers": {', '"mcpServers": {"x": 1,').encode(),
        "got a number",
    ),
    "both command and url": (
        lambda text: text.replace('"command"', '"url": "http://x/", "command"', 1).encode(),
        'both "command" and "url"',
    ),
    "a key twice": (
        lambda text: text.replace('"listen"', '"listen": "127.0.0.1:1", "listen"', 1).encode(),
        "stands here twice",
    ),
    "a port that is none": (lambda text: text.replace(":0", ":99999", 1).encode(), "HOST:PORT"),
    "the network without a key": (
        lambda text: text.replace("127.0.0.1:0", "0.0.0.0:0", 1).encode(),
        "require_mcp_auth",
    ),
}


async def test_f48_whatever_is_wrong_with_the_file_the_last_good_settings_stay(
    scene: SceneMaker,
) -> None:
    """Each kind of bad content is told in words of its own while every server goes on."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = text_of(play.home)
        assert "\n" in good
        for kind, (spoil, words) in BAD.items():
            play.home.config_file.write_bytes(spoil(good))
            world = await play.until(sees(words))
            assert lives(world) == lives(before), kind
            assert world["config_revision"] == before["config_revision"], kind
        await stands(play, before)
        play.home.write(good)
        await play.until(is_well)
        await stands(play, before)


GOOD: dict[str, Callable[[str], bytes]] = {
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "comments": lambda text: f"// mine\n{text}/* the end */".encode(),
    "a trailing comma": lambda text: f"{text.rstrip()[:-1]},\n}}".encode(),
    "keys nobody knows": lambda text: (
        text.replace('"listen"', '"from2031": [{}], "listen"', 1)
        .replace('"command"', '"telepathy": true, "command"', 1)
        .encode()
    ),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n").encode(),
}


async def test_f48_what_is_merely_unusual_is_read_and_restarts_nobody(scene: SceneMaker) -> None:
    """BOM, comments, trailing commas, unknown keys: new revisions without a problem."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = text_of(play.home)
        for revision, (kind, vary) in enumerate(GOOD.items(), before["config_revision"] + 1):
            play.home.config_file.write_bytes(vary(good))
            world = await play.until(lambda world, at=revision: world["config_revision"] == at)
            assert is_well(world), kind
            assert lives(world) == lives(before), kind
        await stands(play, before)


async def test_f49_a_deleted_file_is_no_wish_to_have_no_servers(scene: SceneMaker) -> None:
    """All goes on from memory with a word on what to do; an edit is refused; back, all is well."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = text_of(play.home)
        play.home.config_file.unlink()
        await play.until(sees("the file was deleted; the last good settings stay active"))
        await stands(play, before)
        answer = await play.running.http.post("/api/v1/servers/steady/disable")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "config_invalid")
        assert not play.home.config_file.exists()
        play.home.write(good)
        await play.until(is_well)
        await stands(play, before)


async def test_f49_a_lost_or_broken_file_is_restored_when_asked_for(scene: SceneMaker) -> None:
    """Deleted, or with a mistake in it: back as it was, nobody restarted; what stood there is
    kept, and in a file that is in order nothing is changed."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = text_of(play.home)
        play.home.config_file.unlink()
        await play.until(sees("Restore it from the tray's menu"))
        await play.running.post("/api/v1/config/restore")
        await play.until(is_well)
        assert text_of(play.home) == good
        play.home.write("{ broken")
        await play.until(lambda world: not is_well(world))
        await play.running.post("/api/v1/config/restore")
        await play.until(is_well)
        assert text_of(play.home) == good
        assert play.home.config_file.with_name("mcp_config.json.bak").read_text() == "{ broken"
        await play.running.post("/api/v1/config/restore")
        assert text_of(play.home) == good
        await stands(play, before)


async def test_f49_an_editor_that_deletes_before_it_writes_is_not_taken_at_its_word(
    scene: SceneMaker,
) -> None:
    """Twenty times gone and back at once: every server lives on, and the last content counts."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = text_of(play.home)
        for number in range(20):
            play.home.config_file.unlink()
            play.home.config_file.write_text(f"// {number}\n{good}")
        revision = before["config_revision"]
        await play.until(lambda world: is_well(world) and world["config_revision"] > revision)
        await stands(play, before)


def _by_link_to_elsewhere(file: Path, text: str) -> None:
    target = file.parent / "dotfiles" / "mcp.json"
    target.parent.mkdir()
    target.write_text(text)
    (file.parent / "link").symlink_to("dotfiles/mcp.json")
    (file.parent / "link").replace(file)


def _by_rename(file: Path, text: str) -> None:
    (file.parent / "new").write_text(text)
    (file.parent / "new").replace(file)


def _by_hard_link(file: Path, text: str) -> None:
    (file.parent / "original").write_text(text)
    file.unlink()
    file.hardlink_to(file.parent / "original")


def _in_place(file: Path, text: str) -> None:
    file.write_text(text)


WAYS = {
    "symbolic link": _by_link_to_elsewhere,
    "rename": _by_rename,
    "hard link": _by_hard_link,
    "in place": _in_place,
}


async def test_f50_however_the_file_is_replaced_it_is_read_and_can_be_changed(
    scene: SceneMaker,
) -> None:
    """The new content counts, later edits too, and a switch is written where the file really is."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        for way, replace in WAYS.items():
            good = json.loads(text_of(play.home))
            entries = good["mcpServers"]
            entries["newcomer"] = entry()
            replace(play.home.config_file, json.dumps(good))
            await play.ready("newcomer")
            await play.running.post("/api/v1/servers/newcomer/disable?wait=disabled")
            assert play.home.config_file.is_symlink() == (way == "symbolic link")
            entries["newcomer"]["enabled"] = False
            assert json.loads(text_of(play.home)) == good, way
            del entries["newcomer"]
            play.home.config_file.resolve().write_text(json.dumps(good, indent=1))
            await play.until(lambda world: "newcomer" not in world["servers"])
        await stands(play, before)


def _directory(file: Path) -> None:
    file.mkdir()


def _named_pipe(file: Path) -> None:
    os.mkfifo(file)


def _link_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


def _link_to_nothing(file: Path) -> None:
    file.symlink_to("nothing")


def _device(file: Path) -> None:
    file.symlink_to("/dev/zero")


NO_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a directory": (_directory, "it is a directory"),
    "a named pipe": (_named_pipe, "it is a named pipe"),
    "a link to itself": (_link_to_itself, "too many levels of symbolic links"),
    "a link to nothing": (_link_to_nothing, "the file was deleted"),
    "an endless device": (_device, "it is a device"),
}


async def test_f50_what_is_no_file_is_refused_without_waiting_for_it(scene: SceneMaker) -> None:
    """Each is told as what it is, in reading and in writing, and the file is welcome back."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        good = text_of(play.home)
        file = play.home.config_file
        for make, words in NO_FILES.values():
            file.unlink()
            make(file)
            await play.until(sees(words))
            answer = await play.running.http.post("/api/v1/servers/steady/disable")
            assert answer.status_code == 409, answer.text
            assert words in answer.json()["error"]["message"]
            await stands(play, before)
            if file.is_dir() and not file.is_symlink():
                file.rmdir()
            play.home.write(good)
            await play.until(is_well)
        await stands(play, before)


async def storm(play: Scene, dice: random.Random) -> None:
    """Fifty edits within a second or so, saved in one way or the other."""
    ways = (play.home.write, play.home.config_file.write_text)
    wanted = json.loads(text_of(play.home))
    for number in range(EDITS):
        wanted["tools_limit"] = number + 1
        wanted["mcpServers"]["edited"] = entry(env={"EDIT": str(number)})
        wanted["mcpServers"]["switched"] = entry(enabled=bool(number % 2))
        dice.choice(ways)(json.dumps(wanted, indent=dice.choice((None, 1, 4))))
        await asyncio.sleep(0.03 * dice.random())  # the pace of the storm, not a wait


async def test_f51_fifty_edits_in_a_second_restart_only_what_they_are_about(
    scene: SceneMaker,
) -> None:
    """The last edit counts, few of the others are taken over, and other servers live on.

    In the second storm switches are thrown, so that each writer falls into the other's work.
    """
    dice = random.Random(51)
    async with scene({"steady": entry(), "edited": entry(), "switched": entry()}) as play:
        before = await play.ready()
        await storm(play, dice)
        last = {"steady": entry(), "edited": entry(env={"EDIT": "last"})}
        play.configure(last)
        world = await play.until(lambda world: "switched" not in world["servers"])
        assert world["config_revision"] - before["config_revision"] < EDITS / 2
        play.configure({**last, "switched": entry()})
        await play.until(lambda world: "switched" in world["servers"])
        storming = asyncio.create_task(storm(play, dice))
        for verb in ("disable", "enable", "disable"):
            # A switch that meets a half-written file is refused, which is right.
            answer = await play.running.http.post(f"/api/v1/servers/switched/{verb}")
            assert answer.status_code in {202, 409}, answer.text
        await storming
        play.configure(last)
        await play.until(lambda world: "switched" not in world["servers"])
        world = await play.ready()
        assert is_well(world)
        assert lives(world)["steady"] == lives(before)["steady"]
        reply = await play.ledger.call(await play.client("edited"), "env")
        assert reply["result"]["structuredContent"]["env"]["EDIT"] == "last"


async def test_f51_the_same_said_otherwise_restarts_nobody(scene: SceneMaker) -> None:
    """Another order of members and variables, another shape of the file, other spellings."""
    variables = {"ONE": "1", "TWO": "2"}
    async with scene({"steady": entry(env=variables, init_timeout="60s")}) as play:
        before = await play.ready()
        wanted = json.loads(text_of(play.home))
        steady = wanted["mcpServers"]["steady"]
        steady["env"] = dict(reversed(steady["env"].items()))
        steady["init_timeout"] = 60
        servers = wanted.pop("mcpServers")
        wanted["mcpServers"] = [
            {"enabled": True, **dict(reversed(each.items())), "name": name}
            for name, each in reversed(servers.items())
        ]
        revision = before["config_revision"]
        play.home.write(json.dumps(wanted))
        await play.until(lambda world: world["config_revision"] == revision + 1)
        await stands(play, before)


NAMES = {
    "a way out": "../../etc/passwd",
    "a directory": "a/b",
    "one of Windows": "a\\b",
    "only dots": "..",
    "nothing": "",
    "a space": "my server",
    "300 letters": "x" * 300,
    "NUL": "a\0b",
    "a line break": "a\nb",
    "a terminal's control": "a\x1b[31mb",
    "right to left": "a\u202egpj.exe",
    "an emoji": "\N{ROBOT FACE}",
    "a letter that looks like another": "st\N{CYRILLIC SMALL LETTER IE}ady",
    "no width": "stea\u200bdy",
    "full width": "\N{FULLWIDTH LATIN SMALL LETTER S}teady",
    "a lone surrogate": "\ud800",
    "only another case": "STEADY",
}
WORDS = {
    "300 letters": "1 to 64 of the letters",
    "a lone surrogate": "surrogate",
    "only another case": 'differs from "steady"',
}


async def test_f52_names_that_could_mislead_are_refused_before_they_get_anywhere(
    scene: SceneMaker,
) -> None:
    """No such name starts a process, names a file or a metric, and the others go on."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        wanted = json.loads(text_of(play.home))
        for kind, name in NAMES.items():
            servers = {**wanted["mcpServers"], name: entry()}
            play.home.write(json.dumps({**wanted, "mcpServers": servers}))
            world = await play.until(
                sees(WORDS.get(kind, f"[{json.dumps(name)}]: a server's name"))
            )
            assert lives(world) == lives(before), kind
        play.home.write(json.dumps(wanted))
        await play.until(is_well)
        assert "STEADY" not in await play.metrics()
        logs = play.home.directory / "data" / "logs"
        assert {path.name for path in logs.iterdir()} <= {
            *("main.log", "server-canary.log", "server-steady.log")
        }
        await stands(play, before)


async def test_f52_names_that_are_odd_but_plain_work_from_end_to_end(scene: SceneMaker) -> None:
    """The longest name, one of dots, dashes and capitals, and ones a system keeps for itself."""
    names = ["X" * 64, "-.-", "__proto__", "CON", "constructor", "a.log", "0"]
    async with scene({name: entry() for name in names}) as play:
        await play.ready(*names)
        for name in names:
            reply = await play.ledger.call(await play.client(name), "stderr", text=f"I am {name}\n")
            assert "result" in reply, reply
            assert (await play.running.post(f"/api/v1/servers/{name}/restart?wait=ready")) != {}
            log = await play.running.get(f"/api/v1/servers/{name}/logs")
            told = [line for line in log["lines"] if "I am" in line]
            assert [line.endswith(f"I am {name}") for line in told] == [True]


async def test_f59_keys_of_a_newer_version_survive_a_write_and_are_backed_up(
    home: Home,
) -> None:
    """A file that knows more than this version loses nothing, and the file before is kept."""
    home.configure({"steady": entry(telepathy={"range": "2 km"})}, from2031=[1, {"x": None}])
    newer = text_of(home)
    async with program(home) as running:
        await running.ready()
        await running.post("/api/v1/servers/steady/disable?wait=disabled")
    written = json.loads(text_of(home))
    assert written["mcpServers"]["steady"].pop("enabled") is False
    assert written == json.loads(newer)
    assert home.config_file.with_name(f"{home.config_file.name}.bak").read_text() == newer
