"""What the references of one server's entry stand for, read when it is started and not before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.errors import KeyringFailed, NoKeyring
from core.model.faults import Fault
from core.model.references import KEYRING, Reference, filled, keyring_names
from core.ports import Keyring
from core.upstream import classify


class MissingSecret(Exception):
    """A reference has no value; ``str()`` says which and what to do."""


@dataclass(frozen=True, slots=True)
class Values:
    """Variables of ours, and what was read from the keyring."""

    environ: Mapping[str, str] = field(repr=False)
    keyring: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of(self, reference: Reference) -> str:
        """Raises MissingSecret."""
        kept = self.keyring if reference.where == KEYRING else self.environ
        if reference.name in kept:
            return kept[reference.name]
        if reference.where == KEYRING:
            fix = f"give it one with: mcpproxy-tray secrets set {reference.name}"
        else:
            variable = f"the environment variable {reference.name}"
            fix = f"set {variable} where MCP Proxy Tray is started."
        raise MissingSecret(f"{reference} has no value: {fix}")


def resolve(text: str, values: Values) -> str:
    """Put the values in place of the references. Raises MissingSecret."""
    return filled(text, values.of)


async def values_for(
    texts: Iterable[str], environ: Mapping[str, str], keyring: Keyring
) -> Values | Fault:
    """What the texts refer to, and nothing else; a fault if the keyring does not give it."""
    names = keyring_names(texts)
    try:
        return Values(environ, await keyring.read(names) if names else {})
    except NoKeyring as error:
        reference = Reference(KEYRING, min(names))
        return classify.missing_secret(f"{reference} has no value. {error}")
    except KeyringFailed as error:
        return classify.keyring_locked(str(error))
