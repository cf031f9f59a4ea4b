"""Values of a registry's entry: what it says literally, and what a person has to supply.

What stands in braces is another value. What is secret, or has to be given and has no default,
becomes a reference to an environment variable. A reference that the entry itself brings is
refused: it would hand out variables that were never meant for that server.
"""

from __future__ import annotations

import re

from core.model.registry import Need
from core.registry.document import Named, Variable

LONGEST = 2000  # characters of one value
LONGEST_WORDS = 300  # characters of a description
_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]{0,99})\}")
_NO_NAME = re.compile(r"[^A-Z0-9]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Unusable(Exception):
    """A way cannot be offered; ``str()`` says why."""


class Values:
    """Resolves values, and collects in ``needs`` what a person supplies.

    ``prefix`` goes before the names of variables that are our own choice, so that an entry
    cannot ask for a variable that belongs to something else.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = variable_name(prefix)
        self.needs: list[Need] = []

    def setting(self, named: Named, *, own_name: bool) -> str | None:
        """The value of a variable or header, or None when it is left out.

        ``own_name``: the server looks for the variable by that very name.
        """
        if own_name and not VARIABLE.fullmatch(named.name):
            raise Unusable(f"{named.name[:60]!r} is no name of an environment variable")
        return self.value(named, named.name, named.name if own_name else "")

    def value(self, named: Named, called: str, variable: str = "") -> str | None:
        if named.value is not None:
            unknown = named if named.is_secret or named.is_required else None
            return self.text(named.value, named.variables, unknown)
        if named.is_secret:
            return self._needed(named, called, variable)
        if named.default is not None:
            return self.text(named.default, named.variables)
        return self._needed(named, called, variable)

    def text(self, text: str, variables: dict[str, Variable], unknown: Named | None = None) -> str:
        """A literal with every ``{name}`` replaced that ``variables`` knows.

        ``unknown`` stands for the others; without it they are left as they are.
        """
        _check(text)

        def replaced(match: re.Match[str]) -> str:
            variable = variables.get(match[1])
            if variable is None:
                return self._reference(unknown, match[1], "") if unknown else match[0]
            literal = variable.value if variable.value is not None else variable.default
            if literal is not None and not variable.is_secret:
                _check(literal)
                return literal
            return self._reference(variable, match[1], "")

        return _BRACES.sub(replaced, text)

    def _needed(self, value: Variable, called: str, variable: str) -> str | None:
        if value.is_required:
            return self._reference(value, called, variable)
        self.needs.append(Need(called, plain(value.description), False, value.is_secret))
        return None

    def _reference(self, value: Variable, called: str, variable: str) -> str:
        name = variable or f"{self._prefix}_{variable_name(called)}"
        need = Need(called, plain(value.description), True, value.is_secret, name)
        if need not in self.needs:
            self.needs.append(need)
        return f"${{env:{name}}}"


def variable_name(text: str) -> str:
    """What an environment variable for it may be called."""
    name = _NO_NAME.sub("_", text.upper()).strip("_")
    return name if name[:1].isalpha() else f"MCP_{name}".rstrip("_")


def plain(text: str) -> str:
    """Words of strangers for people and models: in one line, not long, and nothing invisible."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())[:LONGEST_WORDS]


def _check(text: str) -> None:
    if "${" in text:
        raise Unusable("it holds a reference, ${…}, which only you may write")
    if len(text) > LONGEST or not text.isprintable():
        raise Unusable("it holds a value that is too long or not printable")
