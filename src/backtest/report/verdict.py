"""What a run amounts to, in words: first what happened, then how little it proves."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from src.backtest.report.costs import CostSplit, break_even_percent, cost_split, paid_rates
from src.backtest.report.quantities import jpy, number, percent
from src.backtest.report.run_folder import Run
from src.backtest.report.words import Text, same
from src.core.domain.market import PPM, Money

_SCHEDULES: Final = {
    "today": Text("全期間に現在の料率を適用", "today's rates on all years"),
    "dated": Text("各日に実際に適用されていた料率", "as they were on each day"),
    "argument": Text("料率表の代わりに引数で指定", "by argument instead of the fee table"),
    "billed": Text("取引所の料率、請求どおり", "as the exchange stated and billed them"),
}
_FEW: Final = 3  # trades whose absence is tried
_SHRUNK: Final = 0.25  # of the early risk: below, it is worth a remark


def kind(summary: Mapping[str, Any]) -> str:
    """Return which heading of the page names what was done: a backtest, a paper trader's or a live trader's journal."""
    mode = summary.get("mode")
    return f"report_{mode}" if mode in {"paper", "live"} else "report"


def headline(run: Run) -> list[Text]:
    """Return the verdict: what the statistics allow to say, where there are some, and what happened."""
    stated = stated_verdicts(run)[:1]
    if stated and not len(run.trades):
        return stated  # the outcome would only say it again
    return [*stated, _outcome(run)]


def _outcome(run: Run) -> Text:
    total, hold = run.summary["return_pct"], run.summary["buy_and_hold_pct"]
    if not len(run.trades):
        return Text("取引がなく、評価できません。", "There were no trades: nothing can be judged.")
    against = percent(hold, signed=True)
    if total <= 0:
        shown = percent(abs(total))
        return Text(
            f"すべてのコストを引いて {shown} の損失。買い持ちなら {against} でした。",
            f"It lost {shown} after all costs. Buying and holding would have made {against}.",
        )
    shown = percent(total)
    if total < hold:
        return Text(
            f"すべてのコストを引いて {shown} の利益。ただし買い持ちの {against} に及びません。",
            f"It made {shown} after all costs, less than buying and holding ({against}).",
        )
    return Text(
        f"すべてのコストを引いて {shown} の利益。買い持ちなら {against} でした。",
        f"It made {shown} after all costs. Buying and holding would have made {against}.",
    )


def remarks(run: Run) -> list[Text]:
    """Return what must be said beside the headline, the verdicts of the statistics first."""
    stated = stated_verdicts(run)[1:]
    return [
        *_on_model(run),
        *stated,
        *_evidence(run),
        *_on_costs(run),
        *_on_few_trades(run),
        *_on_sizes(run),
        *_on_bars(run),
    ]


def _on_model(run: Run) -> list[Text]:
    """Say so where the model had learnt from the run's own bars, or where there was none to ask."""
    model = run.summary.get("model")
    if not isinstance(model, Mapping) or not model.get("used"):
        return []
    if model.get("in_sample"):
        until = model.get("trained_until")
        return [
            Text(
                f"学習済みの期間での実行です(モデルの学習は {until} まで)。成績の根拠にはなりません。",
                f"IN SAMPLE: the model was trained until {until}, on bars of this very run or later ones. "
                "Nothing here is evidence.",
            )
        ]
    if model.get("status") != "GOOD":
        return [Text(f"モデルは使われていません:{model.get('text')}", f"No model was asked: {model.get('text')}")]
    return []


def stated_verdicts(run: Run) -> list[Text]:
    """Return the verdicts that the summary's statistics state in both languages; none where there are none."""
    statistics = run.summary.get("statistics")
    stated = statistics.get("verdicts") if isinstance(statistics, Mapping) else None
    if isinstance(stated, Mapping):
        ja, en = _texts(stated.get("ja")), _texts(stated.get("en"))
        if len(ja) == len(en):
            return [Text(*pair) for pair in zip(ja, en, strict=True)]
        return [Text("".join(ja), " ".join(en))]
    return []


def _texts(stated: object) -> list[str]:
    texts = [stated] if isinstance(stated, str) else stated
    return [t for t in texts if isinstance(t, str)] if isinstance(texts, list) else []


def _evidence(run: Run) -> list[Text]:
    if run.summary.get("statistics") or not len(run.trades):
        return []
    count = f"{len(run.trades):,}"
    return [
        Text(
            f"この実行には区間推定がありません。一つの期間の{count}件の取引だけでは、実力か偶然かは分かりません。",
            f"No intervals were computed for this run: {count} trades of one period do not tell skill from luck.",
        )
    ]


def _on_costs(run: Run) -> list[Text]:
    if not len(run.trades):
        return []
    split, unit = cost_split(run.trades), run.instrument
    before, total = jpy(split.before, unit, signed=True), jpy(split.total, unit)
    level = break_even_percent(split)
    if split.before <= 0:
        return [
            Text(
                f"値動きだけで {before} 円。コスト {total} 円がなくても利益になっていません。",
                f"The price moves alone brought {before} JPY: without any of the {total} JPY of costs it still lost.",
            )
        ]
    return [
        Text(
            f"値動きの損益 {before} 円に対してコスト {total} 円。" + _break_even_ja(split, level),
            f"The price moves brought {before} JPY and costs took {total} JPY. " + _break_even_en(split, level),
        )
    ]


def _break_even_ja(split: CostSplit, level: float | None) -> str:
    if level is None:
        return ""
    return f"コストが{number(level / 100)}倍のとき損益はゼロです。" + (
        "利益をコストが消しました。" if split.net <= 0 else ""
    )


