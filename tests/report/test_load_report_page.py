"""What the load report shows of a full run, and that every reader can use it."""

from __future__ import annotations

import re
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reporting import million
from cxlib.judge.gate import broken, judge
from cxlib.model.grammar import parse_gate
from cxlib.model.run import Run
from cxlib.model.sample import Samples
from cxlib.model.verdict import Check, GateVerdict, Verdict
from cxlib.report import load, page
from cxlib.report.context import NOTHING, Context, OverrideMark, PastGate, Provenance
from tests.judge.made import DIGEST, run, samples, together

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
P95, FAIL = "key: p95 of POST /predict < 30 ms at 8 users", "fail of POST /predict < 1 %"
PROVENANCE = Provenance("staging", "local:6c1f", "d4" * 20, "3f" * 32, "9c" * 32, "a1" * 32, NOW)


def full(**changes: object) -> tuple[Run, Samples]:
    """Two levels, two endpoints, some failures."""
    levels = [
        {"users": 8, "rate": 0, "start": 0.0, "end": 60.0},
        {"users": 16, "rate": 0, "start": 60.0, "end": 120.0},
    ]
    parts = [samples(1200, over=10, failed=5, **at) for at in ({}, {"users": 16, "start": 60.0})]
    parts.append(samples(600, name="GET /health", fast=0.002))
    return run(levels=levels, planned_seconds=120.0, actual_seconds=120.1, **changes), together(*parts)


def html(context: Context = NOTHING, baseline: tuple[Run, Samples] | None = None) -> str:
    measured = full()
    outcome = judge(*measured, parse_gate("staging", [P95, FAIL]), baseline=baseline)
    return load.render(*measured, outcome, baseline=baseline, context=context)


def text_of(made: str) -> str:
    """What stands in the page, tags left out."""
    return " ".join(re.sub(r"<[^>]+>", " ", made[max(0, made.find("<body>")) :]).split())


def section(made: str, name: str) -> str:
    start = made.index(f'<section id="{name}"')
    return made[start : made.index("</section>", start)]


