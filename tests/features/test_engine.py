from math import inf, isnan, nan

import numpy as np
import pytest

from src.core.exceptions import DataError
from src.features.engine import (
    ATR,
    BEFORE,
    EMA,
    MACD,
    MAX,
    RCI,
    RSI,
    STDDEV,
    ArrayEngine,
    Kernel,
    Node,
    Replay,
    before,
)


class Seen:
    """A kernel that remembers whether it was ever given a number that is not finite."""

    def __init__(self) -> None:
        self.finite = True

    def kernel(self) -> Kernel:
        return Kernel("SEEN", self.batch, self.open)

    def batch(self, x):
        self.finite &= bool(np.isfinite(x).all())
        return x.copy()

    def open(self, history):
        self.finite &= bool(np.isfinite(history).all())
        return self

    def update(self, x):
        self.finite &= bool(np.isfinite(x))
        return x


@pytest.mark.parametrize("broken", [nan, inf, -inf])
def test_a_number_that_is_not_finite_is_refused_inside_a_history(broken):
    x = np.arange(1.0, 60.0)
    x[30] = broken
    for kernel, options in ((RSI, (14,)), (EMA, (20,)), (BEFORE, ())):
        with pytest.raises(DataError, match="not finite") as refused:
            ArrayEngine().run(kernel, (x,), options)
        assert refused.value.remedy


@pytest.mark.parametrize("broken", [nan, inf, -inf])
def test_a_number_that_is_not_finite_is_refused_bar_by_bar_and_the_indicator_goes_on(broken):
    x = np.linspace(100.0, 130.0, 60)
    node = Node(RSI, (x[:40],), (14,))
    with pytest.raises(DataError, match="RSI"):
        node.update((broken,))
    assert node.update((x[40],)) == (ArrayEngine().run(RSI, (x[:41],), (14,))[0][-1],)


@pytest.mark.parametrize("leading", [0, 1, 5])
def test_bars_before_the_first_known_number_never_reach_an_indicator(leading):
    x = np.concatenate((np.full(leading, nan), np.arange(1.0, 9.0)))
    batch, live = Seen(), Seen()
    out = ArrayEngine().run(batch.kernel(), (x,), ())[0]
    node = Node(live.kernel(), (x[:0],), ())
    lived = [node.update((float(v),))[0] for v in x]
    assert batch.finite
    assert live.finite
    assert np.array(lived).tobytes() == out.tobytes()


KERNELS = [
    (EMA, 1, (20,)),
    (RSI, 1, (14,)),
    (MACD, 1, (12, 26, 9)),
    (STDDEV, 1, (50, 1.0)),
    (MAX, 1, (20,)),
    (ATR, 3, (14,)),
    (RCI, 1, (9,)),
    (BEFORE, 1, ()),
]


@pytest.mark.parametrize(("kernel", "inputs", "options"), KERNELS)
@pytest.mark.parametrize("opened_on", [0, 1, 7, 13, 14, 33, 60])
@pytest.mark.parametrize("leading", [0, 3])
def test_however_short_the_history_a_node_gives_the_bits_of_the_batch(kernel, inputs, options, opened_on, leading):
    rng = np.random.default_rng(4)
    close = 1_000.0 + np.cumsum(rng.normal(size=120))
    series = (close,) if inputs == 1 else (close + 1.0, close - 1.0, close)
    series = tuple(np.concatenate((np.full(leading, nan), x)) for x in series)
    batch = ArrayEngine().run(kernel, series, options)
    node = Node(kernel, tuple(x[:opened_on] for x in series), options)
    live = [node.update(tuple(float(x[i]) for x in series)) for i in range(opened_on, series[0].size)]
    for out, column in zip(batch, zip(*live, strict=True), strict=True):
        assert np.array(column).tobytes() == out[opened_on:].tobytes()


@pytest.mark.parametrize(("kernel", "inputs", "options"), KERNELS)
def test_folds_end_to_end_give_the_bits_of_each_alone(kernel, inputs, options):
    rng = np.random.default_rng(4)
    close = 1_000.0 + np.cumsum(rng.normal(size=300))
    for at in (0, 1, 2, 3, 90, 91, 92, 94, 200, 201):  # the third fold begins with one number less
        close[at] = nan
    close[90:94] = nan
    series = (close,) if inputs == 1 else (close + 1.0, close - 1.0, close)
    folds = [slice(0, 90), slice(90, 94), slice(94, 94), slice(94, 200), slice(200, 300)]
    together = ArrayEngine(None, folds).run(kernel, series, options)
    alone = [ArrayEngine().run(kernel, tuple(x[fold] for x in series), options) for fold in folds]
    for k, out in enumerate(together):
        assert out.tobytes() == np.concatenate([each[k] for each in alone]).tobytes()
    before_ = np.concatenate([ArrayEngine().before(close[fold]) for fold in folds])
    assert ArrayEngine(None, folds).before(close).tobytes() == before_.tobytes()


@pytest.mark.parametrize("broken", [nan, inf, -inf])
def test_a_number_that_is_not_finite_is_refused_inside_any_fold(broken):
    x = np.arange(1.0, 61.0)
    x[[0, 20]] = nan  # before a fold's first number
    folds = [slice(0, 20), slice(20, 60)]
    assert ArrayEngine(None, folds).ema(x, 5)[-1] == ArrayEngine().ema(x[20:], 5)[-1]
    for at in (10, 19, 40, 59):
        y = x.copy()
        y[at] = broken
        with pytest.raises(DataError, match="EMA"):
            ArrayEngine(None, folds).ema(y, 5)
        with pytest.raises(DataError, match="BEFORE"):
            ArrayEngine(None, folds).before(y)


def test_only_unknown_numbers_give_only_unknown_numbers():
    out = ArrayEngine().run(MACD, (np.full(50, nan),), (12, 26, 9))
    assert len(out) == 3
    assert all(np.isnan(x).all() for x in out)


NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 5e-324, 1e308, inf, -inf, nan]


def test_the_point_by_point_operations_give_the_same_bits_in_both_forms():
    a, b = (np.array(x) for x in zip(*((a, b) for a in NUMBERS for b in NUMBERS), strict=True))
    batch, live = ArrayEngine(), Replay([])
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert batch.ratio(a, b).tobytes() == np.array([live.ratio(x, y) for x, y in pairs]).tobytes()
    assert batch.where_positive(a, b).tobytes() == np.array([live.where_positive(x, y) for x, y in pairs]).tobytes()
    assert batch.clip(a, 1.0).tobytes() == np.array([live.clip(x, 1.0) for x in a.tolist()]).tobytes()


@pytest.mark.parametrize("denominator", [0.0, -0.0, -1.0, nan, inf])
def test_a_ratio_over_anything_but_a_positive_number_is_unknown(denominator):
    assert isnan(Replay([]).ratio(1.0, denominator))


def test_clipping_keeps_what_is_inside_and_what_is_unknown():
    assert [Replay([]).clip(x, 1.0) for x in (-3.0, -1.0, 0.5, 1.0, 3.0)] == [-1.0, -1.0, 0.5, 1.0, 1.0]
    assert isnan(Replay([]).clip(nan, 1.0))


def test_before_is_the_value_one_bar_earlier():
    got = before(np.array([3.0, 4.0, 5.0]))
    assert isnan(got[0])
    assert got[1:].tolist() == [3.0, 4.0]
    assert before(np.empty(0)).size == 0
