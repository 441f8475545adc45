"""A service of known delay: ``answering.py PORT DELAY [STALL_AT STALL_SECONDS]``, all in seconds.

Every POST gets a digit ``DELAY`` after its last byte came. ``STALL_AT`` seconds after its first request
nothing is answered for ``STALL_SECONDS``; what came meanwhile is answered when they are over. In a process
of its own, with asyncio alone, so that hundreds of connections cost it little.
"""

from __future__ import annotations

import asyncio
import selectors
import sys

BODY = b'{"predictions": [3], "model_version": "7"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
PORT, DELAY, STALL_AT, STALL_SECONDS = (*map(float, sys.argv[1:]), *[0.0] * 4)[:4]


class Service(asyncio.Protocol):
    """One connection."""

    first: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.unread = transport, b""

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            head = self.unread[:end].lower().split(b"\r\n")
            length = next((int(line[15:]) for line in head if line.startswith(b"content-length:")), 0)
            if len(self.unread) < end + 4 + length:
                return
            self.unread = self.unread[end + 4 + length :]
            self.answer()

    def answer(self) -> None:
        loop = asyncio.get_running_loop()
        Service.first = Service.first or loop.time()
        into_stall = loop.time() - Service.first - STALL_AT
        wait = DELAY + (STALL_SECONDS - into_stall if 0 <= into_stall < STALL_SECONDS else 0)
        if wait:
            loop.call_later(wait, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", int(PORT), backlog=4096)
    await server.serve_forever()


# epoll rounds every wait up to a whole millisecond, select does not.
with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
    runner.run(serve())
