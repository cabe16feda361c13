"""A pair in bar mode: what it charges takers, which bar it is in, and how far that bar has come."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from src.backtest.exchange.kinds import PositionSide
from src.backtest.exchange.views import UserId
from src.core.domain.market import Bar, Side, Ticks
from src.core.domain.time import BAR_15M, Millis


class BarTerms(NamedTuple):
    """What a candle does not say and bar mode therefore states."""

    period: int = BAR_15M  # of the bars, milliseconds
    slippage_ppm: int = 500  # lost against the reference price by every order that takes liquidity
    spread_ppm: int = 100  # shown in the book; nobody trades at it


class Phase(IntEnum):
    """What happens to a bar, in this order."""

    OPEN = 0  # waiting market orders fill at the open, and those that come from now on
    JUDGE = 1  # stops, then forced closes, are held against the whole bar
    PUBLISH = 2  # its open, extremes and close are printed as trades
    FILL = 3  # resting limit orders that were traded through fill
    JUDGE_FRESH = 4  # stops of the positions just opened are held against the bar
    CLOSE = 5  # the bar is over


@dataclass(slots=True)
class BarPlay:
    """The state of one pair in bar mode."""

    terms: BarTerms
    bar: Bar | None = None  # in play; None between two bars
    phase: Phase = Phase.CLOSE  # the last one done
    closed_at: Millis | None = None  # of the last bar that is over
    taking: int | None = None  # the price, before slippage, at which takers trade now; None: they wait for the open
    lowest: int | None = None  # printed in this bar; before that, the last price
    highest: int | None = None
    judged_id: int = 0  # orders from this id on came after the bar was printed
    fresh: dict[tuple[UserId, PositionSide], None] = field(default_factory=dict)  # positions opened inside the bar

    def reached(self, side: Side, price: int) -> bool:
        """Return whether an order of `side` at `price` could have traded with what was printed in this bar."""
        if self.lowest is None or self.highest is None:
            return False
        return self.lowest <= price if side is Side.BUY else self.highest >= price


class BarPlayView(NamedTuple):
    """How far a pair in bar mode has come."""

    terms: BarTerms
    bar: Bar | None  # in play
    phase: Phase  # the last one done
    closed_at: Millis | None  # of the last bar that is over
    last: Ticks | None  # price of the last trade
