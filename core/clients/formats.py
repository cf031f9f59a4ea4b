"""The three notations of clients' config files, edited so that every other character stays.

Each edit is read back: what the file says afterwards must be what it said before, but for the
entry that was meant. The libraries are imported when the first such file is met.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Protocol

from core.config import edit
from core.config.jsonc import JsoncError, parse

Values = dict[str, object]


class NotEditable(Exception):
    """The file cannot be read, or not be changed without touching more; ``str()`` says why."""


class Format(Protocol):
    """One notation."""

    def read(self, text: str) -> Values:
        """What the file says. Raises NotEditable."""

    def set(self, text: str, key: str, name: str, entry: Values) -> str:
        """The text with ``entry`` as ``name`` under ``key``. Raises NotEditable."""

    def remove(self, text: str, key: str, name: str) -> str:
        """The text without ``name`` under ``key``. Raises NotEditable."""


class _Json:
    """JSON with comments and trailing commas, as editors keep it."""

    def read(self, text: str) -> Values:
        try:
            value = parse(_object(text)).root.value
        except JsoncError as error:
            raise NotEditable(str(error)) from error
        if not isinstance(value, dict):
            raise NotEditable("line 1: expected an object, {…}")
        return dict(value)

    def set(self, text: str, key: str, name: str, entry: Values) -> str:
        return self._edit(text, key, name, entry)

    def remove(self, text: str, key: str, name: str) -> str:
        return self._edit(text, key, name, None)

    def _edit(self, text: str, key: str, name: str, entry: Values | None) -> str:
        expected = _changed(self.read(text), key, name, entry)
        try:
            if entry is None:
                edited = edit.remove_value(text, (key, name))
            else:
                value = parse(json.dumps(entry)).root.value
                edited = edit.set_value(_object(text), (key, name), value)
        except edit.PathError as error:
            raise NotEditable(f'"{key}" is no object: {error}') from error
        return _checked(edited, self.read(edited), expected)


class _Toml:
    """TOML: entries are added as a table at the end, and taken out with their sub-tables."""

    def read(self, text: str) -> Values:
        if not text:  # as of every client that is not installed
            return {}
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise NotEditable(str(error)) from error

    def set(self, text: str, key: str, name: str, entry: Values) -> str:
        values = self.read(text)
        if _servers(values, key).get(name) == entry:
            return text
        if name in _servers(values, key):
            text = self.remove(text, key, name)
        newline = _newline(text)
        gap = "" if not text else newline if text.endswith("\n") else 2 * newline
        lines = [f"[{_toml_key(key)}.{_toml_key(name)}]"]
        lines += [f"{_toml_key(each)} = {_toml(value)}" for each, value in entry.items()]
        edited = text + gap + newline.join(lines) + newline
        return _checked(edited, self.read(edited), _changed(values, key, name, entry))

    def remove(self, text: str, key: str, name: str) -> str:
        import tomlkit

        values = self.read(text)
        if name not in _servers(values, key):
            return text
        document = tomlkit.parse(text)
        table = document[key]
        assert isinstance(table, dict)  # as it was read above
        del table[name]
        edited = tomlkit.dumps(document)
        return _checked(edited, self.read(edited), _changed(values, key, name, None))


class _Yaml:
    """YAML: lines are put in and taken out by the places a parser tells."""

    def read(self, text: str) -> Values:
        if not text:
            return {}
        import yaml

        try:
            values = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise NotEditable(" ".join(str(error).split())) from error
        if values is None:
            return {}
        if not isinstance(values, dict):
            raise NotEditable("line 1: expected a mapping, key: value")
        return values

    def set(self, text: str, key: str, name: str, entry: Values) -> str:
        from core.clients import yaml_text

        values = self.read(text)
        if _servers(values, key).get(name) == entry:
            return text
        if name in _servers(values, key):
            text = self.remove(text, key, name)
        edited = yaml_text.added(text, key, name, entry, _newline(text))
        return _checked(edited, self.read(edited), _changed(values, key, name, entry))

    def remove(self, text: str, key: str, name: str) -> str:
        from core.clients import yaml_text

        values = self.read(text)
        if name not in _servers(values, key):
            return text
        edited = yaml_text.removed(text, key, name)
        return _checked(edited, self.read(edited), _changed(values, key, name, None))


JSON: Format = _Json()
TOML: Format = _Toml()
YAML: Format = _Yaml()


def _servers(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    servers = values.get(key)
    if servers is None:
        return {}
    if not isinstance(servers, dict):
        raise NotEditable(f'"{key}" holds no servers by name')
    return servers


def _changed(values: Values, key: str, name: str, entry: Values | None) -> Values:
    """What the file has to say after an edit."""
    expected = deepcopy(values)
    servers = dict(_servers(expected, key))
    if entry is not None:
        servers[name] = entry
    else:
        servers.pop(name, None)
    if entry is not None or key in expected:
        expected[key] = servers
    return expected


def _checked(edited: str, values: Values, expected: Values) -> str:
    """The edited text, if it says what it should; an emptied table may be gone."""
    if {**expected, **values} != expected or any(
        value and name not in values for name, value in expected.items()
    ):
        raise NotEditable("its way of writing servers is one we cannot change without harm")
    return edited


def _object(text: str) -> str:
    """An empty file is one that says nothing yet."""
    return text if text.strip("\ufeff \t\r\n") else text + "{}\n"


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _toml_key(key: str) -> str:
    plain = key and all(char.isascii() and (char.isalnum() or char in "-_") for char in key)
    return key if plain else _toml(key)


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            members = ", ".join(f"{_toml_key(key)} = {_toml(part)}" for key, part in value.items())
            return f"{{ {members} }}" if members else "{}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            # JSON's short escapes are TOML's too; it allows every other character but DEL
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
