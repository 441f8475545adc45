"""One pair of keys that is trusted, and one that isn't."""

from __future__ import annotations

import pytest

from tests.evidence import made


@pytest.fixture(scope="session")
def keys() -> made.Keys:
    """The site's."""
    return made.keys()


@pytest.fixture(scope="session")
def strangers() -> made.Keys:
    """Somebody else's."""
    return made.keys()
