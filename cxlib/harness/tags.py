"""The tags that a scenario may bear, and which runs they let it into."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from cxlib.settings import ENVIRONMENTS

OPT_IN = ("nightly", "selftest", "hostile", "teardown")
TAGS = {
    "staging": "belongs to runs for staging and beyond",
    "canary": "belongs to runs for canary and beyond",
    "production": "belongs to runs for production",
    "nightly": "only reads what runs; selected by -m nightly",
    "selftest": "puts the load gate itself to the test; selected by -m selftest",
    "hostile": "breaks parts of a site while production changes; selected by -m hostile",
    "teardown": "takes the site down; selected by -m teardown",
}


def kind(tags: AbstractSet[str]) -> frozenset[str]:
    """Which of ``OPT_IN`` a scenario bears: empty for those that belong to a run without ``-m``."""
    return frozenset(tags) & frozenset(OPT_IN)


def belongs(tags: AbstractSet[str], environment: str, markexpr: str) -> bool:
    """Whether a scenario with ``tags`` belongs to a run for ``environment``, asked with ``-m markexpr``.

    Without a tag it belongs to every run; an environment's tag lets it into that one's runs and those
    after it; those of ``OPT_IN`` only when ``-m`` names them.
    """
    asked = set(re.findall(r"\w+", markexpr))
    if any(tag in tags and tag not in asked for tag in OPT_IN):
        return False
    reach = ENVIRONMENTS.index(environment)
    wanted = [ENVIRONMENTS.index(tag) for tag in tags if tag in ENVIRONMENTS]
    return not wanted or min(wanted) <= reach
