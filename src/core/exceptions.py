"""Errors, grouped by what the caller does next. Each says what happened and what to do about it.

TraderError
├── ConfigError        a person changes a setting or a command, then starts again
├── DataError          a person repairs or fetches data, then starts again
│   ├── BadCandles     the given file or reply breaks a rule of candles; nothing was stored
│   ├── NoCandles      there are no stored candles for what was asked
│   ├── StoreDamaged   the store on disk is not what was written to it
│   ├── ModelRefused   a model cannot be used: damaged, foreign, or made for something else
│   └── NoJournal      no trader has written where a command or a question looks
├── Retryable          a read did not work out; reading again later may
├── OrderRefused       the exchange did not do it, for certain: decide anew
├── OutcomeUnknown     something was sent and the answer is uncertain: read back, never resend
├── SkipBar            no new entry on this bar, because …; protective orders stay
└── HaltTrading        no new risk until a person has looked
    ├── LeaseLost      another process trades this account now: send nothing, start over as the one that waits
    └── JournalFailed  what happens cannot be written down: send nothing
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


class ModelRefused(DataError):
    """A model cannot be used: its files are damaged or foreign, or it was made for something else."""


class NoJournal(DataError):
    """There is no journal where a command or a question looks for one."""


class Retryable(TraderError):
    """A read failed for a reason that may pass."""


class OrderRefused(TraderError):
    """The exchange did not do what was asked, and said so with a code that leaves no doubt."""

    def __init__(self, what: str, *, code: int, remedy: str) -> None:
        super().__init__(what, remedy=remedy)
        self.code = code


class OutcomeUnknown(TraderError):
    """Something was sent and whether it took effect is not known."""


class SkipBar(TraderError):
    """This bar brings no new entry; whatever protects the position stays."""


class HaltTrading(TraderError):
    """No new risk until a person has looked."""


class LeaseLost(HaltTrading):
    """Another process holds the account's lease; nothing was written and nothing may be sent."""


class JournalFailed(HaltTrading):
    """The journal did not take what happened; nothing may be sent that is not written down."""
