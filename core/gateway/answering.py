"""From a request that a server works on to its client's answer, in the era with sessions.

Most tool calls are answered without anything before, and need no task; the others have one.
"""

from __future__ import annotations

from core.asgi import ClientGone, Receive, Send, Turn, while_connected
from core.gateway import asking
from core.gateway.clients import Client
from core.gateway.record import Watched
from core.gateway.replies import JSON, Delivery, failure, send_whole
from core.gateway.surface import Running
from core.protocol import envelope
from core.protocol.calls import Ask, CallTimeout, Cancelled, ConnectionLost, Reply


class Direct:
    """Answers when the server has; if anything else happens, a task goes on."""

    __slots__ = ("_client", "_id", "_running", "_turn", "_watched")

    def __init__(
        self, client: Client, request_id: bytes, running: Running, turn: Turn, watched: Watched
    ) -> None:
        self._client = client
        self._id = request_id
        self._running = running
        self._turn = turn
        self._watched = watched

    def begin(self) -> None:
        self._client.calls[self._id] = self._running.cancel
        self._running.call.when_stirred(self._stirred)

    def _stirred(self) -> None:
        running = self._running
        call, shape = running.call, running.shape
        reply = None if call.events or call.asks else call.reply
        if reply is not None and shape is not None:
            reply = shape.at_once(reply)
        if reply is None:
            self._turn.spawn(self._wait)
            return
        del self._client.calls[self._id]
        self._watched.ended(running.ended(call))
        self._turn.answer(*envelope.answer_parts(self._id, reply))
        self._watched.handed_on(call)

    async def _wait(self, receive: Receive, send: Send) -> None:
        await answer(self._client, self._id, self._running, receive, send, self._watched)


async def answer(
    client: Client,
    request_id: bytes,
    running: Running,
    receive: Receive,
    send: Send,
    watched: Watched,
) -> None:
    """Wait for the reply and pass it on, and meanwhile what the server tells and asks."""
    client.calls[request_id] = running.cancel
    delivery: Delivery | None = None  # most calls are answered without anything before
    asked: list[Ask] = []
    try:
        while True:
            if asked:
                reply = await _arrival(client, running, receive, asked)
            else:
                reply = await running.arrival()
            if reply is not None:
                break
            delivery = delivery or Delivery(send)
            await _pass_on(client, running, delivery, asked)
        if running.shape is not None:
            reply = await running.shape(reply)
        told = envelope.answer(request_id, reply)
    except (ConnectionLost, CallTimeout) as why:
        told = envelope.error(request_id, failure(running, why))
    except Cancelled:
        told = b""
    finally:
        del client.calls[request_id]
        watched.ended(running.ended(running.call))
        unanswered = asking.give_up(client, "its request is over", asked) if asked else []
    if delivery is not None:
        await delivery.before([asking.withdrawal(own_id) for own_id in unanswered])
        await delivery.end(told)
    elif told:
        await send_whole(send, 200, told, JSON)
    else:
        await send_whole(send, 202, b"")
    watched.handed_on(running.call)


async def _pass_on(client: Client, running: Running, delivery: Delivery, asked: list[Ask]) -> None:
    """Send what came before the reply; what the server asks is kept in ``asked``."""
    messages = [
        envelope.notification(method, params)
        for method, params in running.events()
        if client.hears(method, params)
    ]
    for ask in running.asks():
        message = asking.put(client, ask, running.call.event)
        if message:
            asked.append(ask)
            messages.append(message)
    await delivery.before(messages)


async def _arrival(
    client: Client, running: Running, receive: Receive, asked: list[Ask]
) -> Reply | None:
    """What arrives next; a client that goes away while it is asked something cannot answer."""
    if not any(ask.open for ask in asked):
        return await running.arrival()
    try:
        return await while_connected(receive, running.arrival())
    except ClientGone:
        asking.give_up(client, "the client is gone", asked)
        return await running.arrival()
