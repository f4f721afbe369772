"""A listening socket, had before anything slow is begun."""

from __future__ import annotations

import resource
import socket
from datetime import timedelta

#: How many connections the kernel holds until they are accepted.
BACKLOG = 2048
_MILLISECOND = timedelta(milliseconds=1)
#: How long readers of what was sent are waited for.
UNREAD_LIMIT = timedelta(seconds=60)


def bound(host: str, port: int, *, unread_limit: timedelta = UNREAD_LIMIT) -> socket.socket:
    """A socket that listens there; port 0 lets the system choose.

    On Linux, who takes nothing of what was sent for ``unread_limit`` loses the connection.

    Raises:
        OSError: the address, which it names, is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio turns Nagle's algorithm off on what is accepted here. Else each answer
    # of a head and a body would wait some 40 ms for the client's delayed acknowledgement of the head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port in its closing time may be used again; one that is listened on may not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The system gives up by itself what a server has already left, and would otherwise keep for ever.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread_limit // _MILLISECOND)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OSError(error.errno, error.strerror, place) from error
    return listener


def allow_connections() -> None:
    """Let this process have as many connections as the system allows; the usual limit is 1024 files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
