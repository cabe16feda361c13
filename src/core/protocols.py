"""The ports: what the shell promises to the core, and nothing about how it is done."""

from typing import Protocol

from src.core.domain.account import Account, Prediction
from src.core.domain.market import Bar
from src.core.domain.time import Millis
from src.features.row import Row


class Clock(Protocol):
    """The only source of "now"."""

    def now(self) -> Millis:
        """Return the present time."""
        ...

    async def sleep_until(self, at: Millis) -> None:
        """Return at `at` or later; at once if it has passed."""
        ...


class BarSource(Protocol):
    """A market's closed bars, in order, each exactly once."""

    async def next_bar(self) -> Bar:
        """Wait for the next closed bar.

        Raises
        ------
        SkipBar
            The bar exists but cannot be trusted; the caller goes on with the one after it.
        """
        ...


class Predictor(Protocol):
    """A model that judges proposed trades. Absence and doubt are answers, not errors."""

    def predict(self, row: Row) -> Prediction:
        """Return the judgement of the side proposed on `row`."""
        ...


class AccountSource(Protocol):
    """Reads the account as the exchange has it."""

    async def snapshot(self) -> Account:
        """Return the account now; `known` is False where any part could not be read."""
        ...
