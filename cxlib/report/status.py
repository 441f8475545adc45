"""How a site stands, as one page of text of 80 columns. What disagrees is marked, and red on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from cxlib.judge.agreement import age
from cxlib.model.standing import Environment, Holder, Image, Proof, Standing, short

COLUMNS = 80
_RED, _DIM, _BOLD, _END = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_LABEL = 13


def page(standing: Standing, *, colour: bool) -> str:
    """``standing`` for a person. Without ``colour`` the marks alone say what is wrong."""
    if not standing.exists:
        return f"There is no site '{standing.site}' on this machine.\n\nBring it up:  {_up(standing.site)}"
    lines = [_head(standing)]
    for one in standing.environments:
        lines += ["", *_environment(one, standing)]
    lines += ["", *_end(standing)]
    text = "\n".join(lines)
    return text if colour else _plain(text)


def _up(site: str) -> str:
    return "pytest features/" + ("" if site == "local" else f" --site={site}")


def _head(standing: Standing) -> str:
    cluster = standing.fingerprint or "cluster unknown"
    return f"{_BOLD}{standing.site}{_END} · {cluster} · {standing.at:%Y-%m-%d %H:%M} UTC"


def _environment(one: Environment, standing: Standing) -> list[str]:
    if not one.installed:
        known = "not installed" if one.installed is False else "unknown: Kubernetes does not answer"
        wrong = any(d.environment == one.name for d in standing.disagreements)
        more = _rows(one, standing) if wrong or one.serving else []
        return [f"{_BOLD}{one.name:<12}{_END} {known}", *more]
    what = str(one.wanted or Image())
    return [f"{_BOLD}{one.name:<12}{_END} {what} · {one.address}", *_rows(one, standing)]


def _rows(one: Environment, standing: Standing) -> list[str]:
    """A line a part, marked where it disagrees."""
    wrong = {d.part for d in standing.disagreements if d.environment == one.name}
    return [
        _row(part, line, wrong=part in wrong and not soft) for part, line, soft in _parts(one, standing.at)
    ]


def _parts(one: Environment, now: datetime) -> Iterable[tuple[str, str, bool]]:
    """(part, what it says, whether this line is beside the disagreement of its part)."""
    if one.installed:
        at = f", at {one.revision[:8]}" if one.revision else ""
        yield "Application", f"{one.sync}, {one.health}{at}", False
    yield "serves", str(one.serving) if one.serving else one.silent or "not told", False
    if one.pods is not None:
        yield "pods", ", ".join(map(short, one.pods)) or "none is ready", False
    if one.wanted:
        to = "not told" if one.tagged is None else short(one.tagged) or "no such tag"
        yield "tag", f"{one.wanted.tag or '(none)'} -> {to}", False
    alias = "not told" if one.alias is None else one.alias or "not set"
    yield "alias", f"{one.name} -> {alias}", False
    for part, listed in (("evidence", one.proofs), ("let in by", one.entry)):
        for proof in listed or ():
            yield part, _proof(proof, now), proof.counts
    if one.installed:
        left = f"kept by {one.claim.workflow}, which is gone" if one.claim else "free"
        yield "lock", "; ".join(_holder(h, now) for h in one.holders) or left, False


def _proof(proof: Proof, now: datetime) -> str:
    if not proof.verdict or proof.finished is None or proof.expires is None:
        return f"{proof.gate} of {proof.environment}: {proof.refused or 'none about this image'}"
    ends = "expires in" if now < proof.expires else "expired, for"
    old = f"{age(proof.finished, now)} old"
    if proof.override:
        return f"OVERRIDE, {old}, by {proof.override}"
    text = f"{proof.verdict} {proof.gate} of {proof.environment}, {old}"
    return f"{text}, {ends} {age(proof.expires, now)}" + (f"; {proof.refused}" if proof.refused else "")


def _holder(holder: Holder, now: datetime) -> str:
    since = f", for {age(holder.since, now)}" if holder.since else ""
    return f"{'awaited' if holder.waits else 'held'} by {holder.workflow}{since} ({holder.state})"


def _row(part: str, line: str, *, wrong: bool) -> str:
    room = COLUMNS - _LABEL - 4
    first, *rest = textwrap.wrap(line, room) or [""]
    mark = f"{_RED}✗ " if wrong else "  "
    body = [f"{mark}{part:<{_LABEL}}{first}", *(" " * (_LABEL + 2) + more for more in rest)]
    return "\n".join(body) + (_END if wrong else "")


def _end(standing: Standing) -> list[str]:
    lines = []
    for part, why in (standing.down or {}).items():
        lines += textwrap.wrap(f"✗ {part}: not reachable: {why}", COLUMNS, subsequent_indent="    ")
    for mend, listed in groupby(standing.disagreements, key=lambda one: one.mend):
        for one in listed:
            lines += textwrap.wrap(f"✗ {one.environment}: {one.what}", COLUMNS, subsequent_indent="    ")
        lines += [f"{_END}{_DIM}    mend it:{_END} {mend}{_RED}"]
    if not lines:
        return ["✓ all agree"]
    if not standing.disagreements:
        lines.append(
            f"{_END}    see what this machine lacks: cx doctor; bring it up: {_up(standing.site)}{_RED}"
        )
    return [f"{_BOLD}Not well{_END}", _RED + "\n".join(lines) + _END]


def _plain(text: str) -> str:
    for code in (_RED, _DIM, _BOLD, _END):
        text = text.replace(code, "")
    return text
