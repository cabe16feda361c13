"""Errors, grouped by what the caller does next. Each says what happened and what to do about it.

TraderError
├── ConfigError        a person changes a setting or a command, then starts again
├── DataError          a person repairs or fetches data, then starts again
│   ├── BadCandles     the given file or reply breaks a rule of candles; nothing was stored
│   ├── NoCandles      there are no stored candles for what was asked
│   └── StoreDamaged   the store on disk is not what was written to it
├── Retryable          a read did not work out; reading again later may
├── OutcomeUnknown     something was sent and the answer is uncertain: read back, never resend
├── SkipBar            no new entry on this bar, because …; protective orders stay
└── HaltTrading        no new risk until a person has looked
"""


class TraderError(Exception):
    """Base of every error this program raises on purpose."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  what to do: {self.remedy}"


class ConfigError(TraderError):
    """A setting or an argument is wrong; nothing was started."""


class DataError(TraderError):
    """Stored or given market data cannot be used as it is."""


class BadCandles(DataError):
    """A file or reply breaks a rule of candles; nothing of it was stored."""


class NoCandles(DataError):
    """There are no stored candles for what was asked."""


class StoreDamaged(DataError):
    """The store on disk is not what was written to it."""


class Retryable(TraderError):
    """A read failed for a reason that may pass."""


class OutcomeUnknown(TraderError):
    """Something was sent and whether it took effect is not known."""


class SkipBar(TraderError):
    """This bar brings no new entry; whatever protects the position stays."""


class HaltTrading(TraderError):
    """No new risk until a person has looked."""
