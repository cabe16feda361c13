"""The same trader over HTTP: a twin in bar mode and lock-step, as a process, against the backtest."""

import csv
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from src.core.config import load_config
from src.core.domain.events import FillSeen, TradeSeen
from src.core.domain.exchange import FillReport, OrderType, PositionSide
from src.core.domain.market import BTC_JPY, Bar, Side
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import BAR_15M
from src.core.exceptions import OrderRefused
from src.core.orchestration.bar_costs import bar_costs
from src.core.orchestration.wiring import core_params
from src.trading.outgoing import OutgoingOrder
from tests.backtest.made_worlds import Made, made_world, run_fold
from tests.contracts.bitbank.desk import Desk, Refusal
from tests.parity.plain_trader import PlainTrader
from tests.parity.test_bar_mode import bars_of, differences

CONFIG = Path("config/backtest/base.yaml")
CASH = 200_000_000_000  # 20 million JPY
PHASES = (40, 30, 20, 10, 0)  # milliseconds before a bar's end at which something may have happened
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}


class Held(NamedTuple):
    """What the trader reads of a position."""

    position: PositionSide
    lots: int
    average: int


class Read(NamedTuple):
    """What the trader reads of the account."""

    margin_balance: int
    long: Held
    short: Held


class Sent(NamedTuple):
    order_id: int


