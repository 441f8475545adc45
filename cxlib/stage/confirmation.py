"""Which cluster a person means: named by its fingerprint, and compared before anything is touched."""

from __future__ import annotations

from cxlib.errors import ConfigError, CxError
from cxlib.settings import Site


def require(site: Site, environment: str, given: str | None) -> None:
    """``given`` (``--confirm``) is the site's own fingerprint; needed for production of a protected site.

    Whatever was given is compared, also where none is needed. Raises ``ConfigError`` before any write.
    """
    needed = site.protected and environment == "production"
    if not given:
        if needed:
            raise ConfigError(
                "--confirm",
                f"{site.name} is protected and production may be written to",
                "Name its cluster: --confirm=<fingerprint>, which `cx status` shows",
            )
        return
    seen = _fingerprint(site)
    if seen != given:
        raise ConfigError(
            "--confirm",
            f"'{given}' was named, the cluster of {site.name} is {seen}",
            "See that it's the right one",
        )


def _fingerprint(site: Site) -> str:
    from cxlib.stage import identity, platform

    try:
        return identity.fingerprint(site, platform.connect(site))
    except CxError as exc:
        raise ConfigError(
            "--confirm", f"there is no cluster to compare with: {exc}", "Bring it up first, without --confirm"
        ) from exc
