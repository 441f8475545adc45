"""The object store's client against a real MinIO."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cxlib.clients.objectstore import ObjectStore
from cxlib.errors import Unreachable


def test_an_object_comes_back_as_it_was(store: ObjectStore) -> None:
    """Signed, stored and served again, byte for byte."""
    content = bytes(range(256)) * 300
    store.put("test", "a/b", content)
    assert store.get("test", "a/b") == content


def test_a_removed_object_is_gone(store: ObjectStore) -> None:
    """Checks clean up behind themselves, and what is gone is an error of ours."""
    store.put("test", "gone", b"1")
    store.remove("test", "gone")
    with pytest.raises(Unreachable, match="get test/gone"):
        store.get("test", "gone")


def test_a_wrong_password_is_refused(store: ObjectStore) -> None:
    """A store that let everybody in would pass for one that works."""
    with pytest.raises(Unreachable, match="list buckets"):
        ObjectStore(store._endpoint, "cx-test", "wrong-password").buckets()


def test_buckets_are_listed(store: ObjectStore) -> None:
    """The platform's scenario asks for them by name."""
    assert store.buckets() == ["test"]


def test_newest_object_below_a_prefix_is_the_last_written(store: ObjectStore) -> None:
    """A backup's age is that of the newest; names say nothing, as others may lie beside it."""
    for name in ("dumps/b", "dumps/a", "other/z"):
        store.put("test", name, b"123")
    newest = store.newest("test", "dumps/")
    assert newest is not None
    assert (newest.name, newest.bytes) == ("dumps/a", 3)
    assert abs((datetime.now(UTC) - newest.modified).total_seconds()) < 60
    assert store.newest("test", "nothing/") is None
    assert store.newest("no-such-bucket", "dumps/") is None
