"""The account's arithmetic on a margin position: fees, interest, equity, margin level, forced close.

Exact integers throughout; every rounding is against the trader. bitbank's rules as far as they are
known: a fee is a share of the notional, and the opening fee is collected at the close; interest is a
share of the entry notional for each started day; the requirement is a share of the entry notional, and
the exchange closes the position when equity falls below a share of that requirement.
"""

from typing import Final, NamedTuple

from src.core.domain.account import Trade
from src.core.domain.market import PPM, Lots, Money, Side, Ticks, notional
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis, jst_day

BPS: Final = 10_000


class CostParams(NamedTuple):
    """What holding and moving a position costs, apart from the fee rates, which change with time."""

    slippage_ppm: int = 500  # lost against the reference price by every order that takes liquidity
    interest_ppm_per_day: int = 400
    interest_hour: int = 0  # o'clock JST at which a day of interest starts; not published, so a setting
    first_day_charged: bool = True  # whether the day of opening counts; not published, so a setting
    requirement_bps: int = 5_000  # margin requirement, of the entry notional
    losscut_bps: int = 5_000  # forced close when equity is below this share of the requirement


class Position(NamedTuple):
    """One open position, or none (side NONE, all else 0)."""

    side: Side
    lots: Lots
    entry: Ticks  # actual fill
    opened_at: Millis
    fee_due: Money  # the opening fee, collected at the close
    slipped: Money  # what the entry lost against its reference price; part of the result, not a further cost
    daily: Money  # interest of each started day
    required: Money  # margin
    floor: Money  # equity below which the exchange closes it


class Ledger(NamedTuple):
    """Realised cash and the one open position."""

    cash: Money
    position: Position


FLAT: Final = Position(Side.NONE, Lots(0), Ticks(0), Millis(0), Money(0), Money(0), Money(0), Money(0), Money(0))


def share(amount: Money, ppm: int) -> Money:
    """Return `ppm` millionths of `amount`, rounded up: the one fee and interest function.

    A negative rate (a rebate) is rounded up too, which is toward less rebate.
    """
    return Money(-((-amount * ppm) // PPM))


def worse(reference: Ticks, side: Side, slippage_ppm: int) -> Ticks:
    """Return the fill of an order on `side` that takes liquidity at `reference`: at least one tick."""
    slip = -((-reference * slippage_ppm) // PPM)
    return Ticks(max(reference + side * slip, 1))


def interest(position: Position, at: Millis, costs: CostParams) -> Money:
    """Return the interest a position has caused by `at`: a share of the entry notional per started day."""
    days = jst_day(at, costs.interest_hour) - jst_day(position.opened_at, costs.interest_hour)
    if costs.first_day_charged:
        days += 1
    return Money(days * position.daily)


def equity(book: Ledger, mark: Ticks, at: Millis, costs: CostParams) -> Money:
    """Return cash plus the unrealised result at `mark`, less fee and interest not yet paid."""
    held = book.position
    if held.side == Side.NONE:
        return book.cash
    unrealised = held.lots * (mark - held.entry) * held.side
    return Money(book.cash + unrealised - held.fee_due - interest(held, at, costs))


def open_position(
    book: Ledger, side: Side, lots: Lots, fill: Ticks, reference: Ticks, fee_ppm: int, at: Millis, costs: CostParams
) -> Ledger:
    """Return the book after an opening fill; `reference` is the price before slippage."""
    worth = notional(fill, lots)
    fee = share(worth, fee_ppm)
    slipped = Money(lots * (fill - reference) * side)
    daily = share(worth, costs.interest_ppm_per_day)
    required = Money(-((-worth * costs.requirement_bps) // BPS))
    floor = Money(-((-required * costs.losscut_bps) // BPS))
    return Ledger(book.cash, Position(side, lots, fill, at, fee, slipped, daily, required, floor))


def close_position(
    book: Ledger, fill: Ticks, reference: Ticks, fee_ppm: int, at: Millis, why: ExitReason, costs: CostParams
) -> tuple[Ledger, Trade]:
    """Return the book after the whole position was closed at `fill`, and the trade's record.

    The record's `leader`, `risk`, `worst` and `best` are the caller's to fill in: the account does not know them.
    """
    held = book.position
    fee = Money(held.fee_due + share(notional(fill, held.lots), fee_ppm))
    owed = interest(held, at, costs)
    gross = Money(held.lots * (fill - held.entry) * held.side)
    slipped = Money(held.slipped + held.lots * (reference - fill) * held.side)
    net = Money(gross - fee - owed)
    trade = Trade(
        held.opened_at,
        at,
        held.side,
        held.lots,
        held.entry,
        fill,
        fee,
        owed,
        slipped,
        gross,
        net,
        why,
        -1,
        Money(0),
        Ticks(0),
        Ticks(0),
    )
    return Ledger(Money(book.cash + net), FLAT), trade


def margin_level_bps(book: Ledger, mark: Ticks, at: Millis, costs: CostParams) -> int:
    """Return equity over the margin requirement of the open position, in 1/10,000 (100 % is 10,000).

    Raises
    ------
    ZeroDivisionError
        If flat: without a position there is no level.
    """
    return equity(book, mark, at, costs) * BPS // book.position.required


def losscut_price(book: Ledger, at: Millis, costs: CostParams) -> Ticks:
    """Return the price nearest to the entry at which the exchange closes the open position; at least one tick.

    There equity is below the floor; one tick nearer it is not.
    """
    held = book.position
    spare = equity(book, held.entry, at, costs) - held.floor  # what the price may cost before equity is at the floor
    distance = spare // held.lots + 1
    return Ticks(max(held.entry - held.side * distance, 1))
