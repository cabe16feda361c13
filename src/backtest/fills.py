"""When and at what price a bar fills an order: the one bar-mode truth of backtest, paper and labels.

The rules, each on the side of doubt:

- A decision at a bar's close acts from the next bar on. A market order fills at that bar's open.
- A limit order fills only when the price trades *through* it, and never better than its own price.
- An order that takes liquidity pays slippage; slippage goes into the fill price before stop and target
  are derived from it.
- In a bar that can reach both, the stop comes before the target. A stop that the open has already passed
  fills at the open.
- In the entry bar the stop is tested; the target only if the entry was at the open, for otherwise the
  target's price may have been seen before the entry.
- A target is watched and closed with a taker order: it needs a trade through it, fills no better than
  its price, and pays slippage like every taker.
"""

from typing import NamedTuple

from src.core.domain.market import Bar, Side, Ticks
from src.core.domain.orders import ExitReason
from src.trading.ledger import worse

NO_PRICE = Ticks(0)


class Exit(NamedTuple):
    """How a bar closed a position; reason NONE if it did not."""

    reason: ExitReason
    reference: Ticks  # before slippage
    fill: Ticks
    at_open: bool


NO_EXIT = Exit(ExitReason.NONE, NO_PRICE, NO_PRICE, False)


def limit_is_filled(side: Side, limit: Ticks, bar: Bar) -> bool:
    """Return whether the bar traded through a resting limit order, that is, strictly beyond its price."""
    if side == Side.BUY:
        return bar.low < limit
    return bar.high > limit


def exit_in_bar(
    side: Side, stop: Ticks, moved: bool, target: Ticks, target_counts: bool, bar: Bar, slippage_ppm: int
) -> Exit:
    """Return how `bar` closes a position on `side` that was open before it or at its open.

    Parameters
    ----------
    side
        Of the position: BUY is a long.
    stop
        Trigger price of the resting stop; 0 for none.
    moved
        Whether the stop has been trailed since it was first placed; only names the exit.
    target
        Price of the watched target; 0 for none.
    target_counts
        False in the bar of an entry that was not at the open.
    """
    closing = Side.SELL if side == Side.BUY else Side.BUY
    if stop != NO_PRICE:
        reason = ExitReason.TRAIL if moved else ExitReason.STOP
        if (bar.open - stop) * side <= 0:
            return Exit(reason, bar.open, worse(bar.open, closing, slippage_ppm), True)
        extreme = bar.low if side == Side.BUY else bar.high
        if (extreme - stop) * side <= 0:
            return Exit(reason, stop, worse(stop, closing, slippage_ppm), False)
    if target != NO_PRICE and target_counts:
        extreme = bar.high if side == Side.BUY else bar.low
        if (extreme - target) * side > 0:
            return Exit(ExitReason.TARGET, target, worse(target, closing, slippage_ppm), False)
    return NO_EXIT
