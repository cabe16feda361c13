"""bitbank on this machine, as a pure state machine: the same calls in the same order give the same bytes.

Time moves only by `advance`. Every call either raises `Refused` and changes nothing, or takes effect as a whole.
The book trades in price-time order; several users, and the market itself, meet in it. What a fill moves between the
users, the market and the house (which lends for margin and collects fees) always sums to zero, exactly.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from src.backtest.exchange import (
    accounts,
    bar_phases,
    breaker,
    flow,
    margin,
    outside,
    public_data,
    reads,
    schedule,
    snapshot,
)
from src.backtest.exchange.account import User
from src.backtest.exchange.accounts import BalanceSheet, new_state
from src.backtest.exchange.bar_mode import BarMarket, costs_in_rules, costs_in_switches, margin_fees
from src.backtest.exchange.bar_play import BarPlayView, BarTerms, Phase
from src.backtest.exchange.codes import Refused
from src.backtest.exchange.kinds import (
    CircuitMode,
    EventKind,
    FeeType,
    MarginState,
    OrderStatus,
    OrderType,
    PairStatus,
    PositionSide,
)
from src.backtest.exchange.market import Market
from src.backtest.exchange.market_replay import MarketReplay, advance_markets
from src.backtest.exchange.market_shape import BITBANK_2026, BITFLYER_2018, GMO_2024, MarketShape
from src.backtest.exchange.outside import Step
from src.backtest.exchange.requests import NOT_A_NUMBER, OrderFilter, OrderRequest, TradeFilter
from src.backtest.exchange.rules import (
    BTC_JPY_RULES,
    DEFAULT_PAIRS,
    SPOT_ONLY_RULES,
    Flags,
    MarginTerms,
    PairFees,
    PairRules,
)
from src.backtest.exchange.switches import RequirementBasis, Scope, Switches, TriggerBasis, Valuation
from src.backtest.exchange.views import (
    AssetView,
    AvailableBalance,
    CandlesView,
    CircuitView,
    DepthView,
    Event,
    MarginPositions,
    MarginStatus,
    NoticeView,
    OrderView,
    PairView,
    PayableView,
    PositionView,
    StatusView,
    TickerView,
    TradeView,
    TransactionView,
    UserId,
)
from src.core.domain.candles import Candles
from src.core.domain.market import Bar, Lots, Ticks
from src.core.domain.time import Millis
from src.core.exceptions import BadCandles

__all__ = [
    "BITBANK_2026",
    "BITFLYER_2018",
    "BTC_JPY_RULES",
    "DEFAULT_PAIRS",
    "GMO_2024",
    "NOT_A_NUMBER",
    "SPOT_ONLY_RULES",
    "AssetView",
    "AvailableBalance",
    "BalanceSheet",
    "BarMarket",
    "BarPlayView",
    "BarTerms",
    "CandlesView",
    "CircuitMode",
    "CircuitView",
    "DepthView",
    "Event",
    "EventKind",
    "FeeType",
    "Flags",
    "MarginPositions",
    "MarginState",
    "MarginStatus",
    "MarginTerms",
    "MarketReplay",
    "MarketShape",
    "NoticeView",
    "OrderFilter",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "OrderView",
    "PairFees",
    "PairRules",
    "PairStatus",
    "PairView",
    "PayableView",
    "Phase",
    "PositionSide",
    "PositionView",
    "Refused",
    "RequirementBasis",
    "Scope",
    "SimulatedExchange",
    "StatusView",
    "Step",
    "Switches",
    "TickerView",
    "TradeFilter",
    "TradeView",
    "TransactionView",
    "TriggerBasis",
    "UserId",
    "Valuation",
    "advance_markets",
    "costs_in_rules",
    "costs_in_switches",
    "margin_fees",
]


class SimulatedExchange:
    """One exchange with its pairs, users and books.

    Parameters
    ----------
    pairs
        Rules by pair name, as `DEFAULT_PAIRS`.
    switches
        Positions for what the exchange does not publish.
    start
        The first instant.
    seed
        Where order and trade ids begin.
    """

    def __init__(self, pairs: Mapping[str, PairRules], switches: Switches, *, start: Millis, seed: int) -> None:
        self._state = new_state(pairs, switches, start, seed)

    @property
    def now(self) -> Millis:
        """The exchange's clock."""
        return self._state.now

    @property
    def switches(self) -> Switches:
        """The positions it was opened with."""
        return self._state.switches

    # ---- time

    def advance(self, to: Millis) -> None:
        """Move to `to`, doing on the way what falls due, each at its own instant.

        Raises
        ------
        ValueError
            If `to` is before `now`.
        """
        if to < self._state.now:
            raise ValueError(f"the exchange is at {self._state.now} and cannot go back to {to}")
        schedule.advance(self._state, to)

    def next_due(self) -> Millis:
        """Return the next instant at which something happens by itself (a rollover, if nothing else)."""
        return schedule.next_due(self._state)

    # ---- users

    def add_user(
        self, name: str, assets: Mapping[str, Decimal], *, margin_enabled: bool = True, company: bool = False
    ) -> UserId:
        """Open an account that holds `assets` (in JPY, BTC …, on the assets' grids)."""
        return accounts.add_user(self._state, name, assets, margin_enabled=margin_enabled, company=company).id

    def deposit(self, user: UserId, asset: str, amount: Decimal) -> None:
        """Pay in; a debt is paid from it first."""
        accounts.deposit(self._state, self._user(user), asset, amount)
        flow.settle_down(self._state)

    def set_margin_enabled(self, user: UserId, enabled: bool) -> None:
        """Pass or withdraw the margin review (50058)."""
        self._user(user).margin_enabled = enabled

    # ---- orders

    def submit(self, user: UserId, request: OrderRequest) -> OrderView:
        """Accept an order, match it, and return it as it was accepted or as it is after that.

        Raises
        ------
        Refused
            With the code of the first check that fails; nothing was changed.
        """
        return flow.submit(self._state, self._user(user), request)

    def cancel(self, user: UserId, pair: str | None, order_id: int | None) -> OrderView:
        """Cancel an active order.

        Raises
        ------
        Refused
            30009 and 40017 (pair), 30006 (id missing), 50009 (unknown), 50010, 50026, 50027, 70019 (order's state),
            70004, 70018 (suspension).
        """
        return flow.cancel(self._state, self._user(user), pair, order_id)

    def cancel_many(self, user: UserId, pair: str | None, order_ids: Sequence[int] | None) -> tuple[OrderView, ...]:
        """Cancel up to 30 orders; what becomes of a bad id among them is a switch.

        Raises
        ------
        Refused
            As `cancel`, and 30007, 40014 (empty), 40015 (more than 30).
        """
        return flow.cancel_many(self._state, self._user(user), pair, order_ids)

    def order(self, user: UserId, pair: str | None, order_id: int | None) -> OrderView:
        """Return one order; 50009 if it is unknown or ended more than three months ago."""
        return reads.order(self._state, self._user(user), pair, order_id)

    def orders_info(self, user: UserId, pair: str | None, order_ids: Sequence[int] | None) -> tuple[OrderView, ...]:
        """Return those of the orders that are known; unknown and old ids are left out."""
        return reads.orders_info(self._state, self._user(user), pair, order_ids)

    def active_orders(self, user: UserId, which: OrderFilter = OrderFilter()) -> tuple[OrderView, ...]:
        """Return waiting and resting orders, newest first."""
        return reads.active_orders(self._state, self._user(user), which)

    def trade_history(self, user: UserId, which: TradeFilter = TradeFilter()) -> tuple[TradeView, ...]:
        """Return the user's trades, newest first unless asked otherwise."""
        return reads.trade_history(self._state, self._user(user), which)

    # ---- accounts

    def assets(self, user: UserId) -> tuple[AssetView, ...]:
        """Return every asset of the exchange, JPY first."""
        return tuple(self._state.asset_view(self._user(user), asset) for asset in self._user(user).assets)

    def margin_status(self, user: UserId) -> MarginStatus:
        """Return the margin arithmetic as of now."""
        return margin.status_of(self._state, self._user(user))

    def margin_positions(self, user: UserId) -> MarginPositions:
        """Return both positions of every pair with margin, flat ones included."""
        return reads.margin_positions(self._state, self._user(user))

    # ---- public data

    def pairs(self) -> tuple[PairView, ...]:
        """Return every pair's rules as they are now."""
        return tuple(schedule.pair_view(self._state, pair) for pair in self._state.markets)

    def statuses(self) -> tuple[StatusView, ...]:
        """Return how busy every pair is."""
        return tuple(
            StatusView(pair, market.status, Lots(max(market.min_lots, market.rules.min_lots)))
            for pair, market in self._state.markets.items()
        )

    def ticker(self, pair: str) -> TickerView:
        """Return the last 24 hours; unknown pairs are 10000, here and in all public reads."""
        return public_data.ticker(self._state, self._public(pair))

    def depth(self, pair: str) -> DepthView:
        """Return the book, 200 levels a side."""
        return public_data.depth(self._state, self._public(pair))

    def transactions(self, pair: str, day: str | None = None) -> tuple[TransactionView, ...]:
        """Return the newest 60 trades, newest first, or all of a finished UTC day (YYYYMMDD), oldest first."""
        return public_data.transactions(self._state, self._public(pair), day)

    def candles(self, pair: str, type_: str, date: str) -> CandlesView:
        """Return a candle file: of a UTC day (YYYYMMDD) up to 1hour, of a UTC year (YYYY) from 4hour on."""
        return public_data.candles(self._state, self._public(pair), type_, date)

    def circuit_break_info(self, pair: str) -> CircuitView:
        """Return the circuit breaker's state."""
        return breaker.circuit_view(self._state, self._public(pair))

    # ---- what scenarios move

    def set_mode(
        self,
        pair: str,
        mode: CircuitMode,
        *,
        fee_type: FeeType = FeeType.NORMAL,
        itayose_upper: Ticks | None = None,
        itayose_lower: Ticks | None = None,
        reopen_at: Millis | None = None,
    ) -> None:
        """Change how the pair trades; entering NONE runs the auction first."""
        change = breaker.Change(mode, fee_type, itayose_upper, itayose_lower, reopen_at)
        breaker.change_mode(self._state, self._market(pair), change)
        flow.settle_down(self._state)

    def set_flags(self, pair: str, flags: Flags) -> None:
        """Replace the pair's flags."""
        self._change(pair, self._market(pair).rules._replace(flags=flags))

    def set_status(self, pair: str, status: PairStatus, min_lots: Lots | None = None) -> None:
        """Set how busy the pair is and its present minimum (None: the pair's own)."""
        market = self._market(pair)
        market.status = status
        market.min_lots = market.rules.min_lots if min_lots is None else min_lots
        self._change(pair, market.rules)

    def set_fees(self, pair: str, fees: PairFees) -> None:
        """Replace the pair's fees from the next fill on."""
        self._change(pair, self._market(pair).rules._replace(fees=fees))

    def set_next_margin(self, pair: str, terms: MarginTerms) -> None:
        """Announce the terms of the next margin week."""
        self._market(pair).next_margin = terms
        self._change(pair, self._market(pair).rules)

    # ---- the market around the users

    def load_history(self, pair: str, candles: Candles, period: int) -> None:
        """Give the pair a past: bars of `period` milliseconds that closed before now, for candle files to show.

        Raises
        ------
        BadCandles
            If a bar closes later than now, or trading has begun.
        """
        market = self._market(pair)
        if market.tape.last_id or (len(candles) and candles.bar(-1).closed_at > self.now):
            raise BadCandles(
                f"the past of {pair} was to be set after it had begun",
                remedy="load bars that closed before the exchange's start, before anything trades",
            )
        market.history, market.history_period = candles, period
        if len(candles):
            market.tape.last = int(candles.close[-1])

    def move_market(self, pair: str, step: Step) -> None:
        """Let the pair's other traders quote anew and trade; users' orders that are passed or reached trade, too."""
        outside.step(self._state, self._market(pair), step)
        flow.settle_down(self._state)

    def forget_trades(self, pair: str, before: Millis) -> None:
        """Forget the public trades of days that ended by `before`; candle files and the ticker go back no further."""
        self._market(pair).tape.forget(before)

    def begin_bars(self, pair: str, terms: BarTerms) -> None:
        """Put a pair in bar mode for good: candles, not the book, then say what trades (see `BarMarket`).

        Raises
        ------
        ConfigError
            If something has traded, or the period does not divide an hour.
        """
        bar_phases.begin(self._market(pair), terms)

    def play_bar(self, pair: str, phase: Phase, bar: Bar) -> None:
        """Do one phase of a bar of a pair in bar mode.

        Raises
        ------
        ValueError
            If the pair is not in bar mode.
        """
        market = self._market(pair)
        if market.play is None:
            raise ValueError(f"{pair} is not in bar mode")
        bar_phases.play_phase(self._state, market, market.play, phase, bar)

    def bar_play(self, pair: str) -> BarPlayView | None:
        """Return how far a pair in bar mode has come; None for one that is not."""
        play, last = self._market(pair).play, self._market(pair).tape.last
        if play is None:
            return None
        return BarPlayView(play.terms, play.bar, play.phase, play.closed_at, None if last is None else Ticks(last))

    def balance_sheet(self) -> BalanceSheet:
        """Return who holds how much of every asset: what all hold is exactly what was paid in."""
        return accounts.balance_sheet(self._state)

    # ---- events and state

    def drain(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self._state.events = self._state.events, []
        return events

    def snapshot(self) -> bytes:
        """Return the whole state as JSON; equal states give equal bytes."""
        return snapshot.write(self._state)

    @classmethod
    def restore(cls, content: bytes) -> "SimulatedExchange":
        """Return the exchange that `snapshot` wrote.

        Raises
        ------
        StoreDamaged
            If `content` is not a snapshot of this version.
        """
        exchange = cls.__new__(cls)
        exchange._state = snapshot.read(content)
        return exchange

    def _user(self, user: UserId) -> User:
        return self._state.users[user]

    def _market(self, pair: str) -> Market:
        return self._state.markets[pair]

    def _public(self, pair: str) -> Market:
        return public_data.public_market(self._state, pair)

    def _change(self, pair: str, rules: PairRules) -> None:
        self._market(pair).rules = rules
        self._state.tell(EventKind.PAIR, None, pair, schedule.pair_view(self._state, pair))
