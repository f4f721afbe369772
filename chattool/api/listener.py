"""A listening socket, had before anything slow is begun."""

from __future__ import annotations

import socket

_BACKLOG = 2048


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 lets the system choose.

    Raises:
        OSError: the address, which it names, is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio turns Nagle's algorithm off on what is accepted here. Else each answer
    # of a head and a body would wait some 40 ms for the client's delayed acknowledgement of the head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port in its closing time may be used again; one that is listened on may not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OSError(error.errno, error.strerror, place) from error
    return listener
