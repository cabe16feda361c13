"""Made markets and settings for the fold: hostile bars, changing fees, strategies that trade often."""

from typing import NamedTuple

import numpy as np

from src.backtest.fold import (
    MarketParams,
    Output,
    Tape,
    World,
    close_at_end,
    empty_output,
    fold,
    fresh_world,
    write_trade,
)
from src.backtest.result import trades_of
from src.backtest.tape import IN_ORDER, as_lists, frozen
from src.core.domain.account import Trade
from src.core.domain.market import Bar, Money
from src.core.domain.time import BAR_15M
from src.features.row import COLUMNS, Quality
from src.strategies.base.strategy_manager import VoteParams
from src.strategies.implementations.atr_based import AtrBased
from src.strategies.implementations.fibonacci_retracement import FibonacciRetracement
from src.strategies.implementations.mochipoy_alert import MochipoyAlert
from src.strategies.implementations.multi_timeframe import MultiTimeframe
from src.trading.anomaly_detector import GateParams
from src.trading.decision import ExitParams, Params
from src.trading.drawdown_manager import RiskParams
from src.trading.ledger import CostParams
from src.trading.position_sizing import SizeParams
from src.trading.risk import ModelParams

START = 1_640_995_200_000  # 2022-01-01 00:00 UTC
KINDS = (AtrBased, FibonacciRetracement, MochipoyAlert, MultiTimeframe)


class Made(NamedTuple):
    """Everything a run depends on."""

    tape: Tape
    params: Params
    market: MarketParams
    cash: int


class Run(NamedTuple):
    """Everything a run gives."""

    output: Output
    world: World
    trades: list[Trade]


def default_params(**changed: object) -> Params:
    """Return the four strategies with equal weights and every default, but for what is `changed`."""
    params = Params(
        strategies=tuple(kind() for kind in KINDS),
        weights=(1.0, 1.0, 1.0, 1.0),
        vote=VoteParams(),
        model=ModelParams(),
        gates=GateParams(),
        risk=RiskParams(),
        size=SizeParams(),
        exits=ExitParams(),
        costs=CostParams(),
        tick=1.0,
    )
    return params._replace(**changed)


def made_world(seed: int, bars: int = 300, limit: bool | None = None) -> Made:
    """Return a random market and random settings; every fifth is reckless enough to be forced out.

    Parameters
    ----------
    limit
        Whether entries rest; None lets the seed choose.
    """
    rng = np.random.default_rng(seed)
    reckless = seed % 5 == 0
    entry = int(rng.random() < 0.4) if limit is None else int(limit)
    market = MarketParams(entry=entry, wait_ms=BAR_15M * int(rng.integers(1, 6)))
    tape = _tape(rng, bars, reckless)
    return Made(tape, _params(rng, reckless), market, int(10 ** rng.uniform(9.5, 12.5)))


def run_fold(made: Made, chunk: int = 10**9, run=fold, lists: bool = True) -> Run:
    """Fold a world in chunks as the engine does, and close what is open at the end."""
    tape = as_lists(made.tape) if lists else made.tape
    bars = len(made.tape.closed_at)
    output = empty_output(bars, len(made.params.strategies))
    world, count = fresh_world(Money(made.cash)), 0
    for done in range(0, bars, chunk):
        world, count = run(tape, world, made.params, made.market, output, done, min(done + chunk, bars), count)
    last = Bar(*(int(column[-1]) for column in made.tape[:6]))
    world, closed, trade = close_at_end(world, last, int(made.tape.taker_fee_ppm[-1]), made.params)
    if closed:
        write_trade(output.trades, count, trade)
        count += 1
    return Run(output, world, trades_of(output, count))


def _tape(rng: np.random.Generator, n: int, reckless: bool) -> Tape:
    closed_at, bars = _times(rng, n), _prices(rng, n, reckless)
    quality = np.where(rng.random(n) < 0.04, rng.integers(1, 6, n), 0).astype(np.int64)
    rows = _rows(rng, bars)
    rows[quality >= Quality.NOT_FINITE, COLUMNS.index("returns_1") :] = np.nan  # the bar itself is always known
    fees_change = int(rng.integers(0, n))
    maker = np.where(np.arange(n) < fees_change, -200, int(rng.integers(-300, 500)))
    taker = np.where(np.arange(n) < fees_change, 1_200, int(rng.integers(0, 2_000)))
    volume = np.where(rng.random(n) < 0.05, 0, rng.integers(1, 50_000, n))
    tape = Tape(
        closed_at,
        *(bars[k] for k in ("open", "high", "low", "close")),
        volume=volume.astype(np.int64),
        quality=quality,
        rows=np.asfortranarray(rows),
        places=IN_ORDER,
        prediction_status=np.zeros(n, np.int64),
        prediction=np.full(n, np.nan),
        maker_fee_ppm=maker.astype(np.int64),
        taker_fee_ppm=taker.astype(np.int64),
    )
    return frozen(tape)  # the types every tape has, so that compiled code is compiled once


def _times(rng: np.random.Generator, n: int) -> np.ndarray:
    steps = np.where(rng.random(n) < 0.02, rng.integers(2, 300, n), 1)
    return (START + BAR_15M * np.cumsum(steps)).astype(np.int64)


