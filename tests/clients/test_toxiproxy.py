"""toxiproxy before a real small service: each fault is what it says it is."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from cxlib.clients import http, process, toxiproxy
from cxlib.clients.toxiproxy import Proxy
from cxlib.errors import Unreachable
from cxlib.stage import toolchain

QUESTION = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[str, str]]:
    """Two services on loopback that serve versions 1 and 2, each as ``host:port``."""
    argv = [sys.executable, "-m", "cxlib.selftest.service"]
    with process.background([*argv, "1", "a"]) as one, process.background([*argv, "2", "b"]) as two:
        yield toxiproxy.first_line(one, "service"), toxiproxy.first_line(two, "service")


@pytest.fixture(scope="module")
def toxic() -> Iterator[toxiproxy.Toxiproxy]:
    """The program that `make setup` builds."""
    toolchain.ensure(["toxiproxy"])
    with toxiproxy.running(toolchain.program("toxiproxy")) as found:
        yield found


@pytest.fixture
def proxy(toxic: toxiproxy.Toxiproxy, services: tuple[str, str], request: pytest.FixtureRequest) -> Proxy:
    """A proxy of the test's own, to the first service."""
    return toxic.proxy(request.node.name, services[0])


def ask(proxy: Proxy, count: int) -> list[int]:
    """The statuses of ``count`` requests, one after the other; 0 for a connection that was reset.

    Raises ``AssertionError`` when one ends in another way.
    """
    statuses: list[int] = []
    while len(statuses) < count:
        host, port = proxy.address.split(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            while len(statuses) < count:
                try:
                    connection.sendall(QUESTION)
                    answer = connection.recv(65536)
                except ConnectionResetError:
                    answer = b"reset"
                assert answer, "closed without a reset"
                if answer == b"reset":
                    statuses.append(0)
                    break
                statuses.append(int(answer.split(b" ", 2)[1]))
    return statuses


def test_without_toxics_answers_pass_as_they_are(proxy: Proxy) -> None:
    """What a proxy adds by itself would be blamed on the service."""
    assert http.post_json(f"{proxy.url}/predict", {}) == {"predictions": [3], "model_version": "1"}


def test_a_share_of_the_answers_gets_another_status_and_the_connection_lives_on(proxy: Proxy) -> None:
    """Some fail as a service that is overloaded fails; those between are whole."""
    proxy.add("answer", {"share": 0.25, "status": 503})
    statuses = ask(proxy, 400)
    assert set(statuses) == {200, 503}
    assert 60 <= statuses.count(503) <= 140  # 100 wanted; out of this range once in 300,000 times
    proxy.remove("answer")
    assert set(ask(proxy, 20)) == {200}


def test_a_share_of_the_answers_is_a_reset(proxy: Proxy) -> None:
    """A reset, not a polite end: the one is seen as an error, the other may be asked again unseen."""
    proxy.add("reset_peer", {"timeout": 0}, toxicity=0.0)
    proxy.add("answer", {"share": 0.25, "status": 0})
    statuses = ask(proxy, 100)
    assert set(statuses) == {0, 200}
    assert 5 <= statuses.count(0) <= 55


def test_latency_is_added_to_every_answer(proxy: Proxy) -> None:
    """The fault that a slow model is."""
    proxy.add("latency", {"latency": 300})
    began = time.monotonic()
    http.get_json(f"{proxy.url}/version")
    assert time.monotonic() - began >= 0.3


def test_what_a_stall_held_back_is_let_go(proxy: Proxy) -> None:
    """A stall ends: afterwards the service answers as before, also on the connections of the stall."""
    host, port = proxy.address.split(":")
    proxy.add("latency", {"latency": 60_000})
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(QUESTION)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(65536)
        proxy.remove("latency")
        connection.settimeout(5)
        assert b"200 OK" in connection.recv(65536)


def test_a_proxy_leads_to_another_service_from_now_on(proxy: Proxy, services: tuple[str, str]) -> None:
    """The address stays; what answers there is another."""
    assert http.get_json(f"{proxy.url}/version")["model_version"] == "1"
    proxy.lead_to(services[1])
    assert proxy.upstream() == services[1]
    assert http.get_json(f"{proxy.url}/version")["model_version"] == "2"


def test_an_unknown_toxic_is_refused(proxy: Proxy) -> None:
    """A fault that isn't there would make the self-test tell nothing."""
    with pytest.raises(Unreachable, match="answered 400"):
        proxy.add("no-such-toxic", {})
    with pytest.raises(Unreachable, match="answered 404"):
        proxy.remove("latency")


def test_answers_are_json_of_the_sample_wrappers_form(services: tuple[str, str]) -> None:
    """The load profile of the sample model drives the small service unchanged."""
    found = http.get_json(f"http://{services[0]}/version")
    assert found == json.loads('{"model_version": "1", "image_digest": "a", "image_tag": "selftest"}')
