"""What the cluster believes: one key, one fingerprint, and each environment's gates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from cxlib import settings
from cxlib.clients.kube import Kube
from cxlib.errors import ConfigError, StageFailed
from cxlib.parallel import run_all
from cxlib.settings import Site
from cxlib.stage import identity, trust

GATES = {"staging": "1" * 64, "model": "2" * 64}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with a key of its own."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    return settings.load_site("local")


@pytest.fixture(autouse=True)
def clean(kube: Kube, workflows_api: None) -> Iterator[None]:
    """Every test begins without trust."""
    yield
    kube.delete("ConfigMap", trust.NAME, trust.NAMESPACE)


def test_the_fingerprint_is_the_clusters(kube: Kube, site: Site) -> None:
    """The same cluster has the same one each time; it is short enough for a person to type."""
    found = identity.fingerprint(site, kube)
    assert found == identity.fingerprint(site, kube)
    name, _, digits = found.partition(":")
    assert (name, len(digits)) == ("local", 8)
    int(digits, 16)


def test_what_is_published_is_read_again(kube: Kube, site: Site) -> None:
    """Pods read the same ConfigMap by the same names of its keys."""
    assert trust.publish_trust(kube, site)
    found = trust.read(kube)
    assert found.public_key == identity.public_key(site)
    assert found.site == identity.fingerprint(site, kube)
    assert found.gates("staging") == {}
    data = (kube.get("ConfigMap", "cx-trust", "argo") or {})["data"]
    assert set(data) == {"public-key.pem", "site", "policy.json"}
    assert "PRIVATE" not in json.dumps(data)


def test_publishing_again_changes_nothing(kube: Kube, site: Site) -> None:
    """It is done at each run, and a second run has to say that nothing changed."""
    trust.publish_trust(kube, site)
    trust.require(kube, "staging", GATES)
    assert not trust.publish_trust(kube, site)
    assert not trust.require(kube, "staging", GATES)
    assert trust.read(kube).gates("staging") == GATES


def test_a_new_key_keeps_the_policy(kube: Kube, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A harness on another machine signs with its own key; that is told, as old evidence counts no more."""
    trust.publish_trust(kube, site)
    trust.require(kube, "staging", GATES)
    identity.key_file(site).unlink()
    assert trust.publish_trust(kube, site)
    found = trust.read(kube)
    assert (found.public_key, found.gates("staging")) == (identity.public_key(site), GATES)
    assert "trusted another key" in "".join(capsys.readouterr())


def test_a_gate_that_is_asked_for_no_more_goes(kube: Kube, site: Site) -> None:
    """Else a renamed gate would block every promotion for good."""
    trust.publish_trust(kube, site)
    trust.require(kube, "staging", GATES)
    trust.require(kube, "canary", {"soak": "3" * 64})
    trust.require(kube, "staging", {"staging": "9" * 64})
    found = trust.read(kube)
    assert found.gates("staging") == {"staging": "9" * 64}
    assert found.gates("canary") == {"soak": "3" * 64}


def test_what_was_asked_for_before_is_kept_with_its_time(kube: Kube, site: Site) -> None:
    """A rollback to what was proven then must not be refused for a gate that came later."""
    trust.publish_trust(kube, site)
    trust.require(kube, "staging", {"staging": "1" * 64})
    between = datetime.now(UTC)
    trust.require(kube, "staging", GATES)
    policy = trust.read(kube).policy
    assert policy.at("staging", between).gates == {"staging": "1" * 64}
    assert policy.at("staging", datetime.now(UTC)).gates == GATES


@pytest.mark.parametrize(("environment", "gates"), [("staging", {}), ("moon", GATES)])
def test_a_policy_that_lets_everything_pass_is_refused(
    kube: Kube, site: Site, environment: str, gates: dict[str, str]
) -> None:
    """No gate at all, or gates of an environment that nobody ever asks about."""
    trust.publish_trust(kube, site)
    with pytest.raises(ConfigError):
        trust.require(kube, environment, gates)
    assert trust.read(kube).policy.asked == {}


def test_runs_at_once_lose_nothing(kube: Kube, site: Site) -> None:
    """Each writes its own environment with the version that it had read; nobody's words are overwritten.

    Six writers that never rest: whoever is refused has to come through in the end.
    """
    trust.publish_trust(kube, site)

    def write(environment: str, writer: int) -> None:
        for number in range(6):
            trust.require(kube, environment, {"gate": f"{writer}{number:063d}"})
        trust.require(kube, environment, {"gate": f"{9:064d}"})

    run_all([partial(write, environment, n) for n in range(3) for environment in ("staging", "canary")])
    last = {"gate": f"{9:064d}"}
    found = trust.read(kube)
    assert (found.gates("staging"), found.gates("canary")) == (last, last)


def test_without_trust_nothing_is_believed(kube: Kube) -> None:
    """And the message names what is missing, rather than a key of a dictionary."""
    with pytest.raises(StageFailed, match="cx-trust: wanted the site's public key and policy, saw no such"):
        trust.read(kube)


@pytest.mark.parametrize("policy", ["{", "[]", '{"staging": {}}', '{"staging": 7}'])
def test_a_spoilt_policy_is_told(kube: Kube, site: Site, policy: str) -> None:
    """Somebody edited it by hand: nothing is believed until it is right again."""
    trust.publish_trust(kube, site)
    kube.patch("ConfigMap", trust.NAME, trust.NAMESPACE, {"data": {"policy.json": policy}})
    with pytest.raises(StageFailed, match="saw something else"):
        trust.read(kube)
