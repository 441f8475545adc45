"""Programs built for real from small Go modules: when, once, whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import signal
import threading
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from cxlib.clients import process
from cxlib.stage import cache
from cxlib.wait import Look, wait_until
from tests.stage.checkout import SUPPLY, Checkout

TOML = '[module.tiny]\nminutes = 0.1\n[module.tiny.programs]\ntiny = "."\n'
MAIN = 'package main\nimport "fmt"\nvar word = "plain"\nfunc main() { fmt.Println("tiny", word) }\n'
ENSURE = "from cxlib.stage import toolchain\nprint(toolchain.ensure())"
# Stands before Go on PATH: counts the builds and makes each last a while, as a large one does.
SLOW_GO = """#!/bin/sh
[ "$1" != build ] || { echo build >> "$BUILDS"; sleep "$BUILD_SECONDS"; }
exec "$REAL_GO" "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout whose toolchain is one small program."""
    made = Checkout(tmp_path)
    made.write(f"{SUPPLY}/toolchain.toml", TOML)
    made.write(f"{SUPPLY}/modules/tiny/go.mod", "module cx.test/tiny\n\ngo 1.25.0\n")
    made.write(f"{SUPPLY}/modules/tiny/main.go", MAIN)
    return made


@pytest.fixture
def slow(checkout: Checkout, tmp_path: Path) -> Path:
    """Builds take a second; the file that has a line for each."""
    go, builds = tmp_path / "bin" / "go", tmp_path / "builds"
    go.parent.mkdir()
    go.write_text(SLOW_GO)
    go.chmod(0o755)
    checkout.env |= {"PATH": f"{go.parent}:{os.environ['PATH']}", "REAL_GO": str(shutil.which("go"))}
    checkout.env |= {"BUILDS": str(builds), "BUILD_SECONDS": "1"}
    return builds


def ensure(checkout: Checkout) -> list[str]:
    return list(checkout.answer("toolchain", "toolchain.ensure()"))


def said(checkout: Checkout) -> str:
    """What the built program says."""
    path = checkout.answer("toolchain", "str(toolchain.program('tiny'))")
    return process.run([path], timeout=10).stdout.strip()


def entries(checkout: Checkout) -> list[str]:
    """The whole entries of the cache."""
    folder = checkout.cache / "toolchain"
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.suffix != ".part")


def key_folder(checkout: Checkout) -> str:
    """The entry that this checkout uses."""
    return str(checkout.answer("toolchain", "toolchain.folder('tiny').name"))


def prune(checkout: Checkout) -> dict[str, list[str]]:
    return dict(checkout.answer("toolchain", "dataclasses.asdict(toolchain.prune())", "import dataclasses"))


def begun(builds: Path) -> None:
    wait_until("build", lambda: Look("…", done=builds.exists()), wanted="begun", within=30, every=0.02)


def test_program_is_built_once_and_is_static(checkout: Checkout) -> None:
    """The second run of everything must not wait for a compiler."""
    assert ensure(checkout) == ["tiny"]
    assert said(checkout) == "tiny plain"
    (entry,) = entries(checkout)
    path = checkout.cache / "toolchain" / entry / "bin" / "tiny"
    assert b"ld-linux" not in path.read_bytes(), "images from scratch have no loader"
    assert ensure(checkout) == []


def test_key_follows_pins_sources_and_flags_and_not_the_stated_minutes(checkout: Checkout) -> None:
    """What goes into a program decides which program it is; a comment on its duration doesn't."""
    key = "toolchain.key('tiny', toolchain.modules()['tiny'])"
    changes = {
        f"{SUPPLY}/toolchain.toml": TOML.replace("0.1", "7"),
        f"{SUPPLY}/modules/tiny/main.go": MAIN + "// more\n",
        f"{SUPPLY}/modules/tiny/go.mod": "module cx.test/tiny\n\ngo 1.25.1\n",
        f"{SUPPLY}/modules/tiny/go.sum": "",
    }
    seen = [checkout.answer("toolchain", key)]
    for path, text in changes.items():
        checkout.write(path, text)
        seen.append(checkout.answer("toolchain", key))
    checkout.write(f"{SUPPLY}/toolchain.toml", TOML + '[module.tiny.accept]\nprogram="x"\nversions=">1"\n')
    seen.append(checkout.answer("toolchain", key))
    assert seen[0] == seen[1]
    assert len(set(seen[1:])) == 5


