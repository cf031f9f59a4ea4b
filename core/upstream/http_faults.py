"""Every way a server behind a URL can fail, turned into a fault with words; the only such place."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from core.model.faults import Fault, FaultCode
from core.upstream.http_open import BadProxy, NoName
from core.upstream.http_route import Route
from core.upstream.oauth_challenge import Challenge, challenge_in

LONGEST_RETRY_AFTER = 600  # seconds, whatever a server asks for

_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_*, openssl-verification-options(1)
_NOT_TRUSTED = {18, 19, 20, 21}  # self-signed, or of an authority nobody here knows
_OTHER_HOST = {62, 64}


@dataclass(frozen=True, slots=True)
class Refused:
    """What an answer's status means for the request, and for the server as a whole.

    ``fault`` says what is wrong with the server, ``ends`` whether it can be used no longer.
    """

    fault: Fault
    retry_after: int | None = None
    ends: bool = False


def not_connected(route: Route, error: OSError) -> Fault:
    """A connection that could not be opened."""
    where = f"{route.host}:{route.port}"
    if isinstance(error, NoName):
        return Fault(
            FaultCode.DNS_FAILED,
            f"The host {route.host!r} was not found ({error}). Check the url and the network.",
        )
    if isinstance(error, BadProxy):
        return Fault(
            FaultCode.PROXY_MISCONFIG,
            f"The HTTP proxy does not connect us to {where}: {error}. Check HTTPS_PROXY and "
            "NO_PROXY.",
        )
    if isinstance(error, ssl.SSLError):
        return Fault(FaultCode.TLS_FAILED, f"No trusted connection to {where}: {_tls(error)}")
    if isinstance(error, ConnectionRefusedError):
        why = "the connection was refused; is the server running?"
    elif isinstance(error, TimeoutError):
        why = "no answer in time; check the network and the url."
    elif isinstance(error, ConnectionResetError) and route.tls:
        why = "the connection was cut during the TLS hand-shake."
    else:
        why = f"{error.strerror or error}."
    if route.proxy is not None:
        where += " through the proxy {}:{}".format(*route.proxy)
    return Fault(FaultCode.CONNECT_FAILED, f"Cannot connect to {where}: {why}")


def _tls(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return f"{reason}. Does the url begin with the right one of https:// and http://?"
    today = datetime.now(UTC).date()
    said = error.verify_message
    if error.verify_code == _EXPIRED:
        return f"its certificate has expired (here it is {today})."
    if error.verify_code == _NOT_YET_VALID:
        return f"its certificate is not valid yet; here it is {today}. Check the clock."
    if error.verify_code in _NOT_TRUSTED:
        return (
            f"nobody we trust vouches for its certificate ({said}). If it is your own, name the "
            "file of its authority in SSL_CERT_FILE."
        )
    if error.verify_code in _OTHER_HOST:
        return f"its certificate is for another host ({said})."
    return f"{said}."


def refused(
    route: Route, status: int, headers: Mapping[bytes, bytes], body: bytes, signed_in: bool = False
) -> Refused:
    """An answer whose status is no success, and that holds no JSON-RPC error.

    ``signed_in``: the request said who asks by what a sign-in had brought.
    """
    said = f"HTTP {status}{_phrase(status)}"
    match status:
        case 403 if signed_in:
            return Refused(_forbidden(said, challenge_in(headers.get(b"www-authenticate", b""))))
        case 401 | 403 | 407:
            return _not_allowed(status, said, signed_in)
        case 429:
            after = retry_after(headers.get(b"retry-after", b""), datetime.now(UTC))
            when = f" Try again in {after} s." if after is not None else " Try again later."
            message = f"The server wants to be asked less often ({said}).{when}"
            return Refused(Fault(FaultCode.RATE_LIMITED, message), after)
        case _ if status >= 500:
            message = f"The server failed to answer ({said})."
            return Refused(Fault(FaultCode.SERVER_ERROR, message, _excerpt(body)))
        case _:
            return Refused(not_mcp(route, said, headers, body))


def _not_allowed(status: int, said: str, signed_in: bool) -> Refused:
    if status == 407:
        message = f"The HTTP proxy wants a login ({said}). Put it into HTTPS_PROXY."
        return Refused(Fault(FaultCode.PROXY_MISCONFIG, message))
    if signed_in:
        message = f"The session has ended ({said}), and somebody has to sign in again."
        return Refused(Fault(FaultCode.AUTH_REQUIRED, message), ends=True)
    message = (
        f"The server wants to know who asks ({said}). If you have a key for it, put it under "
        '"headers" of its entry, as in {"Authorization": "Bearer ${env:NAME}"}.'
    )
    return Refused(Fault(FaultCode.AUTH_REQUIRED, message), ends=status == 401)


def login_needed() -> Fault:
    """Nobody has signed in yet to a server that wants it."""
    return Fault(FaultCode.LOGIN_NEEDED, "Sign in to connect; this is expected.")


def session_over(why: str) -> Fault:
    """Somebody had signed in, and has to do it again."""
    message = f"Your session has ended and could not be renewed: {why.rstrip('.')}. Sign in again."
    return Fault(FaultCode.REAUTH_NEEDED, message)


def not_renewed(why: str) -> Fault:
    """A session has ended, and whether it can be renewed will show."""
    return Fault(FaultCode.CONNECT_FAILED, f"The session has to be renewed: {why.rstrip('.')}.")


def _forbidden(said: str, challenge: Challenge) -> Fault:
    if challenge.wants_more and challenge.scopes:
        wanted = ", ".join(challenge.scopes)[:200]
        message = (
            f"You are signed in, but without the permission it wants ({wanted}). Sign in again to "
            "give it."
        )
    else:
        message = (
            f"You are signed in, but not allowed ({said}). Ask its provider for access, or sign in "
            "as somebody else."
        )
    return Fault(FaultCode.FORBIDDEN, message)


def not_mcp(route: Route, said: str, headers: Mapping[bytes, bytes], body: bytes) -> Fault:
    """Something answered that speaks no MCP; a web page is named by its title."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().decode("latin-1")
    title = _TITLE.search(body)
    if title is not None:
        page = " ".join(title[1].decode(errors="replace").split())
        what = f"a web page, {page!r}"
    else:
        what = kind or "nothing"
    message = (
        f"What answers at {route.origin} is no MCP server ({said}, {what}). Check the url, and "
        "whether the network wants a login."
    )
    return Fault(FaultCode.NOT_MCP, message, _excerpt(body))


def redirected(route: Route, location: str, why: str) -> Fault:
    """We are sent where we do not go: what is secret stays with the origin it was given for."""
    message = (
        f"{route.origin} sends us to {location[:200]!r}, {why}. If that is the right place, put "
        "it into url."
    )
    return Fault(FaultCode.REDIRECTED, message)


def disconnected(why: str) -> Fault:
    return Fault(FaultCode.DISCONNECTED, f"The connection to the server was lost: {why}.")


def retry_after(value: bytes, now: datetime) -> int | None:
    """Seconds from a ``Retry-After`` (RFC 9110, §10.2.3), at most ten minutes; None: not said."""
    text = value.decode("latin-1").strip()
    if text.isdigit():
        return min(int(text[:9]), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0, min(round((when - now).total_seconds()), LONGEST_RETRY_AFTER))


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _excerpt(body: bytes) -> str:
    return body[:500].decode(errors="replace").strip()
