"""A strategy that does what two columns of the row say, and markets of a few bars for it."""

from typing import NamedTuple

import numpy as np

from src.backtest.fold import MarketParams, Tape
from src.backtest.tape import IN_ORDER
from src.core.domain.market import Side
from src.core.domain.time import BAR_15M
from src.features.row import COLUMNS, Row
from src.strategies.base.strategy_manager import VoteParams
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.trading.anomaly_detector import GateParams
from src.trading.drawdown_manager import RiskParams
from src.trading.ledger import CostParams
from src.trading.position_sizing import SizeParams
from tests.backtest.made_worlds import START, Made, default_params

FREE = CostParams(slippage_ppm=0, interest_ppm_per_day=0)


class Scripted(NamedTuple):
    """Proposes what `rci_9` says (1 buy, -1 sell) and holds unless `rci_9_before` is 1."""

    stop: float = 100.0
    target: float = 200.0
    trail: float = 0.0
    hold_bars: int = 0

    def propose(self, row: Row) -> Signal:
        """Return the signal the row asks for."""
        if row.rci_9 == 0.0:
            return NO_SIGNAL
        side = Side.BUY if row.rci_9 > 0.0 else Side.SELL
        return Signal(side, 1.0, self.stop, self.target, self.trail, self.hold_bars * BAR_15M)

    def holds(self, row: Row, side: Side) -> bool:
        """Return whether the row asks to stay."""
        return row.rci_9_before != 1.0


def scripted(
    bars: list[tuple[int, int, int, int]],
    wants: dict[int, int],
    leaves: tuple[int, ...] = (),
    strategy: Scripted = Scripted(),
    costs: CostParams = FREE,
    fee_ppm: int = 0,
    market: MarketParams = MarketParams(),
    times: list[int] | None = None,
    **changed: object,
) -> Made:
    """Return a world of `bars` (open, high, low, close) in which one lot is traded.

    Parameters
    ----------
    wants
        Bar numbers at whose close a side is wanted: 1 buy, -1 sell.
    leaves
        Bar numbers at whose close the reason is over.
    times
        Places of the bars on the grid of 15 minutes; None for one after the other.
    """
    n = len(bars)
    columns = [np.array(column, np.int64) for column in zip(*bars, strict=True)]
    rows = np.ones((n, len(COLUMNS)))
    for name, column in zip(("open", "high", "low", "close"), columns, strict=True):
        rows[:, COLUMNS.index(name)] = column
    rows[:, COLUMNS.index("close_before")] = columns[3]
    rows[:, COLUMNS.index("atr_14")] = 1e9
    rows[:, COLUMNS.index("volatility_4h")] = 0.001
    rows[:, COLUMNS.index("rci_9")] = [wants.get(i, 0) for i in range(n)]
    rows[:, COLUMNS.index("rci_9_before")] = [float(i in leaves) for i in range(n)]
    places = np.array(times if times is not None else range(n), np.int64)
    tape = Tape(
        START + BAR_15M * (places + 1),
        *columns,
        volume=np.ones(n, np.int64),
        quality=np.zeros(n, np.int64),
        rows=rows,
        places=IN_ORDER,
        prediction_status=np.zeros(n, np.int64),
        prediction=np.full(n, np.nan),
        maker_fee_ppm=np.full(n, fee_ppm, np.int64),
        taker_fee_ppm=np.full(n, fee_ppm, np.int64),
    )
    params = default_params(
        strategies=(strategy,),
        weights=(1.0,),
        vote=VoteParams(),
        gates=GateParams(),
        risk=RiskParams(cooldown_ms=0, max_losses=100, max_drawdown_bps=9_999),
        size=SizeParams(kelly=False, max_lots=1, max_cost_bps=10**6),
        costs=costs,
    )._replace(**changed)
    return Made(tape, params, market, 10**9)
