"""Orders, and the reasons for having one or not: every refusal and every exit is a value with a name."""

from enum import IntEnum


class Reason(IntEnum):
    """The one terminal reason of a closed bar: why it led to an order, or why it did not.

    Codes are stored in files and journals: they are never renumbered, new ones are added at the end.
    """

    # something was done or is being done
    ENTER = 0  # a new position was decided
    HOLD_POSITION = 1  # a position is open and its reason still holds
    EXIT_POSITION = 2  # the open position is to be closed
    ENTRY_WAITING = 3  # an entry order rests and has not been filled
    # the data do not allow a new entry
    COLD = 10  # history is too short for the slowest feature
    AFTER_GAP = 11  # too soon after missing bars
    STALE_VIEW = 12  # the newest 4-hour bar is missing
    NOT_FINITE = 13  # a feature is undefined
    QUIET_BAR = 14  # nobody traded
    # the account or the risk state does not allow one
    ACCOUNT_UNKNOWN = 20  # balance or position could not be read
    DRAWDOWN_HALT = 21  # the drawdown limit was reached; a person must lift the halt
    LOSS_STREAK = 22  # pause after consecutive losses
    COOLDOWN = 23  # pause after a losing trade
    # the market is not normal
    SPREAD = 30
    LATENCY = 31
    PRICE_SPIKE = 32
    VOLUME_SPIKE = 33
    # the strategies do not ask for one
    NO_SIGNAL = 40  # none proposes a side
    CONFLICT = 41  # they propose both sides without the required agreement
    LOW_CONFIDENCE = 42
    # the model judges against it
    MODEL_ABSENT = 50
    MODEL_STALE = 51
    MODEL_NOT_FINITE = 52
    MODEL_REFUSES = 53
    MODEL_OTHER_FEATURES = 54  # trained on other features than are computed here
    MODEL_OTHER_BARRIERS = 55  # trained for other trades than the settings make
    MODEL_CONSTANT = 56  # it says the same of every trade
    MODEL_FAR = 57  # this bar is unlike anything it was trained on
    MODEL_DAMAGED = 58  # its files are damaged, foreign, or made with other versions of the libraries
    # the trade is not worth its cost, or too large or small for the account
    COST_TOO_HIGH = 60  # the round trip costs too much of the stop distance
    MARGIN = 61  # no size keeps the required distance to a forced close
    TOO_SMALL = 62  # the size the risk budget allows is below the smallest order


class ExitReason(IntEnum):
    """Why a position was closed. Codes are stored: never renumbered."""

    NONE = 0
    STOP = 1  # the resting stop as first placed
    TRAIL = 2  # the resting stop after it had moved
    TARGET = 3
    MAX_HOLD = 4  # held as long as the signal allowed
    REASON_ENDED = 5  # what the trade was opened for is over
    OPPOSITE = 6  # the strategies now agree on the other side
    HALT = 7  # the drawdown limit was reached
    LOSSCUT = 8  # forced close by the exchange
    END_OF_DATA = 9  # a backtest's last position, closed at the last price
    FOREIGN = 10  # closed by somebody else with access to the account
    DUST = 11  # what was left was too small to protect
    NAKED = 12  # it could not be protected in time
    MARGIN_CALL = 13  # the exchange demanded collateral
    COMMAND = 14  # a person asked for it


class EntryKind(IntEnum):
    """How an entry is sent."""

    MARKET = 0  # taker at the next price
    LIMIT = 1  # post-only at the decision's close, cancelled when not filled in time
    MAKER = 2  # post-only at the touch, quoted anew a few times
    MAKER_THEN_TAKER = 3  # the same, and what is left then takes liquidity
