"""The pairs of the twin: BTC/JPY as it was captured, and others so that what bitbank lists together is listed here.

Only BTC/JPY has a market. The others' grids and fees are examples of their kind, not captured facts.
"""

from typing import Final

from src.backtest.simulated_exchange import BTC_JPY_RULES, SPOT_ONLY_RULES, MarginTerms, PairFees, PairRules
from src.core.domain.market import Lots, Ticks

_OTHER_FEES: Final = PairFees(-200, 1_200, -200, 1_200, -200, 1_200)


def _margin_pair(base: str, price_digits: int) -> PairRules:
    return BTC_JPY_RULES._replace(
        pair=f"{base}_jpy",
        base_asset=base,
        price_digits=price_digits,
        market_max_lots=Lots(1_000_000),
        fees=_OTHER_FEES,
        margin=MarginTerms(400, 400, 500_000, 100_000),
        price_floor=Ticks(10),
        price_cap=Ticks(10_000_000 * 10**price_digits),
    )


LISTED: Final[dict[str, PairRules]] = {
    rules.pair: rules
    for rules in (
        BTC_JPY_RULES,
        _margin_pair("xrp", 3),
        _margin_pair("eth", 0),
        _margin_pair("doge", 3),
        _margin_pair("sol", 1),
        SPOT_ONLY_RULES,
    )
}
"""By name, BTC/JPY first."""
