"""The exchange in bar mode against the fold: the same decisions, trades and equity, to the money unit."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import (
    BTC_JPY_RULES,
    BarMarket,
    BarTerms,
    PairRules,
    Phase,
    SimulatedExchange,
    Switches,
    costs_in_rules,
    costs_in_switches,
    margin_fees,
)
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.core.domain.market import Bar
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis
from tests.backtest.made_worlds import Made, Run, made_world, run_fold
from tests.parity.plain_trader import Closed, Line, PlainTrader
from tests.parity.test_oracle import real_year

PAIR = "btc_jpy"
WORLDS = 120


def bars_of(made: Made) -> list[Bar]:
    return [Bar(*(int(v) for v in line)) for line in zip(*(column.tolist() for column in made.tape[:6]), strict=True)]


def rules_for(made: Made) -> PairRules:
    """The costs of a backtest's world, and limits that its sizes do not meet."""
    wide = BTC_JPY_RULES._replace(price_cap=10**10, limit_max_lots=10**8, market_max_lots=10**8)
    return costs_in_rules(wide, made.params.costs, 0, 0)


def switches_for(made: Made) -> Switches:
    return costs_in_switches(Switches(), made.params.costs)


def exchange_for(made: Made, start: int) -> SimulatedExchange:
    return SimulatedExchange({PAIR: rules_for(made)}, switches_for(made), start=Millis(start), seed=0)


def terms_for(made: Made) -> BarTerms:
    return BarTerms(made.market.bar_ms, made.params.costs.slippage_ppm, made.market.spread_ppm)


def fees_for(made: Made):
    lines = zip(made.tape.maker_fee_ppm.tolist(), made.tape.taker_fee_ppm.tolist(), strict=True)
    return dict(zip(made.tape.closed_at.tolist(), lines, strict=True))


class Desk:
    """One trader on one exchange in bar mode, in one process."""

    def __init__(self, made: Made) -> None:
        self.made, self.bars = made, bars_of(made)
        fees = fees_for(made)
        self.exchange = exchange_for(made, self.bars[0].closed_at - made.market.bar_ms)
        self.market = BarMarket(self.exchange, PAIR, terms_for(made), fees_at=lambda at: margin_fees(*fees[at]))
        self.market.add(self.bars)
        self.user = self.exchange.add_user("trader", {"jpy": Decimal(made.cash).scaleb(-4)})
        self.relay = EventRelay(self.exchange)
        self.port = SimulatedPort(self.relay, self.user)
        self.trader = PlainTrader(self.port, made.tape, made.params, made.market, made.cash)

    async def run(self) -> None:
        place = {bar.closed_at: (i, bar) for i, bar in enumerate(self.bars)}
        await self._react()
        while (due := self.market.next_due()) is not None:
            await self._run_out(due)
            phase = self.market.step()
            self.relay.tell()
            await self._react()
            if phase is Phase.CLOSE:
                self._open_at_once()
                await self._react()
                await self.trader.on_close(*place[self.exchange.now])
                await self._react()

    async def _run_out(self, due: int) -> None:
        """Let a resting entry be cancelled whose time ends before the market moves again: in a gap."""
        if self.trader.entry_id is not None and self.exchange.now < self.trader.expires_at <= due:
            self.exchange.advance(self.trader.expires_at)
            await self.trader.on_time()
            await self._react()

    def _open_at_once(self) -> None:
        if self.market.next_due() == self.exchange.now:
            self.market.step()
            self.relay.tell()

    async def _react(self) -> None:
        while not self.port.empty():
            await self.trader.on_event(await self.port.next_event())


def differences(run: Run, trader: PlainTrader, told_late: int = 0) -> list[str]:
    """Return what backtest and trader disagree on, first things first; the last bars may not have been told yet."""
    out = run.output
    columns = zip(out.reason, out.exit_reason, out.lots, out.equity, out.position, strict=True)
    wanted = [Line(*(int(v) for v in line)) for line in columns]
    lines = enumerate(zip(wanted[: len(trader.lines)], trader.lines, strict=True))
    found = [f"bar {i}: {b}, backtest {a}" for i, (a, b) in lines if a != b]
    if len(trader.lines) < len(wanted) - told_late:
        found.append(f"{len(trader.lines)} bars, backtest {len(wanted)}")
    trades = [
        Closed(t.side, t.lots, t.entry, t.exit, t.fee, t.interest, t.net)
        for t in run.trades
        if t.exit_reason != ExitReason.END_OF_DATA
    ]
    found += [
        f"trade {k}: {b}, backtest {a}" for k, (a, b) in enumerate(zip(trades, trader.closed, strict=False)) if a != b
    ]
    if len(trades) != len(trader.closed):
        found.append(f"{len(trader.closed)} trades, backtest {len(trades)}")
    return found


async def traded(made: Made) -> tuple[Run, Desk]:
    desk = Desk(made)
    await desk.run()
    return run_fold(made), desk


@pytest.mark.parametrize("seed", range(0, WORLDS, 2))
async def test_a_trader_on_the_exchange_gets_what_the_backtest_says_on_random_worlds(seed):
    run, desk = await traded(made_world(seed))
    assert differences(run, desk.trader)[:5] == []
    assert desk.exchange.balance_sheet().balanced


def test_the_worlds_end_trades_in_every_way_there_is():
    seen = {trade.exit_reason for seed in range(WORLDS) for trade in run_fold(made_world(seed)).trades}
    assert seen == set(range(ExitReason.STOP, ExitReason.END_OF_DATA + 1))  # the others are known to live trading alone


async def test_an_exchange_that_slips_by_a_millionth_more_disagrees():
    made = made_world(3)
    costs = made.params.costs
    other = made._replace(params=made.params._replace(costs=costs._replace(slippage_ppm=costs.slippage_ppm + 1)))
    _, desk = await traded(other)
    assert differences(run_fold(made), desk.trader)


@pytest.mark.parametrize(
    ("name", "year", "first"),
    [("btcjpy_gmo_spot_15m.parquet", 2021, 160), ("btcjpy_bitbank_15m_2018.parquet", 2018, 190)],
)
async def test_a_trader_on_the_exchange_gets_what_the_backtest_says_on_a_real_quarter(
    name, year, first, market_data_dir
):
    run, desk = await traded(some_days(real_year(market_data_dir / name, year), first, 90))
    assert differences(run, desk.trader)[:5] == []
    assert len(run.trades) > 5


def some_days(made: Made, first: int, days: int) -> Made:
    """Return the world of `days` days from day number `first` on."""
    bars = slice(96 * first, 96 * (first + days))
    columns = {name: column[bars] for name, column in made.tape._asdict().items() if name != "places"}
    return made._replace(tape=made.tape._replace(**columns))
