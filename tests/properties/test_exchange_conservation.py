"""Random calls on several users: nothing is lost or made, nobody is overdrawn, every order ends once."""

import random
from collections import Counter
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from src.backtest.exchange.kinds import ACTIVE
from src.backtest.simulated_exchange import (
    BTC_JPY_RULES,
    DEFAULT_PAIRS,
    CircuitMode,
    EventKind,
    FeeType,
    Flags,
    MarginState,
    MarginTerms,
    OrderRequest,
    PairFees,
    PairStatus,
    PositionSide,
    Refused,
    RequirementBasis,
    Scope,
    SimulatedExchange,
    Step,
    Switches,
    TriggerBasis,
    Valuation,
)
from src.core.domain.market import Side

START = 1_700_000_000_000
PAIR = "btc_jpy"
FINE = "mona_jpy"
PAIRS = {
    PAIR: BTC_JPY_RULES._replace(
        fees=PairFees(-200, 1_200, -200, 1_200, -200, 1_200), margin=MarginTerms(40_000, 40_000, 500_000, 81_800)
    ),
    FINE: DEFAULT_PAIRS[FINE],
}
"""Rates a hundred times larger than real: roundings, interest and forced closes happen in a few calls."""

switches = st.fixed_dictionaries(
    {
        "waiting_stops_reserve": st.booleans(),
        "open_order_cap": st.sampled_from([3, 30]),
        "cap_scope": st.sampled_from(Scope),
        "waiting_counts": st.booleans(),
        "position_delay": st.sampled_from([0, 3_000]),
        "interest_hour": st.sampled_from([0, 9]),
        "first_day_charged": st.booleans(),
        "stop_types_open": st.booleans(),
        "oversized_limit_rejected": st.booleans(),
        "cancel_batch_atomic": st.booleans(),
        "margin_orders_lock_cash": st.booleans(),
        "market_sweep_bounded": st.booleans(),
        "self_trade": st.booleans(),
        "trigger_basis": st.sampled_from(TriggerBasis),
        "valuation": st.sampled_from(Valuation),
        "requirement_basis": st.sampled_from(RequirementBasis),
        "losscut_delay": st.sampled_from([0, 5_000]),
        "call_hour": st.sampled_from([-1, 7]),
        "call_grace": st.sampled_from([3_600_000, 172_800_000]),
        "cancel_delay": st.sampled_from([0, 2_000]),
        "breaker": st.booleans(),
    }
).map(lambda positions: Switches(**positions))


SIZES = [1, 2, 3, 5, 8, 13, 20, 30, 40, 100]
KINDS = ["limit"] * 6 + ["market"] * 3 + ["stop", "stop_limit", "take_profit", "stop_loss"]


def random_request(dice):
    """An order that is mostly sensible: near the market, of a size that somebody can pay."""
    kind = dice.choice(KINDS)
    pair = dice.choice([PAIR] * 9 + [FINE])
    protects = kind in {"take_profit", "stop_loss"}
    margin = pair == PAIR and (protects or dice.random() < 0.6)
    amount = None if protects and dice.random() < 0.3 else Decimal(dice.choice(SIZES)) / 10_000
    if dice.random() < 0.01:
        amount = dice.choice([None, Decimal(2_000_000), Decimal("NaN"), Decimal("0.00001")])
    unit = Decimal(1) if pair == PAIR else Decimal("0.001")
    return OrderRequest(
        pair,
        dice.choice(["buy", "sell"]),
        kind,
        amount,
        (dice.randint(90, 110) if dice.random() < 0.8 else dice.randint(20, 60)) * unit,
        dice.randint(85, 115) * unit,
        True if kind == "limit" and dice.random() < 0.2 else None,
        dice.choice(["long", "short"]) if margin else None,
    )


def random_step(dice, centre):
    """A move of the others around `centre`, with a trade among them more often than not."""
    price, spread, side = max(centre + dice.randint(-4, 4), 5), dice.randint(1, 5), dice.choice(list(Side))
    lots = 0 if side is Side.NONE else dice.randint(1, 50)
    bids = {price: dice.randint(1, 30) + lots, price - 3: 20}
    asks = {price + spread: dice.randint(1, 30) + lots, price + spread + 2: 20}
    return Step(bids, asks, side, lots)


