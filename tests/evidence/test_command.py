"""`cx evidence verify`: what a file proves, without a cluster, and an exit code that a script can trust."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cxlib import cli
from cxlib.evidence import rules
from cxlib.evidence.statement import Statement
from cxlib.model.load import Load, LoadLevel
from cxlib.stage import gate
from tests.evidence import made
from tests.evidence.made import Keys, signed, statement

GATE_FILE = f"name: {made.GATE}\ncriteria:\n" + "".join(f"  - '{line}'\n" for line in made.LINES)


def now() -> datetime:
    return datetime.now(UTC)


def written(folder: Path, keys: Keys, one: Statement) -> list[str]:
    """The arguments that verify ``one`` by the key in a file."""
    (folder / "evidence.json").write_bytes(signed(keys, one)[0])
    (folder / "public.pem").write_bytes(keys.public)
    return ["evidence", "verify", str(folder / "evidence.json"), "--public-key", str(folder / "public.pem")]


def test_a_good_file_says_what_it_proves(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gate, environment, site, image, version, criteria: all that a reviewer wants to know."""
    assert cli.main(written(tmp_path, keys, statement(finished=now()))) == 0
    said = capsys.readouterr().out
    for part in (
        "This is proven",
        "staging in staging of local:6c1f09ab",
        made.DIGEST,
        "version 7",
        *made.LINES,
    ):
        assert part in said


def test_what_was_asked_for_must_hold(keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All options at once, each of which holds."""
    (tmp_path / "gate.yaml").write_text(GATE_FILE)
    (tmp_path / "samples").write_bytes(b"x")
    import hashlib

    one = statement(finished=now(), samples_sha256=hashlib.sha256(b"x").hexdigest())
    one = replace(one, run_sha256=one.samples_sha256)
    asked = [
        *("--digest", made.DIGEST),
        *("--env", "staging"),
        *("--fingerprint", made.SITE),
        *("--gate", str(tmp_path / "gate.yaml")),
        *("--samples", str(tmp_path / "samples")),
        *("--run", str(tmp_path / "samples")),
    ]
    assert cli.main([*written(tmp_path, keys, one), *asked]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (["--digest", made.OTHER], "it is about another image"),
        (["--env", "canary"], "it is of another environment: staging, asked for canary"),
        (["--fingerprint", "local:0"], "it is of another site"),
        (["--gate", "gate.yaml"], "the gate's text has changed since"),
        (["--samples", "gate.yaml"], "it is about other samples"),
        (["--run", "gate.yaml"], "it is about another run.json"),
    ],
)
def test_what_does_not_hold_is_refused(
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: list[str],
    reason: str,
) -> None:
    """A good signature under something else: exit 3, as for a FAIL."""
    (tmp_path / "gate.yaml").write_text(GATE_FILE.replace("30 ms", "31 ms"))
    monkeypatch.chdir(tmp_path)
    assert cli.main([*written(tmp_path, keys, statement(finished=now())), *asked]) == 3
    assert f"REFUSED: {reason}" in capsys.readouterr().out


@pytest.mark.parametrize(("seconds", "code"), [(30, 0), (5, 3)])
def test_the_load_of_a_gate_must_be_that_of_its_file(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: float, code: int
) -> None:
    """The same criteria under 5 s of load prove less than under 30 s."""
    measured = gate.text(made.LINES, Load("classify", (LoadLevel(1, seconds), LoadLevel(8, 30))))
    one = statement(finished=now(), gate_sha256=rules.gate_sha256(made.GATE, measured))
    asked = "load: {profile: classify, levels: [{users: 1, seconds: 30}, {users: 8, seconds: 30}]}\n"
    (tmp_path / "gate.yaml").write_text(GATE_FILE + asked)
    assert cli.main([*written(tmp_path, keys, one), "--gate", str(tmp_path / "gate.yaml")]) == code
    said = capsys.readouterr().out
    assert said.startswith("REFUSED: the gate's text has changed since" if code else "This is proven")


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (statement("FAIL", finished=now()), "the gate's verdict is FAIL: p95: 41 ms"),
        (statement(finished=now() - timedelta(days=2)), "it expired at"),
        (statement(finished=now() + timedelta(hours=1)), "it is not valid before"),
        (made.override(finished=now()), "the gate's verdict is OVERRIDE"),
    ],
    ids=["fail", "expired", "future", "override"],
)
def test_what_opens_nothing_by_itself_exits_3(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str], one: Statement, reason: str
) -> None:
    """Exit 0 is for a PASS that counts now, so that a script needs to read nothing."""
    assert cli.main(written(tmp_path, keys, one)) == 3
    assert f"REFUSED: {reason}" in capsys.readouterr().out


def test_a_tampered_file_is_refused(keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One byte: exit 3, the reason, no traceback and none of the forged content."""
    argv = written(tmp_path, keys, statement(finished=now()))
    path = tmp_path / "evidence.json"
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    assert cli.main(argv) == 3
    caught = capsys.readouterr()
    assert caught.out.startswith("REFUSED: ")
    assert "proven" not in caught.out + caught.err
    assert made.DIGEST not in caught.out


def test_machines_get_the_same(keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The statement as it was signed, whether it counts, and every reason."""
    argv = written(tmp_path, keys, statement("FAIL", finished=now()))
    assert cli.main([*argv, "--json", "--env", "canary"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] is False
    assert len(told["reasons"]) == 2
    assert told["statement"]["predicate"]["verdict"] == "FAIL"
    assert told["statement"]["predicate"]["gate"]["sha256"] == rules.gate_sha256(made.GATE, made.LINES)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("no-file", "it cannot be read: No such file"),
        ("no-key", "it cannot be read: No such file"),
        ("junk-key", "the public key is no key in PEM"),
        ("folder", "it cannot be read: Is a directory"),
        ("no-gate", "gate.yaml"),
    ],
)
def test_wrong_input_exits_2(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: str, said: str
) -> None:
    """A slip of the caller is something else than evidence that is refused."""
    argv = written(tmp_path, keys, statement(finished=now()))
    if spoil == "no-file":
        (tmp_path / "evidence.json").unlink()
    elif spoil == "no-key":
        (tmp_path / "public.pem").unlink()
    elif spoil == "junk-key":
        (tmp_path / "public.pem").write_text("s3cret")
    elif spoil == "folder":
        argv[2] = str(tmp_path)
    else:
        argv += ["--gate", str(tmp_path / "gate.yaml")]
    assert cli.main(argv) == 2
    caught = capsys.readouterr()
    assert said in caught.err
    assert "s3cret" not in caught.out + caught.err


def test_without_a_site_of_its_own_a_key_must_be_named(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking at evidence must not make a key: it would sign for a site that isn't there."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    argv = written(tmp_path, keys, statement(finished=now()))[:3]
    assert cli.main(argv) == 2
    assert "has no key on this machine" in capsys.readouterr().err
    assert not list((tmp_path / "state").rglob("*.pem"))
