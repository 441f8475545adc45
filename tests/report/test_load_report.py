"""The load report: one file, escaped, complete."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from cxlib.judge.gate import broken, judge
from cxlib.model.grammar import parse_gate
from cxlib.model.sample import Samples
from cxlib.report import load
from tests.judge.made import DIGEST, run, samples, together

P95 = "p95 of POST /predict < 30 ms"
HOSTILE = '<script>alert("x")</script>&'


def page(made: Samples, *lines: str, name: str = "staging load") -> str:
    measured = run()
    return load.render(measured, made, judge(measured, made, parse_gate(name, lines)))


class Tags(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_everything_that_came_from_outside_is_escaped() -> None:
    """Endpoint names and error texts are written by servers; the report is opened by people."""
    hostile = samples(1000, failed=500, name=f"GET /{HOSTILE}")
    hostile.error[hostile.failed] = HOSTILE[:40]
    text = page(together(hostile, samples(100)), P95, name=HOSTILE)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_report_needs_nothing_from_elsewhere() -> None:
    """It is read offline, in a mail or as an artifact, years later."""
    tags = Tags(page(samples(1000), P95)).seen
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags}
    assert not [attributes for _, attributes in tags if "src" in attributes]
    links = [str(attributes["href"]) for _, attributes in tags if "href" in attributes]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "url(" not in page(samples(1000), P95)


def test_verdict_and_reason_come_first() -> None:
    """A reader on a phone sees them without scrolling."""
    text = page(samples(1000, over=300), P95)
    body = re.sub(r"<[^>]+>", " ", text[text.index("<body>") :]).split()
    assert body[:2] == ["✗", "FAIL:"]
    assert "300 of 1,000 requests over the limit" in text[: text.index("<h2")]


def test_report_names_what_was_measured() -> None:
    """A report that does not say about which model is no evidence."""
    text = page(samples(1000), P95)
    assert DIGEST in text
    assert "local:6c1f" in text


def test_many_samples_stay_a_small_page() -> None:
    """Drawings are of slices and quantiles, not of samples."""
    assert len(page(samples(200_000, over=900, failed=5000), P95)) < 300_000


@pytest.mark.parametrize(("n", "failed"), [(1, 0), (1, 1), (2, 0), (300, 300)])
def test_report_of_almost_nothing_is_drawn(n: int, failed: int) -> None:
    """Reports are needed most when things went wrong."""
    assert "<svg" in page(samples(n, failed=failed), P95)


def test_times_that_are_no_numbers_do_not_stop_the_report() -> None:
    """The page that says INVALID must come out of an invalid run."""
    made = samples(1000)
    made.finished[::2] = float("nan")
    made.scheduled[3] = float("inf")
    assert "INVALID: staging load" in page(made, P95)


def test_broken_run_has_a_report_that_says_why() -> None:
    """INVALID with no explanation sends people to the logs."""
    text = load.render_verdict(broken(parse_gate("g", [P95]), "run.json is missing"))
    assert "INVALID: g" in text
    assert "run.json is missing" in text
