"""Has the world moved away from the one the model was taught in? Advisory: nothing here stops a trade. Pure.

Bars are autocorrelated, and tests that take them for independent cry wolf every week. Two tests here do not:

- **Windows** (inputs and predictions). Time is cut into stretches of equal length, the newest among them. Each is
  compared with all of them together, and what counts is how many are as far off as the newest: if nothing has changed,
  no stretch is special, however strongly the bars inside it hang together. One answer for all columns at once, by their
  largest distance, so forty columns are not forty chances of a false alarm.
- **A bet on calibration** (realised outcomes). Whoever believes the probabilities loses nothing on average against
  someone who bets that they are too high or too low. The gambler's wealth exceeds 1/level at *any* time with a
  probability of at most `level` (Ville 1939; Shafer 2021, "Testing by betting"), so it may be looked at daily. Labels
  that overlap share their outcome, so only those that follow one another are bet on.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL: Final = 0.05
"""Share of the looks (windows), or of the models ever watched (the bet), that may alarm although nothing changed."""

FEWEST_BETS: Final = 5
_BETS: Final = np.array([-0.8, -0.4, -0.2, 0.2, 0.4, 0.8])
"""What the gambler stakes on "more gains than said" (above 0) or fewer, an equal share of the money on each."""


class Moved(NamedTuple):
    """One column, and how far its newest stretch lies from all of them, in deviations over the stretches."""

    name: str
    level: float  # of the middle
    spread: float  # of the width


class WindowDrift(NamedTuple):
    """Whether the newest stretch is unlike the others."""

    windows: int  # stretches with enough rows, the newest included
    rows: int  # in the newest
    p_value: float | None  # None: too few stretches to tell at this level
    alarm: bool
    furthest: tuple[Moved, ...]  # the columns that moved most, furthest first


class CalibrationDrift(NamedTuple):
    """What betting against the probabilities has brought."""

    bets: int  # labels that follow one another
    wealth: float  # now, of 1 at the start
    highest: float  # ever
    alarm: bool  # the highest reached 1/level
    expected: float  # gains that the probabilities promised on those labels
    observed: int


def window_drift(
    values: Floats, at: Ints, names: Sequence[str], window_ms: int, level: float = LEVEL, fewest_rows: int = 5
) -> WindowDrift:
    """Return whether the newest `window_ms` of some columns is unlike the stretches of that length before it.

    Parameters
    ----------
    values
        Shape (n, columns), finite; in order of time.
    at
        When each row was decided, ms UTC.
    fewest_rows
        A stretch with fewer is left out; the newest too, and then nothing can be said.

    Notes
    -----
    Rows are replaced by their ranks in the whole, so that one extreme value is not a drift. Each column gives two
    distances a stretch: of the mean rank, and of the mean squared distance from the middle rank.
    """
    if values.ndim != 2 or values.shape != (len(at), len(names)):
        raise ValueError("one column a name, one row a time")
    if not np.all(np.isfinite(values)):
        raise ValueError("a drift is measured on finite numbers")
    if not len(at):
        return WindowDrift(0, 0, None, False, ())
    back = (at[-1] - at) // window_ms  # 0: the newest stretch
    found, counts = np.unique(back, return_counts=True)
    whole = found <= (at[-1] - at[0] + 1) // window_ms - 1  # the oldest is a part only
    kept = found[(counts >= fewest_rows) & (whole | (found == 0))]
    rows = int(counts[0])
    if len(kept) < round(1 / level) or kept[0] != 0:
        return WindowDrift(len(kept), rows, None, False, ())
    ranks = _ranks(values)
    middle = np.array([ranks[back == k].mean(axis=0) for k in kept])
    width = np.array([np.square(ranks[back == k] - 0.5).mean(axis=0) for k in kept])
    levels, spreads = _deviations(middle), _deviations(width)
    furthest = np.max(np.concatenate((np.abs(levels), np.abs(spreads)), axis=1), axis=1)
    p_value = float(np.mean(furthest >= furthest[0]))
    order = np.argsort(-np.maximum(np.abs(levels[0]), np.abs(spreads[0])), kind="stable")
    moved = tuple(Moved(names[k], float(levels[0, k]), float(spreads[0, k])) for k in order[:5])
    return WindowDrift(len(kept), rows, p_value, p_value <= level, moved)


def calibration_drift(
    outcome: Ints, probability: Floats, decided_at: Ints, ended_at: Ints, level: float = LEVEL
) -> CalibrationDrift:
    """Return what betting against the probabilities has brought on labels that follow one another.

    Parameters
    ----------
    outcome, probability
        Of the trades that were judged since the model began to serve, in order of decision.
    decided_at, ended_at
        A label is bet on if it was decided after the one bet on before had ended.
    """
    chosen: list[int] = []
    free_from = np.iinfo(np.int64).min
    for k in range(len(outcome)):
        if decided_at[k] >= free_from:
            chosen.append(k)
            free_from = ended_at[k]
    hit, said = outcome[chosen].astype(np.float64), probability[chosen]
    if not np.all((said >= 0) & (said <= 1)):
        raise ValueError("a probability lies between 0 and 1")
    each = np.cumprod(1 + _BETS * (hit - said)[:, None], axis=0)
    wealth = np.append(1.0, each.mean(axis=1))
    highest = float(np.max(wealth))
    alarm = len(chosen) >= FEWEST_BETS and highest >= 1 / level
    return CalibrationDrift(len(chosen), float(wealth[-1]), highest, alarm, float(np.sum(said)), int(np.sum(hit)))


def _ranks(values: Floats) -> Floats:
    """Return each value's mean rank in its column, between 0 and 1; equal values share theirs."""
    ranks = np.empty_like(values)
    for k in range(values.shape[1]):
        _, place, counts = np.unique(values[:, k], return_inverse=True, return_counts=True)
        upto = np.cumsum(counts)
        ranks[:, k] = ((upto - counts + upto - 1) / 2)[place] / max(len(values) - 1, 1)
    return ranks


def _deviations(of_windows: Floats) -> Floats:
    """Return each stretch's distance from the mean of all, in deviations; 0 for a column that does not vary."""
    centred = of_windows - of_windows.mean(axis=0)
    spread = np.sqrt(np.mean(np.square(centred), axis=0))
    found: Floats = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)
    return found
