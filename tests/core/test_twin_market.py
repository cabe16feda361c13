"""A twin's market in bar mode: where it begins, what it costs, and how it goes on after a restart."""

from decimal import Decimal
from pathlib import Path

import pytest

from src.backtest.simulated_exchange import OrderRequest, SimulatedExchange, Switches
from src.core.config import load_config
from src.core.domain.time import BAR_15M, DAY, Millis
from src.core.exceptions import ConfigError, NoCandles, StoreDamaged
from src.core.orchestration.bar_costs import bar_costs
from src.core.orchestration.twin_market import TwinMarket, bar_market
from src.core.orchestration.wiring import core_params, market_params
from src.trading.fee_schedule import FEE_SCHEDULE, todays_fees

CONFIG = Path("config/backtest/base.yaml")
NOW = Millis(1_700_000_123_456)
PAIR = "btc_jpy"


def sample(start: Millis | None = None) -> TwinMarket:
    return bar_market("sample", CONFIG, NOW, start)


def exchange_of(market: TwinMarket) -> SimulatedExchange:
    return SimulatedExchange(market.pairs, Switches(**market.switches), start=market.start, seed=0)


def test_it_begins_with_a_bar_and_has_a_past():
    market = sample()
    assert market.start == NOW - NOW % BAR_15M
    exchange = exchange_of(market)
    driver = market.make_driver(exchange, None)
    assert driver.next_due() == market.start
    assert exchange.ticker(PAIR).last is not None
    assert exchange.candles(PAIR, "15min", "20231113").bars


def test_it_costs_what_a_backtest_with_the_same_settings_counts():
    market, settings = sample(), load_config(CONFIG)
    costs, rules = core_params(settings).costs, market.pairs[PAIR]
    assert rules.margin.long_interest_ppm == rules.margin.short_interest_ppm == costs.interest_ppm_per_day
    assert rules.margin.individual_ratio_ppm == costs.requirement_bps * 100
    assert market.switches == {
        "interest_hour": costs.interest_hour,
        "first_day_charged": costs.first_day_charged,
        "losscut_ppm": costs.losscut_bps * 100,
    }
    terms = bar_costs(settings).terms
    assert terms == (BAR_15M, costs.slippage_ppm, market_params(settings).spread_ppm)


def test_dated_fees_are_those_of_the_bars_own_time():
    settings = load_config(CONFIG)
    change = FEE_SCHEDULE[-1].starts_at
    for schedule, before in (("dated", FEE_SCHEDULE[-2].fees), ("today", todays_fees())):
        costs = settings.costs.model_copy(update={"schedule": schedule})
        found = bar_costs(settings.model_copy(update={"costs": costs}))
        for at, fees in ((change, before), (change + 1, todays_fees())):
            rates = found.fees_at(Millis(at))
            assert (rates.maker_ppm, rates.open_taker_ppm, rates.close_taker_ppm) == (
                fees.maker_ppm,
                fees.taker_ppm,
                fees.taker_ppm,
            )


@pytest.mark.parametrize("after", [1, BAR_15M - 35, BAR_15M - 15, BAR_15M, 5 * BAR_15M + 7])
@pytest.mark.no_cover
def test_a_restarted_market_goes_on_as_the_first_would_have(after):
    market = sample()

    def begun():
        exchange = exchange_of(market)
        driver = market.make_driver(exchange, None)
        user = exchange.add_user("u", {"jpy": Decimal(10_000_000)})
        driver.advance(market.start)
        exchange.submit(user, OrderRequest(PAIR, "buy", "market", Decimal("0.01"), position_side="long"))
        driver.advance(Millis(market.start + after))
        return exchange, driver

    exchange, driver = begun()
    again = SimulatedExchange.restore(exchange.snapshot())
    other = market.make_driver(again, driver.snapshot().decode())
    for one in (driver, other):
        one.advance(Millis(market.start + DAY))
    assert again.snapshot() == exchange.snapshot()


def test_what_cannot_be_played_is_refused():
    with pytest.raises(ConfigError, match="needs candles"):
        bar_market("none", CONFIG, NOW, None)
    with pytest.raises(NoCandles):
        bar_market("no such series", CONFIG, NOW, None)
    market = sample()
    with pytest.raises(StoreDamaged):
        market.make_driver(exchange_of(market), "[1]")