class HttpPort:
    """As much of a port as the trader needs, in plain HTTP; streams are replaced by reading."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.seen_fill = self.seen_trade = 0

    async def submit(self, order: OutgoingOrder) -> Sent:
        more = {} if order.trigger is None else {"trigger_price": str(order.trigger)}
        more |= {"post_only": True} if order.post_only else {}
        row = self.desk.order(
            SIDES[order.side],
            BTC_JPY.amount(order.lots),
            order.price,
            type=order.type.value,
            position_side=order.position.value,
            **more,
        )
        return Sent(row["order_id"])

    async def cancel(self, order_id: int) -> None:
        try:
            self.desk.cancel(order_id)
        except Refusal as e:
            raise OrderRefused(str(e), code=e.code, remedy="none") from e

    async def account(self) -> Read:
        balance = BTC_JPY.money(Decimal(self.desk.margin()["total_margin_balance"]))
        return Read(balance, self._held("long"), self._held("short"))

    def _held(self, side: str) -> Held:
        row = self.desk.position(side)
        lots = BTC_JPY.lots(Decimal(row["open_amount"]))
        return Held(PositionSide(side), lots, BTC_JPY.ticks(Decimal(row["average_price"])))

    def news(self) -> list[FillSeen | TradeSeen]:
        """Return what streams would have told since the last time: fills before prices, as they come apart."""
        fills = [_fill(row) for row in self.desk.trades(order="asc", from_id=self.seen_fill + 1)]
        shown = self.desk.public(f"{BTC_JPY.pair}/transactions").json()["data"]["transactions"]
        trades = [_trade(row) for row in reversed(shown) if row["transaction_id"] > self.seen_trade]
        self.seen_fill = max([self.seen_fill, *(fill.trade_id for fill in fills)])
        self.seen_trade = max([self.seen_trade, *(trade.trade_id for trade in trades)])
        return [*map(FillSeen, fills), *trades]


def _fill(row) -> FillReport:
    money = {name: BTC_JPY.money(Decimal(row[name])) for name in _MONEY}
    return FillReport(
        row["trade_id"],
        row["order_id"],
        Side.BUY if row["side"] == "buy" else Side.SELL,
        PositionSide(row["position_side"]),
        OrderType(row["type"]),
        BTC_JPY.ticks(Decimal(row["price"])),
        BTC_JPY.lots(Decimal(row["amount"])),
        row["maker_taker"] == "maker",
        money["fee_amount_quote"],
        money["fee_occurred_amount_quote"],
        money["interest"],
        money["profit_loss"],
        row["executed_at"],
    )


_MONEY = ("fee_amount_quote", "fee_occurred_amount_quote", "interest", "profit_loss")


def _trade(row) -> TradeSeen:
    side = Side.BUY if row["side"] == "buy" else Side.SELL
    price, lots = BTC_JPY.ticks(Decimal(row["price"])), BTC_JPY.lots(Decimal(row["amount"]))
    return TradeSeen(row["transaction_id"], side, price, lots, row["executed_at"])


class Client:
    """Drives the twin's time from phase to phase, and lets the trader react in each."""

    def __init__(self, twin, made: Made) -> None:
        self.twin, self.made, self.now = twin, made, 0
        account = twin.open_account("ours", jpy=str(CASH // 10_000))
        self.port = HttpPort(Desk(twin, account, clock=lambda: self.now))
        self.trader = PlainTrader(self.port, made.tape, made.params, made.market, CASH)
        self.now = twin.control("GET", "/state")["market"]

    async def run(self) -> None:
        for i, bar in enumerate(bars_of(self.made)):
            opened = bar.closed_at - BAR_15M
            trader = self.trader
            if trader.entry_id is not None and self.now < trader.expires_at <= opened:
                await self._go(trader.expires_at - 1)
                self._wait(trader.expires_at)
                await trader.on_time()
            for at in (opened, *(bar.closed_at - before for before in PHASES)):
                await self._go(at)
            self._check_candle(bar)
            await self._react()
            await trader.on_close(i, bar)
            await self._react()

    async def _go(self, at: int) -> None:
        if at > self.now:
            self._wait(at)
            if self.trader.entry_id is not None or self.trader.position is not None:
                await self._react()

    def _wait(self, at: int) -> None:
        while self.now < at:
            self.now = self.twin.control("POST", "/wait", {"until": at})["now"]

    async def _react(self) -> None:
        while news := self.port.news():
            for event in news:
                await self.trader.on_event(event)

    def _check_candle(self, bar: Bar) -> None:
        """The file of the day shows the bar at the instant of its close."""
        day = datetime.fromtimestamp((bar.closed_at - BAR_15M) / 1_000, UTC).strftime("%Y%m%d")
        reply = self.port.desk.public(f"{BTC_JPY.pair}/candlestick/15min/{day}").json()["data"]
        rows = {row[5]: row[:5] for row in reply["candlestick"][0]["ohlcv"]}
        amount = BTC_JPY.amount(bar.volume)
        shown = [Decimal(text) for text in rows[bar.closed_at - BAR_15M]]
        assert shown == [bar.open, bar.high, bar.low, bar.close, amount]


def written(made: Made, path: Path) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for bar in bars_of(made):
            rows.writerow([bar.closed_at - BAR_15M, *bar[1:5], BTC_JPY.amount(bar.volume)])
    return path


def world(seed: int, entry: EntryKind, bars: int) -> Made:
    """A random market with the costs of the settings, which are those of the twin."""
    made, settings = made_world(seed, bars, limit=entry is EntryKind.LIMIT), load_config(CONFIG)
    fees = bar_costs(settings).rules.fees
    tape = made.tape._replace(
        maker_fee_ppm=made.tape.maker_fee_ppm * 0 + fees.open_maker_ppm,
        taker_fee_ppm=made.tape.taker_fee_ppm * 0 + fees.open_taker_ppm,
    )
    return made._replace(tape=tape, params=made.params._replace(costs=core_params(settings).costs), cash=CASH)


@pytest.mark.parametrize(("seed", "entry"), [(6, EntryKind.MARKET), (29, EntryKind.LIMIT)])
async def test_a_trader_on_the_twin_gets_what_the_backtest_says(seed, entry, start_twin, tmp_path):
    made = world(seed, entry, bars=100)
    run = run_fold(made)
    start = datetime.fromtimestamp((bars_of(made)[0].closed_at - BAR_15M) / 1_000, UTC).isoformat()
    twin = start_twin(
        data=str(written(made, tmp_path / "bars.csv")),
        lock_step=True,
        bars=True,
        start=start,
        queries_per_second=0,
        updates_per_second=0,
        public_lag=0,
    )
    client = Client(twin, made)
    await client.run()
    assert differences(run, client.trader)[:5] == []
    assert len({trade.exit_reason for trade in run.trades} - {ExitReason.END_OF_DATA}) >= 3


def test_bars_without_lock_step_are_refused_because_nobody_would_be_waited_for():
    found = subprocess.run(
        [sys.executable, "main.py", "twin", "--bars"], capture_output=True, text=True, check=False, timeout=60
    )
    assert found.returncode == 2
    assert "--lock-step" in found.stderr
