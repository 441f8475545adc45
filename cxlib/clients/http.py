"""Plain HTTP with deadlines. What does not answer, or answers nonsense, is ``Unreachable``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxlib.errors import Unreachable

TIMEOUT = (3.0, 20.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came, whatever its status."""

    status: int
    body: bytes


def fetch(
    url: str, *, params: Mapping[str, str] | None = None, body: Any = None, timeout: float | None = None
) -> Answer:
    """GET ``url``, or POST ``body`` there as JSON. ``timeout``: seconds to connect, and four times that to
    answer. Raises ``Unreachable`` only when nothing answers."""
    method = "GET" if body is None else "POST"
    limits = (timeout, 4 * timeout) if timeout else TIMEOUT
    response = _request(method, url, params=dict(params or {}), json=body, timeout=limits)
    return Answer(response.status_code, response.content)


def get_json(url: str, *, params: Mapping[str, str] | None = None) -> Any:
    """The JSON document at ``url``. Raises ``Unreachable`` for anything but a 2xx with JSON in it."""
    return _json("GET", url, params=dict(params or {}))


def post_json(url: str, body: Any) -> Any:
    """POST ``body`` as JSON and return the answer's JSON. Raises ``Unreachable`` as ``get_json`` does."""
    return _json("POST", url, json=body)


def delete(url: str) -> None:
    """DELETE ``url``. Raises ``Unreachable`` for anything but a 2xx."""
    _answered("DELETE", url)


def _answered(method: str, url: str, **kwargs: Any) -> Any:
    response = _request(method, url, **kwargs)
    if not response.ok:
        raise Unreachable(f"{method} {url}: answered {response.status_code}: {response.text[:300]}")
    return response


def _json(method: str, url: str, **kwargs: Any) -> Any:
    response = _answered(method, url, **kwargs)
    try:
        return response.json()
    except ValueError as exc:
        raise Unreachable(f"{method} {url}: answered no JSON: {response.text[:100]!r}") from exc


def _request(method: str, url: str, **kwargs: Any) -> Any:
    import requests

    session = requests.Session()
    session.trust_env = False  # the site is no proxy's business
    try:
        return session.request(method, url, **{"timeout": TIMEOUT, **kwargs})
    except requests.RequestException as exc:
        raise Unreachable(f"{method} {url}: no answer: {exc}") from exc
    finally:
        session.close()