def check(exchange, terminal, sizes):
    """Everything that holds after every call."""
    state = exchange._state
    sheet = exchange.balance_sheet()
    assert sheet.balanced
    held = Counter()
    for user in state.users.values():
        for balance in user.assets.values():
            assert 0 <= balance.locked <= balance.onhand
        for sides in user.positions.values():
            for p in sides.values():
                held[p.pair] += p.sign * p.lots
                assert 0 <= p.locked <= p.lots
                assert p.ordered >= 0
                if p.lots == 0:
                    assert (p.cost, p.fee, p.interest) == (0, 0, 0)
        check_reserved(state, user)
    for pair, market in state.markets.items():  # what the house holds is what it lent for
        assert sheet.house[market.rules.base_asset] == held[pair] * market.rules.units_per_lot
        if market.mode is CircuitMode.NONE:
            assert not market.book.crossed
        check_levels(market)
    check_statuses(state, terminal)
    assert position_sizes(exchange) == sizes


def check_reserved(state, user):
    locked, reserved, ordered = Counter(), Counter(), Counter()
    for order in user.active.values():
        market = state.markets[order.pair]
        spot_sell = order.position_side is None and order.side is Side.SELL
        locked[market.rules.base_asset if spot_sell else "jpy"] += order.held
        if order.position_side is not None:
            reserved[order.pair, order.position_side] += order.reserved
            ordered[order.pair, order.position_side] += order.ordered
    for asset, balance in user.assets.items():
        assert balance.locked == locked[asset]
    for sides in user.positions.values():
        for p in sides.values():
            assert p.locked == reserved[p.pair, p.side]
            assert p.ordered == ordered[p.pair, p.side]


def check_levels(market):
    for side in (market.book.bids, market.book.asks):
        for level in side.best_first():
            assert level.lots == sum(o.remaining for o in level.orders.values()) > 0


def check_statuses(state, terminal):
    for order in state.orders.values():
        if order.lots is not None and order.type != "losscut":
            assert order.remaining + order.executed == order.lots or order.lots == order.remaining + order.executed
        if order.status in ACTIVE:
            assert order.id in state.active
            assert order.id not in terminal
        else:
            assert terminal.setdefault(order.id, order.status) == order.status
            assert order.held == order.reserved == order.ordered == 0


def position_sizes(exchange):
    return {
        (user.id, p.pair, p.side): p.lots
        for user in exchange._state.users.values()
        for sides in user.positions.values()
        for p in sides.values()
        if p.lots
    }


