"""A trader in as few lines as possible: the decision core on one side, an `ExchangePort` on the other."""

from typing import NamedTuple

from src.backtest.fold import MarketParams, Tape, no_trade
from src.core.domain.account import Account, Prediction
from src.core.domain.events import FillSeen, TradeSeen
from src.core.domain.exchange import SIDE_OF_POSITION, PositionSide
from src.core.domain.market import Bar, Side
from src.core.domain.orders import EntryKind, Reason
from src.core.exceptions import OrderRefused
from src.features.feature_generator import row_at
from src.trading.decision import Decision, Params, decide, entered, exited, fresh_state
from src.trading.ledger import worse
from src.trading.outgoing import close, entry, protective_stop
from src.trading.risk import approve


class Line(NamedTuple):
    """What was known and decided at a bar's close."""

    reason: int
    exit_reason: int
    lots: int
    equity: int
    position: int  # signed lots


class Closed(NamedTuple):
    """A position that was closed, as billed."""

    side: int
    lots: int
    entry: int
    exit: int
    fee: int
    interest: int
    net: int


class PlainTrader:
    """Holds at most one position, of one entry, and protects it by one stop."""

    def __init__(self, port, tape: Tape, params: Params, market: MarketParams, cash: int) -> None:
        self.port, self.tape, self.params, self.market = port, tape, params, market
        self.state = fresh_state(cash)
        self.lines: list[Line] = []
        self.closed: list[Closed] = []
        self.order = None  # the approved verdict of the entry on its way
        self.entry_id = self.stop_id = self.close_id = None
        self.expires_at = 0
        self.position = None  # the entry's fill

    async def on_event(self, event) -> None:
        """React to what the exchange's stream says."""
        if isinstance(event, FillSeen):
            await self._filled(event.fill)
        elif isinstance(event, TradeSeen) and self.position is not None and self.close_id is None:
            side, target = self._side(), self.state.plan.target
            if target and (event.price - target) * side > 0:
                await self._leave(worse(target, Side(-side), self.params.costs.slippage_ppm))

    async def _filled(self, fill) -> None:
        if fill.order_id == self.entry_id:
            self.position, self.entry_id = fill, None
            self.state = entered(self.state, self.order, fill.price, fill.executed_at)
            await self._protect()
            return
        assert self.position is not None, "a fill of no order of ours"
        was = self.position
        self.closed.append(
            Closed(self._side(), fill.lots, was.price, fill.price, was.fee + fill.fee, fill.interest, fill.profit)
        )
        trade = no_trade()._replace(net=fill.profit, closed_at=fill.executed_at)
        self.state = exited(self.state, trade, self.params.risk)
        self.position = self.stop_id = self.close_id = None

    async def on_time(self) -> None:
        """Give up an entry that has rested for its time."""
        if self.entry_id is not None and self.expires_at:
            await self.port.cancel(self.entry_id)
            self.entry_id = None

    async def on_close(self, i: int, bar: Bar) -> None:
        """Decide at the close of bar `i`, and act on it."""
        if bar.closed_at >= self.expires_at:
            await self.on_time()
        account = await self._account(i, bar)
        row = row_at(bar.closed_at, self.tape.quality[i], self.tape.rows, self.tape.places, i)
        prediction = Prediction(self.tape.prediction_status[i], self.tape.prediction[i])
        stop = self.state.plan.stop
        self.state, decision = decide(self.state, row, prediction, account, self.params)
        self.lines.append(
            Line(
                decision.reason,
                decision.exit_reason,
                decision.verdict.lots,
                account.equity,
                account.lots * account.side,
            )
        )
        if decision.reason == Reason.ENTER:
            await self._enter(decision, bar)
        elif decision.reason == Reason.EXIT_POSITION:
            await self._leave(None)
        elif self.position is not None and self.state.plan.stop != stop:
            await self.port.cancel(self.stop_id)
            await self._protect()

    async def _account(self, i: int, bar: Bar) -> Account:
        found = await self.port.account()
        held = found.long if found.long.lots else found.short
        side = SIDE_OF_POSITION[held.position] if held.lots else Side.NONE
        assert bool(held.lots) == (self.position is not None), "the events did not tell of a fill"
        return Account(
            True,
            found.margin_balance,
            bar.close,
            side,
            held.lots,
            held.average,
            self.position.executed_at if self.position else 0,
            self.entry_id is not None,
            self.market.spread_ppm,
            self.market.latency_ms,
            self.tape.maker_fee_ppm[i],
            self.tape.taker_fee_ppm[i],
        )

    async def _enter(self, decision: Decision, bar: Bar) -> None:
        resting = self.market.entry == EntryKind.LIMIT
        approved = approve(decision.verdict, bar.close if resting else 0, bar.closed_at)
        self.order = decision.verdict
        self.expires_at = bar.closed_at + self.market.wait_ms if resting else 0
        sent = entry(approved, approved.verdict.lots, bar.close if resting else None, post_only=resting)
        self.entry_id = (await self.port.submit(sent)).order_id

    async def _protect(self) -> None:
        plan, fill = self.state.plan, self.position
        self.stop_id = (await self.port.submit(protective_stop(fill.position, fill.lots, plan.stop))).order_id

    async def _leave(self, price) -> None:
        """Close: the stop is cancelled first, because it holds the position's lots."""
        try:
            await self.port.cancel(self.stop_id)
        except OrderRefused:
            return  # it has fired; its fill is on the way
        sent = await self.port.submit(close(self.position.position, self.position.lots, price))
        self.close_id = sent.order_id

    def _side(self) -> Side:
        return SIDE_OF_POSITION[PositionSide(self.position.position)]