def test_changed_source_is_another_program_beside_the_first(checkout: Checkout) -> None:
    """Going back to the old source is instant."""
    ensure(checkout)
    checkout.write(f"{SUPPLY}/modules/tiny/main.go", MAIN.replace("plain", "changed"))
    assert ensure(checkout) == ["tiny"]
    assert said(checkout) == "tiny changed"
    assert len(entries(checkout)) == 2
    checkout.write(f"{SUPPLY}/modules/tiny/main.go", MAIN)
    assert ensure(checkout) == []
    old = next(name for name in entries(checkout) if name != key_folder(checkout))
    assert prune(checkout) == {"gone": [old], "kept": []}
    assert entries(checkout) == [key_folder(checkout)]
    assert said(checkout) == "tiny plain"
    assert not (checkout.cache / "toolchain" / f"{old}.lock").exists()
    assert (checkout.cache / "toolchain" / f"{key_folder(checkout)}.lock").exists()


def test_failed_build_leaves_no_entry_and_says_why(checkout: Checkout) -> None:
    """Half a program must never be taken for one."""
    checkout.write(f"{SUPPLY}/modules/tiny/main.go", MAIN.replace("word)", "wrod)"))
    done = checkout.run(ENSURE, expect=None)
    assert done.code == 1
    assert "undefined: wrod" in done.stderr
    assert "tiny.log" in done.stderr
    assert entries(checkout) == []
    assert "run `make setup`" in checkout.run(
        "from cxlib.stage import toolchain\ntoolchain.program('tiny')", expect=None
    ).stderr  # fmt: skip


def test_interrupted_build_leaves_no_entry_and_the_next_one_is_whole(checkout: Checkout, slow: Path) -> None:
    """Ctrl-C in a build of half an hour costs that module and no more."""
    checkout.env["BUILD_SECONDS"] = "30"
    child = checkout.start(ENSURE)
    try:
        wait_until("build", lambda: Look("…", done=slow.exists()), wanted="begun", within=30, every=0.02)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=10)
    finally:
        child.kill()
    assert "KeyboardInterrupt" in err
    assert entries(checkout) == []
    checkout.env["BUILD_SECONDS"] = "0"
    assert ensure(checkout) == ["tiny"]
    assert said(checkout) == "tiny plain"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_setup_leaves_no_compiler_behind(
    checkout: Checkout, slow: Path, number: signal.Signals
) -> None:
    """A service manager stops a run and a terminal is closed: neither may leave a build to run on."""
    checkout.env["BUILD_SECONDS"] = "31.7"
    child = checkout.start("import sys\nfrom cxlib import cli\nsys.exit(cli.main(['setup']))")
    try:
        wait_until("build", lambda: Look("…", done=slow.exists()), wanted="begun", within=30, every=0.02)
        started = psutil.Process(child.pid).children(recursive=True)
        child.send_signal(number)
        _, err = child.communicate(timeout=10)
    finally:
        child.kill()
    assert started
    assert not [p for p in started if p.is_running()]
    assert (child.returncode, err.splitlines()[-1]) == (130, "cx setup: interrupted")


@pytest.mark.parametrize("source", [MAIN, MAIN.replace("plain", "another")], ids=["ours", "another's"])
def test_prune_leaves_a_build_under_way_alone(checkout: Checkout, slow: Path, source: str) -> None:
    """A build of half an hour lost its folder, be it this checkout's or another's that shares the cache."""
    checkout.env["BUILD_SECONDS"] = "3"
    child = checkout.start(ENSURE)
    try:
        begun(slow)
        ours = key_folder(checkout)
        checkout.write(f"{SUPPLY}/modules/tiny/main.go", source)
        assert prune(checkout) == {"gone": [], "kept": [f"{ours}: it is being built"]}
        _, err = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 0, err
    assert entries(checkout) == [ours]


def test_prune_drops_what_an_ended_build_left(checkout: Checkout) -> None:
    """Nothing else would: the next build of that program may never come."""
    checkout.write(f"{SUPPLY}/modules/tiny/main.go", MAIN.replace("word)", "wrod)"))
    checkout.run(ENSURE, expect=(1,))
    assert prune(checkout) == {"gone": [f"{key_folder(checkout)}.part"], "kept": []}
    assert prune(checkout) == {"gone": [], "kept": []}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_wait_for_another_build_ends_with_the_run(
    checkout: Checkout, slow: Path, number: signal.Signals
) -> None:
    """It was deaf to Ctrl-C for as long as the other built."""
    checkout.env["BUILD_SECONDS"] = "20"
    first = checkout.start(ENSURE)
    try:
        begun(slow)
        second = checkout.start("import sys\nfrom cxlib import cli\nsys.exit(cli.main(['setup']))")
        assert second.stderr
        assert any("is under way: waiting for it" in line for line in second.stderr)
        began = time.monotonic()
        second.send_signal(number)
        second.communicate(timeout=15)
        assert (second.returncode, time.monotonic() - began < 3) == (130, True)
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=15)


