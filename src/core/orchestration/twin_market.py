"""The market of a twin: candles that are replayed or played after their past, or nobody but the accounts."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from src.backtest.exchange.market_replay import MarketReplay
from src.backtest.simulated_exchange import BarMarket, PairRules, SimulatedExchange
from src.core.config import load_config
from src.core.domain.candles import Candles
from src.core.domain.market import BTC_JPY
from src.core.domain.time import DAY, Millis
from src.core.exceptions import ConfigError, StoreDamaged
from src.core.orchestration.bar_costs import bar_costs
from src.core.orchestration.stored_candles import SAMPLE, CandleStock, open_stock
from src.data.sample_market import LAST, sample_candles
from src.twin.listing import LISTED
from src.twin.venue import Driver

NOBODY: Final = "none"
PAST: Final = 200 * DAY  # for candle files to show: what a trader needs before its slowest feature is warm
FUTURE: Final = 400 * DAY  # of the sample market


class TwinMarket(NamedTuple):
    """Where a twin's market begins, who moves it, and on which exchange."""

    start: Millis
    make_driver: Callable[[SimulatedExchange, str | None], Driver | None]
    pairs: Mapping[str, PairRules] = LISTED
    switches: Mapping[str, Any] = {}  # of the exchange, where the market asks for others than the defaults


class CandleDriver:
    """A replay that remembers which candles it was given.

    Parameters
    ----------
    replay
        Of candles that closed in (`first`, `last`].
    """

    def __init__(self, replay: MarketReplay, first: Millis, last: Millis) -> None:
        self._replay = replay
        self._range = first, last

    def advance(self, to: Millis) -> None:
        """Trade up to `to`, and take the exchange's time there."""
        self._replay.advance(to)

    def next_due(self) -> Millis | None:
        """Return when it will trade next; None after the last candle."""
        return self._replay.next_due()

    def snapshot(self) -> bytes:
        """Return the range of candles and the replay's state."""
        return json.dumps([*self._range, self._replay.snapshot().decode()]).encode()


class BarDriver:
    """Candles in bar mode, which remembers which candles it was given.

    Parameters
    ----------
    market
        With the candles that closed in (`first`, `last`].
    """

    def __init__(self, market: BarMarket, first: Millis, last: Millis) -> None:
        self._market = market
        self._range = first, last

    def advance(self, to: Millis) -> None:
        """Play up to `to`, and take the exchange's time there."""
        self._market.advance(to)

    def next_due(self) -> Millis | None:
        """Return when the next phase of a candle is due; None after the last one."""
        return self._market.next_due()

    def snapshot(self) -> bytes:
        """Return the range of candles; what was played of them is in the exchange."""
        return json.dumps(self._range).encode()


def twin_market(data: str, config: Path, now: Millis, start: Millis | None, seed: int) -> TwinMarket:
    """Return the market that `data` names.

    Parameters
    ----------
    data
        "none", "sample", the path of a candle file, or the name of a stored series.
    now
        The machine's time, at which the sample market and an empty one begin.
    start
        Where to begin instead. A file or series begins by itself after its first half, at most 200 days.
    seed
        Of the path inside the bars.

    Raises
    ------
    NoCandles
        If there are none of that name.
    ConfigError
        If they do not reach beyond `start`.
    """
    if data == NOBODY:
        return TwinMarket(now if start is None else start, lambda _exchange, _saved: None)
    if data == SAMPLE:
        begin = now if start is None else start
        return _market(sample_candles, begin, Millis(begin - PAST), Millis(min(begin + FUTURE, LAST)), seed)
    stock = open_stock(load_config(config), data)
    begin = Millis(stock.first + min(PAST, (stock.last - stock.first) // 2)) if start is None else start
    return _market(lambda first, last: _stored(stock, first, last), begin, Millis(stock.first - 1), stock.last, seed)


def bar_market(data: str, config: Path, now: Millis, start: Millis | None) -> TwinMarket:
    """Return the market that `data` names in bar mode, with the costs of a backtest with this `config`.

    Parameters
    ----------
    data
        "sample", the path of a candle file, or the name of a stored series; and the others as in `twin_market`.

    Raises
    ------
    NoCandles
        If there are none of that name.
    ConfigError
        If they do not reach beyond `start`, or there are to be none.
    """
    if data == NOBODY:
        raise ConfigError("bar mode needs candles", remedy="name some with --data, or leave --bars away")
    settings = load_config(config)
    costs = bar_costs(settings)
    if data == SAMPLE:
        begin = now - now % costs.terms.period if start is None else start
        first, last = Millis(begin - PAST), Millis(min(begin + FUTURE, LAST))
        read: Callable[[Millis, Millis], Candles] = sample_candles
    else:
        stock = open_stock(settings, data)
        begin = stock.first + min(PAST, (stock.last - stock.first) // 2) if start is None else start
        first, last, read = Millis(stock.first - 1), stock.last, partial(_stored, stock)

    def make(exchange: SimulatedExchange, saved: str | None) -> Driver:
        span = (first, last) if saved is None else _saved_range(saved)
        candles = read(*span)
        terms = costs.terms._replace(period=_period(candles))
        past = candles.between(span[0], exchange.now)
        if saved is None:
            exchange.load_history(BTC_JPY.pair, past, terms.period)
        market = BarMarket(exchange, BTC_JPY.pair, terms, fees_at=costs.fees_at)
        market.add(bar for bar in candles if bar.closed_at - terms.period >= exchange.now)
        return BarDriver(market, *span)

    own = {name: getattr(costs.switches, name) for name in ("interest_hour", "first_day_charged", "losscut_ppm")}
    return TwinMarket(Millis(begin), make, {**LISTED, BTC_JPY.pair: costs.rules}, own)


def _saved_range(saved: str) -> tuple[Millis, Millis]:
    try:
        first, last = (Millis(int(at)) for at in json.loads(saved))
    except (ValueError, TypeError) as e:
        raise StoreDamaged("the saved twin has no bars in it", remedy="name another file, or remove it") from e
    return first, last


def _stored(stock: CandleStock, first: Millis, last: Millis) -> Candles:
    return stock.read(first, last).between(first, last)


def _market(
    read: Callable[[Millis, Millis], Candles], start: Millis, first: Millis, last: Millis, seed: int
) -> TwinMarket:
    def make(exchange: SimulatedExchange, saved: str | None) -> Driver:
        if saved is None:
            candles = read(first, last)
            replay = MarketReplay(exchange, BTC_JPY.pair, candles, _period(candles), seed=seed)
            replay.open()
            return CandleDriver(replay, first, last)
        try:
            was_first, was_last, content = json.loads(saved)
        except (ValueError, TypeError) as e:
            raise StoreDamaged("the saved twin has no market in it", remedy="name another file, or remove it") from e
        candles = read(Millis(was_first), Millis(was_last))
        return CandleDriver(MarketReplay.restore(exchange, candles, content.encode()), was_first, was_last)

    return TwinMarket(start, make)


def _period(candles: Candles) -> int:
    """Return the shortest distance of two bars."""
    if len(candles) < 2:
        raise ConfigError("there are not two candles to replay", remedy="give more of them, or an earlier --start")
    return int((candles.closed_at[1:] - candles.closed_at[:-1]).min())
