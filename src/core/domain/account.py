"""What an account holds and what a trade made of it, as the decision core sees them."""

from enum import IntEnum
from typing import NamedTuple

from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis


class Account(NamedTuple):
    """The exchange's truth at the close of a bar, and the state of the market around it."""

    known: bool  # False: balance or position could not be read; no other field may be believed
    equity: Money  # cash plus unrealised result, less accrued cost, marked at `mark`
    mark: Ticks  # the price positions are valued at: the bar's close
    side: Side  # of the open position, NONE when flat
    lots: Lots
    entry: Ticks  # average fill price
    opened_at: Millis
    waiting: bool  # an entry order rests on the exchange
    spread_ppm: int  # best ask less best bid, parts per million of the mark
    latency_ms: int  # of the last private call
    maker_fee_ppm: int
    taker_fee_ppm: int


class Trade(NamedTuple):
    """One closed position, with everything it cost. `net = gross - fee - interest`."""

    opened_at: Millis
    closed_at: Millis
    side: Side
    lots: Lots
    entry: Ticks  # actual fill
    exit: Ticks  # actual fill
    fee: Money  # opening and closing fee
    interest: Money
    slippage: Money  # part of `gross` lost between reference and fill prices; information, not a further cost
    gross: Money  # lots x signed price difference
    net: Money
    exit_reason: ExitReason
    leader: int  # index of the strategy that shaped the trade
    risk: Money  # planned loss at the first stop, costs included
    worst: Ticks  # adverse excursion from the entry (MAE)
    best: Ticks  # favourable excursion from the entry (MFE)


class PredictionStatus(IntEnum):
    """What the model could say about a bar. Codes are stored: never renumbered, new ones are added at the end."""

    NONE = 0  # no model is loaded
    GOOD = 1
    STALE = 2  # the model is older than allowed
    NOT_FINITE = 3
    OTHER_FEATURES = 4  # it was trained on other features than are computed here
    OTHER_BARRIERS = 5  # it was trained for other trades than the settings make
    CONSTANT = 6  # it says the same of every trade
    FAR = 7  # this bar is unlike anything it was trained on
    REFUSED = 8  # its files are damaged, foreign, or made with other versions of the libraries
    NOT_ASKED = 9  # nothing was proposed on this bar


class Prediction(NamedTuple):
    """The model's judgement of the proposed side."""

    status: int  # a `PredictionStatus`, as the plain number that arrays hold
    probability: float  # that the proposed trade ends in profit after costs; NaN unless GOOD


class Contribution(NamedTuple):
    """One input's part in a model's judgement."""

    name: str
    part: float  # in probability before calibration; negative speaks against the trade


NO_PREDICTION = Prediction(0, float("nan"))
