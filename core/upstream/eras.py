"""Which era each server was last spoken to in, so that it is asked only once."""

from __future__ import annotations

from core.model.config import Http, ServerConfig, Stdio
from core.upstream.conversation import Conversation
from core.upstream.handshake import Era


class Eras:
    """By what is started or reached: another command may be another server."""

    def __init__(self) -> None:
        self._known: dict[Stdio | Http, Era] = {}

    def of(self, config: ServerConfig) -> Era:
        return self._known.get(config.transport, Era.UNKNOWN)

    def learn(self, config: ServerConfig, talk: Conversation) -> None:
        """Remember how a conversation went that is over.

        A process that ended before it was ready is next spoken to as if of the older era: some of
        those end when the first message is not what they expect. Where that was done already, or
        nothing can end of a question, it is asked anew: it may have been updated.
        """
        if talk.peer is None:
            ended = self.of(config) is Era.UNKNOWN and isinstance(config.transport, Stdio)
            self._known[config.transport] = Era.STATEFUL if ended else Era.UNKNOWN
        elif talk.session.hello.stateless:
            self._known[config.transport] = Era.STATELESS
        else:
            self._known[config.transport] = Era.STATEFUL
