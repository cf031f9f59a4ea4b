"""Which program holds a port, for the one message that needs to say so."""

from __future__ import annotations


def holder_of(port: int) -> str | None:
    """Like ``node (pid 4711)``; None when it is another user's or the system does not say.

    Looks through the process table, which takes some milliseconds.
    """
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.pid
                and address
                and address.port == port
            ):
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return None
    return None
