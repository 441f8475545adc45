"""The key that signs: made once, whole, and for nobody else to read."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from cxlib import settings
from cxlib.errors import ConfigError
from cxlib.evidence import envelope
from cxlib.settings import Site
from cxlib.stage import identity
from tests.evidence import made


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The local site's description with a state folder of the test's own."""
    monkeypatch.setenv("CX_STATE", str(tmp_path))
    return settings.load_site("local")


def test_the_key_is_made_once(site: Site) -> None:
    """Another key at each run would make all earlier evidence worthless."""
    first = identity.private_key(site)
    assert identity.private_key(site) == first
    assert [p.name for p in identity.key_file(site).parent.iterdir()] == ["key.pem"]


def test_nobody_else_may_read_it(site: Site) -> None:
    """Whoever has the key can let anything into production. The caller's umask has no say in it."""
    before = os.umask(0)
    try:
        identity.private_key(site)
    finally:
        os.umask(before)
    path = identity.key_file(site)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_both_halves_belong_together(site: Site) -> None:
    """What the one signs the other verifies."""
    raw = envelope.sign(made.statement(), identity.private_key(site))
    assert envelope.verify(raw, identity.public_key(site)) == made.statement()


def test_of_runs_at_once_one_makes_the_key(site: Site) -> None:
    """Two harnesses may start together on a fresh machine; both must then sign with the same key."""
    found: list[bytes] = []
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait()
        found.append(identity.private_key(site))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(list(identity.key_file(site).parent.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_use_is_refused(site: Site, mode: int) -> None:
    """It may have been copied already: a person has to decide, and is told how."""
    identity.private_key(site)
    identity.key_file(site).chmod(mode)
    with pytest.raises(ConfigError, match=rf"others may use it: its mode is {mode:04o}.*chmod 600"):
        identity.private_key(site)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_is_refused(site: Site) -> None:
    """Who owns it can put another one in its place."""
    identity.private_key(site)
    os.chown(identity.key_file(site), 12345, -1)
    with pytest.raises(ConfigError, match="it belongs to user 12345"):
        identity.private_key(site)


def test_a_link_is_refused(site: Site, tmp_path: Path) -> None:
    """Where it points may change; also one that points nowhere is no reason to make a key there."""
    identity.private_key(site)
    path = identity.key_file(site)
    path.rename(tmp_path / "elsewhere")
    for target in (tmp_path / "elsewhere", tmp_path / "nowhere"):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with pytest.raises(ConfigError, match="it cannot be read: "):
            identity.private_key(site)


def test_a_folder_in_its_place_is_refused(site: Site) -> None:
    """A mount that went wrong looks like this."""
    identity.key_file(site).mkdir(parents=True)
    with pytest.raises(ConfigError, match="it is no ordinary file"):
        identity.private_key(site)


@pytest.mark.parametrize("text", [b"", b"s3cret junk", made.keys().public])
def test_a_file_that_is_no_key_is_told(site: Site, text: bytes) -> None:
    """Said with the file's name and never with what is in it."""
    identity.private_key(site)
    identity.key_file(site).write_bytes(text)
    with pytest.raises(ConfigError, match="no ed25519 key") as caught:
        identity.public_key(site)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
