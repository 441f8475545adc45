"""A model's quality against its gate: grammar, exact bounds, and what is no PASS."""

from __future__ import annotations

import random

import pytest

from cxlib.errors import ConfigError
from cxlib.judge import quality
from cxlib.model.quality import Evaluation, Measure, parse, parse_gate
from cxlib.model.verdict import CriterionResult, Verdict


def evaluation(
    right: int = 440, n: int = 450, version: str = "8", *, answers: str = "", size: int | None = 1_000_000,
    **metrics: float,
) -> Evaluation:  # fmt: skip
    """Version ``version`` with ``right`` of ``n`` answers right; ``answers`` as 1 and 0, if logged."""
    logged = {"test_accuracy": right / n, "test_samples": float(n), **metrics}
    bits = tuple(a == "1" for a in answers) or None
    return Evaluation(version, logged, size, bits, "data" if bits else "")


def judged(line: str, candidate: Evaluation, incumbent: Evaluation | None = None) -> CriterionResult:
    (result,) = quality.judge(parse_gate("model", [line]), candidate, incumbent).criteria
    return result


def told(line: str) -> str:
    """What is wrong with ``line``, or that it was read."""
    try:
        parse(line)
    except ConfigError as exc:
        return exc.problem
    return "read"


def test_whole_lines_are_read() -> None:
    """Every part of the grammar lands in its field; a share may be written either way."""
    c = parse("key:  accuracy >= 0.9")
    assert (c.measure, c.op, c.limit, c.unit, c.key, c.blocking) == (
        Measure.ACCURACY,
        ">=",
        90,
        "%",
        True,
        True,
    )
    assert parse("accuracy > 90 %").limit == 90
    c = parse("watch: accuracy vs incumbent by 2 %")
    assert (c.relative, c.op, c.limit, c.blocking) == (True, ">=", -2, False)
    assert parse("size vs incumbent by 10 %").limit == 10
    c = parse("evaluation samples>=300")
    assert (c.measure, c.limit, c.unit) == (Measure.SAMPLES, 300, "")
    assert (parse("size <= 250 MB").measure, parse("size <= 250 MB").unit) == (Measure.SIZE, "MB")
    assert (parse("macro_f1 >= 0.8").measure, parse("macro_f1 >= 0.8").name) == (Measure.METRIC, "macro_f1")


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("", 1, "empty line"),
        ("hey: accuracy >= 0.9", 1, "unknown prefix"),
        (">= 0.9", 1, "what is measured is missing"),
        ("accuracy 0.9", 10, "comparison is missing"),
        ("accuracy <= 0.9", 10, "worse model"),
        ("size >= 3 MB", 6, "worse model"),
        ("accuracy >= ", 12, "limit is missing"),
        ("accuracy >= 90", 13, "no evaluation can prove"),
        ("accuracy >= 100 %", 13, "no evaluation can prove"),
        ("accuracy >= 0", 13, "no evaluation can prove"),
        ("accuracy >= 0.9 ms", 17, "does not fit"),
        ("size <= 250", 12, "the unit is missing"),
        ("size <= 250 mb", 13, "does not fit"),
        ("size <= 0 MB", 9, "always or never met"),
        ("evaluation samples >= 2.5", 23, "whole"),
        ("evaluation samples vs incumbent by 2 %", 20, "isn't known"),
        ("macro_f1 vs incumbent by 2 %", 10, "isn't known"),
        ("accuracy vs baseline by 2 %", 13, "'incumbent' is missing"),
        ("accuracy vs incumbent 2 %", 23, "'by' is missing"),
        ("accuracy vs incumbent by 2", 27, "unit is missing"),
        ("accuracy vs incumbent by 0 %", 26, "never or always kept"),
        ("accuracy >= 0.9 at 8 users", 17, "does not fit"),
        ("macro_f1 >= 0.9 of x", 17, "does not fit"),
        ("accuracy >= 90 % of x", 18, "too much"),
        ("accuracy >= 9999999999999 %", 13, "too large"),
    ],
)
def test_wrong_lines_are_told_with_their_column(line: str, column: int, says: str) -> None:
    """A typing error is found before anybody asks MLflow, and points at itself."""
    with pytest.raises(ConfigError, match=says) as caught:
        parse(line)
    assert caught.value.field == f"criterion '{' '.join(line.split())}', column {column}"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "proves nothing"),
        (["watch: accuracy >= 0.9"], "only watches"),
        (["size <= 1 MB", "size <=  1 MB"], "twice"),
    ],
)
def test_gate_that_cannot_close_is_refused(lines: list[str], says: str) -> None:
    """A gate without a blocking criterion would stand open."""
    with pytest.raises(ConfigError, match=says):
        parse_gate("model", lines)


