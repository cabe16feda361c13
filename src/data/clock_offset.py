"""How far the exchange's clock is from ours, as the Date header of its answers tells."""

from email.utils import parsedate_to_datetime

from src.core.domain.time import SECOND, Millis, to_millis


class ClockOffset:
    """An interval that holds (exchange's time − our time), in milliseconds.

    A Date header is cut to the second and was written somewhere between request and answer, so one answer bounds the
    difference to about a second and the round trip. Answers that agree narrow the interval; one that contradicts it
    (a clock was set) starts it anew.
    """

    def __init__(self) -> None:
        self._low: int | None = None
        self._high = 0
        self.newest_low: int | None = None  # of the last answer alone

    def observe(self, date: str | None, sent_at: Millis, received_at: Millis) -> None:
        """Learn from one answer; a missing or unreadable header teaches nothing."""
        written = _moment(date)
        if written is None:
            self.newest_low = None
            return
        low, high = written - received_at, written + SECOND - sent_at
        self.newest_low = low
        if self._low is None or low > self._high or high < self._low:
            self._low, self._high = low, high
        else:
            self._low, self._high = max(low, self._low), min(high, self._high)

    def forget(self) -> None:
        """Start anew with the next answer."""
        self._low = None

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The interval; None before the first answer."""
        return None if self._low is None else (self._low, self._high)

    @property
    def certain_ms(self) -> int:
        """What the clocks differ by at the very least, with its sign (above 0: ours is behind); 0 if they may agree."""
        if self._low is None or self._low <= 0 <= self._high:
            return 0
        return self._low if self._low > 0 else self._high


def _moment(date: str | None) -> Millis | None:
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
        return None if moment.tzinfo is None else to_millis(moment)
    except (ValueError, TypeError, OverflowError):
        return None
