"""Plays candles on a pair of the simulated exchange by the rules of the backtest, one phase after the other.

A backtest knows nothing of time inside a bar, so all that happens to orders happens just before the bar's end, in
phases some milliseconds apart: there a client can react to what the phase before brought. The market orders of a bar
fill at its open, which is known as soon as the bar is given; so a bar is given when the one before it ends.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from src.backtest.exchange.bar_play import BarPlayView, BarTerms, Phase
from src.backtest.exchange.rules import MarginTerms, PairFees, PairRules
from src.backtest.exchange.switches import Switches
from src.core.domain.market import PPM, Bar
from src.core.domain.time import Millis, format_jst
from src.core.exceptions import BadCandles
from src.trading.ledger import BPS, CostParams

BEFORE_END: Final = {
    Phase.JUDGE: 40,
    Phase.PUBLISH: 30,
    Phase.FILL: 20,
    Phase.JUDGE_FRESH: 10,
    Phase.CLOSE: 0,
}
"""Milliseconds from a phase to the end of its bar."""


class Playable(Protocol):
    """The part of a simulated exchange that plays bars."""

    @property
    def now(self) -> Millis:
        """The exchange's clock."""
        ...

    def advance(self, to: Millis) -> None:
        """Move the clock."""
        ...

    def set_fees(self, pair: str, fees: PairFees) -> None:
        """Replace a pair's fees."""
        ...

    def begin_bars(self, pair: str, terms: BarTerms) -> None:
        """Put a pair in bar mode."""
        ...

    def play_bar(self, pair: str, phase: Phase, bar: Bar) -> None:
        """Do one phase of a bar."""
        ...

    def bar_play(self, pair: str) -> BarPlayView | None:
        """Return how far a pair has come; None if it is not in bar mode."""
        ...


class Due(NamedTuple):
    """What comes next, and when."""

    at: Millis
    phase: Phase
    bar: Bar


class BarMarket:
    """The others in one pair, as candles tell of them.

    It has no state beside the bars it was given and has not begun: what was played is written in the exchange. So
    after a restore it is made anew, and bars that are over or in play may be given again.

    Parameters
    ----------
    exchange
        What is moved. A pair that is not in bar mode yet is put into it.
    pair
        Name of the pair; the bars are on its grids.
    terms
        Of the pair; those of a restored exchange hold on.
    fees_at
        The pair's fees while the bar that closes at a time was traded; None leaves them as they are.

    Raises
    ------
    ConfigError
        If the pair has traded in a book, or the period does not divide an hour.
    """

    def __init__(
        self,
        exchange: Playable,
        pair: str,
        terms: BarTerms = BarTerms(),
        *,
        fees_at: Callable[[Millis], PairFees] | None = None,
    ) -> None:
        if exchange.bar_play(pair) is None:
            exchange.begin_bars(pair, terms)
        self._exchange = exchange
        self._pair = pair
        self._period = self.played.terms.period
        self._fees_at = fees_at
        self._bars: deque[Bar] = deque()

    @property
    def played(self) -> BarPlayView:
        """How far the pair has come."""
        view = self._exchange.bar_play(self._pair)
        if view is None:
            raise ValueError(f"{self._pair} is not in bar mode")
        return view

    def add(self, bars: Iterable[Bar]) -> None:
        """Queue bars; those that are over or in play already are passed over.

        Raises
        ------
        BadCandles
            If a bar begins before the one before it ends.
        """
        play = self.played
        begun = (play.bar.closed_at if play.bar else play.closed_at) or Millis(0)
        ends = self._bars[-1].closed_at if self._bars else max(begun, self._exchange.now)
        for bar in bars:
            if bar.closed_at <= begun:
                continue
            if bar.closed_at - self._period < ends:
                raise BadCandles(
                    f"the bar that closes {format_jst(bar.closed_at)} begins before the one before it ends",
                    remedy="give bars of one period in order, from the exchange's present on",
                )
            self._bars.append(bar)
            ends = bar.closed_at

    def next_due(self) -> Millis | None:
        """Return when the next phase is due; None while there is no bar."""
        due = self._due()
        return None if due is None else due.at

    def step(self) -> Phase | None:
        """Move to the next phase, do it and return it; None while there is no bar."""
        due = self._due()
        if due is None:
            return None
        self._exchange.advance(max(due.at, self._exchange.now))
        if due.phase is Phase.OPEN:
            self._bars.popleft()
            if self._fees_at is not None:
                self._exchange.set_fees(self._pair, self._fees_at(due.bar.closed_at))
        self._exchange.play_bar(self._pair, due.phase, due.bar)
        return due.phase

    def advance(self, to: Millis) -> None:
        """Move to `to`, every phase at its own instant.

        Raises
        ------
        ValueError
            If `to` is before the exchange's present.
        """
        while (due := self._due()) is not None and due.at <= to:
            self.step()
        self._exchange.advance(to)

    def _due(self) -> Due | None:
        play = self.played
        if play.bar is not None:
            phase = Phase(play.phase + 1)
            return Due(Millis(play.bar.closed_at - BEFORE_END[phase]), phase, play.bar)
        if self._bars:
            return Due(Millis(self._bars[0].closed_at - self._period), Phase.OPEN, self._bars[0])
        return None


def costs_in_rules(rules: PairRules, costs: CostParams, maker_ppm: int, taker_ppm: int) -> PairRules:
    """Return a pair's rules with the costs that a backtest counts with."""
    rate = costs.interest_ppm_per_day
    ratio = costs.requirement_bps * (PPM // BPS)
    company = ratio if rules.margin is None else rules.margin.company_ratio_ppm
    return rules._replace(margin=MarginTerms(rate, rate, ratio, company), fees=margin_fees(maker_ppm, taker_ppm))


def margin_fees(maker_ppm: int, taker_ppm: int) -> PairFees:
    """Return fees that are the same for spot, opening and closing."""
    return PairFees(maker_ppm, taker_ppm, maker_ppm, taker_ppm, maker_ppm, taker_ppm)


def costs_in_switches(switches: Switches, costs: CostParams) -> Switches:
    """Return switches in the positions that a backtest counts with."""
    return switches._replace(
        interest_hour=costs.interest_hour,
        first_day_charged=costs.first_day_charged,
        losscut_ppm=costs.losscut_bps * (PPM // BPS),
    )
