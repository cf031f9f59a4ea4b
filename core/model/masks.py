"""What stands for a value that is not shown, and which part of an address that is."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit, urlunsplit

MASK = "***"


def masked_url(text: str) -> str:
    """A URL without what may be secret in it: user, password and the values of its query.

    Anything that is no URL (most arguments of a command) is returned as it is.
    """
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else host
    # Not urlencode: the mask is to be read by a person.
    values = "&".join(f"{key}={MASK}" for key, _ in query) if query else parts.query and MASK
    return urlunsplit((parts.scheme, netloc, parts.path, values, parts.fragment and MASK))