def test_no_line_of_rubbish_brings_a_traceback() -> None:
    """10,000 lines made of the grammar's own words: each is read or refused with a message."""
    words = ["accuracy", "size", "evaluation", "samples", "vs", "incumbent", "by", "2", "0.9", "%", "MB",
             ">=", "<", "key:", "watch:", "macro_f1", "nan", "-1", "1e9", "=", "é", "", "9" * 99]  # fmt: skip
    chosen = random.Random(4)
    for _ in range(10_000):
        line = " ".join(chosen.choices(words, k=chosen.randint(0, 7)))
        assert told(line), line


@pytest.mark.parametrize(
    ("right", "n", "verdict"),
    [
        (440, 450, Verdict.PASS),
        (390, 450, Verdict.FAIL),
        (410, 450, Verdict.INCONCLUSIVE),
        (10, 10, Verdict.INCONCLUSIVE),
        (29, 29, Verdict.PASS),
        (28, 28, Verdict.INCONCLUSIVE),
    ],
)
def test_accuracy_is_bounded_by_how_many_answers_it_rests_on(right: int, n: int, verdict: Verdict) -> None:
    """10 of 10 right is no proof of 90 %: 29 of 29 is the least (1 - 0.05 ** (1 / 29) = 0.098)."""
    result = judged("accuracy >= 0.9", evaluation(right, n))
    assert result.verdict is verdict
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 100 * right / n <= result.high


def test_inconclusive_accuracy_says_how_many_more_samples_it_takes() -> None:
    """What to do next is part of the answer."""
    result = judged("accuracy >= 0.9", evaluation(19, 20))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.more is not None
    assert f"needs {result.more:,} more evaluation samples" in result.reason
    n = 20 + result.more
    assert judged("accuracy >= 0.9", evaluation(round(0.95 * n), n)).verdict is Verdict.PASS


def test_accuracy_at_the_limit_passes_and_fails_in_at_most_5_percent() -> None:
    """A model that is just as good as asked is neither let through nor turned away by luck."""
    chosen, seen = random.Random(1), []
    for _ in range(1000):
        right = sum(chosen.random() < 0.9 for _ in range(450))
        seen.append(judged("accuracy > 0.9", evaluation(right)).verdict)
    assert seen.count(Verdict.PASS) <= 65  # 50 wanted; 65 or more come by chance in 2 % of seeds
    assert seen.count(Verdict.FAIL) <= 65


def test_without_incumbent_a_comparison_does_not_apply_and_does_not_count() -> None:
    """Before the first production there is nothing to compare with, which proves nothing."""
    gate = parse_gate("model", ["accuracy vs incumbent by 2 %"])
    for incumbent in (None, evaluation(version="8")):
        alone = quality.judge(gate, evaluation(version="8"), incumbent)
        assert alone.criteria[0].verdict is Verdict.NOT_APPLICABLE
        assert alone.verdict is Verdict.INCONCLUSIVE
        assert "nothing is proven" in alone.reason
    both = parse_gate("model", ["accuracy vs incumbent by 2 %", "accuracy >= 0.9"])
    outcome = quality.judge(both, evaluation(), None)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "all 1 blocking criteria hold")


def test_same_samples_are_compared_answer_by_answer() -> None:
    """450 answers settle 2 points when both models are mostly right on the same ones; apart they can't."""
    old = "1" * 440 + "0" * 10
    new = "1" * 437 + "000" + "111" + "0" * 7  # 3 lost, 3 gained
    pair = evaluation(440, answers=new), evaluation(440, version="7", answers=old)
    paired = judged("accuracy vs incumbent by 2 %", *pair)
    assert paired.verdict is Verdict.PASS, paired.reason
    assert "3 answers only it has right, 3 only version 7" in paired.reason
    apart = judged("accuracy vs incumbent by 2 %", evaluation(440), evaluation(440, version="7"))
    assert apart.verdict is Verdict.INCONCLUSIVE
    assert apart.low is not None
    assert paired.low is not None
    assert apart.low < paired.low


def test_worse_model_fails_against_the_incumbent() -> None:
    """5 points lost on the same samples are no noise."""
    old, new = "1" * 445 + "0" * 5, "1" * 420 + "0" * 30
    result = judged("accuracy vs incumbent by 2 %", evaluation(420, answers=new),
                    evaluation(445, version="7", answers=old))  # fmt: skip
    assert result.verdict is Verdict.FAIL
    assert result.value == pytest.approx(-100 * 25 / 450)
    assert (result.measured, result.baseline) == (
        pytest.approx(100 * 420 / 450),
        pytest.approx(100 * 445 / 450),
    )


