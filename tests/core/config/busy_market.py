"""A made market in which everything happens: rows that make every strategy propose, and prices that move a lot."""

from functools import cache

import numpy as np

from src.backtest.fold import Output, Tape, empty_output, fold, fresh_world
from src.backtest.tape import IN_ORDER, as_lists
from src.core.config import Settings
from src.core.domain.account import PredictionStatus
from src.core.domain.market import Money
from src.core.domain.time import BAR_15M, parse_time
from src.core.orchestration.wiring import core_params, market_params
from src.features.row import COLUMNS, Row

BARS = 900
CASH = Money(100_000_000_000)  # 10,000,000 JPY
START = parse_time("2026-03-01")


@cache
def busy_tape() -> Tape:
    """Return bars around ten million JPY with random features in the ranges that strategies look for."""
    rng = np.random.default_rng(12)
    close = (10_000_000 * np.exp(np.cumsum(rng.normal(0.0, 0.004, BARS)))).astype(np.int64)
    open_ = (np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0.0, 0.003, BARS))).astype(np.int64)
    high = np.maximum(open_, close) + rng.integers(0, 40_000, BARS)
    low = np.minimum(open_, close) - rng.integers(0, 40_000, BARS)
    rows = np.full((BARS, len(COLUMNS)), 1.0)
    price = close.astype(np.float64)

    def put(name: str, values: object) -> None:
        rows[:, COLUMNS.index(name)] = values

    def around(spread: float) -> object:
        return price * (1.0 + rng.normal(0.0, spread, BARS))

    for name, values in (("open", open_), ("high", high), ("low", low), ("close", close)):
        put(name, values)
    for name in ("ema_20", "ema_50", "ema_20_before", "close_before"):
        put(name, around(0.01))
    for name in ("ema_20_4h", "ema_50_4h"):
        put(name, around(0.02))
    put("close_before", np.concatenate((close[:1], close[:-1])))
    put("rsi_14", rng.uniform(10.0, 90.0, BARS))
    put("atr_14", rng.uniform(15_000.0, 40_000.0, BARS))
    put("atr_mean_96", rng.uniform(10_000.0, 50_000.0, BARS))
    put("atr_14_4h", rng.uniform(60_000.0, 140_000.0, BARS))
    put("macd_4h", rng.normal(0.0, 1_000.0, BARS))
    put("macd_signal_4h", rng.normal(0.0, 1_000.0, BARS))
    put("rci_9", rng.uniform(-100.0, 100.0, BARS))
    put("rci_9_before", rng.uniform(-100.0, 100.0, BARS))
    put("swing_high_4h", price * rng.uniform(1.0, 1.06, BARS))
    put("swing_low_4h", price * rng.uniform(0.94, 1.0, BARS))
    put("swing_turn_4h", rng.choice([-1.0, 1.0], BARS))
    put("slow_momentum_4h", rng.uniform(-1.0, 1.0, BARS))
    put("volatility_4h", rng.uniform(0.008, 0.02, BARS))
    put("volume_ratio", rng.uniform(0.1, 15.0, BARS))
    whole = np.ones(BARS, np.int64)
    return Tape(
        closed_at=START + BAR_15M * np.arange(1, BARS + 1, dtype=np.int64),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=whole * 1_000,
        quality=whole * 0,
        rows=rows,
        places=IN_ORDER,
        prediction_status=whole * int(PredictionStatus.GOOD),
        prediction=rng.uniform(0.4, 0.9, BARS),
        maker_fee_ppm=whole * 0,
        taker_fee_ppm=whole * 1_000,
    )


@cache
def busy_rows() -> tuple[Row, ...]:
    """Return the same market row by row."""
    tape = busy_tape()
    return tuple(
        Row(at, quality, *values)
        for at, quality, values in zip(tape.closed_at.tolist(), tape.quality.tolist(), tape.rows.tolist(), strict=True)
    )


def run(settings: Settings) -> Output:
    """Fold the busy market with what the settings make of the core."""
    params, market, output = (
        core_params(settings),
        market_params(settings),
        empty_output(BARS, len(settings.strategies)),
    )
    fold(as_lists(busy_tape()), fresh_world(CASH), params, market, output, 0, BARS, 0)
    return output
