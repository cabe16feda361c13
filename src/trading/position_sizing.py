"""How much: the largest size that every limit allows, or a reason why none.

Sizes are measured at risk to the stop, with the round trip's costs and a gap beyond the stop in the
loss. The limits: a risk budget (fixed fraction or fractional Kelly), a volatility target, leverage, the
distance to a forced close, and the exchange's own bounds.
"""

import math
from typing import Final, NamedTuple

from src.core.domain.market import PPM, Lots, Money, Ticks
from src.core.domain.orders import Reason
from src.trading.drawdown_manager import RiskState
from src.trading.ledger import BPS, CostParams

MAX_EQUITY: Final = 10**13
"""Money units (1,000,000,000 JPY): equity beyond this is not put at risk, so that products fit in 62 bits."""

MAX_PRICE: Final = 10**9
MAX_LOTS: Final = 10**5
_FAR: Final = 1e15  # ppm; a fraction farther out is as good as infinite
ROOT_BARS_4H_PER_YEAR: Final = 46.79743582719036  # square root of 365 x 6


class SizeParams(NamedTuple):
    """Limits on size."""

    kelly: bool = True  # False: always risk `risk_ppm`
    risk_ppm: int = 5_000  # of equity at risk to the stop: the fixed fraction, and Kelly's starting belief
    max_risk_ppm: int = 10_000  # ceiling of the Kelly fraction
    kelly_multiple: float = 0.25  # fractional Kelly
    prior_trades: float = 30.0  # weight of the starting belief, in trades
    target_volatility: float = 0.40  # of the position, yearly
    max_leverage_bps: int = 10_000  # notional over equity
    gap_ppm: int = 50_000  # loss beyond the stop that must still leave the margin level safe
    losscut_distance_bps: int = 20_000  # margin level after stop and gap, over the forced-close level
    max_cost_bps: int = 4_000  # round trip's cost over the stop distance
    min_lots: int = 1
    max_lots: int = 100_000
    share_bps: int = 10_000  # of the size that all limits allow; less while a model is on trial


class Size(NamedTuple):
    """A size, or why there is none."""

    lots: Lots
    risk: Money  # planned loss at the stop, costs included
    reason: Reason  # ENTER when `lots` is positive


def kelly_fraction(state: RiskState) -> float:
    """Return the growth-optimal fraction of equity to put at risk, from the record of results in R.

    For two outcomes, a gain of b R with probability p and a loss of a R, it is p/a - (1-p)/b
    (Kelly 1956; Thorp 2006). NaN until there is a gain and a loss to measure.
    """
    lost = state.trades - state.wins
    if not (state.wins > 0.0 and state.gained > 0.0 and lost > 0.0 and state.lost > 0.0):
        return float("nan")
    p = state.wins / state.trades
    return p / (state.lost / lost) - (1.0 - p) / (state.gained / state.wins)


def risk_fraction_ppm(state: RiskState, params: SizeParams) -> int:
    """Return the share of equity to put at risk, in ppm.

    Kelly's fraction is shrunk toward the starting belief: with n trades on record it counts n parts, the
    belief `prior_trades` parts. It is never negative and never above `max_risk_ppm`. Losses alone count as a
    fraction of 0, gains alone as nothing measured.
    """
    if not params.kelly:
        return params.risk_ppm
    measured = kelly_fraction(state) * params.kelly_multiple * PPM
    if state.lost > 0.0 and not state.gained > 0.0:
        measured = 0.0
    if math.isnan(measured):  # no result at all, or gains alone
        return params.risk_ppm
    measured = max(-_FAR, min(measured, _FAR))
    belief = params.prior_trades
    shrunk = (state.trades * measured + belief * params.risk_ppm) / (state.trades + belief)
    return int(max(0.0, min(shrunk, float(params.max_risk_ppm))))


