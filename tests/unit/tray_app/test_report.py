"""What the command line prints for people."""

from __future__ import annotations

from tray_app import report

STATUS = {
    "version": "1.0",
    "engine": "running",
    "pid": 5,
    "endpoint": "http://127.0.0.1:8080/mcp",
    "stats": {"summary": "1 of 2 ready, 1 stopped", "total_tools": 3},
    "config_problem": None,
    "storage_problem": "",
}


def test_the_status_of_a_healthy_program_is_three_lines() -> None:
    """Who runs, where clients connect, how the servers are; nothing that is well is named."""
    assert report.status(STATUS).splitlines() == [
        "MCP Proxy Tray 1.0 is running (pid 5)",
        "Endpoint  http://127.0.0.1:8080/mcp",
        "Servers   1 of 2 ready, 1 stopped; 3 tools",
    ]


def test_what_is_wrong_with_file_and_database_is_named() -> None:
    """Each problem with its place, in the engine's own words."""
    problems = [{"path": "listen", "message": "is odd"}, {"path": "", "message": "is odd too"}]
    problem = {"file": "/c.json", "problems": problems}
    words = report.status({**STATUS, "config_problem": problem, "storage_problem": "It is locked."})
    assert words.splitlines()[3:] == [
        "Config    /c.json has a mistake; the last good settings are used:",
        "          listen: is odd",
        "          file: is odd too",
        "Database  It is locked.",
    ]


def test_what_a_tool_answered_is_shown_as_text() -> None:
    """Texts as they are, a word for what is none, and the structure where there is nothing else."""
    content = [{"type": "text", "text": "one"}, {"type": "image", "data": "x"}, {}]
    assert report.called({"result": {"content": content}}) == "one\n[image]\n[something]"
    structured = report.called({"result": {"content": [], "structuredContent": {"a": 1}}})
    assert structured == '{\n  "a": 1\n}'
    assert report.called({"result": {}}) == "The tool answered nothing."


def test_found_tools_are_a_line_each() -> None:
    """Long descriptions are cut, line breaks in them are none, and nothing found is said."""
    tools = [
        {"tool_id": "a:b", "description": "One\n  two."},
        {"tool_id": "long:name", "description": "x" * 200},
    ]
    lines = report.tools({"tools": tools, "searched": 2}).splitlines()
    assert lines[0] == "a:b        One two."
    assert lines[1].endswith("…")
    assert len(lines[1]) == len("long:name  ") + report.SHORT
    assert report.tools({"tools": [], "searched": 7}) == "Nothing was found among 7 tools."
