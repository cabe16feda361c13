"""From a row and a proposal to a model's inputs: numbers without a scale, seen from the proposed side.

Prices near 1.5e7 JPY lose their fraction in float32, in which boosters and the exported forest compare, and a price
of 2019 says nothing in 2025. So a price becomes a distance in ATRs, an ATR a share of the price, a volume a share of
another volume; what has a direction is multiplied by the proposed side, so that a long and a short in mirrored markets
are the same question. Nothing is fitted: an input depends on its own row and proposal alone, so nothing can leak.

There is one function, for a matrix; live trading calls it with one row. It adds, subtracts, multiplies and divides,
each exact to the last bit whatever the number of rows, and rounds to float32 once, at the end.
"""

import hashlib
import json
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.fold import Floats, Ints
from src.features.row import COLUMNS, MANAGED_FEATURES
from src.ml.votes import Votes

Inputs = npt.NDArray[np.float32]

_PARTS: Final = 16.0  # 15-minute bars in a 4-hour bar
_DAY_MS: Final = 86_400_000.0

_OF_A_VIEW: Final = (
    ("close", "side x (close - ema_50) / atr_14"),
    ("volume", ""),  # differs between the views, see below
    ("returns_1", "side x returns_1 x close / atr_14"),
    ("rsi_14", "side x (rsi_14 - 50) / 50"),
    ("macd", "side x macd / atr_14"),
    ("macd_signal", "side x macd_signal / atr_14"),
    ("atr_14", "atr_14 / close"),
    ("bb_position", "side x (bb_position - 0.5)"),
    ("ema_20", "side x (close - ema_20) / atr_14"),
    ("ema_50", "side x (ema_20 - ema_50) / atr_14"),
    ("volume_ratio", "volume_ratio"),
    ("zscore", "side x zscore"),
)
_PROPOSAL: Final = (
    ("side", "1 for a long, -1 for a short"),
    ("leader", "number of the leading strategy"),
    ("strength", "of the leader's signal"),
    ("confidence", "of the vote"),
    ("support", "of the vote"),
    ("stop", "stop distance / atr_14_4h"),
    ("stop_share", "stop distance / close"),
    ("target", "target distance / stop distance; 0 for none"),
    ("trail", "trail distance / stop distance; 0 for none"),
    ("hold", "longest holding time, days; 0 for none"),
    ("cost_share", "fees and slippage of a round trip / stop distance"),
)
DEFINITIONS: Final[dict[str, str]] = {
    **dict(_OF_A_VIEW),
    "volume": "16 x volume / volume_4h",
    **{f"{name}_4h": f"{text}, of the 4-hour view" for name, text in _OF_A_VIEW},
    "volume_4h": "(volume_4h / volume_ratio_4h) / (16 x volume / volume_ratio)",
    **dict(_PROPOSAL),
}
"""Every input by name, in order, with its formula."""

INPUTS: Final = tuple(DEFINITIONS)


class Proposals(NamedTuple):
    """The trades that are to be judged, one entry a proposal in each; distances in ticks."""

    side: Ints
    leader: Ints
    strength: Floats
    confidence: Floats
    support: Floats
    stop: Ints
    target: Ints
    trail: Ints
    hold: Ints  # milliseconds


class Costs(NamedTuple):
    """What a round trip costs, and the unit of distances."""

    taker_fee_ppm: int
    slippage_ppm: int
    tick: float  # JPY


def proposals_at(votes: Votes, bars: Ints) -> Proposals:
    """Return what the votes of some bars propose."""
    return Proposals(*(getattr(votes, name)[bars] for name in Proposals._fields))


def transform_hash() -> str:
    """Return the SHA-256 of names and formulas in their order, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(list(DEFINITIONS.items())).encode("ascii")).hexdigest()


def model_inputs(rows: Floats, proposals: Proposals, costs: Costs) -> Inputs:
    """Return the inputs of each proposal.

    Parameters
    ----------
    rows
        The columns of `COLUMNS` of each proposal's bar, shape (n, len(COLUMNS)).

    Returns
    -------
    float32 array of shape (n, len(INPUTS)), C-contiguous. Where a formula has no value (a division by 0, an undefined
    feature) it is NaN or infinite: see `finite`.
    """
    column = {name: rows[:, k] for k, name in enumerate(COLUMNS)}
    side = proposals.side.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        own = _view(column, "", side)
        slow = _view(column, "_4h", side)
        own[1] = _PARTS * column["volume"] / column["volume_4h"]
        slow[1] = (column["volume_4h"] / column["volume_ratio_4h"]) / (
            _PARTS * column["volume"] / column["volume_ratio"]
        )
        found = np.empty((len(rows), len(INPUTS)), np.float32)
        for k, values in enumerate((*own, *slow, *_of_proposal(column, proposals, side, costs))):
            found[:, k] = values
    return found


def finite(inputs: Inputs) -> npt.NDArray[np.bool_]:
    """Return which rows of the inputs are numbers throughout."""
    return np.asarray(np.isfinite(inputs).all(axis=1), np.bool_)


def _view(column: dict[str, Floats], suffix: str, side: Floats) -> list[Floats]:
    """Return the twelve of one view; `volume` is the caller's to replace."""
    of = {name: column[name + suffix] for name in MANAGED_FEATURES}
    close, atr = of["close"], of["atr_14"]
    return [
        side * (close - of["ema_50"]) / atr,
        of["volume"],
        side * of["returns_1"] * close / atr,
        side * (of["rsi_14"] - 50.0) / 50.0,
        side * of["macd"] / atr,
        side * of["macd_signal"] / atr,
        atr / close,
        side * (of["bb_position"] - 0.5),
        side * (close - of["ema_20"]) / atr,
        side * (of["ema_20"] - of["ema_50"]) / atr,
        of["volume_ratio"],
        side * of["zscore"],
    ]


def _of_proposal(column: dict[str, Floats], proposals: Proposals, side: Floats, costs: Costs) -> list[Floats]:
    stop = proposals.stop * costs.tick
    round_trip = 2.0 * (costs.taker_fee_ppm + costs.slippage_ppm) / 1e6
    return [
        side,
        proposals.leader.astype(np.float64),
        proposals.strength,
        proposals.confidence,
        proposals.support,
        stop / column["atr_14_4h"],
        stop / column["close"],
        proposals.target * costs.tick / stop,
        proposals.trail * costs.tick / stop,
        proposals.hold / _DAY_MS,
        column["close"] * round_trip / stop,
    ]
