"""Known secrets are planted wherever a site has some, and told in every way that a run can tell things."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from xml.sax import saxutils as xml

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cxlib.clients.process import Completed
from tests.harness.checkout import Project, make

FEATURE = """
Feature: Told

  @nightly
  Scenario: Everything is told
    Given a step that tells all it knows
"""
# Every way out: screen, log, summary, progress, error, diagnostics, a child's own log, a verdict, evidence.
STEPS = """
import base64, json, logging, pathlib, sys
from datetime import UTC, datetime, timedelta
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pytest_bdd import given
from cxlib import progress
from cxlib.clients import process
from cxlib.errors import StageFailed
from cxlib.evidence import envelope
from cxlib.evidence.statement import Statement, Subject
from cxlib.harness import diagnostics, redact, summary
from cxlib.settings import load_site, state_root

PLANTED = json.loads((state_root() / "planted.json").read_text())
redact.add(PLANTED["minio"])  # as the platform's fixture does with what it reads from the cluster

def pods(folder):
    coded = {name: base64.b64encode(value.encode()).decode() for name, value in PLANTED.items()}
    (folder / "secrets.yaml").write_text(json.dumps({"data": coded, "plain": PLANTED}))

diagnostics.register("pods", pods)

@given("a step that tells all it knows")
def _(run_folder):
    for name, value in PLANTED.items():
        print("printed", value)
        print("to stderr", value, file=sys.stderr)
        logging.warning("logged %s", value)
        progress.note(f"noted {value}")
        progress.state("waiting", value)
        summary.record(f"{name} is", value)
    (run_folder / "load").mkdir()
    (run_folder / "load" / "locust.log").write_text("\\n".join(PLANTED.values()))
    (run_folder / "load" / "samples.parquet").write_bytes(b"PAR1\\xff" + PLANTED["minio"].encode())
    told = {"text": PLANTED["env"], "verdict": "FAIL", "reason": PLANTED["token"], "limit": 1.0}
    gate = {"gate": "g", "verdict": "FAIL", "reason": PLANTED["minio"], "criteria": [{**told, "unit": "ms"}]}
    gate |= {"checks": [], "warm_up": {}}
    (run_folder / "load" / "verdict.json").write_text(json.dumps(gate))
    key = PLANTED["key"].encode()
    now = datetime.now(UTC)
    about = Subject("sha256:" + "0" * 64, "1")
    proven = Statement("g", "0" * 64, "staging", "local:1", about, "PASS", "",
                       ({"text": "x", "verdict": "PASS"},), "", "", now, now, now + timedelta(hours=1))
    (run_folder / "load" / "evidence.json").write_bytes(envelope.sign(proven, key))
    public = load_pem_private_key(key, None).public_key()
    public = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (run_folder / "load" / "public.pem").write_bytes(public)
    process.run(["sh", "-c", 'echo "$CX_PLANTED_TOKEN"; exit 3'], timeout=10, log=run_folder / "child.log",
                expect=None)
    raise StageFailed("told", wanted="silence", seen=" ".join(PLANTED.values()))
