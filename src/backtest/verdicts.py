"""What may be said of a run, in words. Doubt is the default; praise needs three independent conditions.

A verdict is data: an `Evidence` and the numbers it rests on. `text` puts it in Japanese or English.
"""

import math
from enum import Enum
from typing import Final, NamedTuple

from src.backtest.bootstrap import MIN_DAYS, MIN_TRADES, Interval
from src.backtest.sharpe import CONVINCING

OUT_OF_REACH: Final = 100_000
"""Trades beyond which "so many more" is no longer a plan."""


class Evidence(Enum):
    """What the record shows; the first that applies."""

    RUINED = "ruined"  # equity reached 0
    NO_TRADES = "no_trades"
    TOO_FEW = "too_few"  # an interval cannot be given
    LOSS = "loss"  # an interval lies below 0
    NO_EVIDENCE = "no_evidence"  # an interval contains 0
    UNCOUNTED = "uncounted"  # above 0, but nobody counted what else was tried
    LUCK = "luck"  # above 0, but so many tries would show as much without skill
    PROFIT = "profit"  # both intervals above 0 and the deflated Sharpe ratio convincing


class Verdict(NamedTuple):
    """What may be said, and the numbers behind it."""

    evidence: Evidence
    trades: int
    days: int
    more_trades: int | None  # needed to tell the expectancy from 0 if it stays as measured; None: not known
    more_days: int | None  # needed to tell the Sharpe ratio from 0, likewise
    tried: int | None  # trials this result was chosen from; None: not counted
    deflated_sharpe: float | None


class Measured(NamedTuple):
    """A figure whose neutral value is 0, and its interval."""

    value: float | None
    interval: Interval | None


def judge(
    ruined: bool,
    trades: int,
    days: int,
    expectancy: Measured,
    sharpe: Measured,
    tried: int | None,
    deflated: float | None,
) -> Verdict:
    """Return what may be said of a run.

    Parameters
    ----------
    ruined
        Equity was at or below 0 at some mark.
    expectancy
        Mean result of a trade, in R: in JPY, a size that changes would let a few large trades speak for all.
    sharpe
        Sharpe ratio of daily returns, in any unit.
    tried
        Different runs on these data so far, this one included; None if they were not counted.
    deflated
        Deflated Sharpe ratio for that number.

    Notes
    -----
    Without both intervals nothing is said. A loss is said as soon as one lies below 0; a profit only when both lie
    above 0 and the deflated Sharpe ratio is at least 0.95.
    """
    more_trades, more_days = more_needed(expectancy), more_needed(sharpe)
    evidence = _evidence(ruined, trades, expectancy.interval, sharpe.interval, tried, deflated)
    return Verdict(evidence, trades, days, more_trades, more_days, tried, deflated)


def _evidence(
    ruined: bool,
    trades: int,
    expectancy: Interval | None,
    sharpe: Interval | None,
    tried: int | None,
    deflated: float | None,
) -> Evidence:
    if ruined:
        return Evidence.RUINED
    if trades == 0:
        return Evidence.NO_TRADES
    if expectancy is None or sharpe is None:
        return Evidence.TOO_FEW
    if expectancy.below(0) or sharpe.below(0):
        return Evidence.LOSS
    if not (expectancy.above(0) and sharpe.above(0)):
        return Evidence.NO_EVIDENCE
    if tried is None or deflated is None:
        return Evidence.UNCOUNTED
    return Evidence.PROFIT if deflated >= CONVINCING else Evidence.LUCK


def more_needed(measured: Measured) -> int | None:
    """Return how many more observations would shrink the interval until it ends at 0; 0 if it excludes 0 already.

    An interval's reach shrinks with the root of the observations, so n (reach / value)^2 are needed in all, if the
    value stays what it is. Since it will not, even then the odds are only about even.

    Returns
    -------
    int or None
        None without an interval on that side or when the value is 0.
    """
    value, interval = measured
    if value is None or interval is None or value == 0 or interval.high is None:
        return None
    reach = value - interval.low if value > 0 else interval.high - value
    if reach <= abs(value):
        return 0
    needed = interval.observations * (reach / value) ** 2
    return math.ceil(needed - interval.observations) if math.isfinite(needed) else None


def text(verdict: Verdict, language: str) -> list[str]:
    """Return the verdict as sentences, in Japanese (`ja`) or English (`en`), the verdict itself first.

    Raises
    ------
    KeyError
        For another language.
    """
    words = {"ja": _japanese, "en": _english}[language]
    return words(verdict)


def _english(v: Verdict) -> list[str]:
    first = {
        Evidence.RUINED: "The account was lost.",
        Evidence.NO_TRADES: "There were no trades: nothing can be judged.",
        Evidence.TOO_FEW: f"Too few trades or days to say: {v.trades} trades on {v.days} days, of the {MIN_TRADES} "
        f"trades and {MIN_DAYS} days an interval needs.",
        Evidence.NO_EVIDENCE: "No evidence: this result cannot be told from zero.",
        Evidence.LOSS: "Evidence of a loss: it lost more than chance explains.",
        Evidence.UNCOUNTED: "No evidence: the result is above zero, but what else was tried has not been counted.",
        Evidence.LUCK: "No evidence after all that was tried: the best of so many tries looks like this by luck.",
        Evidence.PROFIT: "Evidence of a profit on these data. Whether it goes on is another question.",
    }[v.evidence]
    return [first, *_english_needs(v), *_english_trials(v)]


