"""What a person reads when a scenario failed: the step, the cause, and no Python that doesn't help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _pytest._code import ExceptionInfo
from _pytest._code.code import ReprFileLocation, TerminalRepr
from _pytest._io import TerminalWriter

from cxlib.errors import CxError
from cxlib.harness.redact import redact
from cxlib.harness.state import RUN

if TYPE_CHECKING:
    from cxlib.harness.collection import ScenarioItem


class FailureText(TerminalRepr):
    """A failure as plain text, with the one-line cause that pytest's and JUnit's summaries show."""

    def __init__(self, text: str, cause: str, path: str, line: int) -> None:
        self.text = text
        self.reprcrash = ReprFileLocation(path, line, cause)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, tw: TerminalWriter) -> None:
        tw.line(self.text)


def describe(item: ScenarioItem, excinfo: ExceptionInfo[BaseException], traceback: str) -> FailureText:
    """The failing step and its cause. A ``CxError`` says itself what is wrong: its traceback goes to the
    run folder, and to the screen only with ``-vv``."""
    run = item.config.stash.get(RUN, None)
    step = run.step_of(item) if run else None
    line = step.line_number if step else item.template.line_number
    cause = redact(_cause(excinfo.value))
    saved = run.save_traceback(item, redact(traceback)) if run else None
    own = isinstance(excinfo.value, CxError) and item.config.get_verbosity() < 2
    parts = [
        f"{item.template.feature.name}: {item.scenario.name}",
        f"  {item.path.name}:{line}: {step.keyword} {step.name}" if step else f"  {item.path.name}:{line}",
        "",
        _indent(cause) if own else redact(traceback),
    ]
    if own and saved:
        parts += ["", f"  traceback: {saved}"]
    return FailureText("\n".join(parts), cause.splitlines()[0], str(item.path), line)


def _cause(exc: BaseException) -> str:
    text = str(exc).strip() or type(exc).__name__
    return text if isinstance(exc, CxError) else f"{type(exc).__name__}: {text}"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
