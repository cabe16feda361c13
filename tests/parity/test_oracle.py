"""The fold against a second account of its rules: the same trades and the same equity, to the unit."""

from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.backtest.fold import MarketParams
from src.backtest.tape import build_tape
from src.core.domain.candles import Candles
from src.core.domain.orders import EntryKind, ExitReason, Reason
from src.core.domain.time import BAR_15M, DAY
from src.features.feature_generator import FeatureSettings, row_at
from src.trading.fee_schedule import fee_columns
from tests.backtest.made_worlds import Made, Run, default_params, made_world, run_fold
from tests.parity.oracle import Candle, Entry, Oracle, Rules, Terms

WORLDS = 200
YEARS = [
    ("btcjpy_bitbank_15m_2018.parquet", 2018),
    ("btcjpy_gmo_lev_15m_2021_2022.parquet", 2021),
    *(("btcjpy_gmo_spot_15m.parquet", year) for year in (2021, 2022, 2023, 2024)),
    *(("btcjpy_proxy_15m.parquet", year) for year in range(2017, 2025)),
]
GIVEN = (ExitReason.REASON_ENDED, ExitReason.OPPOSITE)  # the strategies' judgement; the oracle derives the rest


def terms_of(made: Made) -> Terms:
    costs, params, market = made.params.costs, made.params, made.market
    return Terms(
        costs.slippage_ppm,
        costs.interest_ppm_per_day,
        costs.interest_hour,
        costs.first_day_charged,
        costs.requirement_bps,
        costs.losscut_bps,
        params.risk.max_drawdown_bps,
        params.exits.when_halted,
        market.bar_ms,
        market.wait_ms,
        market.entry == EntryKind.LIMIT,
    )


def candles_of(made: Made) -> list[Candle]:
    tape = made.tape
    columns = (tape.closed_at, tape.open, tape.high, tape.low, tape.close, tape.maker_fee_ppm, tape.taker_fee_ppm)
    return [Candle(*line) for line in zip(*(column.tolist() for column in columns), strict=True)]


def entries_of(made: Made, run: Run) -> dict[int, Entry]:
    """Return the decided entries; what the fold does not write, trail and holding time, the leader's signal says."""
    tape, out, found = made.tape, run.output, {}
    for i in np.flatnonzero(out.reason == Reason.ENTER).tolist():
        side, mark, target = int(out.side[i]), int(tape.close[i]), int(out.target[i])
        row = row_at(tape.closed_at[i], tape.quality[i], tape.rows, tape.places, i)
        signal = made.params.strategies[out.leader[i]].propose(row)
        found[i] = Entry(
            side,
            int(out.lots[i]),
            (mark - int(out.stop[i])) * side,
            (target - mark) * side if signal.target > 0 else 0,
            int(np.ceil(signal.trail)),
            signal.hold,
            int(out.leader[i]),
            planned_loss(made, i, int(out.lots[i]), (mark - int(out.stop[i])) * side),
        )
    return found


