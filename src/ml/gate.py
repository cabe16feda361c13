"""The gate: what a model must show, on data it never saw, before it may trade. Pure.

Doubt is the default. Every check is a number beside its limit, and a model that fails one stays outside; what could not
be measured has failed. The rivals are the class prior, the last outcome, the strategies without a model, and the
champion. A difference counts only if its whole interval lies above 0 (a one-sided test at 5 %), drawn in blocks, for
trades overlap and days hang together; profit must also survive deflation by everything that was tried.
"""

from enum import Enum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.bootstrap import MIN_DAYS, Indices, Interval, bootstrap, mean_block
from src.backtest.sharpe import CONVINCING, Trials, deflated_sharpe, moments
from src.ml.scores import (
    Scores,
    at_threshold,
    calibration_error,
    log_losses,
    scores,
    squared_errors,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DRAWS: Final = 200  # of outcomes from the probabilities themselves, for what calibration shows by chance


class Judged(NamedTuple):
    """Rows the model did not see, in order of decision, each with what was known when it was decided."""

    outcome: Ints  # 1: the trade gained after costs
    probability: Floats  # the candidate's
    chosen: npt.NDArray[np.bool_]  # rows the rule of the decision lets through
    prior: Floats  # share of gains among the rows this one's model was trained on
    last: Floats  # what the last known outcome alone says
    champion: Floats | None  # the champion's; NaN where that row is not out of its sample; None: there is none


class Economy(NamedTuple):
    """What became of the money, day by day (UTC), over the days of the judged rows; costs included."""

    net_jpy: Floats  # change of marked equity, the whole system with the model
    returns: Floats  # the same over the equity before it
    alone_jpy: Floats  # the same strategies, account and costs without a model
    champion_jpy: Floats | None  # with the champion in the model's place; None: there is none
    trades: int


class Tried(NamedTuple):
    """What this candidate was chosen from."""

    trials: Trials  # of the ledger
    overfitting: float | None  # probability of backtest overfitting; None: fewer than ten trials were recorded
    recorded: int  # trials whose returns were kept


class Limits(NamedTuple):
    """What is asked for."""

    threshold: float = 0.65  # of the decision; says what is shown, `Judged.chosen` what is traded
    rows: int = 200
    deviation: float = 0.005  # of the probabilities; less is a constant
    class_mix: float = 0.05  # between mean probability and share of gains
    calibration: float = 0.05  # mean distance, beyond what chance shows on so many rows
    coverage: float = 0.005  # share of the rows let through
    trades: int = 30
    champion_rows: int = 100  # rows out of the champion's sample, to compare on
    deflated_sharpe: float = CONVINCING
    overfitting: float = 0.5


class State(Enum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be measured: counts as failed
    NOT_ASKED = "not_asked"  # does not apply here, and the words say why


class Check(NamedTuple):
    """One number beside its limit."""

    name: str
    state: State
    value: float | None
    limit: float | None
    interval: Interval | None = None


class Judgement(NamedTuple):
    """What the gate found."""

    checks: tuple[Check, ...]
    scores: Scores | None
    tried: int
    recorded: int

    @property
    def passed(self) -> bool:
        """Whether nothing failed and everything that is asked for was measured."""
        return all(check.state in {State.PASSED, State.NOT_ASKED} for check in self.checks)

    def check(self, name: str) -> Check:
        """Return the check called `name`.

        Raises
        ------
        KeyError
            If there is none.
        """
        for found in self.checks:
            if found.name == name:
                return found
        raise KeyError(name)


def judge(judged: Judged, economy: Economy, tried: Tried, limits: Limits = Limits(), seed: int = 0) -> Judgement:
    """Return every check of a candidate.

    Parameters
    ----------
    seed
        Of the bootstrap and of the draws; same arguments, same bits.

    Raises
    ------
    ValueError
        If columns differ in length, or a probability is none.
    """
    if not len(judged.outcome):
        return Judgement((Check("rows", State.FAILED, 0.0, float(limits.rows)),), None, tried.trials.tried, 0)
    checks = (
        *_behaviour(judged, limits, seed),
        *_against_baselines(judged, seed),
        *_choice(judged, economy, limits, seed),
        *_money(economy, tried, limits, seed),
        *_against_champion(judged, economy, limits, seed),
    )
    found = scores(judged.outcome, judged.probability)
    return Judgement(checks, found, tried.trials.tried, tried.recorded)


def _behaviour(judged: Judged, limits: Limits, seed: int) -> tuple[Check, ...]:
    """Return whether the model behaves like one: enough rows, not a constant, in proportion, calibrated."""
    outcome, probability = judged.outcome, judged.probability
    mix = abs(float(np.mean(probability)) - float(np.mean(outcome)))
    error = calibration_error(outcome, probability)
    random = np.random.default_rng([seed, 1])
    draws = (random.random((_DRAWS, len(outcome))) < probability).astype(np.int64)
    chance = float(np.mean([calibration_error(drawn, probability) for drawn in draws]))
    return (
        _at_least("rows", float(len(outcome)), limits.rows),
        _at_least("deviation", float(np.std(probability)), limits.deviation),
        _at_most("class_mix", mix, limits.class_mix),
        _at_most("calibration", error, limits.calibration + chance),
    )


def _against_baselines(judged: Judged, seed: int) -> tuple[Check, ...]:
    """Return by how much the scores beat those of rivals that know nothing of the row."""
    found = []
    for name, rival in (("prior", judged.prior), ("last_outcome", judged.last)):
        for score, loss in (("log_loss", log_losses), ("brier", squared_errors)):
            gain = loss(judged.outcome, rival) - loss(judged.outcome, judged.probability)
            found.append(_above_zero(f"{score}_against_{name}", gain, seed))
    return tuple(found)


def _choice(judged: Judged, economy: Economy, limits: Limits, seed: int) -> tuple[Check, ...]:
    """Return what the decision's rule lets through, and whether it is better than what it keeps out."""
    chosen = judged.chosen
    coverage = float(np.mean(chosen))
    hit = at_threshold(judged.outcome, chosen.astype(np.float64), 1.0).precision
    base = float(np.mean(judged.outcome))
    better = None
    if hit is not None:
        interval = _precision_interval(judged, seed)
        state = State.UNKNOWN if interval is None else _state(interval.above(base))
        better = Check("precision", state, hit, base, interval)
    return (
        _at_least("coverage", coverage, limits.coverage),
        better or Check("precision", State.UNKNOWN, None, base),
        _at_least("trades", float(economy.trades), limits.trades),
    )


def _precision_interval(judged: Judged, seed: int) -> Interval | None:
    """Return the interval of the share of gains among the chosen rows."""
    chosen, hits = judged.chosen.astype(np.float64), (judged.outcome * judged.chosen).astype(np.float64)

    def share(where: Indices) -> dict[str, Floats]:
        count = chosen[where].sum(axis=1)
        with np.errstate(invalid="ignore"):
            return {"share": hits[where].sum(axis=1) / np.where(count > 0, count, np.nan)}

    return bootstrap(share, len(chosen), mean_block(chosen, hits), seed)["share"]


def _money(economy: Economy, tried: Tried, limits: Limits, seed: int) -> tuple[Check, ...]:
    """Return whether it earned anything, more than the strategies alone, and more than luck would explain."""
    found = moments(economy.returns)
    deflated = None if found is None or len(economy.returns) < MIN_DAYS else deflated_sharpe(found, tried.trials)
    if tried.overfitting is None:
        overfitting = Check("overfitting", State.NOT_ASKED, None, limits.overfitting)
    else:
        overfitting = _at_most("overfitting", tried.overfitting, limits.overfitting)
    return (
        _total_above_zero("net_jpy", economy.net_jpy, seed),
        _total_above_zero("net_jpy_against_strategies", economy.net_jpy - economy.alone_jpy, seed),
        Check("deflated_sharpe", State.UNKNOWN, None, limits.deflated_sharpe)
        if deflated is None
        else _at_least("deflated_sharpe", deflated, limits.deflated_sharpe),
        overfitting,
    )


def _against_champion(judged: Judged, economy: Economy, limits: Limits, seed: int) -> tuple[Check, ...]:
    """Return whether it is better than the champion: an equal one changes nothing and is not put in its place."""
    if judged.champion is None or economy.champion_jpy is None:
        return (
            Check("log_loss_against_champion", State.NOT_ASKED, None, None),
            Check("net_jpy_against_champion", State.NOT_ASKED, None, None),
        )
    common = ~np.isnan(judged.champion)
    rows = int(np.count_nonzero(common))
    yen = float(np.sum(economy.net_jpy - economy.champion_jpy))
    money = Check("net_jpy_against_champion", _state(yen > 0), yen, 0.0)
    if rows < limits.champion_rows:
        return Check("log_loss_against_champion", State.UNKNOWN, float(rows), float(limits.champion_rows)), money
    outcome = judged.outcome[common]
    gain = log_losses(outcome, judged.champion[common]) - log_losses(outcome, judged.probability[common])
    return _above_zero("log_loss_against_champion", gain, seed), money


def _above_zero(name: str, gain: Floats, seed: int) -> Check:
    """Return whether the mean of `gain`, one value a row, lies above 0 with its whole interval."""
    return _interval_check(name, gain, 1.0, seed) if len(gain) >= 2 else Check(name, State.UNKNOWN, None, 0.0)


def _total_above_zero(name: str, daily: Floats, seed: int) -> Check:
    """Return whether the sum of `daily` lies above 0 with its whole interval; too few days tell nothing."""
    if len(daily) < MIN_DAYS:
        return Check(name, State.UNKNOWN, float(np.sum(daily)), 0.0)
    return _interval_check(name, daily, float(len(daily)), seed)


def _interval_check(name: str, values: Floats, times: float, seed: int) -> Check:
    def mean(where: Indices) -> dict[str, Floats]:
        return {"mean": values[where].mean(axis=1) * times}

    interval = bootstrap(mean, len(values), mean_block(values), seed)["mean"]
    state = State.UNKNOWN if interval is None else _state(interval.above(0.0))
    return Check(name, state, float(np.mean(values)) * times, 0.0, interval)


def _at_least(name: str, value: float, limit: float) -> Check:
    return Check(name, _state(value >= limit), value, float(limit))


def _at_most(name: str, value: float, limit: float) -> Check:
    return Check(name, _state(value <= limit), value, float(limit))


def _state(passed: bool) -> State:
    return State.PASSED if passed else State.FAILED
