"""How long to fuzz, and from which seed: FUZZ_SECONDS for all targets together, FUZZ_SEED to repeat a run."""

import os
import random
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

SECONDS_VARIABLE: Final = "FUZZ_SECONDS"
SEED_VARIABLE: Final = "FUZZ_SEED"
DEFAULT_SECONDS: Final = 60.0
SHARES: Final = {
    "signed requests": 0.20,
    "raw requests": 0.14,
    "manifests of models": 0.02,
    "nodes of a forest": 0.01,
    "control": 0.08,
    "polls": 0.06,
    "frames": 0.03,
    "fault plans": 0.06,
    "saved states": 0.08,
    "candle tables": 0.07,
    "candle bytes": 0.04,
    "exchange files": 0.05,
    "settings": 0.05,
    "exchange replies": 0.06,
    "envelopes": 0.02,
    "streams": 0.03,
}
"""Of the time, by target."""

Dice = random.Random


def fuzz(target: str, make: Callable[[Dice], Any], check: Callable[[Any], None]) -> int:
    """Make input after input and check each, until the target's share of the time is over; return how many.

    Raises
    ------
    AssertionError
        Or whatever `check` raised; with the input, and the seed that makes it first.
    """
    ends = time.monotonic() + float(os.environ.get(SECONDS_VARIABLE, DEFAULT_SECONDS)) * SHARES[target]
    first = number = int(os.environ.get(SEED_VARIABLE) or secrets.randbelow(10**9))
    while number == first or time.monotonic() < ends:
        value = make(Dice(number))
        try:
            check(value)
        except BaseException as e:
            e.add_note(f"the input was {repr(value)[:3_000]}\nagain: {SEED_VARIABLE}={number}")
            raise
        number += 1
    return number - first