def _english_needs(v: Verdict) -> list[str]:
    if v.evidence is Evidence.LOSS and v.more_trades == 0 and v.more_days != 0:
        return ["That is the result per trade, in planned risks; the account's daily result cannot be told from zero."]
    if v.evidence is Evidence.LOSS and v.more_trades != 0 and v.more_days == 0:
        return ["That is the account's daily result; the result per trade cannot be told from zero."]
    if v.evidence is not Evidence.NO_EVIDENCE:
        return []
    if v.more_trades == 0 and v.more_days:
        return [f"About {_rounded(v.more_days):,} more days needed to tell this from zero, if it stays as measured."]
    if not v.more_trades or v.more_trades > OUT_OF_REACH:
        return ["No number of trades within reach would tell this from zero."]
    return [f"About {_rounded(v.more_trades):,} more trades needed to tell this from zero, if it stays as measured."]


def _english_trials(v: Verdict) -> list[str]:
    if v.evidence in {Evidence.RUINED, Evidence.NO_TRADES}:
        return []
    if v.tried is None:
        return ["How many runs were tried is not known, so luck cannot be taken out."]
    runs = "1 run has" if v.tried == 1 else f"{v.tried:,} different runs have"
    if v.deflated_sharpe is None:
        return [f"{runs} been counted on these data."]
    return [
        (
            f"{runs} been counted on these data; the confidence that this one has any edge, luck of choice taken out, "
            f"is {_percent(v.deflated_sharpe)} (deflated Sharpe ratio; {_percent(CONVINCING)} would convince)."
        )
    ]


def _japanese(v: Verdict) -> list[str]:
    first = {
        Evidence.RUINED: "口座の資金を失いました。",
        Evidence.NO_TRADES: "取引がなく、何も判断できません。",
        Evidence.TOO_FEW: f"取引数または日数が少なすぎて判断できません(取引{v.trades}件、{v.days}日。"
        f"区間推定には{MIN_TRADES}件と{MIN_DAYS}日が必要)。",
        Evidence.NO_EVIDENCE: "証拠なし:この結果はゼロと区別できません。",
        Evidence.LOSS: "損失の証拠あり:偶然では説明できない損失です。",
        Evidence.UNCOUNTED: "証拠なし:ゼロを上回りますが、ほかに何回試したかが数えられていません。",
        Evidence.LUCK: "試行回数を考えると証拠なし:これだけ試せば、最良の結果は運だけでもこの程度になります。",
        Evidence.PROFIT: "このデータでは利益の証拠があります。今後も続くかは別の問題です。",
    }[v.evidence]
    return [first, *_japanese_needs(v), *_japanese_trials(v)]


def _japanese_needs(v: Verdict) -> list[str]:
    if v.evidence is Evidence.LOSS and v.more_trades == 0 and v.more_days != 0:
        return ["これは取引ごとの成績(R)についてです。口座の日次損益はゼロと区別できません。"]
    if v.evidence is Evidence.LOSS and v.more_trades != 0 and v.more_days == 0:
        return ["これは口座の日次損益についてです。取引ごとの成績(R)はゼロと区別できません。"]
    if v.evidence is not Evidence.NO_EVIDENCE:
        return []
    if v.more_trades == 0 and v.more_days:
        return [f"ゼロと区別するには、この成績のままなら、あと約{_rounded(v.more_days):,}日必要です。"]
    if not v.more_trades or v.more_trades > OUT_OF_REACH:
        return ["現実的な取引数では、ゼロと区別できません。"]
    return [f"ゼロと区別するには、この成績のままなら、あと約{_rounded(v.more_trades):,}件の取引が必要です。"]


def _japanese_trials(v: Verdict) -> list[str]:
    if v.evidence in {Evidence.RUINED, Evidence.NO_TRADES}:
        return []
    if v.tried is None:
        return ["何回試したかが不明なため、運の影響を取り除けません。"]
    if v.deflated_sharpe is None:
        return [f"このデータで数えた試行は{v.tried:,}通りです。"]
    return [
        (
            f"このデータで数えた試行は{v.tried:,}通り。選び直しの運を除くと、優位性があるという信頼度は"
            f"{_percent(v.deflated_sharpe)}です(デフレーテッド・シャープレシオ。目安は{_percent(CONVINCING)}以上)。"
        )
    ]


def _percent(share: float) -> str:
    """Return a probability without rounding it up to certainty or over the threshold."""
    shown = math.floor(1000 * share) / 10
    return "< 0.1 %" if shown == 0 else f"{shown:g} %"


def _rounded(number: int) -> int:
    """Return `number` rounded up to two digits: nobody knows it better."""
    unit = int("1" + "0" * max(len(str(number)) - 2, 0))
    return -(-number // unit) * unit
