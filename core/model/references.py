"""References to values that are kept elsewhere, ``${env:NAME}`` and ``${keyring:NAME}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

ENV, KEYRING = "env", "keyring"

SECRET_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""What a secret may be called in the keyring; use with ``fullmatch``."""

_REFERENCE = re.compile(r"\$\{(env|keyring):([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """``where`` is ``ENV`` or ``KEYRING``; ``str()`` is the reference as the file has it."""

    where: str
    name: str

    def __str__(self) -> str:
        return f"${{{self.where}:{self.name}}}"


def references(text: str) -> Iterator[Reference]:
    """Every reference in the text, in its order."""
    return (Reference(*found) for found in _REFERENCE.findall(text))


def is_reference(text: str) -> bool:
    """Whether the text is one reference and nothing else, and so harmless to show."""
    return _REFERENCE.fullmatch(text) is not None


def filled(text: str, value: Callable[[Reference], str]) -> str:
    """The text with a value in place of each reference; values are not looked through again."""
    return _REFERENCE.sub(lambda found: value(Reference(*found.groups())), text)


def keyring_names(texts: Iterable[str]) -> frozenset[str]:
    """What the texts want from the keyring."""
    return frozenset(
        reference.name
        for text in texts
        for reference in references(text)
        if reference.where == KEYRING
    )
