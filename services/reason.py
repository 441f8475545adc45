"""How the services say why not: an HTTP answer with a reason that a person can act on."""

from __future__ import annotations

from fastapi import HTTPException


def unprocessable(reason: str) -> HTTPException:
    """422: the request is understood, and can't be done as it is."""
    return HTTPException(422, reason)


def missing(reason: str) -> HTTPException:
    """404: what was asked about isn't there."""
    return HTTPException(404, reason)


def unavailable(reason: str) -> HTTPException:
    """503: a thing that this service stands on doesn't answer, or there is no room; try again later."""
    return HTTPException(503, reason)
