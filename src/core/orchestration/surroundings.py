"""What a running trader watches beside bars and account: the exchange's rules and its clock."""

from src.core.domain.exchange import PairReport
from src.core.domain.journal import Entry, Json, Kind
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import DAY, Millis
from src.core.orchestration.parts import Parts
from src.trading.executor import Executor
from src.trading.fact_table import differences


class Surroundings:
    """Compares rules and clock with what is taken for granted, and tells a person where they differ.

    Rules are compared whenever they have been read, which is every minute or at the next look; a difference is told
    when it appears, once a day while it lasts, and when it is over. A clock that is off forbids new positions for as
    long as it is.

    Parameters
    ----------
    parts
        Of the trader.
    executor
        Has read the rules, and is told of the clock.
    """

    def __init__(self, parts: Parts, executor: Executor) -> None:
        self._parts = parts
        self._executor = executor
        self._told: tuple[str, ...] | None = None
        self._told_at = Millis(0)

    async def look(self) -> None:
        """Compare once."""
        self._look_at_clock()
        await self._look_at_rules()

    def _look_at_clock(self) -> None:
        skew, most = self._parts.clock_skew(), self._parts.most_skew_ms
        off = abs(skew) > most
        if off is self._executor.clock_off:
            return
        self._executor.clock_off = off
        what = f"the exchange's clock differs from ours by at least {skew} ms; {most} are allowed"
        self._tell(Tier.CRITICAL if off else Tier.INFO, Topic.CLOCK, what if off else "the clocks agree again")

    async def _look_at_rules(self) -> None:
        pair, now = self._executor.pair, self._parts.clock.now()
        if pair is None:
            return
        found = tuple(str(each) for each in differences(pair, self._parts.facts))
        found += (f"restrictions: {', '.join(sorted(pair.flags))}",) if pair.flags else ()
        if found == self._told and now < self._told_at + DAY:
            return
        were_some = bool(self._told)
        self._told, self._told_at = found, now
        await self._parts.journal.append(Entry(Kind.RULES, now, _rules(pair, found)))
        if found:
            self._tell(Tier.WARNING, Topic.RULES, "; ".join(found))
        elif were_some:
            self._tell(Tier.INFO, Topic.RULES, "the rules are as assumed again")

    def _tell(self, tier: Tier, topic: Topic, what: str) -> None:
        self._parts.notifier.tell(Notice(tier, topic, self._parts.clock.now(), {"what": what}))


def _rules(pair: PairReport, found: tuple[str, ...]) -> dict[str, Json]:
    """Return what is written down of the rules."""
    return {
        "differences": list(found),
        "min_lots": pair.min_lots,
        "status": None if pair.status is None else pair.status.value,
        "enabled": pair.enabled,
        "open_ppm": [pair.open_maker_ppm, pair.open_taker_ppm],
        "close_ppm": [pair.close_maker_ppm, pair.close_taker_ppm],
        "interest_ppm": [pair.long_interest_ppm, pair.short_interest_ppm],
        "requirement_bps": pair.requirement_bps,
        "next_requirement_bps": pair.next_requirement_bps,
    }
