"""The card marks what the rule in force asks for, and says why a curve of it is flat."""

import re

import numpy as np
import pytest

from src.backtest.sharpe import Trials
from src.core.domain.time import DAY, Millis
from src.ml.card import Card, Still, _distribution, card_html, card_markdown
from src.ml.gate import Economy, Judged, Tried, judge

ROWS = 400
SAID = {"ja": ("ドローダウン停止", "最小数量 0.0001 BTC"), "en": ("the drawdown halt came on", "order, 0.0001 BTC")}
MOVING = Still("alone", None, None, 0, 0.0001)


def card(least=0.65, by_value=False, still=MOVING):
    """Return the card of a model that says a half on average, `least` being asked of each proposal."""
    random = np.random.default_rng(1)
    probability = random.uniform(0.2, 0.8, ROWS)
    outcome = (random.random(ROWS) < probability).astype(np.int64)
    asked = np.full(ROWS, least)
    judged = Judged(outcome, probability, probability >= asked, np.full(ROWS, 0.5), np.full(ROWS, 0.5), None)
    net = random.standard_normal(60)
    judgement = judge(judged, Economy(net, net / 1e6, net, None, 40), Tried(Trials(1, None), None, 1))
    at, day = (Millis(0), Millis(DAY)), np.arange(60)
    shares = (("atr_14", 1.0),)
    whole = (judgement, judged, asked, by_value, (), shares, day, net, net, (still,), "today")
    return Card("abc", "sample", *at, ROWS, {}, *whole)


def marks(of):
    """Return where the picture of the predictions is marked: the line, and the band where there is one."""
    [axes] = _distribution(of).axes
    line = axes.lines[0].get_xdata()[0]
    band = [p.get_extents().transformed(axes.transData.inverted()) for p in axes.patches[50:]]
    return line, [(round(b.x0, 6), round(b.x1, 6)) for b in band]


def test_one_threshold_is_marked_by_a_line_and_stands_in_the_table():
    made = card(0.62)
    assert marks(made) == (0.62, [])
    assert "| 62% |" in card_markdown(made, "en")
    assert "threshold 62%" in card_html(made, "en")


def test_by_value_the_break_even_of_the_proposals_is_marked_and_no_threshold():
    made = card(np.linspace(0.40, 0.60, ROWS), by_value=True)
    line, [band] = marks(made)
    assert (line, *band) == pytest.approx((0.50, 0.42, 0.58))
    text, page = card_markdown(made, "en"), card_html(made, "en")
    assert all("median 50.0%, band: 80 % of proposals, 42.0%–58.0%" in said for said in (text, page))
    kept = re.search(r"\| each its own \(model\.rule: value\) \| ([\d.]+)% \| ([\d.]+)% \|", text)
    chosen = made.judged.chosen
    assert float(kept[1]) == pytest.approx(100 * chosen.mean(), abs=0.01)
    assert float(kept[2]) == pytest.approx(100 * made.judged.outcome[chosen].mean(), abs=0.1)


def test_what_nothing_reaches_is_marked_at_the_end():
    assert marks(card(2.0, by_value=True))[0] == 1.0


@pytest.mark.parametrize("language", SAID)
@pytest.mark.no_cover
def test_a_curve_that_hardly_moves_is_explained(language):
    halted, smallest = SAID[language]
    for still, there in (
        (MOVING, (False, False)),
        (MOVING._replace(halted_from=Millis(9 * DAY)), (True, False)),
        (MOVING._replace(smallest_from=Millis(9 * DAY), smallest=7), (False, True)),
    ):
        for said in (card_markdown(card(still=still), language), card_html(card(still=still), language)):
            assert (halted in said, smallest in said) == there
            assert ("1970-01-10 09:00" in said) == any(there)
