"""What waits for a person's approval, as the command line and the tray's review show it."""

from __future__ import annotations

from collections.abc import Iterator

from tray_app.client import Json

_STANDING = {
    "pending": "new, never approved",
    "changed": "changed since you approved it",
    "approved": "as you approved it",
}
_RULES = {
    "hidden_instructions": "gives the model hidden instructions",
    "exfiltration": "asks the model for secrets, or to send them away",
    "shadowing": "interferes with another server's tools",
    "invisible_characters": "holds characters that cannot be seen",
    "encoded_text": "holds text in a code that people do not read",
    "off_screen": "hides text behind a lot of empty space",
    "look_alike": "has a name with letters that look like others",
    "too_long": "is longer than anybody reads",
}


def review(data: Json) -> str:
    """Everything a person should see before they agree."""
    return "\n".join(_review(data))


def _review(data: Json) -> Iterator[str]:
    name = data["server"]
    if not data["review"]["hash"]:
        yield f"{name}: nothing waits for your approval."
        return
    if data["quarantined"]:
        yield f"{name} is quarantined: AI clients can use nothing of it."
        if data["review"]["hold"] == "altered":
            yield "What it runs is no longer what you approved."
        yield "It runs:"
        yield from (f"    {part}" for part in data["runs"])
        if data["environment"]:
            yield f"It is given: {', '.join(data['environment'])}"
    for tool in data["tools"]:
        yield ""
        yield from _tool(tool)


def diff(data: Json) -> str:
    """One tool beside what was agreed to."""
    return "\n".join(_tool(data))


def _tool(tool: Json) -> Iterator[str]:
    yield f"{tool['server']}:{tool['tool']} - {_STANDING[tool['standing']]}"
    for flag in tool["flags"]:
        why = _RULES.get(flag["rule"], flag["rule"])
        yield f"  ! {flag['where']} {why}:"
        yield f"      {' '.join(flag['evidence'].split())}"
    for change in tool["changes"]:
        yield f"  {change['where']}"
        yield from (f"    {line}" for line in change["lines"])


def waiting(data: Json) -> str:
    """What a review comes to, in one line."""
    tools = sum(tool["standing"] != "approved" for tool in data["tools"])
    counted = "1 tool" if tools == 1 else f"{tools} tools"
    flagged = sum(bool(tool["flags"]) for tool in data["tools"])
    warned = f", {flagged} of them suspicious" if flagged else ""
    what = f"the server {data['server']} and its tools" if data["quarantined"] else counted
    return f"{what}{warned}"
