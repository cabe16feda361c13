"""What the results of two accounts of the same positions differ by, in parts that sum to the whole.

One account is what was billed (a trader's), the other what was supposed (a backtest's). Both are read as deals: a
position from its decision to its end, with the price each way was decided at. Two deals on one side that overlap are a
pair; the rest stand in one account alone. Of a pair, the supposed deal is changed into the billed one step by step, and
a part is what one step changes: its size, then its prices as decided, its fills, the rates of its fees, its days of
interest, the rounding of its bills. Steps that lead from one to the other sum to their difference whatever they are;
what a bill does not explain of its own net result has a part of its own, which must be 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

from src.core.domain.market import PPM, Lots, Money, Side, Ticks
from src.core.domain.time import Millis
from src.trading.ledger import share


class Leg(NamedTuple):
    """One way of a deal, into the position or out of it."""

    asked: Ticks  # the price it was decided at: a close, or the level of a stop or target
    product: Money  # notional of its fills
    weighted: int  # sum of notional times fee rate in ppm, over its fills
    fills: int


class Deal(NamedTuple):
    """One position, from the bar that decided it to its last fill; `net` as billed."""

    decided_at: Millis
    ended_at: Millis
    side: Side
    lots: Lots
    into: Leg
    out: Leg
    days: int  # of interest
    interest_ppm: int  # a day, of the entry notional
    fee: Money
    interest: Money
    net: Money

    @property
    def gross(self) -> Money:
        """The result before costs."""
        return Money((self.out.product - self.into.product) * self.side)


class Parts(NamedTuple):
    """Where a difference of results comes from; positive: better than supposed."""

    size: Money = Money(0)  # another number of lots
    path: Money = Money(0)  # other prices at the decisions: another moment, another level
    slippage: Money = Money(0)  # fills away from the prices decided at: latency, spread, depth
    fee: Money = Money(0)  # maker or taker, another schedule
    interest: Money = Money(0)  # another number of started days
    rounding: Money = Money(0)  # bills rounded fill by fill
    billed_alone: Money = Money(0)  # deals that were not supposed
    supposed_alone: Money = Money(0)  # deals that did not happen
    unexplained: Money = Money(0)  # net results that are not gross less fee and interest: a defect

    @property
    def total(self) -> Money:
        """Return the whole difference."""
        return Money(sum(self))


class Paired(NamedTuple):
    """A deal of each account, or of one alone."""

    billed: Deal | None
    supposed: Deal | None


def pair(billed: Sequence[Deal], supposed: Sequence[Deal]) -> list[Paired]:
    """Return every deal once, in order of time: with its counterpart, or alone.

    Parameters
    ----------
    billed, supposed
        Each in order of time and without overlaps of its own: one position is held at a time.
    """
    found: list[Paired] = []
    i = j = 0
    while i < len(billed) and j < len(supposed):
        ours, theirs = billed[i], supposed[j]
        if _meet(ours, theirs):
            found.append(Paired(ours, theirs))
            i, j = i + 1, j + 1
        elif ours.ended_at <= theirs.ended_at:
            found.append(Paired(ours, None))
            i += 1
        else:
            found.append(Paired(None, theirs))
            j += 1
    found.extend(Paired(deal, None) for deal in billed[i:])
    found.extend(Paired(None, deal) for deal in supposed[j:])
    return found


def explain(pairs: Sequence[Paired]) -> Parts:
    """Return what all pairs differ by; the parts sum to the billed results less the supposed ones."""
    each = [parts_of(one) for one in pairs]
    return Parts(*(Money(sum(column)) for column in zip(*each, strict=True))) if each else Parts()


def parts_of(one: Paired) -> Parts:
    """Return what one pair differs by."""
    billed, supposed = one
    strange = Money(_strange(billed) - _strange(supposed))
    if billed is None:
        return Parts(supposed_alone=Money(-_by_parts(supposed)), unexplained=strange)
    if supposed is None:
        return Parts(billed_alone=_by_parts(billed), unexplained=strange)
    return _steps(billed, supposed)._replace(unexplained=strange)


def _meet(one: Deal, other: Deal) -> bool:
    overlap = one.decided_at <= other.ended_at and other.decided_at <= one.ended_at
    return one.side == other.side and overlap


def _by_parts(deal: Deal | None) -> Money:
    return Money(0) if deal is None else Money(deal.gross - deal.fee - deal.interest)


def _strange(deal: Deal | None) -> int:
    return 0 if deal is None else deal.net - _by_parts(deal)


def _steps(billed: Deal, supposed: Deal) -> Parts:
    """Return the steps from the supposed deal to the billed one."""
    sized = _resized(supposed, billed.lots)
    decided = _reference(billed)
    slipped, supposed_slip = billed.gross - decided, sized.gross - _reference(sized)
    # costs of the supposed kind on the prices that were met: the prices' doing, not the rates'
    same_rates = _fee_at(sized, billed)
    same_days = sized.days * share(billed.into.product, sized.interest_ppm)
    fee, fee_rounding = _split(billed.fee, _fee_at(billed, billed), billed.into.fills + billed.out.fills)
    due = billed.days * share(billed.into.product, billed.interest_ppm)
    interest, interest_rounding = _split(billed.interest, due, billed.out.fills * max(billed.days, 1))
    return Parts(
        size=Money(_by_parts(sized) - _by_parts(supposed)),
        path=Money(decided - _reference(sized) - (same_rates - sized.fee) - (same_days - sized.interest)),
        slippage=Money(slipped - supposed_slip),
        fee=Money(same_rates - fee),
        interest=Money(same_days - interest),
        rounding=Money(-fee_rounding - interest_rounding),
    )


def _resized(deal: Deal, lots: Lots) -> Deal:
    """Return the deal with another number of lots at the same average prices; itself if that is its number."""
    if deal.lots == lots:
        return deal
    into, out = (
        leg._replace(product=Money(leg.product * lots // deal.lots), weighted=leg.weighted * lots // deal.lots)
        for leg in (deal.into, deal.out)
    )
    other = deal._replace(lots=lots, into=into, out=out)
    return other._replace(fee=_fee_at(deal, other), interest=Money(deal.days * share(into.product, deal.interest_ppm)))


def _reference(deal: Deal) -> int:
    """Return the result before costs, had every fill been at the price that was decided at."""
    return deal.lots * (deal.out.asked - deal.into.asked) * deal.side


def _fee_at(rates: Deal, prices: Deal) -> Money:
    """Return the fees at the rates of one deal on the fills of another, each way rounded up once."""
    total = 0
    for rate, price in ((rates.into, prices.into), (rates.out, prices.out)):
        weighted = rate.weighted if rate.product == price.product else _scaled(rate, price.product)
        total += -(-weighted // PPM)
    return Money(total)


def _scaled(leg: Leg, product: Money) -> int:
    return leg.weighted * product // leg.product if leg.product else 0


def _split(billed: Money, exact: int, most: int) -> tuple[int, int]:
    """Return a bill as what its rate makes and what rounding adds; more than a unit a fill is not rounding."""
    rest = billed - exact
    return (exact, rest) if abs(rest) <= most else (billed, 0)
