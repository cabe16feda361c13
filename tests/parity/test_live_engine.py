"""The running trader on the exchange in bar mode against the fold: equal decisions, trades and equity, to the unit."""

from decimal import Decimal
from pathlib import Path

import pytest

from src.backtest.simulated_exchange import BarMarket, Phase, SimulatedExchange, margin_fees
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.backtest.tape import as_lists
from src.core.config import Settings, load_config
from src.core.domain.account import Prediction
from src.core.domain.candles import Candles
from src.core.domain.journal import Kind
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import DAY, Millis
from src.core.orchestration.cycle import Judged
from src.core.orchestration.orchestrator import Orchestrator, Tick
from src.core.orchestration.parts import Parts
from src.core.orchestration.wiring import facts
from src.features.feature_generator import row_at
from src.trading.decision import decide
from src.trading.executor import ExecutorParams
from src.trading.intents import Patience
from src.trading.journal.database import database_url
from src.trading.journal.lease import LeaseTerms
from src.trading.journal.sql_journal import open_journal
from src.trading.reconcile import Limits
from tests.backtest.made_worlds import Made, made_world, run_fold
from tests.parity.plain_trader import Closed, Line
from tests.parity.test_bar_mode import PAIR, bars_of, fees_for, rules_for, some_days, switches_for, terms_for
from tests.parity.test_oracle import real_year

WORLDS = 12


class JumpingClock:
    """Whoever sleeps wakes at once, later: nobody else waits."""

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> Millis:
        return Millis(self._now)

    async def sleep_until(self, at: Millis) -> None:
        self._now = max(self._now, at)

    def reach(self, at: int) -> None:
        self._now = max(self._now, at)


class Listener:
    """Keeps what a person would be told."""

    def __init__(self) -> None:
        self.told = []

    def tell(self, notice) -> None:
        self.told.append(notice)

    async def close(self) -> None:
        pass


class TapeCycle:
    """Takes rows from a made world's tape, whose candles are none that features could be made of."""

    def __init__(self, made: Made) -> None:
        self._made = made._replace(tape=as_lists(made.tape))
        self._place = {int(at): i for i, at in enumerate(made.tape.closed_at)}
        self.judged: list[Judged] = []

    def open(self, history: Candles) -> None:
        pass

    def row(self, bar):
        i, tape = self._place[bar.closed_at], self._made.tape
        return row_at(bar.closed_at, tape.quality[i], tape.rows, tape.places, i)

    def judge(self, row, account, state):
        i, tape = self._place[row.closed_at], self._made.tape
        prediction = Prediction(tape.prediction_status[i], tape.prediction[i])
        market = self._made.market  # spread and latency are the stated constants; a made world's fees change at once
        account = account._replace(
            spread_ppm=market.spread_ppm,
            latency_ms=market.latency_ms,
            maker_fee_ppm=tape.maker_fee_ppm[i],
            taker_fee_ppm=tape.taker_fee_ppm[i],
        )
        after, decision = decide(state, row, prediction, account, self._made.params)
        self.judged.append(Judged(row, prediction, account, state, after, decision))
        return self.judged[-1]


class NoHistory:
    async def history(self) -> Candles:
        return Candles.empty()

    async def next_bar(self):
        raise AssertionError("bars are handed over")


async def no_page(health):
    return nothing


async def nothing() -> None:
    pass


