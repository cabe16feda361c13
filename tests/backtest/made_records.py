"""Made records of runs: equity and trades as a test wants them."""

import numpy as np

from src.backtest.evaluator import Record
from src.core.domain.account import Trade
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import BAR_15M, DAY, HOUR, Millis

NEW_YEAR = 1_672_531_200_000  # 2023-01-01 UTC
INITIAL = Money(10_000_000_000)  # 1,000,000 JPY
PRICE = 4_000_000


def made_trade(net: int, *, day: float = 0.0, hours: float = 1.0, **fields: object) -> Trade:
    """A trade with the net result `net` in money units, opened `day` days after New Year."""
    opened = Millis(int(NEW_YEAR + day * DAY))
    made = Trade(
        opened_at=opened,
        closed_at=Millis(int(opened + hours * HOUR)),
        side=Side.BUY,
        lots=Lots(10),
        entry=Ticks(PRICE),
        exit=Ticks(PRICE),
        fee=Money(0),
        interest=Money(0),
        slippage=Money(0),
        gross=Money(net),
        net=Money(net),
        exit_reason=ExitReason.TARGET if net > 0 else ExitReason.STOP,
        leader=0,
        risk=Money(1_000_000),
        worst=Ticks(-10),
        best=Ticks(20),
    )
    return made._replace(**fields)


def daily_record(growth: np.ndarray, prices: np.ndarray | None = None) -> Record:
    """A record of one bar a day, which closes at midnight, and one trade a day that makes its growth."""
    marks = np.rint(INITIAL * np.cumprod(growth)).astype(np.int64)
    nets = np.diff(np.append(INITIAL, marks))
    trades = [made_trade(int(net), day=k) for k, net in enumerate(nets)]
    return record(NEW_YEAR + DAY * np.arange(1, len(growth) + 1), marks, trades, prices)


def bar_record(steps: np.ndarray, trades: int = 1) -> Record:
    """A record of 15-minute bars whose equity grows by `steps`, and so many equal trades."""
    marks = np.rint(INITIAL * np.cumprod(steps)).astype(np.int64)
    total = int(marks[-1]) - INITIAL
    nets = [total // trades] * (trades - 1)
    made = [made_trade(net, day=k / 10) for k, net in enumerate([*nets, total - sum(nets)])]
    return record(NEW_YEAR + BAR_15M * np.arange(1, len(steps) + 1), marks, made)


def record(closed_at: np.ndarray, marks: np.ndarray, trades: list[Trade], prices: np.ndarray | None = None) -> Record:
    """A record as the evaluator takes it; the price stands still unless given."""
    close = np.full(len(marks), PRICE) if prices is None else prices
    return Record(
        INITIAL,
        closed_at.astype(np.int64),
        marks,
        np.ones(len(marks), np.int64),
        close.astype(np.int64),
        PRICE,
        trades,
        ("one", "two"),
        0.0001,
    )