class Pair:
    """Two exchanges that get the same calls; the second is restored from its snapshot now and then."""

    def __init__(self, chosen):
        self.exchange = SimulatedExchange(PAIRS, chosen, start=START, seed=1)
        self.other = SimulatedExchange(PAIRS, chosen, start=START, seed=1)
        self.users = []
        self.terminal = {}
        self.sizes = Counter()
        self.seen = set()
        for name, assets in {
            "rich": {"jpy": Decimal(10_000), "btc": Decimal(1), "mona": Decimal(1)},
            "poor": {"jpy": Decimal("0.3"), "btc": Decimal("0.002")},
            "coins": {"jpy": Decimal("0.01"), "btc": Decimal("0.02"), "mona": Decimal("0.01")},
        }.items():
            self.users.append(self.exchange.add_user(name, assets))
            self.other.add_user(name, assets)

    def both(self, call):
        """Make a call on both exchanges; they answer alike."""
        answers = []
        for exchange in (self.exchange, self.other):
            try:
                answers.append(call(exchange))
            except Refused as refused:
                answers.append(refused.code)
        assert answers[0] == answers[1]
        if isinstance(answers[0], int):
            self.seen.add(answers[0])

    def trade(self, dice, count, centre):
        """A while of trading: users' orders and cancels, the others' moves."""
        for _ in range(count):
            who, what = dice.choice(self.users), dice.random()
            if what < 0.7:
                asked = random_request(dice)
                self.both(lambda e, who=who, asked=asked: e.submit(who, asked))
            elif what < 0.85:
                step = random_step(dice, centre)
                self.both(lambda e, step=step: e.move_market(PAIR, step))
            else:
                self.cancel_one(who, dice.random())
            self.look()

    def cancel_one(self, who, place):
        orders = self.exchange.active_orders(who)
        if orders:
            order = orders[int(place * len(orders))]
            self.both(lambda e: e.cancel(who, order.pair, order.order_id))

    def cancel_all(self, who, stray):
        ids = [o.order_id for o in self.exchange.active_orders(self.users[who])][:29] + [7] * stray
        self.both(lambda e: e.cancel_many(self.users[who], PAIR, ids))

    def advance(self, step):
        self.both(lambda e: e.advance(e.now + step))

    def trade_in_an_auction(self, dice, mode, fee_type, bounded):
        upper, lower = (104, 96) if bounded else (None, None)
        self.both(lambda e: e.set_mode(PAIR, mode, fee_type=fee_type, itayose_upper=upper, itayose_lower=lower))
        self.trade(dice, 15, 100)
        self.both(lambda e: e.set_mode(PAIR, CircuitMode.NONE))

    def trade_while_restricted(self, dice, status, stopped):
        self.both(lambda e: e.set_status(PAIR, status, 2))
        self.both(lambda e: e.set_flags(PAIR, Flags(stop_buy_order=stopped, stop_market_order=True)))
        self.trade(dice, 5, 100)
        self.both(lambda e: e.set_status(PAIR, PairStatus.NORMAL))
        self.both(lambda e: e.set_flags(PAIR, Flags()))

    def set_fees(self, maker, taker):
        self.both(lambda e: e.set_fees(PAIR, PairFees(maker, taker, maker, taker, maker, taker)))

    def announce(self, ratio):
        self.both(lambda e: e.set_next_margin(PAIR, MarginTerms(400, 400, ratio, 81_800)))

    def deposit(self, who, units):
        self.both(lambda e: e.deposit(self.users[who], "jpy", Decimal(units) / 10_000))

    def interrupt(self):
        content = self.other.snapshot()
        self.other = SimulatedExchange.restore(content)
        assert self.other.snapshot() == content

    def look(self):
        """See that nothing was lost, and more."""
        events = self.exchange.drain()
        assert events == self.other.drain()
        for event in events:
            if event.kind is EventKind.TRADE and event.payload.position_side is not None:
                t = event.payload
                opening = (t.side is Side.BUY) is (t.position_side is PositionSide.LONG)
                self.sizes[event.user, t.pair, t.position_side] += t.lots if opening else -t.lots
            if event.kind in {EventKind.ORDER, EventKind.ORDER_NEW}:
                self.seen.add((event.payload.type.value, event.payload.status.value))
            self.seen.add(event.kind.value)
        self.sizes = Counter({k: v for k, v in self.sizes.items() if v})
        check(self.exchange, self.terminal, dict(self.sizes))
        for user in self.exchange._state.users.values():
            assert (user.losscut_at is not None) is (user.state is MarginState.LOSSCUT)
            self.seen.add(user.state.value)


TIMES = [1_500, 4_000, 3_600_000, 3_600_000, 90_000_000, 8 * 86_400_000, 100 * 86_400_000]
CENTRES = [100, 100, 100, 80, 60, 125, 150]


