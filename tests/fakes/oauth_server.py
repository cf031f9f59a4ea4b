"""A real authorization server and a real MCP server behind it, both the official SDK's.

They listen on ports of their own, each in a thread; what the person at the browser does, and what
is forgotten, a test decides.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    ProviderTokenVerifier,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.types import ASGIApp

SCOPE = "notes"


@dataclass
class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Remembers who was let in.

    ``denies``: the person says no; ``ended``: no session is renewed.
    """

    issuer: str
    lifetime: int = 3600  # seconds
    denies: bool = False
    ended: bool = False
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    renewed: int = 0
    resource: str = ""  # what tokens were asked for last
    secret: set[str] = field(default_factory=set)  # every token and secret there ever was

    def forget_access(self) -> None:
        """Let every access token be one that is not known any more."""
        self.access.clear()

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        assert client_info.client_id is not None
        self.clients[client_info.client_id] = client_info
        if client_info.client_secret is not None:
            self.secret.add(client_info.client_secret)

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        back = str(params.redirect_uri)
        if self.denies:
            return construct_redirect_uri(
                back, error="access_denied", state=params.state, iss=self.issuer
            )
        code = self._new()
        assert client.client_id is not None
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=client.client_id,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return construct_redirect_uri(back, code=code, state=params.state, iss=self.issuer)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        given = authorization_code
        return self._tokens(given.client_id, given.scopes, given.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return None if self.ended else self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        self.renewed += 1
        del self.refresh[refresh_token.token]  # each is good once
        return self._tokens(refresh_token.client_id, scopes, self.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def _tokens(self, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        access, refresh = self._new(), self._new()
        self.resource = resource or ""
        self.access[access] = AccessToken(
            token=access, client_id=client_id, scopes=scopes, resource=resource
        )
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=scopes)
        return OAuthToken(
            access_token=access,
            expires_in=self.lifetime,
            refresh_token=refresh,
            scope=" ".join(scopes),
        )

    def _new(self) -> str:
        made = secrets.token_urlsafe(24)
        self.secret.add(made)
        return made


@dataclass(frozen=True)
class Guarded:
    """``url`` is the MCP server's."""

    url: str
    provider: Provider


@contextmanager
def guarded() -> Iterator[Guarded]:
    """A server with one tool, ``whoami``, for those who were let in."""
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(_listening()) for _ in range(2))
        issuer, url = AnyHttpUrl(_origin(theirs)), f"{_origin(ours)}/mcp"
        provider = Provider(str(issuer))
        options = ClientRegistrationOptions(enabled=True, valid_scopes=[SCOPE])
        routes = create_auth_routes(
            provider,
            issuer,
            client_registration_options=options,
        )
        server = MCPServer(
            "guarded",
            token_verifier=ProviderTokenVerifier(provider),
            auth=AuthSettings(
                issuer_url=issuer,
                resource_server_url=AnyHttpUrl(url),
                required_scopes=[SCOPE],
                validate_token_resource=True,
            ),
        )

        @server.tool()
        def whoami() -> str:
            """Say who is known."""
            return "a friend"

        stack.enter_context(_served(Starlette(routes=routes), theirs))
        stack.enter_context(_served(server.streamable_http_app(), ours))
        yield Guarded(url, provider)


async def browse(link: str) -> httpx.Response:
    """Be the browser of a person who agrees to everything."""
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False, timeout=30) as browser:
        return await browser.get(link)


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def _origin(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def _served(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