def round_trip_cost(price: Ticks, taker_fee_ppm: int, slippage_ppm: int) -> Money:
    """Return what one lot pays to get in and out as a taker at about `price`; a rebate counts as 0."""
    fee = taker_fee_ppm if taker_fee_ppm > 0 else 0
    return Money(-((-price * 2 * (fee + slippage_ppm)) // PPM))


def stopped_loss(price: Ticks, stop: Ticks, taker_fee_ppm: int, slippage_ppm: int) -> Money:
    """Return the most one lot loses when its stop, `stop` from a fill at about `price`, closes it.

    A short is closed above its entry and pays fee and slippage on that higher price.
    """
    fee = taker_fee_ppm if taker_fee_ppm > 0 else 0
    return Money(stop - (-(2 * price + stop) * (fee + slippage_ppm)) // PPM)


def size_position(
    equity: Money,
    price: Ticks,
    stop: Ticks,
    volatility_4h: float,
    taker_fee_ppm: int,
    state: RiskState,
    params: SizeParams,
    costs: CostParams,
) -> Size:
    """Return the largest size every limit allows.

    Parameters
    ----------
    equity
        Marked, net of accrued costs.
    price
        Planned fill.
    stop
        Distance of the stop from the fill; positive.
    volatility_4h
        Deviation of 4-hour returns, as a fraction.
    taker_fee_ppm
        Fee of each side.

    Returns
    -------
    Size
        0 lots with COST_TOO_HIGH, MARGIN or TOO_SMALL when no size is right.
    """
    none = Money(0)
    cost = round_trip_cost(price, taker_fee_ppm, costs.slippage_ppm)
    if stop <= 0 or cost * BPS > params.max_cost_bps * stop:
        return Size(Lots(0), none, Reason.COST_TOO_HIGH)
    if equity <= 0 or price > MAX_PRICE:
        return Size(Lots(0), none, Reason.MARGIN)
    at_risk = min(equity, Money(MAX_EQUITY))
    loss = stopped_loss(price, stop, taker_fee_ppm, costs.slippage_ppm)
    margin = _margin_lots(at_risk, price, loss, params, costs)
    if margin < params.min_lots:
        return Size(Lots(0), none, Reason.MARGIN)
    budget = _budget_lots(at_risk, loss, state, params)
    exposure = _exposure_lots(at_risk, price, volatility_4h, params)
    lots = min(min(budget, exposure), min(margin, min(params.max_lots, MAX_LOTS))) * params.share_bps // BPS
    if lots < params.min_lots:
        return Size(Lots(0), none, Reason.TOO_SMALL)
    return Size(Lots(lots), Money(lots * loss), Reason.ENTER)


def _budget_lots(equity: int, loss: int, state: RiskState, params: SizeParams) -> int:
    """Return the size whose loss at the stop stays inside the risk budget.

    When the record says the edge is too small for one order, the smallest order is still allowed as long
    as the starting belief would have covered it: with no trades there would be no record to recover by.
    """
    lots = equity * risk_fraction_ppm(state, params) // PPM // loss
    if params.kelly and lots < params.min_lots and equity * params.risk_ppm // PPM >= params.min_lots * loss:
        return params.min_lots
    return lots


def _exposure_lots(equity: int, price: int, volatility_4h: float, params: SizeParams) -> int:
    """Return the size at which notional over equity meets the leverage cap or the volatility target."""
    yearly = volatility_4h * ROOT_BARS_4H_PER_YEAR
    if not yearly > 0.0:
        return 0
    wanted = params.target_volatility / yearly * BPS
    leverage = int(min(wanted, float(params.max_leverage_bps)))
    return equity * leverage // BPS // price


def _margin_lots(equity: int, price: int, loss: int, params: SizeParams, costs: CostParams) -> int:
    """Return the size that keeps the margin level safe after stop, costs and a gap beyond the stop."""
    gap = -((-price * params.gap_ppm) // PPM)
    level = costs.losscut_bps * params.losscut_distance_bps // BPS  # of the requirement
    required = -((-price * costs.requirement_bps * level) // (BPS * BPS))
    return equity // (loss + gap + required)