def test_lock_that_was_dropped_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    """Two that hold locks of the same name on different files would build into one folder."""
    target = tmp_path / "entry"
    with cache.tried(target) as free:
        assert free
        with cache.tried(target) as again:
            assert not again
    assert not (tmp_path / "entry.lock").exists(), "it goes with what it guards"
    target.mkdir()
    order: list[str] = []

    def wait_for_it() -> None:
        with cache.locked(target), cache.tried(target) as again:
            order.append(f"held, free to others: {again}")

    with cache.tried(target):
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        threading.Event().wait(0.5)
        target.rmdir()
    thread.join(5)
    assert order == ["held, free to others: False"]


def test_two_builds_at_once_build_once(checkout: Checkout, slow: Path) -> None:
    """Two checkouts share a cache: the second waits for the first, says so, and takes its work."""
    children = [checkout.start(ENSURE) for _ in range(2)]
    told = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert slow.read_text().split() == ["build"]
    assert sum("is under way: waiting for it" in err for _, err in told) == 1
    assert said(checkout) == "tiny plain"


def test_stamps_say_the_version(checkout: Checkout) -> None:
    """Nodes of an unstamped Kubernetes call themselves v0.0.0."""
    checkout.write(
        f"{SUPPLY}/toolchain.toml",
        TOML.replace("minutes", 'version = "v1.34.4"\nstamps = ["main"]\nminutes'),
    )
    text = MAIN.replace('word = "plain"', 'gitVersion, gitMajor, gitMinor = "", "", ""')
    checkout.write(f"{SUPPLY}/modules/tiny/main.go", text.replace("word)", "gitVersion, gitMajor, gitMinor)"))
    ensure(checkout)
    assert said(checkout) == "tiny v1.34.4 1 34"


def test_links_that_module_archives_leave_out_are_restored(checkout: Checkout, tmp_path: Path) -> None:
    """Upstream compiles a link to another system's file; its archive hasn't got the link."""
    publish(tmp_path / "proxy", "cx.test/dep", {
        "dep.go": "package dep\nfunc Said() string { return word }\n",
        "word_darwin.go": 'package dep\nconst word = "linked"\n',
        "note.txt": "kept beside the programs",
    })  # fmt: skip
    checkout.env |= {"GOPROXY": (tmp_path / "proxy").as_uri(), "GONOSUMDB": "*", "GONOSUMCHECK": "1"}
    checkout.env |= {"GOMODCACHE": str(tmp_path / "mod"), "GOFLAGS": "-mod=mod"}
    here = checkout.root / SUPPLY / "modules" / "tiny"
    checkout.write(
        f"{SUPPLY}/modules/tiny/main.go",
        'package main\nimport "cx.test/dep"\nfunc main() { println(dep.Said()) }\n',
    )
    env = os.environ | checkout.env
    process.run(["go", "mod", "edit", "-require=cx.test/dep@v1.0.0"], timeout=30, cwd=here, env=env)
    process.run(["go", "mod", "download", "cx.test/dep"], timeout=30, cwd=here, env=env)
    assert "undefined: word" in checkout.run(ENSURE, expect=(1,)).stderr
    links = '{ module = "cx.test/dep", links = { "word_linux.go" = "word_darwin.go" } }'
    manifests = '{ module = "cx.test/dep", folder = "." }'
    more = f"restore_links = {links}\nmanifests = {manifests}\nminutes"
    checkout.write(f"{SUPPLY}/toolchain.toml", TOML.replace("minutes", more))
    assert ensure(checkout) == ["tiny"]
    path = Path(checkout.answer("toolchain", "str(toolchain.program('tiny'))"))
    assert process.run([str(path)], timeout=10).stderr.strip() == "linked"
    assert (path.parents[1] / "manifests" / "note.txt").read_text() == "kept beside the programs"
    assert not (path.parents[1] / "patched").exists()


def publish(proxy: Path, module: str, files: dict[str, str]) -> None:
    """Version v1.0.0 of ``module`` in a folder that Go reads as a module proxy."""
    folder = proxy / module / "@v"
    folder.mkdir(parents=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        for name, text in {"go.mod": f"module {module}\n\ngo 1.25.0\n", **files}.items():
            content.writestr(f"{module}@v1.0.0/{name}", text)
    (folder / "v1.0.0.zip").write_bytes(archive.getvalue())
    (folder / "v1.0.0.mod").write_text(f"module {module}\n\ngo 1.25.0\n")
    (folder / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (folder / "list").write_text("v1.0.0\n")
