"""What the settings say of bar mode: one reading for paper trading and for the twin, equal to the backtest's."""

from collections.abc import Callable
from typing import NamedTuple

from src.backtest.simulated_exchange import (
    BTC_JPY_RULES,
    BarTerms,
    PairFees,
    PairRules,
    Switches,
    costs_in_rules,
    costs_in_switches,
    margin_fees,
)
from src.core.config import Settings
from src.core.domain.time import Millis
from src.core.orchestration.wiring import core_params, market_params
from src.trading.fee_schedule import fees_at, todays_fees


class BarCosts(NamedTuple):
    """The costs of a backtest, in the exchange's own terms."""

    terms: BarTerms
    rules: PairRules  # of BTC/JPY
    switches: Switches
    fees_at: Callable[[Millis], PairFees]  # while the bar that closes then was traded


def bar_costs(settings: Settings, switches: Switches = Switches()) -> BarCosts:
    """Return the costs that the settings name.

    Parameters
    ----------
    switches
        Of the exchange; those that are costs are put in the positions that the settings name.
    """
    costs, market = core_params(settings).costs, market_params(settings)
    today = todays_fees()
    return BarCosts(
        BarTerms(market.bar_ms, costs.slippage_ppm, market.spread_ppm),
        costs_in_rules(BTC_JPY_RULES, costs, today.maker_ppm, today.taker_ppm),
        costs_in_switches(switches, costs),
        _todays if settings.costs.schedule == "today" else _dated,
    )


def _todays(_closed_at: Millis) -> PairFees:
    fees = todays_fees()
    return margin_fees(fees.maker_ppm, fees.taker_ppm)


def _dated(closed_at: Millis) -> PairFees:
    """Return the fees of their time; the bar that closes at the instant of a change was traded before it."""
    fees = fees_at(Millis(closed_at - 1))
    return margin_fees(fees.maker_ppm, fees.taker_ppm)