def planned_loss(made: Made, i: int, lots: int, stop: int) -> int:
    """Return what `lots` lose at a stop `stop` below or above this bar's close, both ways paid."""
    rate, mark = made.params.costs.slippage_ppm + max(int(made.tape.taker_fee_ppm[i]), 0), int(made.tape.close[i])
    return lots * (stop - (-(2 * mark + stop) * rate // 1_000_000))


def judged(made: Made, run: Run, rules: Rules = Rules()) -> Oracle:
    why = run.output.exit_reason
    wants_out = {i: int(why[i]) for i in np.flatnonzero(np.isin(why, GIVEN)).tolist()}
    oracle = Oracle(terms_of(made), made.cash, rules)
    return oracle.run(candles_of(made), entries_of(made, run), wants_out)


def differences(made: Made, run: Run, oracle: Oracle) -> list[str]:
    """Return what the two accounts disagree on, first things first."""
    found = []
    resting = made.market.entry == EntryKind.LIMIT
    for k, (ours, theirs) in enumerate(zip(run.trades, oracle.trades, strict=False)):
        for name, value in theirs.items():
            excursion = name in {"worst", "best"} and resting  # before a resting entry's fill nothing was ours
            if int(getattr(ours, name)) != value and not excursion:
                found.append(f"trade {k} {name}: {getattr(ours, name)!r}, oracle {value}")
    if len(run.trades) != len(oracle.trades):
        found.append(f"{len(run.trades)} trades, oracle {len(oracle.trades)}")
    for name, ours, theirs in (
        ("equity", run.output.equity, oracle.equity),
        ("exit reason", run.output.exit_reason, oracle.exits),
    ):
        wrong = np.flatnonzero(ours != np.array(theirs))
        found.extend(f"{name} at bar {i}: {ours[i]}, oracle {theirs[i]}" for i in wrong[:3].tolist())
    if run.world.book.cash != oracle.cash:
        found.append(f"cash {run.world.book.cash}, oracle {oracle.cash}")
    return found


@cache
def world(seed: int) -> tuple[Made, Run]:
    made = made_world(seed)
    return made, run_fold(made)


@pytest.mark.parametrize("first", range(0, WORLDS, 20))
def test_two_accounts_of_the_rules_agree_on_random_worlds(first):
    for seed in range(first, first + 20):
        made, run = world(seed)
        assert differences(made, run, judged(made, run)) == [], f"world {seed}"


def test_the_random_worlds_end_trades_in_every_way_there_is():
    seen = {trade.exit_reason for seed in range(WORLDS) for trade in world(seed)[1].trades}
    assert seen == {reason for reason in ExitReason if ExitReason.NONE < reason <= ExitReason.END_OF_DATA}  # bar mode's


@pytest.mark.parametrize("rule", [rule.name for rule in fields(Rules)])
def test_an_oracle_with_one_rule_changed_disagrees(rule):
    wrong = Rules(**{rule: False})
    caught = (seed for seed in range(WORLDS) if differences(*world(seed), judged(*world(seed), wrong)))
    assert next(caught, None) is not None, f"{WORLDS} worlds do not notice when {rule} is false"


def test_an_oracle_that_counts_the_first_day_of_interest_differently_disagrees():
    made, run = world(1)
    flipped = replace(terms_of(made), first_day_charged=not made.params.costs.first_day_charged, interest_ppm=400)
    oracle = Oracle(flipped, made.cash).run(candles_of(made), entries_of(made, run), {})
    assert differences(made, run, oracle)


@pytest.mark.parametrize(("name", "year"), YEARS)
def test_two_accounts_of_the_rules_agree_on_a_real_year(name, year, market_data_dir):
    made = real_year(market_data_dir / name, year)
    run = run_fold(made)
    assert differences(made, run, judged(made, run)) == []
    assert len(run.trades) > 0 or np.all(run.output.reason == Reason.COLD)


def real_year(path: Path, year: int) -> Made:
    """Return a year of stored candles with the history that warms it; odd years rest their entries, at dated fees."""
    start, end = (np.datetime64(f"{y}-01-01", "ms").astype(np.int64) for y in (year, year + 1))
    table = pq.read_table(path)
    opened_at = table["timestamp"].cast("int64").to_numpy()
    kept = (opened_at >= start - 200 * DAY) & (opened_at < end)
    prices = (np.rint(table[k].to_numpy()[kept]).astype(np.int64) for k in ("open", "high", "low", "close"))
    lots = np.rint(table["volume"].to_numpy()[kept] * 10_000).astype(np.int64)
    candles = Candles(opened_at[kept] + BAR_15M, *prices, lots)
    first = int(np.searchsorted(candles.closed_at, start, side="right"))
    tape = build_tape(candles, first, *fee_columns(candles.closed_at), FeatureSettings())
    market = MarketParams(entry=EntryKind.LIMIT if year % 2 else EntryKind.MARKET)
    return Made(tape, default_params(), market, 10**10)