class LiveDesk:
    """The orchestrator on one exchange in bar mode, in one process, phase by phase."""

    def __init__(self, made: Made, folder: Path, settings: Settings | None = None) -> None:
        self.settings = settings or load_config("config/paper/base.yaml")
        self.made, self.bars, self.folder = made, bars_of(made), folder
        start, fees = Millis(self.bars[0].closed_at - made.market.bar_ms), fees_for(made)
        self.clock = JumpingClock(start)
        self.exchange = SimulatedExchange({PAIR: rules_for(made)}, switches_for(made), start=start, seed=0)
        self.market = BarMarket(self.exchange, PAIR, terms_for(made), fees_at=lambda at: margin_fees(*fees[at]))
        self.market.add(self.bars)
        user = self.exchange.add_user("trader", {"jpy": Decimal(made.cash).scaleb(-4)})
        self.relay = EventRelay(self.exchange)
        self.port = SimulatedPort(self.relay, user)
        self.cycle, self.listener = TapeCycle(made), Listener()

    async def open(self) -> None:
        made = self.made
        url = database_url(self.folder / "journal.db", {})
        self.journal = await open_journal(url, self.clock, terms=LeaseTerms(length_ms=3_650 * DAY))
        execution = ExecutorParams(
            EntryKind(made.market.entry), made.market.wait_ms, 60_000, 10_000, 5_000, made.params.costs.slippage_ppm,
            Limits(), Patience(),
        )  # fmt: skip
        parts = Parts(
            clock=self.clock,
            exchange=self.port,
            bars=NoHistory(),
            journal=self.journal,
            notifier=self.listener,
            cycle=self.cycle,
            params=made.params,
            execution=execution,
            watch_ms=5_000,
            lease_ms=20_000,
            drive=None,
            open_page=no_page,
            close=self.port.close,
            identity={},
            facts=facts(self.settings),
            clock_skew=lambda: 0,
            most_skew_ms=2_000,
        )
        self.trader = Orchestrator(self.settings, parts)
        await self.trader.start()

    async def close(self) -> None:
        await self.trader.close()

    async def run(self) -> None:
        place = {bar.closed_at: bar for bar in self.bars}
        await self.open()
        while (due := self.market.next_due()) is not None:
            await self._run_out(due)
            phase = self.market.step()
            self.clock.reach(self.exchange.now)
            self.relay.tell()
            await self._react()
            if phase is Phase.CLOSE:
                closed_at = self.exchange.now
                self._open_at_once()
                await self._react()
                await self.trader.handle(place[closed_at])
                await self._react()
        await self.close()

    async def _run_out(self, due: int) -> None:
        plan = self.trader.executor.book.entry
        if plan.open and self.exchange.now < plan.expires_at <= due:
            self.exchange.advance(plan.expires_at)
            self.clock.reach(plan.expires_at)
            await self.trader.handle(Tick(plan.expires_at))

    def _open_at_once(self) -> None:
        if self.market.next_due() == self.exchange.now:
            self.market.step()
            self.relay.tell()

    async def _react(self) -> None:
        while not self.port.empty():
            await self.trader.handle(await self.port.next_event())


def line_of(judged: Judged) -> Line:
    account, decision = judged.account, judged.decision
    signed = account.lots * account.side
    return Line(decision.reason, decision.exit_reason, decision.verdict.lots, account.equity, signed)


async def closed_of(desk: LiveDesk) -> list[Closed]:
    journal = await open_journal(database_url(desk.folder / "journal.db", {}), desk.clock)
    found = await journal.entries([Kind.TRADE], limit=100_000)
    await journal.close()
    names = ("side", "lots", "entry", "exit", "fee", "interest", "net")
    return [Closed(*(stored.entry.body[name] for name in names)) for stored in found]


async def differences(made: Made, folder: Path) -> tuple[list[str], LiveDesk]:
    run, desk = run_fold(made), LiveDesk(made, folder)
    await desk.run()
    out = run.output
    columns = zip(out.reason, out.exit_reason, out.lots, out.equity, out.position, strict=True)
    wanted = [Line(*(int(v) for v in line)) for line in columns]
    found = [
        f"bar {i}: {b}, backtest {a}"
        for i, (a, b) in enumerate(zip(wanted, map(line_of, desk.cycle.judged), strict=True))
        if a != b
    ]
    trades = [
        Closed(t.side, t.lots, t.entry, t.exit, t.fee, t.interest, t.net)
        for t in run.trades
        if t.exit_reason != ExitReason.END_OF_DATA
    ]
    closed = await closed_of(desk)
    found += [f"trade {k}: {b}, backtest {a}" for k, (a, b) in enumerate(zip(trades, closed, strict=False)) if a != b]
    if len(trades) != len(closed):
        found.append(f"{len(closed)} trades, backtest {len(trades)}")
    return found, desk


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_the_trader_decides_and_earns_what_the_backtest_says_on_random_worlds(seed, tmp_path):
    found, desk = await differences(made_world(seed), tmp_path)
    assert found[:5] == []
    assert desk.exchange.balance_sheet().balanced


@pytest.mark.parametrize(
    ("name", "year", "first"),
    [("btcjpy_gmo_spot_15m.parquet", 2022, 0), ("btcjpy_bitbank_15m_2018.parquet", 2018, 190)],
)
async def test_the_trader_decides_and_earns_what_the_backtest_says_on_real_candles(
    name, year, first, market_data_dir, tmp_path
):
    made = some_days(real_year(market_data_dir / name, year), first, 8)
    found, desk = await differences(made, tmp_path)
    assert found[:5] == []
    assert await closed_of(desk)