class Calls(RuleBasedStateMachine):
    """Any calls in any order, with what hypothesis can shrink."""

    @initialize(chosen=switches)
    def begin(self, chosen):
        self.pair = Pair(chosen)

    @rule(seed=st.integers(0, 2**32), count=st.integers(1, 25), centre=st.sampled_from(CENTRES))
    def trade(self, seed, count, centre):
        self.pair.trade(random.Random(seed), count, centre)

    @rule(who=st.integers(0, 2), stray=st.booleans())
    def cancel_all(self, who, stray):
        self.pair.cancel_all(who, stray)

    @rule(step=st.sampled_from(TIMES))
    def advance(self, step):
        self.pair.advance(step)

    @rule(
        seed=st.integers(0, 99),
        mode=st.sampled_from(CircuitMode),
        fee_type=st.sampled_from(FeeType),
        bounded=st.booleans(),
    )
    def trade_in_an_auction(self, seed, mode, fee_type, bounded):
        self.pair.trade_in_an_auction(random.Random(seed), mode, fee_type, bounded)

    @rule(seed=st.integers(0, 99), status=st.sampled_from(PairStatus), stopped=st.booleans())
    def trade_while_restricted(self, seed, status, stopped):
        self.pair.trade_while_restricted(random.Random(seed), status, stopped)

    @rule(maker=st.integers(-500, 500), taker=st.integers(0, 3_000))
    def set_fees(self, maker, taker):
        self.pair.set_fees(maker, taker)

    @rule(ratio=st.sampled_from([500_000, 900_000]))
    def announce(self, ratio):
        self.pair.announce(ratio)

    @rule(who=st.integers(0, 2), units=st.integers(0, 10_000))
    def deposit(self, who, units):
        self.pair.deposit(who, units)

    @rule()
    def interrupt(self):
        self.pair.interrupt()

    @invariant()
    def nothing_is_lost(self):
        self.pair.look()
        assert self.pair.exchange.snapshot() == self.pair.other.snapshot()


Calls.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
TestCalls = Calls.TestCase


def drawn_switches(dice):
    """Positions for every switch that the strategy above varies."""
    return Switches(
        waiting_stops_reserve=dice.random() < 0.5,
        open_order_cap=dice.choice([3, 30]),
        cap_scope=dice.choice(list(Scope)),
        position_delay=dice.choice([0, 3_000]),
        first_day_charged=dice.random() < 0.5,
        stop_types_open=dice.random() < 0.5,
        margin_orders_lock_cash=dice.random() < 0.5,
        self_trade=dice.random() < 0.5,
        trigger_basis=dice.choice(list(TriggerBasis)),
        valuation=dice.choice(list(Valuation)),
        requirement_basis=dice.choice(list(RequirementBasis)),
        losscut_delay=dice.choice([0, 5_000]),
        cancel_delay=dice.choice([0, 2_000]),
        breaker=dice.random() < 0.5,
    )


REACHED = {
    *("CALL", "LOSSCUT", "DEBT", "SETTLED"),
    *("spot_order_invalidation", "margin_payable_update", "margin_notice_update", "circuit_break_info"),
    *((50061, 50062, 60001, 60011, 60018, 60019, 70019, 70020)),
    ("losscut", "FULLY_FILLED"),
    ("losscut", "CANCELED_PARTIALLY_FILLED"),
    ("market", "REJECTED"),
    ("limit", "CANCELED_PARTIALLY_FILLED"),
    ("stop", "FULLY_FILLED"),
    ("stop", "REJECTED"),
    ("stop_limit", "FULLY_FILLED"),
    ("take_profit", "FULLY_FILLED"),
    ("stop_loss", "FULLY_FILLED"),
}
"""What happens seldom; a run that never meets it proves nothing about it."""


def test_long_repeatable_runs_reach_every_rare_state_and_lose_nothing():
    seen = set()
    for seed in range(45):
        dice = random.Random(seed)
        pair = Pair(drawn_switches(dice))
        for _ in range(10):
            pair.trade(dice, 15, dice.choice(CENTRES))
            pair.advance(dice.choice(TIMES[:5]))
            if dice.random() < 0.2:
                pair.trade_in_an_auction(dice, dice.choice(list(CircuitMode)), dice.choice(list(FeeType)), False)
            if dice.random() < 0.2:
                pair.deposit(dice.randrange(3), dice.randrange(10_000))
            pair.interrupt()
            pair.look()
        assert pair.exchange.snapshot() == pair.other.snapshot()
        seen |= pair.seen
    assert seen >= REACHED
