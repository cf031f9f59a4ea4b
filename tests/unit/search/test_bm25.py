"""Ranking: what is found, in which order, and that nothing but the tools decides it."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.model.tools import Tool
from core.protocol.annotations import Effect
from core.search.bm25 import Hit, Segment, search
from core.search.thesaurus import related
from core.search.words import words


def tool(name: str, description: str = "", *parameters: str) -> Tool:
    return Tool(name, b"{}", description, parameters)


GITHUB = Segment.build(
    "github",
    [
        tool("create_issue", "Create a new issue in a repository", "owner", "repo", "title"),
        tool("listIssues", "List the open ones", "owner", "repo", "state"),
        tool("get_file_contents", "Read a file or directory from a repository", "path", "branch"),
        tool("fork", "Copy a repository to your account", "owner", "repo"),
    ],
)
FILES = Segment.build(
    "files",
    [
        tool("read_file", "Read the complete contents of one file", "path"),
        tool("write_file", "Create a new file or overwrite an existing one", "path", "content"),
        tool("list_directory", "List what is in a directory", "path"),
    ],
)
BOTH = (GITHUB, FILES)


def found(query: str, limit: int = 10) -> list[str]:
    return [f"{hit.server}:{hit.tool}" for hit in search(BOTH, query, limit)]


def test_parts_of_names_are_found() -> None:
    """A word finds the names that contain it, however they are written."""
    assert set(found("issue")) == {"github:create_issue", "github:listIssues"}
    assert found("createissue") == ["github:create_issue"]
    assert found("create_issue")[0] == "github:create_issue"
    assert found("LIST ISSUES")[0] == "github:listIssues"


def test_names_count_more_than_descriptions() -> None:
    """A tool named after the word comes before one that only mentions it."""
    assert found("read file")[0] == "files:read_file"
    assert found("directory")[0] == "files:list_directory"


def test_descriptions_parameters_and_servers_are_found() -> None:
    """Words outside the name find a tool too."""
    assert found("overwriting") == ["files:write_file"]
    assert found("branch") == ["github:get_file_contents"]
    assert set(found("github")) == {f"github:{name}" for name in GITHUB.tools}


def test_nothing_to_find() -> None:
    """Unknown words, stop words only, no words, no tools and a limit of 0 find nothing."""
    assert found("kubernetes") == found("the of and") == found("") == found("???") == []
    assert found("issue", limit=0) == []
    assert search((), "issue", 5) == []
    assert search((Segment.build("empty", []),), "issue", 5) == []


def test_unknown_words_do_no_harm() -> None:
    """A word nobody has changes nothing about the order."""
    assert found("xyzzy issue plugh") == found("issue")


def test_ties_go_by_server_then_tool() -> None:
    """Equal scores are in alphabetical order, whatever the order of the segments."""
    same = [tool(name, "frobnicate") for name in ("cc", "aa", "bb")]
    segments = [Segment.build(server, same) for server in ("s2", "s3", "s1")]
    hits = search(segments, "frobnicate", 5)
    assert [(hit.server, hit.tool) for hit in hits] == [
        ("s1", "aa"),
        ("s1", "bb"),
        ("s1", "cc"),
        ("s2", "aa"),
        ("s2", "bb"),
    ]
    assert len({hit.score for hit in hits}) == 1


def test_related_words_count_less() -> None:
    """A tool is found by another word for what it does, after those that have the word itself."""
    assert found("erase")[:1] == []
    segment = Segment.build("s", [tool("remove_note"), tool("erase_note"), tool("read_note")])
    names = [hit.tool for hit in search((segment,), "erase", 5)]
    assert names == ["erase_note", "remove_note"]
    everywhere = [tool(f"remove_{number}") for number in range(300)]
    many = Segment.build("m", everywhere)
    assert search((many,), "erase", 5) == []  # so common that it tells nothing
    assert len(search((many,), "remove", 5)) == 5


def test_common_words_still_rank() -> None:
    """In a small catalogue a word that every tool has still counts a little."""
    segment = Segment.build("s", [tool("file_read"), tool("file_write")])
    assert all(hit.score > 0 for hit in search((segment,), "file", 5))
    assert search((segment,), "write file", 5)[0].tool == "file_write"


def test_score_is_bm25() -> None:
    """The score of one word in one name is what the formula gives by hand."""
    (hit,) = search((Segment.build("s", [tool("alpha"), tool("beta")]),), "alpha", 5)
    weight = 3.0 / (1 - 0.3 + 0.3 * (1 / 4.0))
    rarity = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert math.isclose(hit.score, rarity * weight / (1.2 + weight))


NAMES = st.lists(
    st.sampled_from(
        ["get", "list", "create", "delete", "read", "write", "file", "issue", "user", "page"]
    ),
    min_size=1,
    max_size=3,
).map("_".join)
TOOLS = st.lists(
    st.builds(
        tool,
        NAMES,
        st.lists(
            st.sampled_from(["reads", "the", "files", "of", "a", "user", "or", "page", "quickly"])
        ).map(" ".join),
    ),
    max_size=6,
    unique_by=lambda item: item.name,
)
CATALOGUES = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), TOOLS)
QUERIES = st.lists(
    st.sampled_from(["get", "files", "of", "users", "create", "page", "nonsense", "reads"]),
    max_size=4,
).map(" ".join)


def _search(catalogue: dict[str, list[Tool]], query: str, limit: int) -> list[Hit]:
    return search([Segment.build(name, tools) for name, tools in catalogue.items()], query, limit)


@given(CATALOGUES, QUERIES, st.integers(0, 30))
def test_result(catalogue: dict[str, list[Tool]], query: str, limit: int) -> None:
    """Hits are real, distinct, sorted, positive, share a word or nearly, and the best of all."""
    everything = _search(catalogue, query, 1000)
    asked = {other for word in words(query) for other in (word, *related(word))}
    expected = {
        (server, item.name)
        for server, tools in catalogue.items()
        for item in tools
        if asked & {*words(server), *words(item.name), *words(item.description)}
    }
    assert {(hit.server, hit.tool) for hit in everything} == expected
    assert len(everything) == len(expected)
    assert all(hit.score > 0 for hit in everything)
    keys = [(-hit.score, hit.server, hit.tool) for hit in everything]
    assert keys == sorted(keys)
    assert _search(catalogue, query, limit) == everything[:limit]


@given(CATALOGUES, QUERIES, st.randoms(use_true_random=False))
def test_order_of_servers_is_nothing(
    catalogue: dict[str, list[Tool]], query: str, random: object
) -> None:
    """The same tools in another order of servers give the same answer."""
    items = list(catalogue.items())
    random.shuffle(items)
    assert _search(dict(items), query, 50) == _search(catalogue, query, 50)


@given(CATALOGUES.filter(bool), QUERIES)
def test_an_exact_name_is_found(catalogue: dict[str, list[Tool]], query: str) -> None:
    """Asking for a tool by its exact name finds it."""
    for server, tools in catalogue.items():
        for item in tools:
            hits = {(hit.server, hit.tool) for hit in _search(catalogue, item.name, 1000)}
            assert (server, item.name) in hits


def test_segment_does_not_depend_on_others() -> None:
    """A segment is a value of its server's tools alone, and equal tools make an equal one."""
    tools = [tool("read_file", "Reads a file", "path")]
    assert Segment.build("s", tools) == Segment.build("s", tuple(tools))


