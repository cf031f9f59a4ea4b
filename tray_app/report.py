"""What the command line prints for people: the same words as the tray's, in columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tray_app.client import Json

SHORT = 100  # characters of a tool's description


def table(rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one may be of any length."""
    lines = [tuple(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def servers(data: Json) -> str:
    """One line per server, and its problem with what to do about it."""
    entries: list[dict[str, Any]] = sorted(data["servers"], key=lambda entry: entry["name"])
    if not entries:
        return "No servers are configured."
    rows = [("NAME", "STATE", "TOOLS", "PID", "")]
    for entry in entries:
        health = entry["health"]
        words = f"{health['summary']}. {health['detail']}" if health["detail"] else ""
        if entry["fault"] is not None:
            words += f" [{entry['fault']['code']}]"
        rows.append(
            (
                entry["name"],
                entry["status"],
                str(entry["tool_count"]),
                str(entry["pid"] or "-"),
                words,
            )
        )
    return table(rows)


def status(data: Json) -> str:
    """The whole program in a few lines."""
    stats = data["stats"]
    lines = [
        f"MCP Proxy Tray {data['version']} is {data['engine']} (pid {data['pid']})",
        f"Endpoint  {data['endpoint'] or 'not yet'}",
        f"Servers   {stats['summary']}; {stats['total_tools']} tools",
    ]
    if data["config_problem"] is not None:
        problem = data["config_problem"]
        lines.append(f"Config    {problem['file']} has a mistake; the last good settings are used:")
        lines.extend(
            f"          {each['path'] or 'file'}: {each['message']}" for each in problem["problems"]
        )
    if data["storage_problem"]:
        lines.append(f"Database  {data['storage_problem']}")
    return "\n".join(lines)


def tools(data: Json) -> str:
    """One line per tool: its id and the first words about it."""
    found: list[dict[str, Any]] = data["tools"]
    if not found:
        return f"Nothing was found among {data['searched']} tools."
    return table((each["tool_id"], _beginning(each["description"])) for each in found)


def called(data: Json) -> str:
    """What a tool answered: its text, and a word for what is no text."""
    result = data["result"]
    parts = [
        item["text"] if item.get("type") == "text" else f"[{item.get('type', 'something')}]"
        for item in result.get("content", ())
    ]
    if not parts and "structuredContent" in result:
        parts = [json.dumps(result["structuredContent"], indent=2)]
    return "\n".join(parts) or "The tool answered nothing."


def levels(data: Json) -> str:
    """The level of the program's log, and what was set over it."""
    lines = [f"The log level is {data['level']}."]
    lines += (f"{name} was set to {level}." for name, level in sorted(data["loggers"].items()))
    return "\n".join(lines)


def _beginning(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHORT else f"{flat[: SHORT - 1].rstrip()}…"
