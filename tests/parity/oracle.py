"""A second account of the fill and ledger rules, in plain Python: it imports nothing from `src`.

It is given the bars, the entries that were decided and the closes at which the strategies wanted out; stops,
trails, targets, holding times, forced closes, the drawdown halt, fees, interest and equity are its own. Every
flag of `Rules` is one rule of the house; turned off, it is a fault that a comparison has to find.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

STOP, TRAIL, TARGET, MAX_HOLD, REASON_ENDED, OPPOSITE, HALT, LOSSCUT, END_OF_DATA = range(1, 10)
DAY = 86_400_000
JAPAN = 9 * 3_600_000


@dataclass(frozen=True)
class Rules:
    stop_comes_before_target: bool = True
    stop_gaps_to_the_open: bool = True
    stop_is_tested_in_the_entry_bar: bool = True
    target_needs_a_trade_through: bool = True
    target_waits_in_the_bar_of_a_resting_entry: bool = True
    target_pays_slippage: bool = True
    levels_hang_on_the_slipped_fill: bool = True
    entry_acts_on_the_next_bar: bool = True
    exit_acts_on_the_next_bar: bool = True
    resting_entry_needs_a_trade_through: bool = True
    resting_entry_fills_at_its_own_price: bool = True
    resting_entry_expires: bool = True
    trail_follows_the_extreme: bool = True
    trail_never_retreats: bool = True
    holding_time_counts_from_the_fill: bool = True
    fees_round_up: bool = True
    exit_fee_is_on_the_exit_price: bool = True
    interest_rounds_up_each_day: bool = True
    interest_days_turn_in_japan: bool = True
    forced_close_happens: bool = True
    forced_close_comes_before_target: bool = True
    stop_comes_before_forced_close: bool = True
    halt_closes_the_position: bool = True


@dataclass(frozen=True)
class Terms:
    """What the run was told: costs and the constants of bar mode."""

    slippage_ppm: int
    interest_ppm: int
    interest_hour: int
    first_day_charged: bool
    requirement_bps: int
    losscut_bps: int
    max_drawdown_bps: int
    halt_closes: bool
    bar_ms: int
    wait_ms: int
    resting_entries: bool


@dataclass(frozen=True)
class Candle:
    closed_at: int
    open: int
    high: int
    low: int
    close: int
    maker_ppm: int
    taker_ppm: int


@dataclass(frozen=True)
class Entry:
    """A decided entry; distances are from the fill, 0 for none."""

    side: int
    lots: int
    stop: int
    target: int
    trail: int
    hold: int
    leader: int
    risk: int


@dataclass
class Held:
    entry: Entry
    price: int
    opened_at: int
    fee: int
    slipped: int
    stop: int
    target: int
    best_seen: int
    expires_at: int
    trailed: bool = False
    highest: int = 0
    lowest: int = 0


@dataclass
class Oracle:
    terms: Terms
    cash: int
    rules: Rules = field(default_factory=Rules)
    held: Held | None = None
    waiting: Entry | None = None
    decided_at: int = 0
    decided_price: int = 0
    leaving: int = 0
    peak: int = 0
    halted: bool = False
    trades: list[dict[str, int]] = field(default_factory=list)
    equity: list[int] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)

    def run(self, candles: list[Candle], entries: dict[int, Entry], wants_out: dict[int, int]) -> "Oracle":
        self.peak = self.cash
        for i, candle in enumerate(candles):
            self._live(candle)
            self._close_of_bar(candle, entries.get(i), wants_out.get(i, 0))
        if self.held:
            last = candles[-1]
            self._leave(END_OF_DATA, last.close, last.closed_at, last)
        return self

    # inside a bar

    def _live(self, bar: Candle) -> None:
        opens_at = bar.closed_at - self.terms.bar_ms
        just_entered = self._fill(bar, opens_at) if self.waiting else ""
        if not self.held:
            return
        if self.leaving:
            self._see(bar.open, bar.open)
            self._leave(self.leaving, bar.open, opens_at, bar)
            return
        found = self._first_exit(bar, just_entered)
        if not found:
            self._see(bar.high, bar.low)
            return
        why, price, at_open = found
        self._see(max(bar.open, price), min(bar.open, price))
        self._leave(why, price, opens_at if at_open else bar.closed_at - 1, bar)

    def _fill(self, bar: Candle, opens_at: int) -> str:
        order = self.waiting
        if not self.terms.resting_entries:
            reference = bar.open if self.rules.entry_acts_on_the_next_bar else self.decided_price
            self._enter(order, self._slipped(reference, order.side), reference, bar.taker_ppm, opens_at)
            return "at the open"
        limit, ends = self.decided_price, self.decided_at + self.terms.wait_ms
        if opens_at >= ends and self.rules.resting_entry_expires:
            self.waiting = None
            return ""
        beyond = (limit - bar.low) if order.side > 0 else (bar.high - limit)
        if beyond > 0 or (beyond == 0 and not self.rules.resting_entry_needs_a_trade_through):
            price = limit
            if not self.rules.resting_entry_fills_at_its_own_price:
                price = min(limit, bar.open) if order.side > 0 else max(limit, bar.open)
            self._enter(order, price, price, bar.maker_ppm, opens_at)
            return "inside"
        if bar.closed_at >= ends and self.rules.resting_entry_expires:
            self.waiting = None
        return ""

    def _enter(self, order: Entry, price: int, reference: int, fee_ppm: int, at: int) -> None:
        base = price if self.rules.levels_hang_on_the_slipped_fill else reference
        since = at if self.rules.holding_time_counts_from_the_fill else self.decided_at - self.terms.bar_ms
        self.held = Held(
            entry=order,
            price=price,
            opened_at=at,
            fee=self._fee(price * order.lots, fee_ppm),
            slipped=order.lots * (price - reference) * order.side,
            stop=max(base - order.side * order.stop, 1),
            target=max(base + order.side * order.target, 1) if order.target else 0,
            best_seen=price,
            expires_at=since + order.hold if order.hold else 0,
            highest=price,
            lowest=price,
        )
        self.waiting = None

    def _first_exit(self, bar: Candle, just_entered: str) -> tuple[int, int, bool] | None:
        held, rules = self.held, self.rules
        stop = None
        if not just_entered or rules.stop_is_tested_in_the_entry_bar:
            stop = self._touched(held.stop, bar, TRAIL if held.trailed else STOP)
        forced = self._touched(self._forced_price(bar), bar, LOSSCUT) if rules.forced_close_happens else None
        target = None
        early = just_entered == "inside" and rules.target_waits_in_the_bar_of_a_resting_entry
        if held.target and not early and self._reached(held.target, bar):
            target = (TARGET, held.target, False)
        if not rules.stop_comes_before_target:
            return target or stop or forced
        if not rules.forced_close_comes_before_target:
            return stop or target or forced
        if not rules.stop_comes_before_forced_close:
            return forced or stop or target
        return stop or forced or target

    def _touched(self, level: int, bar: Candle, why: int) -> tuple[int, int, bool] | None:
        long = self.held.entry.side > 0
        if (bar.open <= level) if long else (bar.open >= level):
            return (why, bar.open if self.rules.stop_gaps_to_the_open else level, True)
        if (bar.low <= level) if long else (bar.high >= level):
            return (why, level, False)
        return None

    def _reached(self, target: int, bar: Candle) -> bool:
        beyond = (bar.high - target) if self.held.entry.side > 0 else (target - bar.low)
        return beyond > 0 or (beyond == 0 and not self.rules.target_needs_a_trade_through)

    def _forced_price(self, bar: Candle) -> int:
        """Return the price nearest to the entry at which equity is below the exchange's floor."""
        held = self.held
        required = ceil(Fraction(held.price * held.entry.lots * self.terms.requirement_bps, 10_000))
        least = ceil(Fraction(required * self.terms.losscut_bps, 10_000))
        spare = self.cash - held.fee - self._interest(bar.closed_at) - least
        steps = floor(Fraction(spare, held.entry.lots)) + 1
        return held.price - held.entry.side * steps

    def _see(self, high: int, low: int) -> None:
        self.held.highest = max(self.held.highest, high)
        self.held.lowest = min(self.held.lowest, low)

    def _leave(self, why: int, reference: int, at: int, bar: Candle) -> None:
        held = self.held
        side, lots = held.entry.side, held.entry.lots
        free = why == TARGET and not self.rules.target_pays_slippage
        price = reference if free else self._slipped(reference, -side)
        notional = lots * (price if self.rules.exit_fee_is_on_the_exit_price else held.price)
        fee = held.fee + self._fee(notional, bar.taker_ppm)
        owed = self._interest(at)
        gross = lots * (price - held.price) * side
        worst, best = (held.lowest, held.highest) if side > 0 else (held.highest, held.lowest)
        self.cash += gross - fee - owed
        self.held, self.leaving = None, 0
        self.trades.append(
            {
                "opened_at": held.opened_at,
                "closed_at": at,
                "side": side,
                "lots": lots,
                "entry": held.price,
                "exit": price,
                "fee": fee,
                "interest": owed,
                "slippage": held.slipped + lots * (reference - price) * side,
                "gross": gross,
                "net": gross - fee - owed,
                "exit_reason": why,
                "leader": held.entry.leader,
                "risk": held.entry.risk,
                "worst": (worst - held.price) * side,
                "best": (best - held.price) * side,
            }
        )

    # at a bar's close

    def _close_of_bar(self, bar: Candle, entry: Entry | None, wants_out: int) -> None:
        worth = self._worth(bar)
        self.equity.append(worth)
        self.peak = max(self.peak, worth)
        self.halted |= Fraction(self.peak - worth) >= Fraction(self.terms.max_drawdown_bps * self.peak, 10_000)
        why = 0
        if self.held:
            self._trail(bar)
            why = self._why_leave(bar, wants_out)
        elif entry and not self.waiting:
            self.waiting, self.decided_at, self.decided_price = entry, bar.closed_at, bar.close
        self.exits.append(why)
        if why and not self.rules.exit_acts_on_the_next_bar:
            self._leave(why, bar.close, bar.closed_at, bar)
        else:
            self.leaving = why

    def _worth(self, bar: Candle) -> int:
        if not self.held:
            return self.cash
        held = self.held
        open_result = held.entry.lots * (bar.close - held.price) * held.entry.side
        return self.cash + open_result - held.fee - self._interest(bar.closed_at)

    def _trail(self, bar: Candle) -> None:
        held = self.held
        long = held.entry.side > 0
        seen = (bar.high if long else bar.low) if self.rules.trail_follows_the_extreme else bar.close
        held.best_seen = max(held.best_seen, seen) if long else min(held.best_seen, seen)
        if not held.entry.trail:
            return
        base = held.best_seen if self.rules.trail_never_retreats else seen
        level = max(base - held.entry.side * held.entry.trail, 1)
        if (level > held.stop if long else level < held.stop) or not self.rules.trail_never_retreats:
            held.stop, held.trailed = level, True

    def _why_leave(self, bar: Candle, wants_out: int) -> int:
        held = self.held
        if self.halted and self.terms.halt_closes and self.rules.halt_closes_the_position:
            return HALT
        if (bar.close <= held.stop) if held.entry.side > 0 else (bar.close >= held.stop):
            return TRAIL if held.trailed else STOP
        if held.expires_at and bar.closed_at >= held.expires_at:
            return MAX_HOLD
        return wants_out

    # sums

    def _fee(self, notional: int, ppm: int) -> int:
        exact = Fraction(notional * ppm, 1_000_000)
        return ceil(exact) if self.rules.fees_round_up else floor(exact)

    def _slipped(self, price: int, side: int) -> int:
        return max(price + side * ceil(Fraction(price * self.terms.slippage_ppm, 1_000_000)), 1)

    def _interest(self, at: int) -> int:
        days = self._day(at) - self._day(self.held.opened_at) + (1 if self.terms.first_day_charged else 0)
        a_day = Fraction(self.held.price * self.held.entry.lots * self.terms.interest_ppm, 1_000_000)
        return days * ceil(a_day) if self.rules.interest_rounds_up_each_day else ceil(days * a_day)

    def _day(self, at: int) -> int:
        japan = JAPAN if self.rules.interest_days_turn_in_japan else 0
        return (at + japan - self.terms.interest_hour * 3_600_000) // DAY
