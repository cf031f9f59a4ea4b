"""Whom we trust when a server proves who it is: the system's authorities, or a person's own.

``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` are OpenSSL's own variables; ``REQUESTS_CA_BUNDLE`` and
``CURL_CA_BUNDLE`` are what people have set for other programs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Reads the disk. Raises OSError, or its kind ssl.SSLError, for a bundle of no use."""
    context = ssl.create_default_context()
    for variable in _BUNDLES:
        named = environ.get(variable)
        if not named:
            continue
        try:
            if Path(named).is_dir():
                context.load_verify_locations(capath=named)
            else:
                context.load_verify_locations(cafile=named)
        except OSError as error:
            raise OSError(f"{variable} names {named!r}, which cannot be used ({error})") from error
    directory = environ.get("SSL_CERT_DIR")
    if directory:
        context.load_verify_locations(capath=directory)
    if not context.cert_store_stats()["x509_ca"] and not directory:
        # Python builds for macOS know no authorities of the system's.
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context


class Trust:
    """One for all servers, for it is large; read anew after a failure, which a person may have
    mended."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._context: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """Raises OSError."""
        if self._context is None:
            self._context = await asyncio.to_thread(trust, self._environ)
        return self._context

    def forget(self) -> None:
        """It did not do."""
        self._context = None