class Page(HTMLParser):
    """Ids, what refers to them, and the drawings without a name."""

    def __init__(self, made: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.referred: list[str] = []
        self.unnamed: list[str] = []
        self.feed(made)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.referred += found.get("aria-labelledby", "").split()
        self.referred += [found["href"][1:]] if found.get("href", "").startswith("#") else []
        named = found.get("role") == "img" and "aria-labelledby" in found
        if tag == "svg" and not named and found.get("aria-hidden") != "true":
            self.unnamed.append(str(found))


def test_each_criterion_has_value_interval_limit_margin_and_the_baselines_value() -> None:
    """These five are what a reviewer decides by."""
    slower = samples(3600, over=30, fast=0.02, seconds=60.0)
    shown = text_of(section(html(baseline=(run(), slower)), "criteria"))
    assert "10 ms" in shown
    assert "30 ms" in shown
    assert "20 ms inside (67 %)" in shown
    assert "at worst" in shown
    assert "Baseline" in shown
    assert re.search(r"\b20 ms\b(?! inside)", shown)


def test_a_missing_baseline_is_said_and_leaves_no_column() -> None:
    """An empty column would look like a value that was lost."""
    made = html()
    assert "There was no accepted run to compare with" in made
    assert ">Baseline<" not in made
    assert "the baseline, in the same colour" not in made


def test_the_baseline_is_drawn_over_the_distribution() -> None:
    """One look tells whether the whole distribution moved or its tail alone."""
    other = (run(), samples(1200, fast=0.02))
    drawn = section(html(baseline=other), "distribution")
    assert 'before"' in drawn
    assert "baseline, 8 users" in drawn


def test_provenance_is_whole_or_called_unknown() -> None:
    """Numbers that can't be traced are no evidence; a gap must be seen."""
    shown = section(html(Context(PROVENANCE)), "origin")
    for wanted in (DIGEST, "d4" * 20, "3f" * 32, "9c" * 32, "a1" * 32, "local:6c1f", "staging"):
        assert wanted in shown
    assert text_of(section(html(), "origin")).count("unknown") == 6


def test_throughput_failures_and_load_share_the_axis_of_latency() -> None:
    """A burst of latency is explained by what else happened then."""
    drawn = section(html(), "time")
    for panel in ("POST /predict, ms", "answers a second", "failures a second", "users, planned"):
        assert panel in drawn
    assert drawn.count("seconds since the run&#x27;s start") == 2  # once a page width


def test_the_limit_is_drawn_where_it_applies() -> None:
    """A line over the whole run would judge levels that the criterion does not speak of."""
    made = html()
    wide = section(made, "time").partition('class="narrow"')[0]
    [drawn] = re.findall(r'class="limit" d="M([\d.]+) [\d.]+H([\d.]+)"', wide)
    assert float(drawn[1]) - float(drawn[0]) == pytest.approx((1000 - 62 - 18) / 2, abs=1)


def test_a_pause_between_two_parts_of_a_run_is_not_drawn_over() -> None:
    """An extended run has a pause in the middle: a line over it would show latencies that nobody had."""
    levels = [
        {"users": 8, "rate": 0, "start": 0.0, "end": 60.0},
        {"users": 8, "rate": 0, "start": 80.0, "end": 140.0},
    ]
    measured = run(levels=levels, planned_seconds=120.0), together(samples(1200), samples(1200, start=80.0))
    made = load.render(*measured, judge(*measured, parse_gate("g", [P95])))
    wide = section(made, "time").partition('class="narrow"')[0]
    assert wide.count('<path class="line median" d="M') == 1 + 2  # one in the legend


def test_an_override_is_shown_beside_the_verdict_and_escaped() -> None:
    """Who went by a gate, and why, is not to be missed; why is written by people."""
    marks = (
        OverrideMark(NOW, "ada", "<b>disk</b> full", "canary", DIGEST, "7"),
        OverrideMark(NOW - timedelta(days=9), "bob", "again", "production", "sha256:" + "0" * 64, "6"),
    )
    made = html(Context(overrides=marks))
    first = made[: made.index('id="criteria"')]
    assert "ada" in first
    assert "&lt;b&gt;disk" in first
    assert "<b>disk" not in made
    assert "bob" in first
    assert first.count("this very image") == 1


def test_overrides_that_have_no_room_are_counted() -> None:
    """None may vanish silently."""
    marks = tuple(OverrideMark(NOW, f"p{i}", "why", "canary") for i in range(8))
    assert "3 earlier overrides are on record" in html(Context(overrides=marks))


def test_history_shows_twenty_runs_with_the_newest_last_in_the_drawing() -> None:
    """A trend towards the limit is read from left to right."""
    past = tuple(
        PastGate(NOW - timedelta(hours=i), "PASS", "staging", str(40 - i), DIGEST, values={P95: 12.0 + i})
        for i in range(30)
    )
    shown = section(html(Context(history=past)), "history")
    assert shown.count("<tr>") == 21  # this run, 19 before it, and the head
    told = re.search(r"Oldest first: ([^<]*)", shown)
    assert told
    assert told[1].startswith("30 ms PASS, 29 ms PASS")
    assert told[1].endswith("12 ms PASS, 10 ms PASS.")


def test_an_invalid_run_without_samples_is_reported() -> None:
    """Nobody should have to read logs to learn that nothing was sent."""
    nothing = samples(0)
    outcome = judge(run(), nothing, parse_gate("staging", [P95]))
    made = load.render(run(), nothing, outcome, context=Context(PROVENANCE))
    assert "INVALID: staging" in made
    assert "No request was sent" in made


def test_a_broken_run_keeps_its_provenance_and_draws_nothing() -> None:
    """What was to be judged is known even when its samples are not."""
    context = Context(PROVENANCE, digest=DIGEST, model_version="7")
    made = load.render_verdict(broken(parse_gate("g", [P95]), "run.json is missing"), context=context)
    assert "a1" * 32 in made
    assert 'id="time"' not in made
    assert "#time" not in made
    assert DIGEST in made


def test_a_failed_check_shows_the_whole_digests() -> None:
    """A deployment in the middle of the run is told by both digests, not by their beginnings."""
    seen = f"{DIGEST}, then sha256:{'cd' * 32}"
    outcome = GateVerdict("g", Verdict.INVALID, "served", (), (Check("served", False, seen, "one"),))
    assert seen in text_of(load.render_verdict(outcome))


def test_what_names_and_errors_hold_stays_text_in_drawings_too() -> None:
    """SVG is markup as well: endpoint names stand in titles, labels and descriptions."""
    bad = '</text></svg><script>alert("x")</script>'
    measured = run(), together(samples(1000, name=bad, failed=20), samples(1000))
    made = load.render(*measured, judge(*measured, parse_gate(bad, [FAIL])))
    assert "<script" not in made
    assert made.count("<svg") == made.count("</svg>")


def test_every_drawing_has_a_name_and_every_reference_a_target() -> None:
    """Screen readers say the title and description; links work from the keyboard."""
    past = (PastGate(NOW, "FAIL", values={P95: 31.0}),)
    read = Page(html(Context(PROVENANCE, past), baseline=full()))
    assert not read.unnamed
    assert len(read.ids) == len(set(read.ids))
    assert set(read.referred) <= set(read.ids)


def test_verdicts_are_told_apart_without_colour() -> None:
    """One man in twelve does not see red from green, and printers see neither."""
    signs = [load.render_verdict(GateVerdict("g", verdict, "why")) for verdict in Verdict]
    heads = {re.search(r"<h1>\s*(\S+)", made)[1] for made in signs}  # type: ignore[index]
    assert len(heads) == len(Verdict)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str) -> None:
    """4.5 to 1 for text (WCAG 2.2, 1.4.3), on every ground that it stands on."""
    blocks = re.findall(r":root \{([^}]*)\}", Path(page.__file__).with_name("page.css").read_text())
    colours = dict(re.findall(r"--([\w-]+):(#\w+)", blocks[["light", "dark"].index(scheme)]))
    pairs = [
        (ink, ground)
        for ink in ("ink", "soft", "pass", "fail", "unsure", "a")
        for ground in ("paper", "card")
    ]
    for verdict in ("pass", "fail", "unsure"):
        pairs += [(ink, f"{verdict}-ground") for ink in ("ink", "soft", verdict)]
    low = {pair: c for pair in pairs if (c := contrast(*(colours[name] for name in pair))) < 4.5}
    assert not low


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_large_run_is_a_small_page_in_little_time_and_memory() -> None:
    """A fifth of what `make bench` holds to 5 s and 500 MB; drawings are of cells, not of samples."""
    measured = million(200_000)
    outcome = judge(*measured, parse_gate("g", ["p95 of POST /predict < 30 ms at 8 users"]))
    tracemalloc.start()
    began = time.process_time()
    made = load.render(*measured, outcome)
    seconds, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(made.encode()) < 500_000
    assert most < 60_000_000
    assert seconds < 5  # under tracemalloc, which makes it several times slower


def test_a_thousand_endpoints_and_errors_stay_a_page() -> None:
    """Paths with ids in them make an endpoint of each request: the report must open all the same."""
    made = samples(3000, failed=3000)
    names = np.array([f"GET /item/{i}" for i in range(3000)], dtype=object)
    errors = np.array([f"no item {i}" for i in range(3000)], dtype=object)
    many = replace(made, name=names, error=errors)
    outcome = judge(run(), many, parse_gate("g", ["fail of GET /item/7 < 1 %"]))
    assert len(load.render(run(), many, outcome).encode()) < 1_000_000
