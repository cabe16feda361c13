"""Random calls over the twin's protocol with random faults: nothing is lost, and a run repeats byte for byte."""

import asyncio
import hashlib
import hmac
import json
import random
from collections import Counter
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from src.backtest.simulated_exchange import OrderFilter, PositionSide, Refused
from src.core.domain.market import Side
from src.core.exceptions import ConfigError
from src.twin.acts import perform, read_act
from src.twin.calls import Calls
from src.twin.fault_catalogue import CATALOGUE
from src.twin.fault_plan import read_rules
from src.twin.keeper import saved_exchange, state_of, take_over
from src.twin.lock_step import LockStep
from src.twin.request import Request
from src.twin.service import Service
from src.twin.twin_clock import LockStepClock
from src.twin.venue import Venue
from tests.properties.test_exchange_conservation import check, drawn_switches
from tests.twin.made_services import still_service

PAIR = "btc_jpy"
PRICE = 10_000_000
USERS = {
    "rich": {"jpy": "10000000000", "btc": "100"},
    "poor": {"jpy": "1000000", "btc": "0.05"},
    "coins": {"jpy": "100", "btc": "2"},
}
WAITS = {6, 11, 44}  # faults of the machine's time; `before_reply` and `burst` are told to wait for nothing
ARMED = [
    {
        "fault": number,
        "variant": variant,
        **({"ms": 0} if (number, variant) in {(36, "before_reply"), (33, "burst")} else {}),
    }
    for number, entry in CATALOGUE.items()
    for variant in entry.variants
    if number not in WAITS
]
MOVES = [-300_000, -50_000, -1_000, 1_000, 50_000, 400_000]
SPANS = [1_500, 60_000, 3_600_000, 90_000_000, 8 * 86_400_000]


def random_order(dice):
    """An order that is mostly sensible."""
    kind = dice.choice(["limit"] * 6 + ["market"] * 3 + ["stop", "stop_limit", "take_profit", "stop_loss"])
    order = {
        "pair": PAIR,
        "side": dice.choice(["buy", "sell"]),
        "type": kind,
        "amount": str(Decimal(dice.choice([1, 3, 20, 100, 500, 2_000])).scaleb(-4)),
        "price": str(PRICE + dice.randint(-40, 40) * 10_000),
        "trigger_price": str(PRICE + dice.randint(-60, 60) * 10_000),
    }
    if dice.random() < 0.6:
        order["position_side"] = dice.choice(["long", "short"])
    if kind == "limit" and dice.random() < 0.2:
        order["post_only"] = True
    return order


