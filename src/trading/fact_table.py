"""What this program takes for granted about the pair, and where the exchange now says otherwise.

Backtests, sizes and labels stand on dated facts: fees, interest, requirement and grids. Live trading compares them
with the exchange's own at start and once a day; a difference is told to a person.
"""

from typing import Final, NamedTuple

from src.core.domain.exchange import PairReport
from src.core.domain.market import Instrument
from src.trading.fee_schedule import Fees

PPM_IN_PERCENT: Final = 10_000
BPS_IN_PERCENT: Final = 100


class Facts(NamedTuple):
    """What is taken for granted."""

    instrument: Instrument
    fees: Fees  # for opening and for closing
    interest_ppm: int  # a day, on both sides
    requirement_bps: int


class Difference(NamedTuple):
    """One fact that no longer holds."""

    what: str
    assumed: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: {self.assumed} was assumed, the exchange says {self.found}"


def differences(pair: PairReport, facts: Facts) -> tuple[Difference, ...]:
    """Return what the exchange says otherwise, also what it announces for the next margin week.

    Parameters
    ----------
    pair
        The exchange's rules as they are now.
    facts
        Those of the dated table and the settings.
    """
    grid, known = pair.instrument, facts.instrument
    following = facts.requirement_bps if pair.next_requirement_bps is None else pair.next_requirement_bps
    compared = (
        ("tick size", f"{known.tick_size} JPY", f"{grid.tick_size} JPY"),
        ("lot size", f"{known.lot_size}", f"{grid.lot_size}"),
        ("smallest order", f"{known.amount(known.min_lots)}", f"{grid.amount(grid.min_lots)}"),
        ("largest market order", f"{known.amount(known.max_lots)}", f"{grid.amount(grid.max_lots)}"),
        ("fee of opening as maker", _ppm(facts.fees.maker_ppm), _ppm(pair.open_maker_ppm)),
        ("fee of opening as taker", _ppm(facts.fees.taker_ppm), _ppm(pair.open_taker_ppm)),
        ("fee of closing as maker", _ppm(facts.fees.maker_ppm), _ppm(pair.close_maker_ppm)),
        ("fee of closing as taker", _ppm(facts.fees.taker_ppm), _ppm(pair.close_taker_ppm)),
        ("interest a day on a long position", _ppm(facts.interest_ppm), _ppm(pair.long_interest_ppm)),
        ("interest a day on a short position", _ppm(facts.interest_ppm), _ppm(pair.short_interest_ppm)),
        ("margin requirement", _bps(facts.requirement_bps), _bps(pair.requirement_bps)),
        ("margin requirement from next week on", _bps(facts.requirement_bps), _bps(following)),
    )
    return tuple(Difference(*row) for row in compared if row[1] != row[2])


def _ppm(rate: int) -> str:
    return f"{rate / PPM_IN_PERCENT:.4f} %"


def _bps(rate: int) -> str:
    return f"{rate / BPS_IN_PERCENT:.2f} %"
