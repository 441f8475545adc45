"""Lets connections end at an answer's end once the pod is on its way out.

A kept connection that the server closes at its exit meets a request that is already under way now and
then, and the client sees a reset. Told ``Connection: close`` before, clients come back elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Leaving:
    """An ASGI middleware; ``sign`` is the file that the pod's preStop hook lays down (empty: none)."""

    def __init__(self, app: Application, sign: str) -> None:
        self._app, self._sign = app, sign

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._sign or not os.path.exists(self._sign):  # noqa: PTH110  # quick
            return await self._app(scope, receive, send)

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        return await self._app(scope, receive, closing)
