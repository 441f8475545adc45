"""Diagnostics are bounded in time, and secrets stay secret."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.harness import diagnostics, redact
from cxlib.settings import CHECKOUT
from tests.harness.checkout import Project


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collectors and secrets of this test only."""
    monkeypatch.setattr(diagnostics, "_collectors", {})
    monkeypatch.setattr(redact, "_values", set())


def test_slow_collector_is_left_behind_with_its_child(tmp_path: Path) -> None:
    """The cluster may be what hangs; a person waits for 30 s at most, and nothing runs on."""
    ended = threading.Event()

    def slow(folder: Path) -> None:
        (folder / "begun.txt").write_text("begun")
        process.run(["sleep", "60"], timeout=60, expect=None)
        ended.set()

    diagnostics.register("slow", slow)
    diagnostics.register("quick", lambda folder: (folder / "events.txt").write_text("seen"))
    began = time.monotonic()
    assert diagnostics.collect(tmp_path / "d", within=0.5) == ["slow"]
    assert time.monotonic() - began < 3
    assert (tmp_path / "d/quick/events.txt").read_text() == "seen"
    assert (tmp_path / "d/slow/begun.txt").read_text() == "begun"
    assert "not done within 0.5s" in (tmp_path / "d/slow/collector-failed.txt").read_text()
    assert ended.wait(5)


def test_collector_that_finds_nothing_leaves_no_folder(tmp_path: Path) -> None:
    """An empty folder makes a person look for what is not there."""
    diagnostics.register("nothing", lambda folder: None)
    assert diagnostics.collect(tmp_path / "d") == []
    assert not (tmp_path / "d" / "nothing").exists()


def test_known_secret_is_taken_out_of_every_file(tmp_path: Path) -> None:
    """Also where no pattern would find it, and in files that are no text."""
    redact.add("xK9-value")

    def collect(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("seen xK9-value here")
        (folder / "b.bin").write_bytes(b"\xff\xfexK9-value")
        (folder / "c.bin").write_bytes(b"\xff\xfe")

    diagnostics.register("pods", collect)
    diagnostics.collect(tmp_path)
    assert (tmp_path / "pods/deep/a.txt").read_text() == "seen [redacted] here"
    assert b"xK9" not in (tmp_path / "pods/b.bin").read_bytes()
    assert (tmp_path / "pods/c.bin").read_bytes() == b"\xff\xfe"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password: hunter22", "password: [redacted]"),
        ('"root-password": "aB3/x+="', '"root-password": "[redacted]"'),
        ("MLFLOW_TRACKING_TOKEN=abc.def", "MLFLOW_TRACKING_TOKEN=[redacted]"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("postgresql://mlflow:pw12@db:5432/x", "postgresql://mlflow:[redacted]@db:5432/x"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJl.c2lnbmF0dXJlMTIz", "token [redacted]"),
        (
            "x\n-----BEGIN EC PRIVATE KEY-----\nMHc\nCAQ\n-----END EC PRIVATE KEY-----\ny",
            "x\n[redacted]\ny",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\ncut off", "[redacted]"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, clean: str) -> None:
    """Not every secret is known to us: other programs make some."""
    assert redact.redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "secretName: minio-credentials",
        "token: null",
        "the password is in the Secret",
        "tokens: 12 of 40 passed\n",
        "http://127.0.38.1:8000/x",
        "secretKeyRef:\n  name: x",
        "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    """A report that hides everything explains nothing."""
    assert redact.redact(text) == text


def test_short_value_is_not_added() -> None:
    """`cx` as a secret would blot out half of every log."""
    redact.add("cx")
    assert redact.redact("cx status") == "cx status"


FAILING = """
import pytest

@pytest.fixture(scope="session")
def preflight():
    pass

@pytest.fixture(scope="session")
def machines(site):
    site.kubeconfig.write_text("no kubeconfig")
"""


def test_what_the_cluster_says_is_collected_when_its_own_stage_fails(project: Project) -> None:
    """Most of what can go wrong there is told by Kubernetes. Here its kubeconfig leads nowhere."""
    project.env["PATH"] = "/nowhere"
    project.write("steps/cluster.py", (CHECKOUT / "steps" / "cluster.py").read_text())
    project.write("steps/machines.py", FAILING)
    project.write("features/02.feature", "Feature: Two\n  Scenario: There\n    Given the cluster\n")
    done = project.run("features")
    assert done.code == 1
    found = project.latest / "diagnostics" / "02_there"
    assert {path.name for path in found.iterdir()} == {"applications", "events", "pods", "workflows"}