def test_model_worse_by_just_the_tolerance_passes_in_at_most_5_percent() -> None:
    """The bound of a paired difference holds: 2 points worse in truth, 5 answers in 100 that differ."""
    chosen, passed, n = random.Random(2), 0, 450
    for _ in range(600):
        draws = [chosen.random() for _ in range(n)]
        old = "".join("1" if d >= 0.015 else "0" for d in draws)  # 1.5 % only the new one has right
        new = "".join("1" if not 0.015 <= d < 0.05 else "0" for d in draws)  # 3.5 % only the old one
        result = judged("accuracy vs incumbent by 2 %", evaluation(new.count("1"), answers=new),
                        evaluation(old.count("1"), version="7", answers=old))  # fmt: skip
        passed += result.verdict is Verdict.PASS
    assert passed <= 30


@pytest.mark.parametrize(
    ("candidate", "says"),
    [
        (Evaluation("8", {}, 1), "no metric test_accuracy of version 8; it has: none"),
        (Evaluation("8", {"test_accuracy": 0.9, "f1": 1.0}, 1), "no metric test_samples of version 8"),
        (Evaluation("8", {"test_accuracy": 1.2, "test_samples": 10}, 1), "no share"),
        (Evaluation("8", {"test_accuracy": float("nan"), "test_samples": 10}, 1), "is nan"),
        (Evaluation("8", {"test_accuracy": 0.5, "test_samples": 0}, 1), "no number of samples"),
        (Evaluation("8", {"test_accuracy": 0.5, "test_samples": float("inf")}, 1), "is inf"),
        (Evaluation("8", {"test_accuracy": 0.955, "test_samples": 10}, 1), "no whole number of 10 answers"),
        (Evaluation("8", {"test_accuracy": 0.5, "test_samples": 2}, 1, (True, True), "d"), "2 of 2 answers"),
    ],
)  # fmt: skip
def test_numbers_that_are_missing_or_contradict_each_other_are_invalid(
    candidate: Evaluation, says: str
) -> None:
    """What was not measured is not judged, however good the rest looks."""
    for line in ("accuracy >= 0.5", "evaluation samples >= 1"):
        result = judged(line, candidate)
        assert result.verdict is Verdict.INVALID
        assert says in result.reason


def test_evaluations_on_other_samples_are_not_compared() -> None:
    """An easier evaluation set makes any model better."""
    new, old = evaluation(answers="1" * 440 + "0" * 10), evaluation(version="7", answers="1" * 440 + "0" * 10)
    other = Evaluation("7", old.metrics, old.bytes, old.right, "other data")
    result = judged("accuracy vs incumbent by 2 %", new, other)
    assert (result.verdict, result.reason) == (Verdict.INVALID, "version 7 was evaluated on other samples")


def test_size_counts_and_metrics_are_judged_as_they_are() -> None:
    """No chance is in them, so there is no interval and no INCONCLUSIVE."""
    model = evaluation(size=250_000_000, macro_f1=0.91)
    assert judged("size <= 250 MB", model).verdict is Verdict.PASS
    assert judged("size < 250 MB", model).verdict is Verdict.FAIL
    assert judged("size <= 0.25 GB", model).value == 0.25
    assert judged("size <= 1 GB", evaluation(size=0)).verdict is Verdict.INVALID
    assert judged("size <= 1 GB", evaluation(size=None)).verdict is Verdict.INVALID
    assert judged("evaluation samples >= 450", model).verdict is Verdict.PASS
    assert judged("evaluation samples > 450", model).verdict is Verdict.FAIL
    assert judged("macro_f1 >= 0.9", model).verdict is Verdict.PASS
    assert judged("macro_f1 < 0.9", model).verdict is Verdict.FAIL
    assert judged("f2 >= 0.9", model).verdict is Verdict.INVALID
    larger = judged("size vs incumbent by 10 %", model, evaluation(version="7", size=200_000_000))
    assert (larger.verdict, larger.value) == (Verdict.FAIL, 25)


def test_worst_blocking_criterion_is_the_gates_verdict() -> None:
    """One missing number spoils the whole; a watched one spoils nothing."""
    lines = ["accuracy >= 0.9", "key: size <= 1 kB", "watch: f2 >= 1"]
    outcome = quality.judge(parse_gate("model", lines), evaluation(), None)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.reason.startswith("key: size <= 1 kB: 1,000,000 bytes")
    assert quality.judge(parse_gate("m", [*lines, "f3 >= 1"]), evaluation(), None).verdict is Verdict.INVALID
    assert quality.broken(parse_gate("m", lines), "MLflow is away").verdict is Verdict.INVALID
