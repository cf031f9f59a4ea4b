"""Who is signed in where: begins sign-ins, keeps what they bring, renews and forgets it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import KeyringFailed, NotKept, SignInFailed
from core.model.config import Http, ServerConfig, ServerName
from core.model.faults import Fault, FaultCode
from core.ports import Keyring, TokenStore
from core.upstream.http_faults import login_needed, not_renewed, session_over
from core.upstream.http_trust import Trust
from core.upstream.oauth_grant import Grant, Proof
from core.upstream.oauth_kept import Kept, kept_in, text_of

if TYPE_CHECKING:
    from core.upstream.oauth_web import Web

STOP_LIMIT = 2.0  # seconds a renewal gets to come to its end when the program stops

REVOKE_LIMIT = 5.0  # seconds that signing out waits for who gave the tokens

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Begun:
    link: str
    task: asyncio.Task[SignInFailed | None]


class SignIns:
    """Implements ``core.ports.SignIns``; what a connection needs of it besides is below."""

    def __init__(
        self,
        version: str,
        environ: Mapping[str, str],
        keyring: Keyring,
        trust: Trust,
        store: TokenStore,
        changed: Callable[[ServerName], object],
    ) -> None:
        self._version = version
        self._environ = environ
        self._keyring = keyring
        self._trust = trust
        self._store = store
        self._changed = changed
        self._grants: dict[ServerName, Grant] = {}
        self._begun: dict[ServerName, _Begun] = {}
        self._turns: defaultdict[ServerName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- for people -----------------------------------------------------------------------------

    async def begin(self, config: ServerConfig) -> None:
        async with self._turns[config.name]:
            begun = self._begun.get(config.name)
            if begun is not None and not begun.task.done():
                return
            await asyncio.to_thread(import_module, "core.upstream.oauth_sign_in")
            from core.upstream.oauth_sign_in import SignIn, resolved

            assert isinstance(config.transport, Http)
            url, settings = await resolved(config.transport, self._environ, self._keyring)
            try:
                grant = await self.grant(config.name, url)
            except KeyringFailed as error:
                raise SignInFailed(str(error)) from None
            web = await self._web(url)
            sign_in = SignIn(config.name, url, settings)
            try:
                link = await sign_in.begin(web, grant.challenge, grant.kept)
            except BaseException:
                await sign_in.close()
                raise

            async def finish() -> SignInFailed | None:
                try:
                    await self._take(config.name, grant, await sign_in.finish(web))
                except SignInFailed as failure:
                    facts = {"server": config.name, "why": str(failure)}
                    log.warning("not signed in", extra={"fields": facts})
                    return failure
                finally:
                    await sign_in.close()
                return None

            self._begun[config.name] = _Begun(link, self._start(finish(), config.name))
            await asyncio.sleep(0)  # a task that is cancelled before it begins closes nothing

    def link(self, name: ServerName) -> str:
        begun = self._begun.get(name)
        return begun.link if begun is not None and not begun.task.done() else ""

    async def over(self, name: ServerName) -> None:
        begun = self._begun.get(name)
        if begun is None:
            raise SignInFailed(f"Nobody is signing in to {name}.")
        await asyncio.wait([begun.task])
        if begun.task.cancelled():
            raise SignInFailed(f"Signing in to {name} was ended.")
        failure = begun.task.result()
        if failure is not None:
            raise SignInFailed(str(failure))

    async def forget(self, name: ServerName) -> bool:
        begun = self._begun.pop(name, None)
        if begun is not None:
            begun.task.cancel()
        try:
            known = await self._store.get(name) is not None
        except KeyringFailed:
            known = True
        await self._store.delete(name)
        grant = self._grants.get(name)
        kept = grant.kept if grant is not None else None
        if grant is not None:
            grant.take(None)
        if not known and kept is None:
            return False
        self._changed(name)
        if grant is not None and kept is not None and kept.revocation_endpoint:
            revoking = self._start(self._revoke(name, grant.url, kept), name)
            await asyncio.wait([revoking], timeout=REVOKE_LIMIT)
        return True

    async def stop(self) -> None:
        """End every sign-in; a renewal gets a moment."""
        for begun in self._begun.values():
            begun.task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_LIMIT)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- for connections ------------------------------------------------------------------------

    async def grant(self, name: ServerName, url: str) -> Grant:
        """What requests to that server prove who asks with; fresh, as far as that is known."""
        grant = self._grants.get(name)
        if grant is None or grant.url != url:
            kept = kept_in(await self._store.get(name), url)
            later = asyncio.get_running_loop().call_later
            grant = Grant(url, time.time, later, partial(self._renewal, name))
            grant.take(kept)
            self._grants[name] = grant
        if grant.stale:
            renewal = grant.renew(grant.line)
            if renewal is not None:
                await asyncio.wait([renewal])
        return grant

    async def judged(self, proof: Proof, fault: Fault, *, renewable: bool) -> Fault:
        """What it means that a server refused who asks, now that nothing more can be tried.

        ``renewable``: the connection could not renew what it proves itself with, so it is done
        here.
        """
        if fault.code is not FaultCode.AUTH_REQUIRED or not isinstance(proof, Grant):
            return fault
        if proof.kept is None:
            return login_needed() if await self._offers(proof) else fault
        if renewable:
            renewal = proof.renew(proof.line)
            if renewal is not None:
                await asyncio.wait([renewal])
                if renewal.result():
                    return not_renewed("it is being connected anew with a new one")
        from core.upstream.oauth_asking import Refused

        if proof.trouble is not None and not isinstance(proof.trouble, Refused):
            return not_renewed(str(proof.trouble))
        return session_over(str(proof.trouble or "the server does not accept it any more"))

    async def _offers(self, grant: Grant) -> bool:
        await asyncio.to_thread(import_module, "core.upstream.oauth_discovery")
        from core.upstream.oauth_discovery import offers_sign_in

        try:
            return await offers_sign_in(await self._web(grant.url), grant.url, grant.challenge)
        except SignInFailed:
            return False

    def _renewal(self, name: ServerName, grant: Grant) -> asyncio.Task[bool]:
        return self._start(self._renew(name, grant), name)

    async def _renew(self, name: ServerName, grant: Grant) -> bool:
        await asyncio.to_thread(import_module, "core.upstream.oauth_sign_in")
        from core.upstream.oauth_sign_in import renewed

        kept = grant.kept
        assert kept is not None
        try:
            new = await renewed(await self._web(grant.url), kept)
        except SignInFailed as failure:
            grant.trouble = failure
            facts = {"server": name, "why": str(failure)}
            log.warning("session not renewed", extra={"fields": facts})
            return False
        if grant.kept is not kept:  # a person has signed in anew, or out
            return bool(grant.line)
        grant.take(new)
        await self._put(name, new)
        log.info("session renewed", extra={"fields": {"server": name}})
        return True

    async def _revoke(self, name: ServerName, url: str, kept: Kept) -> None:
        await asyncio.to_thread(import_module, "core.upstream.oauth_sign_in")
        from core.upstream.oauth_sign_in import revoke

        try:
            await revoke(await self._web(url), kept)
        except SignInFailed as failure:  # here it is forgotten all the same
            log.info("not revoked", extra={"fields": {"server": name, "why": str(failure)}})

    async def _web(self, url: str) -> Web:
        """What may be asked for the server at that address. Raises Unreached."""
        from core.upstream.oauth_web import Web, reach_of

        reach = await reach_of(url, self._environ)
        return Web(self._version, self._environ, self._trust, reach)

    async def _take(self, name: ServerName, grant: Grant, kept: Kept) -> None:
        grant.take(kept)
        await self._put(name, kept)
        log.info("signed in", extra={"fields": {"server": name}})
        self._changed(name)

    async def _put(self, name: ServerName, kept: Kept) -> None:
        try:
            await self._store.put(name, text_of(kept))
        except NotKept as error:
            log.warning("sign-in not kept", extra={"fields": {"server": name, "why": str(error)}})

    def _start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=f"sign-in {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("bug in signing in", exc_info=task.exception())