class Twin:
    """One service, what was sent to it answered by its calls, and everything it said."""

    def __init__(self, seed):
        self.seed = seed
        self.service = still_service(seed=seed, engine=drawn_switches(random.Random(seed)))
        for name, assets in USERS.items():
            self.service.accounts.open(name, {asset: Decimal(amount) for asset, amount in assets.items()})
            self.service.accounts.add_key(name, f"key of {name}", "secret")
        self.said = []
        self.armed = []
        self.heard = Counter()
        self.connect()

    def connect(self):
        self.lock_step = LockStep(self.service)
        self.calls = Calls(self.service, self.lock_step, lambda: None)

    async def send(self, who, method, path, body=None):
        text = "" if body is None else json.dumps(body)
        at = str(self.service.now)
        signature = hmac.new(
            b"secret", f"{at}{text if method == 'POST' else path}".encode(), hashlib.sha256
        ).hexdigest()
        headers = {"ACCESS-KEY": f"key of {who}", "ACCESS-REQUEST-TIME": at, "ACCESS-SIGNATURE": signature}
        reply, _ = await self.calls.answer(Request(method, path, headers, text.encode()))
        self.say(path, reply.status, reply.body)

    def say(self, *what):
        """Put down an answer and the private messages that came with it."""
        self.said.append(repr(what))
        for name in self.service.accounts.names():
            channel = self.service.private.channel(self.service.accounts.user(name))
            fresh = channel.published - self.heard[name]
            self.heard[name] = channel.published
            self.said += [json.dumps(message) for _, message in list(channel.kept)[-fresh:]] if fresh else []

    def act(self, **fields):
        try:
            self.say(perform(self.service, read_act(fields)))
        except (Refused, ConfigError) as refused:
            self.say(refused.what)

    def arm(self, fault):
        rules = read_rules({"faults": [fault]})
        self.service.faults.arm(rules, self.service.now)
        self.armed.append(((fault["fault"], fault["variant"]), self.service.faults._armed[-len(rules) :]))

    def quiet(self):
        """End what faults and acts have set."""
        self.service.faults.clear()
        flags = self.service.venue.exchange.pairs()[0].rules.flags
        self.act(act="flags", flags=dict.fromkeys(flags._fields, False))
        self.act(act="status", status="NORMAL")
        self.act(act="mode", mode="NONE")
        for name in USERS:
            self.act(act="revoke", user=name, revoked=False)
            self.act(act="margin", user=name, enabled=True)

    def trade(self, move_ppm):
        if self.service.venue.exchange.ticker(PAIR).last is None:
            self.act(act="trade", price=str(PRICE))
        self.act(act="trade", move_ppm=move_ppm)

    async def call(self, dice):
        """Let a user order, cancel or read something."""
        who, what = dice.choice(list(USERS)), dice.random()
        user = self.service.accounts.user(who)
        if what < 0.65:
            await self.send(who, "POST", "/v1/user/spot/order", random_order(dice))
            return
        ids = [order.order_id for order in self.service.venue.exchange.active_orders(user, OrderFilter())]
        if what < 0.75 and ids:
            await self.send(who, "POST", "/v1/user/spot/cancel_order", {"pair": PAIR, "order_id": dice.choice(ids)})
        elif what < 0.8:
            path = dice.choice(["cancel_orders", "orders_info"])
            await self.send(who, "POST", f"/v1/user/spot/{path}", {"pair": PAIR, "order_ids": [*ids, 7][:30]})
        elif what < 0.95:
            paths = [
                "spot/active_orders",
                "spot/trade_history?pair=btc_jpy",
                "margin/positions",
                "margin/status",
                "assets",
            ]
            path = f"spot/order?pair={PAIR}&order_id={dice.choice(ids)}" if ids and dice.random() < 0.3 else None
            await self.send(who, "GET", f"/v1/user/{path or dice.choice(paths)}")
        else:
            await self.send(who, "GET", dice.choice(["/btc_jpy/ticker", "/btc_jpy/candlestick/1min/20260304"]))

    def wait(self, ms):
        """Let the driving client wait, whatever happens meanwhile."""
        until = self.service.venue.clock.market() + ms
        while self.service.venue.clock.market() < until:
            self.say(self.lock_step.wait(until, None))

    def restart(self):
        """Go on from the saved state; faults and messages do not outlive a process."""
        state, switches = state_of(self.service), self.service.switches
        exchange = saved_exchange(state)
        self.service = Service(Venue(exchange, LockStepClock(exchange.now)), switches, self.seed)
        take_over(self.service, state)
        self.heard = Counter()
        self.connect()


def fills(user):
    """Return the sizes of positions as the user's trades make them."""
    sizes = Counter()
    for trade in user.trades:
        if trade.position_side is not None:
            opens = (trade.side is Side.BUY) is (trade.position_side is PositionSide.LONG)
            sizes[user.id, trade.pair, trade.position_side] += trade.lots if opens else -trade.lots
    return sizes


def look(twins, terminal):
    """See that nothing was lost, and that both twins said the same."""
    first, second = twins
    assert first.said == second.said
    first.said, second.said = [], []
    exchange = first.service.venue.exchange
    sizes = sum((fills(user) for user in exchange._state.users.values()), Counter())
    check(exchange, terminal, {key: lots for key, lots in sizes.items() if lots})


