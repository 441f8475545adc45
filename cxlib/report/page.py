"""The pages: templates filled with plain data, everything from outside escaped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib.errors import duration
from cxlib.report import wording

if TYPE_CHECKING:
    import jinja2


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
Fact = tuple[str, str, str]  # name, value, and "hash" when it is one


def fill(template: str, *, letters: int | None = None, **values: object) -> str:
    """The page that ``template`` of this folder makes of ``values``, no text longer than ``letters``."""
    return str(_environment(letters).get_template(template).render(**values))


def cut(text: str, letters: int) -> str:
    """``text``, or its beginning: names and errors come from outside, and may be as long as they like."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


@cache
def _environment(letters: int | None) -> jinja2.Environment:
    import jinja2
    from markupsafe import Markup

    def finished(value: object) -> object:
        long = letters and isinstance(value, str) and not isinstance(value, Markup)
        return cut(str(value), letters) if long and letters else value

    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    made = jinja2.Environment(
        loader=folder,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finished,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "bounds": wording.bounds,
        "count": "{:,}".format,
        "css": css,
        "duration": duration,
        "interval": wording.interval,
        "margin": wording.margin,
        "moment": moment,
        "number": wording.number,
        "short": short,
        "shorten_digests": shorten_digests,
        "sign": wording.sign,
        "signed": wording.signed,
    }
    return made


def css(text: str) -> str:
    """A verdict or a status as the name of a class."""
    return "".join(ch if ch.isalnum() else "-" for ch in text)


def moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def shorten_digests(text: str) -> str:
    """``text`` with each digest by its beginning: it stands in full elsewhere."""
    return _DIGEST.sub(lambda found: short(found[0]) + "…", text)


def short(digest: str | None) -> str:
    """The beginning of a digest or hash, enough to tell two apart."""
    text = digest or ""
    return text[:19] if ":" in text else text[:12]
