"""Statistics that hold for every record, not only for the ones we thought of."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from src.backtest.bootstrap import bootstrap, mean_block
from src.backtest.evaluator import assess, statistics
from src.backtest.sharpe import Moments, Trials, deflated_sharpe, moments, probabilistic_sharpe, standard_error
from src.backtest.trial_chain import Tally, Trial, TrialKind, read_anchor, read_chain, trial_line
from src.core.domain.time import Millis
from tests.backtest.made_records import daily_record

growths = arrays(np.float64, st.integers(1, 90), elements=st.floats(0.5, 1.2))
returns = arrays(np.float64, st.integers(3, 60), elements=st.floats(-0.5, 0.5).map(lambda x: round(x, 6)))
sharpes = st.floats(-0.5, 0.5)


counts = st.builds(Trials, st.integers(1, 10**6), st.none() | st.floats(0, 1), st.none() | st.floats(0, 1e7))


@given(growth=growths, trials=st.none() | counts)
@settings(max_examples=40)
def test_every_run_has_a_report_of_finite_numbers_or_none(growth, trials):
    plain = statistics(assess(daily_record(growth), trials))
    json.dumps(plain, allow_nan=False)
    for interval in plain["intervals"].values():
        assert interval is None or interval["high"] is None or interval["low"] <= interval["high"]
    assert plain["balance"]["max_drawdown_pct"] >= 0
    assert 0 <= plain["drawdowns"]["underwater_share"] < 1


@given(growth=growths, scale=st.integers(2, 50))
@settings(max_examples=30)
def test_praise_is_never_given_without_intervals_above_zero_and_a_convincing_deflated_sharpe(growth, scale):
    found = assess(daily_record(1 + (growth - 1) / scale + 0.002), Trials(1, None))
    if found.verdict.evidence.value == "profit":
        assert found.intervals["sharpe"].low > 0
        assert found.intervals["expectancy_r"].low > 0
        assert found.verdict.deflated_sharpe >= 0.95


@given(series=returns, factor=st.floats(0.01, 100))
def test_a_sharpe_ratio_does_not_depend_on_the_size_of_the_stake(series, factor):
    found = moments(series)
    assume(found is not None and np.std(series) > 1e-4)
    assert moments(series * factor) == pytest.approx(found, rel=1e-6, abs=1e-9)


@given(series=returns)
def test_the_error_of_a_sharpe_ratio_is_a_number_and_its_probability_one_too(series):
    found = moments(series)
    assume(found is not None)
    assert 0 <= standard_error(found) < math.inf
    probability = probabilistic_sharpe(found)
    assert probability is None or 0 <= probability <= 1


@given(
    sharpe=sharpes,
    skew=st.floats(-3, 3),
    more=st.floats(0, 5),
    tried=st.integers(1, 10**5),
    again=st.integers(0, 10**5),
    variance=st.floats(1e-6, 0.1),
)
def test_what_was_tried_never_makes_a_result_more_convincing(sharpe, skew, more, tried, again, variance):
    found = Moments(365, sharpe, skew, skew**2 + 1.5 + more)
    few, many = (deflated_sharpe(found, Trials(n, max(variance, 1 / 364))) for n in (tried, tried + again))
    assert many <= few + 1e-12
    assert few <= probabilistic_sharpe(found) + 1e-12


@given(values=st.lists(st.none() | sharpes, max_size=40), cut=st.integers(0, 40))
def test_counting_one_by_one_or_in_parts_gives_the_same_variance(values, cut):
    whole, left, right = Tally(), Tally(), Tally()
    for k, value in enumerate(values):
        whole = whole.with_trial(value)
        left, right = (left.with_trial(value), right) if k < cut else (left, right.with_trial(value))
    assert left.joined(right) == pytest.approx(whole, rel=1e-9, abs=1e-12)
    measured = [v for v in values if v is not None]
    expected = float(np.var(measured, ddof=1)) if len(measured) > 1 else None
    variance = pytest.approx(expected, abs=1e-12) if expected is not None else None
    assert whole.trials() == (len(values), variance, len(values))


@given(series=arrays(np.float64, st.integers(12, 80), elements=st.floats(-1, 1)), seed=st.integers(0, 2**32))
@settings(max_examples=50)
def test_the_interval_of_a_mean_lies_inside_the_data(series, seed):
    block = mean_block(series)
    found = bootstrap(lambda where: {"mean": series[where].mean(axis=1)}, len(series), block, seed, resamples=200)
    interval = found["mean"]
    assert 1 <= block <= len(series) / 3 + 1
    assert series.min() - 1e-12 <= interval.low <= interval.high <= series.max() + 1e-12


trials_ = st.builds(
    Trial,
    st.sampled_from(TrialKind),
    st.text(max_size=8),
    *(st.text("0123456789abcdef", max_size=8) for _ in range(3)),
    *(st.integers(0, 2**50).map(Millis) for _ in range(2)),
    st.none() | st.builds(Moments, st.integers(3, 10**6), sharpes, st.floats(-9, 9), st.floats(1, 99)),
    st.floats(0, 1, exclude_min=True),
)


@given(trials=st.lists(trials_, min_size=1, max_size=8), data=st.data())
def test_no_byte_of_a_ledger_can_be_changed_unseen(trials, data):
    text, chain = b"", read_chain(b"")
    for trial in trials:
        line = trial_line(trial, chain.length + 1, chain.head, Millis(7))
        text += line + b"\n"
        chain.follow(line)
        chain.count(trial)
    read = read_chain(text)
    assert (read.length, read.head, read.tallies, read.broken_at) == (len(trials), chain.head, chain.tallies, None)
    place, change = data.draw(st.integers(0, len(text) - 1)), data.draw(st.integers(1, 255))
    changed = read_chain(text[:place] + bytes([text[place] ^ change]) + text[place + 1 :])
    assert changed.broken_at is not None or changed.head != read.head


@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_what_they_are_and_never_crash(text):
    chain = read_chain(text)
    assert chain.length == 0
    assert chain.broken_at in {None, 1}
    assert read_anchor(text) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["n", "prev", "kind", "families", "breaks", "sharpe", "observations", "family", "at"]),
                inner,
                max_size=9,
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from(["break", "sweep", 3]),
)
def test_any_json_is_read_as_what_it_is_and_never_crashes(values, kind):
    if isinstance(values, dict):
        values["kind"] = kind
    read_chain(json.dumps(values).encode() + b"\n")


@pytest.mark.parametrize(
    "number", ["1e999", "-Infinity", "NaN", "9" * 400, "9" * 5000, "true", '"\\ud800"', "[" * 10**5]
)
@pytest.mark.parametrize("key", ["n", "sharpe", "observations", "family", "from_ms", "families"])
@pytest.mark.parametrize("kind", ["sweep", "break"])
def test_no_hostile_number_breaks_the_reading(number, key, kind):
    trial = Trial(TrialKind.SWEEP, "a", "b", "c", "d", Millis(1), Millis(2), Moments(9, 0.1, 0.0, 3.0))
    values = json.loads(trial_line(trial, 1, "0" * 64, Millis(1)))
    values |= {"kind": kind, "families": {}, "breaks": [], key: "HERE"}
    text = json.dumps(values).replace('"HERE"', number).encode()
    assert read_chain(text + b"\n").trials <= 1
    assert read_anchor(text) is None