"""


def new_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def planted() -> dict[str, str]:
    """What is secret on a site, as a site has it."""
    return {
        "minio": "mI<n>1o&pAss\"w'ord/+=",
        "token": "k8stoken0123456789abcdef",
        "client key": new_key(),
        "key": new_key(),
        "env": "an environment's secret ä",
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, planted: dict[str, str]) -> Project:
    """A checkout whose site holds them."""
    made = make(tmp_path_factory.mktemp("planted"))
    state = made.root / "state" / "local"
    (state / "evidence").mkdir(parents=True)
    (state / "evidence" / "key.pem").write_text(planted["key"])
    key_data = base64.b64encode(planted["client key"].encode()).decode()
    user = {"name": "u", "user": {"token": planted["token"], "client-key-data": key_data}}
    (state / "kubeconfig").write_text(yaml.safe_dump({"users": [user]}))
    (made.root / "state" / "planted.json").write_text(json.dumps(planted))
    made.write("features/90_nightly.feature", FEATURE)
    made.write("steps/told.py", STEPS)
    made.env = {
        "CX_PLANTED_TOKEN": planted["env"],
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(made.root / "summary.md"),
    }
    return made


@pytest.fixture(scope="module")
def ran(project: Project) -> Completed:
    """A nightly run on GitHub that tells all it knows."""
    return project.run("features/", "-m", "nightly", "--junitxml=own.xml", "--showlocals", "-rA")


def forms(value: str) -> set[bytes]:
    """How ``value`` may be written: plain, or as JSON, HTML and base64 have it; a key also line by line."""
    lines = [line for line in value.splitlines() if len(line) > 30 and "-----" not in line]
    plain = {value, value.strip(), *lines}
    coded = {base64.b64encode(one.encode()).decode() for one in plain}
    python, of_json = ({way(one)[1:-1] for one in plain} for way in (repr, json.dumps))
    marked = {way(one) for one in plain for way in (html.escape, xml.escape)}
    return {form.encode() for form in (*plain, *coded, *python, *of_json, *marked)}


def exposed(raw: bytes, planted: dict[str, str]) -> list[str]:
    return [name for name, value in planted.items() if any(form in raw for form in forms(value))]


def test_run_failed_where_it_was_meant_to(ran: Completed) -> None:
    """The tests below prove nothing unless the step came to its end."""
    assert ran.code == 1, ran.stdout
    assert "told: wanted silence, saw" in ran.stdout
    assert "printed [redacted]" in ran.stdout


def test_screen_shows_none(ran: Completed, planted: dict[str, str]) -> None:
    """Neither what the step printed and logged, nor progress, error, locals or summary: CI keeps it."""
    assert exposed((ran.stdout + ran.stderr).encode(), planted) == []


def test_no_file_of_the_run_holds_one(project: Project, ran: Completed, planted: dict[str, str]) -> None:
    """Report, JUnit, record, diagnostics, tracebacks, and what child processes wrote there by themselves."""
    folder = project.latest.resolve()
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert {name: found for name, raw in files.items() if (found := exposed(raw, planted))} == {}
    for expected in (
        "report.html", "junit.xml", "record.json", "nightly.json", "child.log", "load/locust.log",
        "load/samples.parquet", "load/verdict.json",
        "diagnostics/90_nightly_everything_is_told/pods/secrets.yaml",
    ):  # fmt: skip
        assert expected in files
    assert any(name.startswith("tracebacks/") for name in files)


def test_job_summary_holds_none(project: Project, ran: Completed, planted: dict[str, str]) -> None:
    """Everyone who may see a repository may read it."""
    text = (project.root / "summary.md").read_bytes()
    assert b"NOT GREEN" in text
    assert exposed(text, planted) == []


def test_annotation_holds_none(ran: Completed, planted: dict[str, str]) -> None:
    """It is shown beside the code."""
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("::error ")]
    assert "[redacted]" in line
    assert exposed(line.encode(), planted) == []


def test_history_of_nights_holds_none(project: Project, ran: Completed, planted: dict[str, str]) -> None:
    """It outlives the run, in the site's state."""
    text = (project.root / "state/local/nightly/history.jsonl").read_bytes()
    assert b"Everything is told" in text
    assert exposed(text, planted) == []


def test_evidence_holds_none_and_is_left_whole(
    project: Project, ran: Completed, planted: dict[str, str]
) -> None:
    """The key that signs it isn't in it, nor in its payload; and hiding secrets breaks no signature."""
    from cxlib.evidence import envelope

    raw = (project.latest / "load" / "evidence.json").read_bytes()
    assert exposed(raw + base64.b64decode(json.loads(raw)["payload"]), planted) == []
    public = (project.latest / "load" / "public.pem").read_bytes()
    assert envelope.verify(raw, public).verdict == "PASS"


def test_own_junit_file_holds_none(project: Project, ran: Completed, planted: dict[str, str]) -> None:
    """`--junitxml` is pytest's, and CI uploads it."""
    assert exposed((Path(project.root) / "own.xml").read_bytes(), planted) == []
