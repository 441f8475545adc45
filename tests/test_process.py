"""The process door, with real children."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from cxlib.clients.process import background, end_all, interrupt_all, run
from cxlib.errors import ConfigError, ProcessFailed, ProcessTimedOut
from cxlib.wait import Look, wait_until

COUNTS = (
    "trap 'echo int >> {0}/ints; {1}' INT; echo $$ > {0}/p; mv {0}/p {0}/pid; while :; do sleep 0.05; done"
)


def child(folder: Path, on_int: str) -> list[str]:
    """A shell that writes its pid, counts the SIGINTs that it gets, and does ``on_int`` on each."""
    return ["sh", "-c", COUNTS.format(folder, on_int)]


def pid_of(folder: Path) -> int:
    file = folder / "pid"
    wait_until("child", lambda: Look("…", done=file.exists()), wanted="pid", within=10, every=0.02)
    return int(file.read_text())


def press_ctrl_c(folder: Path, times: int) -> threading.Thread:
    """As a person does it, once the child runs: again and again."""

    def press() -> None:
        pid_of(folder)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(0.2)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_output_and_exit_code_come_back() -> None:
    """Both streams, whole and apart."""
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=10, expect=(3,))
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_unexpected_exit_code_is_an_error_with_the_last_words(tmp_path: Path) -> None:
    """What the program said last is why it ended."""
    log = tmp_path / "log"
    with pytest.raises(ProcessFailed, match=r"exit 4; whole output in .*log\nno space left") as failed:
        run(["sh", "-c", "echo fine; echo no space left >&2; exit 4"], timeout=10, log=log)
    assert failed.value.code == 4
    assert sorted(log.read_text().splitlines()) == ["fine", "no space left"]


def test_missing_program_is_a_configuration_error() -> None:
    """A person installs it; a traceback would not say so."""
    with pytest.raises(ConfigError, match="no such program"):
        run(["cx-no-such-program"], timeout=1)


def test_stdin_reaches_the_child_and_else_is_empty() -> None:
    """Secrets travel that way; and a child that asks must not wait for a person."""
    assert run(["cat"], timeout=10, stdin="secret").stdout == "secret"
    assert run(["cat"], timeout=10).stdout == ""


def test_child_that_does_not_read_its_stdin_tells_by_its_exit_code() -> None:
    """A broken pipe would hide why the child ended."""
    with pytest.raises(ProcessFailed, match="exit 7"):
        run(["sh", "-c", "exit 7"], timeout=10, stdin="x" * 1_000_000)


def test_much_output_on_both_streams_does_not_block() -> None:
    """A full pipe that nobody reads stops a child for good."""
    script = "for i in $(seq 3000); do echo $i.......................................; echo $i >&2; done"
    done = run(["sh", "-c", script], timeout=30)
    assert len(done.stdout.splitlines()) == len(done.stderr.splitlines()) == 3000


def test_lines_are_seen_as_they_come() -> None:
    """Progress is worth nothing afterwards."""
    seen: list[tuple[str, float]] = []
    run(
        ["sh", "-c", "echo a; sleep 0.5; echo b"],
        timeout=10,
        on_line=lambda line: seen.append((line, time.monotonic())),
    )
    assert [line for line, _ in seen] == ["a", "b"]
    assert seen[1][1] - seen[0][1] > 0.3


def test_environment_is_the_one_given() -> None:
    """OS_* variables of the caller must be droppable."""
    assert run(["/usr/bin/env"], timeout=10, env={"A": "1"}).stdout == "A=1\n"


def test_timeout_sends_one_sigint_and_leaves_the_child_time(tmp_path: Path) -> None:
    """Terraform gives its lock back only if it is asked once and then left alone."""
    with pytest.raises(ProcessTimedOut, match="not done within 2s"):
        run(child(tmp_path, "sleep 0.3; exit 0"), timeout=2, grace=5)
    assert (tmp_path / "ints").read_text() == "int\n"
    assert gone(pid_of(tmp_path))


def test_child_that_ignores_sigint_is_killed_after_its_grace(tmp_path: Path) -> None:
    """Patience has an end, and so have the child's own children."""
    began = time.monotonic()
    with pytest.raises(ProcessTimedOut):
        run(child(tmp_path, ":"), timeout=2, grace=0.5)
    assert time.monotonic() - began < 5
    assert gone(pid_of(tmp_path))


def test_ctrl_c_is_forwarded_exactly_once_however_often_it_comes(tmp_path: Path) -> None:
    """A second SIGINT makes Terraform leave its state locked."""
    presses = press_ctrl_c(tmp_path, 3)
    with pytest.raises(KeyboardInterrupt):
        run(child(tmp_path, "sleep 1; exit 0"), timeout=20, grace=5)
    presses.join()
    assert (tmp_path / "ints").read_text() == "int\n"
    assert gone(pid_of(tmp_path))


def test_interrupt_all_reaches_children_of_threads(tmp_path: Path) -> None:
    """Python delivers Ctrl-C to the main thread only."""
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(run(child(tmp_path, "exit 9"), timeout=20, expect=None).code)
    )
    thread.start()
    pid = pid_of(tmp_path)
    interrupt_all()
    thread.join(5)
    assert codes == [9]
    assert gone(pid)


def test_whoever_interrupts_a_child_it_gets_one_sigint_and_its_grace_once(tmp_path: Path) -> None:
    """The patience with a run, its end and the child's own timeout each ask it to end: one is enough."""
    began = time.monotonic()
    with background(child(tmp_path, ":"), grace=1.5) as held:
        pid = pid_of(tmp_path)
        began = time.monotonic()
        interrupt_all()
        interrupt_all()
        end_all()
        assert held.ended()
    assert 1.4 < time.monotonic() - began < 2.5, "its grace runs from the first SIGINT on, and ends once"
    assert (tmp_path / "ints").read_text() == "int\n"
    assert gone(pid)


def test_what_an_interrupted_child_leaves_behind_does_not_hold_us() -> None:
    """A compiler that is started in the instant of Ctrl-C never saw the signal, and has our pipes."""
    script = "trap 'sleep 30 & exit 9' INT; echo up; while :; do sleep 0.05; done"
    codes: list[int] = []
    up = threading.Event()
    thread = threading.Thread(
        target=lambda: codes.append(
            run(["sh", "-c", script], timeout=20, expect=None, on_line=lambda _: up.set()).code
        )
    )
    thread.start()
    assert up.wait(5)
    interrupt_all()
    thread.join(5)
    assert codes == [9]
