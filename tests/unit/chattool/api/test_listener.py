"""The listening socket of a server."""

import asyncio
import errno
import resource
import socket
import subprocess
import sys
from datetime import timedelta

import pytest

from chattool.api.listener import bound


async def test_answers_do_not_wait_for_acknowledgements_of_their_first_part() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with bound("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            no_delay = await accepted
            writer.close()

    assert no_delay


def test_a_server_may_have_as_many_connections_as_the_system_allows() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    program = """
import resource
from chattool.api.listener import allow_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
allow_connections()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert int(ended.stdout) == most


def send_without_end(connection: socket.socket) -> None:
    while True:
        connection.send(bytes(1 << 16))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux bounds this")
def test_who_takes_nothing_of_what_was_sent_loses_the_connection() -> None:
    with (
        bound("127.0.0.1", 0, unread_limit=timedelta(milliseconds=100)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        connection, _ = listener.accept()
        connection.settimeout(30)
        with connection, pytest.raises(TimeoutError) as lost:
            send_without_end(connection)

    assert lost.value.errno == errno.ETIMEDOUT
