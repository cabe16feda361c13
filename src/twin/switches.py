"""What bitbank does not publish, or what a test wants faster: every choice of the protocol has a switch."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from src.core.domain.time import HOUR, MINUTE, SECOND
from src.twin.rate_limits import Window

Milliseconds = Annotated[int, Field(ge=0, le=400 * 24 * HOUR)]


class TwinSwitches(BaseModel):
    """The protocol's switches; those of the exchange behind it are `Switches` of the engine."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    bad_signature: Literal[20001, 20005] = 20001
    """Code of a wrong signature."""
    rate_window: Literal["sliding", "fixed"] = "sliding"
    """How a second of the rate limits is counted."""
    queries_per_second: Annotated[int, Field(ge=0)] = 10
    """Per user; 0 is no limit."""
    updates_per_second: Annotated[int, Field(ge=0)] = 6
    """Per user; 0 is no limit."""
    null_amount: bool = True
    """Whether `"amount":null` passes for take_profit and stop_loss."""
    key_style: Literal["live", "docs"] = "live"
    """Names in private messages: as seen on the wire, or as documented."""
    public_lag: Milliseconds = SECOND
    """Age up to which the content network serves a stored copy; one between once and twice that old is served a last
    time while it is refreshed. 0: always fresh."""
    candle_delay: Milliseconds = 8 * MINUTE
    """How long after 00:00 UTC a new day's (or year's) candle file is missing (10000)."""
    archive_delay: Milliseconds = 15 * MINUTE
    """How long after the end of a UTC day its transactions are not yet published."""
    ping_interval: Annotated[int, Field(ge=50)] = 25 * SECOND
    """Of the public stream."""
    ping_timeout: Annotated[int, Field(ge=50)] = 20 * SECOND
    """Of the public stream."""
    ticker_every: Annotated[int, Field(ge=10)] = SECOND
    """Cadence of ticker rooms."""
    depth_diff_every: Annotated[int, Field(ge=10)] = 350
    """Cadence of depth_diff rooms while the book changes."""
    depth_whole_every: Annotated[int, Field(ge=10)] = 15 * SECOND
    """Cadence of depth_whole rooms, changed or not."""
    token_life: Annotated[int, Field(ge=10)] = 12 * HOUR
    """Of a private stream's token."""
    poll_hold: Annotated[int, Field(ge=10)] = 5 * MINUTE
    """How long a poll of the private stream is held when nothing happens."""

    @property
    def window(self) -> Window:
        """The kind of the rate limits' second."""
        return Window(self.rate_window)
