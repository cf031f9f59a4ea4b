"""What counts as a reference, and what stands in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import KeyringFailed, NoKeyring
from core.model.config import EnvironmentPolicy, Http, ServerConfig, ServerName, Setting, Stdio
from core.model.faults import Fault, FaultCode
from core.model.references import Reference, filled, is_reference, keyring_names, references
from core.secrets.keyring import Keyring
from core.upstream.values import MissingSecret, Values, resolve, values_for
from tests.fakes.keyring import MemoryVault, keyring_of

VALUES = Values({"TOKEN": "tok-123456", "SHORT": "abc"}, {"github": "gh-${env:TOKEN}"})
NAMES = st.text(st.characters(exclude_characters="}"), max_size=12)
REFERENCES = st.builds(Reference, st.sampled_from(["env", "keyring"]), NAMES)
PLAIN = st.text(max_size=12).filter(lambda text: "${" not in text and not text.endswith("$"))


def test_references_are_replaced_wherever_they_stand() -> None:
    """Several in one text, and text around them; what is no reference stays as it is."""
    text = "a ${env:TOKEN}/${env:SHORT} $HOME ${HOME} ${input:x} ${env:TOKEN"
    assert resolve(text, VALUES) == "a tok-123456/abc $HOME ${HOME} ${input:x} ${env:TOKEN"


def test_a_value_is_not_looked_through_for_references() -> None:
    """What the keyring holds is taken as it is."""
    assert resolve("<${keyring:github}>", VALUES) == "<gh-${env:TOKEN}>"


@given(st.lists(st.tuples(PLAIN, REFERENCES), max_size=4), PLAIN)
def test_any_mixture_of_text_and_references(parts: list[tuple[str, Reference]], end: str) -> None:
    """Each reference is found, in order, and its value stands exactly where it stood."""
    text = "".join(f"{plain}{reference}" for plain, reference in parts) + end
    assert list(references(text)) == [reference for _, reference in parts]
    put = filled(text, lambda reference: f"<{reference.where}|{reference.name}>")
    assert put == "".join(f"{plain}<{r.where}|{r.name}>" for plain, r in parts) + end
    assert keyring_names([text]) == {r.name for _, r in parts if r.where == "keyring"}


@given(REFERENCES)
def test_a_reference_alone_is_harmless_to_show(reference: Reference) -> None:
    """With anything beside it, it is not."""
    assert is_reference(str(reference))
    assert not is_reference(f"{reference}x")
    assert not is_reference(f"x{reference}")


@pytest.mark.parametrize(
    ("reference", "way_out"),
    [
        ("${env:NOPE}", "set the environment variable NOPE"),
        ("${env:}", "set the environment variable"),
        ("${keyring:nope}", "mcpproxy-tray secrets set nope"),
    ],
)
def test_a_reference_without_a_value_says_what_to_do(reference: str, way_out: str) -> None:
    """The reference is named, with the way out, and never passed on as it is."""
    with pytest.raises(MissingSecret, match=way_out) as missing:
        resolve(f"x {reference}", VALUES)
    assert reference in str(missing.value)


def test_every_text_of_an_entry_may_refer() -> None:
    """Everything a server is started with, and the variables that all servers get."""
    policy = EnvironmentPolicy(custom_vars=(Setting("ALL", "${keyring:all}"),))
    command = Stdio(
        command="${keyring:a}",
        args=("${keyring:b}", "-x${keyring:c}"),
        env=(Setting("E", "${keyring:d}"),),
        working_dir="${keyring:e}",
    )
    remote = Http(url="https://${keyring:u}", headers=(Setting("H", "Bearer ${keyring:h}"),))
    names = [
        keyring_names(ServerConfig(name=ServerName("x"), transport=each).texts(policy))
        for each in (command, remote)
    ]
    assert names == [{"a", "b", "c", "d", "e", "all"}, {"u", "h"}]


async def test_only_what_is_referred_to_is_read() -> None:
    """A server without a reference never asks the keyring, whatever state that is in."""
    vault = MemoryVault({"one": "1", "two": "2"})
    read = await values_for(["${keyring:one} ${keyring:gone}"], {}, Keyring(vault))
    assert isinstance(read, Values)
    assert read.keyring == {"one": "1"}
    vault.trouble = KeyringFailed("It is locked.")
    assert await values_for(["${env:X}"], {"X": "x"}, Keyring(vault)) == Values({"X": "x"})
    assert vault.asked == 1


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (KeyringFailed("The keyring is locked."), FaultCode.KEYRING_LOCKED, "is locked"),
        (NoKeyring(), FaultCode.MISSING_SECRET, "${env:NAME}"),
    ],
)
async def test_a_keyring_that_gives_nothing(
    trouble: KeyringFailed, code: FaultCode, words: str
) -> None:
    """Locked is a fault of its own; where there is none, the sentence names the other way."""
    vault = MemoryVault()
    vault.trouble = trouble
    fault = await values_for(["${keyring:x}"], {}, Keyring(vault))
    assert isinstance(fault, Fault)
    assert fault.code is code
    assert words in fault.message


async def test_values_are_in_no_repr() -> None:
    """Not where a bug would print them."""
    read = await values_for(["${keyring:x}"], {"E": "planted"}, keyring_of(x="planted"))
    assert "planted" not in repr(read)