def _prices(rng: np.random.Generator, n: int, reckless: bool) -> dict[str, np.ndarray]:
    noise = 10 ** rng.uniform(-3.0, -2.0)
    jumps = np.where(rng.random(n) < 0.02, rng.normal(0.0, 0.08, n), 0.0)
    path = np.cumsum(rng.standard_t(3, n) * noise + jumps)
    close = np.exp(rng.uniform(7.0, 17.0) + np.clip(path, -3.0, 3.0))
    before = np.concatenate((close[:1], close[:-1]))
    open_ = before * np.where(rng.random(n) < 0.1, np.exp(rng.normal(0.0, 3 * noise, n)), 1.0)
    wide = np.where(rng.random(n) < (0.05 if reckless else 0.02), 80.0 if reckless else 20.0, 1.0)
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, noise, n)) * wide)
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, noise, n)) * wide)
    return {
        name: np.maximum(np.rint(column), 10).astype(np.int64)
        for name, column in (("open", open_), ("high", high), ("low", low), ("close", close))
    }


def _rows(rng: np.random.Generator, bars: dict[str, np.ndarray]) -> np.ndarray:
    """Return rows that move with the bars closely enough for strategies to make sense of, and often."""
    close = bars["close"].astype(float)
    n = len(close)
    rows = rng.normal(0.0, 1.0, (n, len(COLUMNS)))
    atr = np.maximum(_ema((bars["high"] - bars["low"]).astype(float), 14), 1.0)
    slow = np.clip(_ema(rng.normal(0.0, 2.0, n), 20), -1.0, 1.0)
    columns = {
        **{name: bars[name].astype(float) for name in ("open", "high", "low", "close")},
        "rsi_14": np.clip(50 + 30 * rng.normal(0.0, 1.0, n), 0, 100),
        "atr_14": atr,
        "atr_mean_96": atr * rng.uniform(0.5, 1.5, n),
        "atr_14_4h": 3 * atr,
        "ema_20": _ema(close, 20),
        "ema_50": _ema(close, 50),
        "ema_20_before": np.roll(_ema(close, 20), 1),
        "close_before": np.roll(close, 1),
        "volume_ratio": rng.uniform(0.0, 21.0, n),
        "ema_20_4h": close * (1 + 0.05 * slow),
        "ema_50_4h": close,
        "macd_4h": slow,
        "macd_signal_4h": 0.5 * slow,
        "rci_9": rng.uniform(-100, 100, n),
        "rci_9_before": rng.uniform(-100, 100, n),
        "swing_high_4h": _ema(close, 50) + 8 * atr,
        "swing_low_4h": _ema(close, 50) - 8 * atr,
        "swing_turn_4h": slow,
        "slow_momentum_4h": slow,
        "volatility_4h": np.full(n, rng.uniform(0.001, 0.02)),
    }
    for name, column in columns.items():
        rows[:, COLUMNS.index(name)] = column
    return np.ascontiguousarray(rows)


def _ema(values: np.ndarray, span: int) -> np.ndarray:
    smooth, out = values[0], np.empty(len(values))
    for i, value in enumerate(values):
        smooth += (value - smooth) * 2.0 / (span + 1)
        out[i] = smooth
    return out


def _params(rng: np.random.Generator, reckless: bool) -> Params:
    wide = float(rng.uniform(1.0, 15.0)) if reckless else 1.0
    size = SizeParams(
        kelly=not reckless and bool(rng.random() < 0.5),
        risk_ppm=900_000 if reckless else int(rng.integers(2_000, 20_000)),
        max_risk_ppm=900_000 if reckless else 20_000,
        target_volatility=1_000.0,
        max_leverage_bps=20_000,
        gap_ppm=0 if reckless else 50_000,
        losscut_distance_bps=0 if reckless else 20_000,
        max_cost_bps=10**6,
    )
    costs = CostParams(
        slippage_ppm=int(rng.integers(0, 2_000)),
        interest_ppm_per_day=int(rng.integers(0, 1_000)),
        interest_hour=int(rng.integers(0, 24)),
        first_day_charged=bool(rng.random() < 0.5),
        requirement_bps=int(rng.integers(5_000, 10_000)) if reckless else 5_000,
        losscut_bps=int(rng.integers(8_000, 10_000)) if reckless else 5_000,
    )
    return default_params(
        strategies=_strategies(rng, wide),
        weights=tuple(float(w) for w in rng.integers(1, 5, 4) / 4),
        vote=VoteParams(0.5, float(rng.choice([0.0, 0.2]))),
        gates=GateParams(max_move_atr=50.0),
        risk=RiskParams(int(rng.choice([300, 2_000, 9_500])), 5, 3_600_000, 900_000, 50),
        size=size,
        exits=ExitParams(*(bool(rng.random() < 0.4) for _ in range(2)), bool(rng.random() < 0.7)),
        costs=costs,
    )


def _strategies(rng: np.random.Generator, wide: float) -> tuple[object, ...]:
    stop, target = rng.uniform(0.3, 2.0, 4) * wide, rng.uniform(0.3, 3.0, 4)
    days = rng.choice([0.0, 0.0, 0.1, 1.0], 4)
    return (
        AtrBased(0.3, 55.0, 0.1, 9.0, float(stop[0]), float(target[0]), float(days[0])),
        FibonacciRetracement(size=1.0, reach=2.0, stop=float(stop[1]), target=float(target[1]), days=float(days[1])),
        MochipoyAlert(10.0, float(stop[2]), float(target[2]), float(days[2])),
        MultiTimeframe(0.05, -0.5, float(stop[3]), float(rng.uniform(0.3, 2.0))),
    )
