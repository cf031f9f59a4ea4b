"""From a request that a server works on to its client's answer, in the era with sessions.

Most tool calls are answered without anything before, and need no task; the others have one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from core.asgi import ClientGone, Receive, Send, Turn, Work, while_connected
from core.gateway import asking
from core.gateway.clients import Client
from core.gateway.record import Watched
from core.gateway.replies import JSON, Delivery, failure, send_whole
from core.gateway.surface import Running
from core.protocol import envelope
from core.protocol.calls import Ask, CallTimeout, Cancelled, ConnectionLost, Reply


class Direct:
    """Answers when the server has, ``over`` being called just before.

    If anything but a result comes, a task goes on, with ``wait``.
    """

    __slots__ = ("_id", "_over", "_running", "_turn", "_wait", "_watched")

    def __init__(
        self,
        request_id: bytes,
        running: Running,
        turn: Turn,
        watched: Watched,
        wait: Work,
        over: Callable[[], object],
    ) -> None:
        self._id = request_id
        self._running = running
        self._turn = turn
        self._watched = watched
        self._wait = wait
        self._over = over
        running.call.when_stirred(self._stirred)

    def _stirred(self) -> None:
        running = self._running
        reply = running.arrived()
        if reply is not None and running.shape is not None:
            reply = running.shape.at_once(reply)
        if reply is None or reply.result is None:
            self._turn.spawn(self._wait)
            return
        self._over()
        self._watched.ended(running.ended(running.call))
        self._turn.answer(*envelope.result_parts(self._id, reply.result))
        self._watched.handed_on(running.call)


def answer_at_once(
    client: Client, request_id: bytes, running: Running, turn: Turn, watched: Watched
) -> None:
    """Answer without a task, if that turns out to be possible."""

    def wait(receive: Receive, send: Send) -> Awaitable[None]:
        return answer(client, request_id, running, receive, send, watched)

    client.calls[request_id] = running.cancel
    over = partial(client.calls.pop, request_id)
    Direct(request_id, running, turn, watched, wait, over)


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
