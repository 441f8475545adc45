"""HTTP with a time limit on everything, and answers that are checked before they are believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from cxlib.errors import Unreachable

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """``data``: the body as JSON, None where it isn't JSON; ``content``: its bytes."""

    status: int
    data: Any
    text: str
    content: bytes = b""

    @property
    def reason(self) -> str:
        """Why not, in the service's own words."""
        if isinstance(self.data, dict):
            for key in ("detail", "message", "error_code"):
                if self.data.get(key):
                    return str(self.data[key])
        return self.text[:_SHOWN].strip() or "(no text)"


def address(host: str, default_port: int) -> str:
    """``http://host:port`` of ``host``, ``host:port`` or a whole URL."""
    if "://" in host:
        return host.rstrip("/")
    name, _, port = host.partition(":")
    return f"http://{name}:{port or default_port}"


def call(method: str, url: str, *, answer_within: float = ANSWER_SECONDS, **request: Any) -> Answer:
    """One request. Raises ``Unreachable`` when nobody answers in time, or with a 5xx of its own."""
    try:
        got = requests.request(method, url, timeout=(CONNECT_SECONDS, answer_within), **request)
    except requests.RequestException as exc:
        raise Unreachable(f"{method} {url}: {exc}") from exc
    try:
        data = got.json()
    except ValueError:
        data = None
    answer = Answer(got.status_code, data, got.text, got.content)
    if answer.status >= 500:
        raise Unreachable(f"{method} {url}: HTTP {answer.status}: {answer.reason}")
    return answer