class Fire(RuleBasedStateMachine):
    """Two twins that get the same calls and the same faults."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.twins = [Twin(seed), Twin(seed)]
        self.terminal = {}

    @rule(seed=st.integers(0, 2**32), count=st.integers(1, 15))
    def call(self, seed, count):
        for twin in self.twins:
            dice = random.Random(seed)
            asyncio.run(calls(twin, dice, count))

    @rule(which=st.sampled_from(ARMED), who=st.sampled_from(list(USERS)), probability=st.sampled_from([0.3, 1.0]))
    def arm(self, which, who, probability):
        for twin in self.twins:
            twin.arm({**which, "user": who, "probability": probability})

    @rule(move=st.sampled_from(MOVES))
    def trade(self, move):
        for twin in self.twins:
            twin.trade(move)

    @rule(who=st.sampled_from(list(USERS)), amount=st.sampled_from(["1", "1000000"]))
    def deposit(self, who, amount):
        for twin in self.twins:
            twin.act(act="deposit", user=who, asset="jpy", amount=amount)

    @rule(ms=st.sampled_from(SPANS))
    def wait(self, ms):
        for twin in self.twins:
            twin.wait(ms)

    @rule()
    def quiet(self):
        for twin in self.twins:
            twin.quiet()

    @rule()
    def restart(self):
        for twin in self.twins:
            twin.restart()

    @invariant()
    def nothing_is_lost(self):
        look(self.twins, self.terminal)

    def teardown(self):
        assert len({twin.service.venue.exchange.snapshot() for twin in getattr(self, "twins", ())}) <= 1


Fire.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
TestFire = Fire.TestCase


async def calls(twin, dice, count):
    for _ in range(count):
        await twin.call(dice)


SELDOM = {
    "cancel_order": ("POST", "/v1/user/spot/cancel_order", {"pair": PAIR, "order_id": 7}),
    "active_orders": ("GET", "/v1/user/spot/active_orders", None),
    "orders_info": ("POST", "/v1/user/spot/orders_info", {"pair": PAIR, "order_ids": [7]}),
    "ticker": ("GET", "/btc_jpy/ticker", None),
    "candlestick": ("GET", "/btc_jpy/candlestick/1min/20260304", None),
}


async def seldom_call(twin, which):
    """Make the call that a fault waits for, where random ones hardly do."""
    for found in read_rules({"faults": [which]}):
        for name, (method, path, body) in SELDOM.items():
            if name in found.match:
                await twin.send("rich", method, path, body)


STREAMS = {"room", "join", "poll"}  # which nobody reads here: tests/contracts/bitbank does
IN_REACH = {
    (which["fault"], which["variant"])
    for which in ARMED
    if not {rule.where for rule in read_rules({"faults": [which]})} & STREAMS
}


def test_long_repeatable_runs_meet_every_fault_of_calls_and_times_and_lose_nothing():
    met, statuses = set(), set()
    for seed in range(2):
        twins, terminal, dice = [Twin(seed), Twin(seed)], {}, random.Random(seed)
        for which in dice.sample(ARMED, len(ARMED)):
            again = dice.randrange(2**32)
            for twin in twins:
                steps = random.Random(again)
                twin.arm({**which, "user": steps.choice(list(USERS))})
                asyncio.run(calls(twin, steps, 12))
                asyncio.run(seldom_call(twin, which))
                if steps.random() < 0.3:
                    twin.trade(steps.choice(MOVES))
                if steps.random() < 0.3:
                    twin.wait(steps.choice(SPANS[:4]))
                twin.quiet()
            look(twins, terminal)
        assert twins[0].service.venue.exchange.snapshot() == twins[1].service.venue.exchange.snapshot()
        met |= {which for which, armed in twins[0].armed if any(rule.struck for rule in armed)}
        statuses |= {status.value for status in terminal.values()}
    missing = IN_REACH - met
    assert not missing, missing
    assert statuses == {"FULLY_FILLED", "CANCELED_UNFILLED", "CANCELED_PARTIALLY_FILLED", "REJECTED"}
