"""How votes once became the wrong trade: what was seen, survived."""

import asyncio
from datetime import datetime

import pytest

from src.backtest import BacktestEngine
from src.core.config import load_config
from src.core.domain.market import Side
from src.core.domain.orders import Reason
from src.core.domain.time import HOUR, Millis
from src.strategies.base.strategy_manager import VoteParams, combine
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.trading.risk import vote_gate
from tests.backtest.made_worlds import made_world, run_fold
from tests.parity.test_oracle import real_year
from tests.strategies.made_rows import AT, PRICE
from tests.trading.situations import WILLING, changed, decided

PARAMS = VoteParams()
WINDOW = (datetime(2023, 5, 1), datetime(2023, 5, 4))


def signal(side, strength):
    return Signal(side, strength, 1.0, 0.0, 0.0, 0)


def test_one_confident_dissenter_beats_a_majority():
    majority = (signal(Side.BUY, 0.5), signal(Side.BUY, 0.5), signal(Side.BUY, 0.5), signal(Side.SELL, 1.0))
    for weights in ((0.25,) * 4, (0.2, 0.2, 0.2, 0.4), (0.1, 0.1, 0.1, 0.7)):
        assert combine(majority, weights, PARAMS).side != Side.SELL
    assert combine(majority, (0.25,) * 4, PARAMS).side == Side.BUY


def test_ties_fall_to_buy():
    for first, second in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        tied = combine((signal(first, 1.0), signal(second, 0.2)), (0.5, 0.5), VoteParams(min_agreement=0.5))
        assert (tied.side, tied.conflict) == (Side.NONE, True)
        assert vote_gate(tied, 0.0) == Reason.CONFLICT


def test_the_default_side_is_buy():
    assert combine((NO_SIGNAL,) * 4, (0.25,) * 4, PARAMS).side == Side.NONE
    assert decided(WILLING, row__rsi_14=50.0)[1].verdict.side == Side.NONE


def test_a_sum_of_confidences_favours_one_side():
    """A sum clipped at 1 once gave 369 buys and no sell; here both sides count alike."""
    for strength in (0.2, 0.6, 1.0):
        buys, sells = (combine((signal(s, strength),) * 3, (0.3,) * 3, PARAMS) for s in (Side.BUY, Side.SELL))
        assert buys._replace(side=Side.SELL) == sells


def test_weights_that_do_not_sum_to_one_raise_no_confidence_above_one():
    got = combine((signal(Side.BUY, 1.0),) * 4, (1.6, 1.6, 1.6, 1.6), PARAMS)
    assert (got.confidence, got.support) == (1.0, 1.0)


def test_more_confidence_buys_more():
    """Confidence is no probability: high confidence once won less often than low. It does not size the trade."""
    weak, strong = (decided(WILLING, row__ema_50=PRICE + stretch)[1] for stretch in (110_000, 300_000))
    assert weak.vote.confidence < strong.vote.confidence
    assert weak.verdict.lots == strong.verdict.lots


def test_the_average_true_range_smooths_a_crash():
    """A bar of 7.84 % once showed as an ATR of 1.97 %: the bar's own range is looked at too."""
    crash = {"row.atr_14": 0.0197 * PRICE / 6, "row.low": PRICE * (1 - 0.0784), "row.atr_mean_96": 0.0197 * PRICE / 6}
    assert decided(changed(WILLING, crash))[1].reason == Reason.PRICE_SPIKE


def test_distances_made_for_weekdays_do_not_fit_a_calm_weekend():
    """A fixed target needed another value when the range was 65 %: distances are multiples of the range."""
    usual = decided(WILLING)[1].verdict
    calm = decided(changed(WILLING, {"row.atr_14_4h": WILLING.row.atr_14_4h * 0.65}))[1].verdict
    assert calm.stop == pytest.approx(0.65 * usual.stop, abs=2)
    assert calm.target == pytest.approx(0.65 * usual.target, abs=2)


def test_a_rule_is_added_and_removed_for_a_better_number_on_one_window(tmp_path):
    """Nobody counted the tries: here every evaluation is one, and what was found is judged by their number."""
    trials = {"TRADER__BACKTEST__TRIALS": str(tmp_path)}
    counted = []
    for agreement in ("0.6", "0.75", "0.6"):
        settings = load_config("config/backtest/base.yaml", trials | {"TRADER__VOTE__MIN_AGREEMENT": agreement})
        run = BacktestEngine(config=settings, data="sample").run_backtest(*WINDOW)
        counted.append(asyncio.run(run).summary["trials_counted"])
    assert counted == [1, 2, 2]  # the same again is no new try


def test_cooldown_by_the_wall_clock_stops_a_backtest():
    """Pauses count in the time of the bars, decades ago or ahead."""
    for at in (0, AT, 10 * AT):
        paused = changed(WILLING, {"row.closed_at": Millis(at), "state.risk.cooldown_until": Millis(at + HOUR)})
        assert decided(paused)[1].reason == Reason.COOLDOWN
        assert decided(paused, row__closed_at=Millis(at + HOUR))[1].reason == Reason.ENTER


@pytest.mark.no_cover
def test_a_live_bot_that_only_ever_bought(market_data_dir):
    sides = [trade.side for trade in run_fold(real_year(market_data_dir / "btcjpy_proxy_15m.parquet", 2021)).trades]
    assert 0.2 < sides.count(Side.SELL) / len(sides) < 0.8


def test_the_same_world_decides_the_same_twice():
    made = made_world(7)
    assert run_fold(made).trades == run_fold(made).trades
