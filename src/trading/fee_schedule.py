"""bitbank's fees for BTC/JPY as dated facts.

The newest entry is what holds today; live trading reads the exchange's own rates at start and compares
them with it. Margin orders open and close at the same rates as spot orders.
"""

from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core.domain.time import JST, Millis, to_millis

Ints = NDArray[np.int64]


class Fees(NamedTuple):
    """Rates in parts per million of the notional; a negative one is a rebate."""

    maker_ppm: int
    taker_ppm: int


class DatedFees(NamedTuple):
    """Rates that hold from an instant on, until the next entry's."""

    starts_at: Millis
    fees: Fees
    source: str


FEE_SCHEDULE: Final = (
    DatedFees(
        Millis(0),
        Fees(-200, 1_200),
        "bitbank's fee page until 2026-02-01: maker -0.02 %, taker 0.12 %; other pairs still pay this",
    ),
    DatedFees(
        to_millis(datetime(2026, 2, 2, tzinfo=JST)),
        Fees(0, 1_000),
        "GET /spot/pairs of 2026-09-23, btc_jpy: maker_fee_rate_quote 0, taker_fee_rate_quote 0.001, margin the same",
    ),
)
"""In order of time; the first entry covers everything before the second."""


def fees_at(at: Millis) -> Fees:
    """Return the rates that hold at `at`."""
    found = FEE_SCHEDULE[0].fees
    for entry in FEE_SCHEDULE[1:]:
        if at >= entry.starts_at:
            found = entry.fees
    return found


def todays_fees() -> Fees:
    """Return the newest rates."""
    return FEE_SCHEDULE[-1].fees


def fee_columns(closed_at: Ints) -> tuple[Ints, Ints]:
    """Return the maker and the taker rate of each bar, ppm: those that held while it traded.

    Parameters
    ----------
    closed_at
        When each bar closed, ms UTC, in any order. The bar that closes at the instant of a change was
        traded before it.

    Returns
    -------
    tuple of arrays
        int64, of the shape of `closed_at`.
    """
    maker = np.full(closed_at.shape, FEE_SCHEDULE[0].fees.maker_ppm, np.int64)
    taker = np.full(closed_at.shape, FEE_SCHEDULE[0].fees.taker_ppm, np.int64)
    for entry in FEE_SCHEDULE[1:]:
        since = closed_at > entry.starts_at
        maker[since] = entry.fees.maker_ppm
        taker[since] = entry.fees.taker_ppm
    return maker, taker
