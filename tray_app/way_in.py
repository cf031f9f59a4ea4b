"""Addresses that let a browser into the dashboard once and soon; asking for one blocks."""

from __future__ import annotations

from tray_app.client import Client, Failed

CODE = "/api/v1/ui/code"


def way_in(client: Client, page: str = "") -> str:
    """To the engine of this user, and led to a page such as ``/servers/NAME``.

    Raises Failed, NotRunning.
    """
    return _led_to(str(client.post(CODE)["url"]), page)


def way_in_at(engine: str, key: str, page: str = "") -> str:
    """To one elsewhere, or of another user, by its address. Raises Failed."""
    import httpx

    try:
        answer = httpx.post(f"{engine}{CODE}", headers={"X-API-Key": key}, trust_env=False)
        told = answer.json()
        path = told["data"]["path"] if told["success"] else ""
    except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
        raise Failed(f"{engine} did not answer as an engine does ({error!r}).") from error
    if not path:
        raise Failed(str(told["error"]["message"]))
    return _led_to(f"{engine}{path}", page)


def _led_to(url: str, page: str) -> str:
    return f"{url}&to={page}" if page else url