@given(CATALOGUES, QUERIES, st.integers(0, 5), st.sets(st.sampled_from(Effect)), st.data())
def test_what_is_passed_over_is_not_among_the_best(
    catalogue: dict[str, list[Tool]],
    query: str,
    limit: int,
    effects: set[Effect],
    data: st.DataObject,
) -> None:
    """The first few are those of a search that looks at every tool, scores to the last digit."""
    segments = [
        replace(
            Segment.build(server, tools),
            effects=tuple(data.draw(st.sampled_from(Effect)) for _ in tools),
        )
        for server, tools in catalogue.items()
    ]
    assert search(segments, query, limit, effects) == search(segments, query, 999, effects)[:limit]


EVERY = {"page": 2, "user": 3, "file": 19, "letter": 5, "delete": 41, "clear": 31}
"""Every how many tools have a word."""


def test_rare_words_decide_among_many() -> None:
    """Where common words are not looked up everywhere, the best and their scores stay the same."""
    segments = []
    for server in range(20):
        numbers = range(20 * server, 20 * server + 20)
        texts = [" ".join(w for w, every in EVERY.items() if n % every == 0) for n in numbers]
        tools = [tool(f"t{n}", text) for n, text in zip(numbers, texts, strict=True)]
        segments.append(Segment.build(f"server{server}", tools))
    for query in ("page user file", "page file", "file letter", "letter user remove"):
        every = search(segments, query, 999)
        assert len(every) > 80
        for limit in (1, 5, 50):
            assert search(segments, query, limit) == every[:limit]
