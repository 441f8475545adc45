"""The scales of drawings: data to 0..1, and where their grid lines lie."""

from __future__ import annotations

import math
from collections.abc import Callable

Scale = Callable[[float], float]
Tick = tuple[float, str]


def linear(low: float, high: float) -> Scale:
    """low..high to 0..1."""
    span = (high - low) or 1.0
    return lambda v: (v - low) / span


def logarithmic(low: float, high: float) -> Scale:
    """low..high, both above 0, to 0..1, each factor of ten as long as the other."""
    span = math.log10(high / low) or 1.0
    return lambda v: math.log10(max(v, low) / low) / span


def nines(most: float) -> Scale:
    """Quantiles to 0..1 so that each further nine is as long as the one before; ``most`` nines in all."""
    return lambda q: -math.log10(max(1 - q, 10**-most)) / most


def log_ticks(low: float, high: float) -> list[Tick]:
    """1, 2, 5 of each power of ten from ``low`` to ``high``; only the powers when that is many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < 3.2 else (1,)
    values = [s * 10.0**p for p in powers for s in steps]
    return [(v, _label(v)) for v in values if low * 0.999 <= v <= high * 1.001]


def round_ticks(low: float, high: float, about: int) -> list[Tick]:
    """At most some ``about`` round numbers from ``low`` to ``high``."""
    raw = (high - low or 1.0) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [(i * step, _label(i * step)) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _label(value: float) -> str:
    """Short enough for the margin of a phone: 50,000 is 50k."""
    return f"{value / 1000:,g}k" if abs(value) >= 10_000 else f"{value:,g}"


def nine_ticks(most: int) -> list[Tick]:
    """0 %, 90 %, 99 % and so on, ``most`` nines in all."""
    return [(1 - 10.0**-i, f"{100 * (1 - 10.0**-i):.6g} %") for i in range(most + 1)]