def _break_even_en(split: CostSplit, level: float | None) -> str:
    if level is None:
        return ""
    return f"It breaks even at {number(level / 100)} times these costs." + (
        " Costs ate the gain." if split.net <= 0 else ""
    )


def _on_few_trades(run: Run) -> list[Text]:
    """Say so where the gain hangs on a few trades."""
    net = np.sort(run.trades.net)
    total = int(net.sum())
    rest = total - int(net[-_FEW:].sum())
    if total <= 0 or rest > 0:
        return []
    shown = jpy(Money(rest), run.instrument, signed=True)
    return [
        Text(
            f"最良の{_FEW}件の取引がなければ {shown} 円でした。利益は少数の取引に依存しています。",
            f"Without its {_FEW} best trades it would have ended at {shown} JPY: the gain hangs on a few trades.",
        )
    ]


def _on_sizes(run: Run) -> list[Text]:
    """Say so where later trades risked so little that the curve looks calm for that reason alone."""
    risk = run.trades.risk
    part = len(risk) // 4
    if part < _FEW:
        return []
    first, last = (float(np.median(risk[which])) for which in (slice(None, part), slice(-part, None)))
    if not 0 < last < _SHRUNK * first:
        return []
    share = percent(100 * last / first, 1)
    return [
        Text(
            f"終盤の取引のリスクは序盤の {share}(中央値)でした。資産曲線が平らなのは建玉が小さいためです。",
            f"The last quarter of trades risked {share} of what the first did (medians): "
            "the curve is flat there because positions were small.",
        )
    ]


def _on_bars(run: Run) -> list[Text]:
    bars, found = max(run.summary["bars"], 1), []
    if halted := run.summary["bars_halted"]:
        share = _share(halted, bars)
        found.append(
            Text(
                f"全体の {share} の足でドローダウン停止中でした。解除は人が行う前提です。",
                f"The drawdown halt was on during {share} of all bars; only a person lifts it.",
            )
        )
    if cold := run.summary["bars_cold"]:
        share = _share(cold, bars)
        found.append(
            Text(
                f"全体の {share} の足は履歴不足で判断できませんでした。期間の前に必要な履歴がありません。",
                f"On {share} of all bars history was too short to decide: candles before the period are missing.",
            )
        )
    return found


def _share(part: int, whole: int) -> str:
    """Return a share that is above zero, and is never shown as zero."""
    return "< 0.1 %" if 1_000 * part < whole else percent(100 * part / whole, 1)


def assumptions(run: Run) -> list[Text]:
    """Return what the run took for granted: costs as set and as paid, how orders fill, what is left out."""
    if kind(run.summary) != "report":
        return [
            _fees(run.summary),
            Text(
                "約定、手数料、金利は取引所の請求どおり。スリッページは請求に現れないので 0 と表示。",
                "Fills, fees and interest are those billed; slippage, which no bill shows, is given as 0.",
            ),
            Text(
                "判断しなかった足は含まれていません。入出金は損益に数えません。",
                "Bars that were not decided on are not in it; deposits and withdrawals are no result.",
            ),
        ]
    slip = percent(100 * run.summary["slippage_rate"], 3)
    return [
        _fees(run.summary),
        Text(
            f"スリッページ:成行と逆指値の約定ごとに値段の {slip} を不利な側に加算。",
            f"Slippage: {slip} of the price against every fill that takes liquidity.",
        ),
        *_paid(run),
        Text(
            "約定は足単位:判断の次の足の始値で成行約定。指値は値段を突き抜けたときだけ約定し、有利な値段にはならない。",
            "Fills by the bar: a market order fills at the open after the decision; a limit only when the price "
            "trades through it, never better.",
        ),
        Text(
            "同じ足で損切りと利確の両方に届くときは損切りが先。窓を開けた損切りは始値で約定。",
            "A bar that reaches both stop and target hits the stop first; a stop passed by a gap fills at the open.",
        ),
        Text(
            "板の厚み、約定の遅れ、取引所の停止は再現していません。スプレッドと遅延は一定とみなします。",
            "Depth of the book, delays and outages of the exchange are not in it; spread and latency are constants.",
        ),
        Text(
            "図の損切り線は建てたときの位置。トレールで動いた後の線は記録されていません。",
            "Stop lines in the chart show where the stop was first placed; how it trailed is not recorded.",
        ),
    ]


def _fees(summary: Mapping[str, Any]) -> Text:
    """Return the fee rates of the run and where they came from; a schedule this version does not know by its name."""
    schedule = summary["fee_schedule"]
    origin = _SCHEDULES.get(schedule, same(str(schedule)))
    maker, taker = (_rates(summary[name]) for name in ("maker_fee_rate", "taker_fee_rate"))
    return Text(
        f"手数料:{origin.ja}、メイカー {maker}、テイカー {taker}。", f"Fees: {origin.en}, maker {maker}, taker {taker}."
    )


def _rates(rates: Sequence[float]) -> str:
    """Return the rates that applied, lowest first: one, unless the run spans a change."""
    return " / ".join(percent(100 * rate, 3) for rate in rates)


def _paid(run: Run) -> list[Text]:
    rates = paid_rates(run.trades)
    if rates.fee is None or rates.slippage is None or rates.interest is None:
        return []
    paid = (rates.fee, rates.slippage, rates.interest)
    fee, slip, interest = (percent(100 * rate / PPM, 4) for rate in paid)
    return [
        Text(
            f"実際に払った平均:手数料 {fee}、スリッページ {slip}(約定代金比、片道)、"
            f"金利 {interest}(建玉代金比、24時間あたり)。",
            f"Paid on average: fees {fee} and slippage {slip} of each fill's value, "
            f"interest {interest} of the position's value per 24 hours.",
        )
    ]
