"""What waits for a person's word about a server, and how it is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from core.model.tools import Standing, Tool


class Hold(StrEnum):
    """Why nothing of a server may be used."""

    NONE = ""
    ASKED = "asked"  # its entry says "quarantined": true
    ALTERED = "altered"  # what it runs is no longer what a person approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Everything about one server that a person has to agree to before it may be used.

    ``hash`` names exactly this, so that approving it cannot mean anything else. It is empty
    when nothing waits.
    """

    hold: Hold = Hold.NONE
    hash: str = ""
    pending: tuple[str, ...] = ()  # names of tools nobody was asked about
    changed: tuple[str, ...] = ()  # names of tools that are not as they were approved
    unread: bool = False  # what was approved earlier is not known yet, or cannot be read

    @property
    def quarantined(self) -> bool:
        """Whether the server as a whole may not be used."""
        return self.hold is not Hold.NONE

    @property
    def waiting(self) -> int:
        """How many tools wait."""
        return len(self.pending) + len(self.changed)


NOTHING = Review()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What may be used of a server that offers ``tools``, each with its standing."""

    tools: tuple[Tool, ...] = ()
    review: Review = NOTHING
    offered: tuple[Tool, ...] = field(default=(), repr=False)
    withheld: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tools: tuple[Tool, ...], review: Review = NOTHING) -> Judgement:
        """Offered is what is approved, of a server that is not held back as a whole."""
        if review.quarantined:
            return cls(tools, review, (), frozenset(tool.name for tool in tools))
        if all(tool.standing is Standing.APPROVED for tool in tools):
            return cls(tools, review, tools, frozenset())
        offered = tuple(tool for tool in tools if tool.standing is Standing.APPROVED)
        withheld = frozenset(tool.name for tool in tools if tool.standing is not Standing.APPROVED)
        return cls(tools, review, offered, withheld)


def unguarded(quarantined: bool, tools: tuple[Tool, ...]) -> Judgement:
    """Without any policy: all that is listed is offered, unless the server's entry forbids."""
    return Judgement.of(tools, Review(hold=Hold.ASKED) if quarantined else NOTHING)
