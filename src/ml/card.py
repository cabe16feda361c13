"""The model card: what a candidate is and what it showed, in Japanese or English, as a page and as text.

Pictures are drawn into the page itself; it needs no network and no script.
"""

import base64
import html
import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from src.core.domain.journal import Json
from src.core.domain.time import Millis, format_jst
from src.ml.gate import Judged, Judgement, State
from src.ml.gate_words import figures_of, headline, name_of, state_of
from src.ml.scores import Scores, at_threshold, reliability

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

mpl.use("Agg")
_INK, _FAINT, _RIVAL, _GOOD = "#1b3a57", "#b8c4ce", "#c4682b", "#2f7d4f"


Say = Callable[[str], str]


class FoldFacts(NamedTuple):
    """One test of the walk-forward."""

    begin: Millis
    end: Millis
    lines: int  # it was taught by
    scores: Scores | None
    prior_log_loss: float | None  # of the share of gains among the lines taught by


class Still(NamedTuple):
    """Why one curve of the accounts may hardly move."""

    curve: str  # with_model, or alone
    halted_from: Millis | None  # by the drawdown halt
    smallest_from: Millis | None  # when the first of the last trades that were all of the smallest order was opened
    smallest: int  # how many they are
    smallest_btc: float  # the smallest order


class Card(NamedTuple):
    """Everything the card shows."""

    version: str
    series: str
    trained_from: Millis
    trained_until: Millis
    lines: int
    recipe: dict[str, Json]
    judgement: Judgement
    judged: Judged
    least: Floats  # probability of a gain that the rule in force asked of each judged line
    by_value: bool  # the rule: each trade's own break-even; else one threshold
    folds: tuple[FoldFacts, ...]
    importance: tuple[tuple[str, float], ...]  # share of all gain, largest first
    day: Ints  # since 1970-01-01
    net_jpy: Floats
    alone_jpy: Floats
    still: tuple[Still, ...]
    costs: str  # which schedule was paid


_WORDS: Final = {
    "title": ("モデルカード", "Model card"),
    "honest": (
        "以下の数値はすべて標本外(学習に使っていない期間)のものです。費用を含みます。",
        "Every figure below is out of sample: from stretches the judging model had not seen. Costs are included.",
    ),
    "what": ("モデル", "The model"),
    "series": ("系列", "series"),
    "trained": ("学習期間", "trained on"),
    "lines": ("学習行数", "lines it learnt from"),
    "costs": ("費用", "costs"),
    "gate": ("品質ゲート", "The gate"),
    "check": ("項目", "check"),
    "value": ("値", "value"),
    "interval": ("90%区間", "interval, 90 %"),
    "limit": ("基準", "limit"),
    "outcome": ("判定", "outcome"),
    "reliability": ("信頼度曲線: 予測した勝率と実際の勝率", "Reliability: predicted against observed share of gains"),
    "predicted": ("予測した確率", "predicted probability"),
    "observed": ("実際の勝率", "observed share of gains"),
    "distribution": ("予測確率の分布", "Distribution of the predictions"),
    "proposals": ("提案数", "proposals"),
    "coverage": ("しきい値と採用率・勝率", "Coverage and precision against the threshold"),
    "threshold": ("しきい値", "threshold"),
    "by_value": (
        "取引ごとの損益分岐点+min_edge: 中央値 {middle:.1%}、帯は提案の80%({low:.1%}–{high:.1%})",
        "break-even of each trade with min_edge: median {middle:.1%}, band: 80 % of proposals, {low:.1%}–{high:.1%}",
    ),
    "own": ("取引ごと(model.rule: value)", "each its own (model.rule: value)"),
    "kept": ("採用率", "share let through"),
    "precision": ("勝率", "share of gains among them"),
    "folds": ("検証区間ごとの対数損失", "Log-loss of each test"),
    "gained": (
        "棒: 基準勝率に対する対数損失の改善(0より上ならモデルが勝る)",
        "bars: log-loss gained on the class prior; above 0 the model is better",
    ),
    "test": ("検証区間", "test"),
    "taught": ("学習行数", "taught by"),
    "rows": ("行数", "rows"),
    "log_loss": ("対数損失", "log-loss"),
    "prior": ("基準勝率の対数損失", "log-loss of the class prior"),
    "brier": ("Brier", "Brier"),
    "calibration": ("較正誤差", "calibration error"),
    "spread": ("区間ごとの差の平均と標準偏差", "mean and deviation of the gain over the tests"),
    "importance": ("入力の重要度", "Importance of the inputs"),
    "share": ("全利得に占める割合", "share of all gain"),
    "economy": ("純損益の累計(円、費用込み)", "Net result so far, JPY, after costs"),
    "with_model": ("モデルあり", "with the model"),
    "alone": ("戦略のみ", "strategies alone"),
    "day": ("日付(UTC)", "day, UTC"),
    "halted": (
        "{who}: {at} にドローダウン停止。解除は人が行うため、以後は新規に建てていません。",
        "{who}: the drawdown halt came on {at}; only a person lifts it, so no position was opened from then on.",
    ),
    "smallest": (
        "{who}: {at} 以降の取引({count}件)はすべて最小数量 {btc} BTC(Kelly等の数量制限)で、曲線はほぼ動きません。",
        (
            "{who}: all trades from {at} on ({count}) are of the smallest order, {btc} BTC, and hardly move the curve: "
            "limits on size, Kelly's among them, allow no more."
        ),
    ),
    "recipe": ("設定", "Settings"),
}


def card_markdown(card: Card, language: str) -> str:
    """Return the card as text; its pictures are in the page."""
    say = _say(language)
    rows = [f"# {say('title')} {card.version}", "", say("honest"), "", *_facts(card, say), ""]
    rows += [f"## {say('gate')}", "", headline(card.judgement, language), ""]
    rows += _markdown_table(
        [say(k) for k in ("check", "value", "interval", "limit", "outcome")], _checks(card, language)
    )
    rows += ["", *(f"- {line}" for line in _stillness(card, say)), "", f"## {say('folds')}", ""]
    heads = [say(k) for k in ("test", "taught", "rows", "log_loss", "prior", "brier", "calibration")]
    rows += [*_markdown_table(heads, _fold_rows(card)), "", _spread(card, say)]
    rows += ["", f"## {say('coverage')}", ""]
    rows += _markdown_table([say(k) for k in ("threshold", "kept", "precision")], _coverage_rows(card, say))
    rows += ["", f"{say('threshold')}: {_rule(card, say)}"]
    rows += ["", f"## {say('importance')}", ""]
    shares = [[name, f"{share:.1%}"] for name, share in card.importance[:15]]
    rows += _markdown_table(["", say("share")], shares)
    rows += ["", f"## {say('recipe')}", "", *(f"- {name}: {value}" for name, value in card.recipe.items()), ""]
    return "\n".join(rows)


def card_html(card: Card, language: str) -> str:
    """Return the card as one page."""
    say = _say(language)
    kind = "good" if card.judgement.passed else "bad"
    checks = [say(k) for k in ("check", "value", "interval", "limit", "outcome")]
    folds = [say(k) for k in ("test", "taught", "rows", "log_loss", "prior", "brier", "calibration")]
    failing = [c.state in {State.FAILED, State.UNKNOWN} for c in card.judgement.checks]
    parts = [
        f"<h1>{say('title')} <code>{html.escape(card.version)}</code></h1>",
        f'<p class="{kind}">{html.escape(headline(card.judgement, language))}</p>',
        f"<p>{say('honest')}</p>",
        f"<h2>{say('what')}</h2><ul>",
        *(f"<li>{html.escape(line[2:])}</li>" for line in _facts(card, say)),
        f"</ul><h2>{say('gate')}</h2>",
        _html_table(checks, _checks(card, language), failing),
        f"<h2>{say('economy')}</h2>{_picture(_economy(card), say('economy'))}",
        f"<p class='note'>{_legend_words(say)}, x: {say('day')}</p>",
        *(f"<p class='note'>{html.escape(line)}</p>" for line in _stillness(card, say)),
        f"<h2>{say('reliability')}</h2>{_picture(_reliability(card), say('reliability'))}",
        f"<p class='note'>x: {say('predicted')}, y: {say('observed')}</p>",
        f"<h2>{say('distribution')}</h2>{_picture(_distribution(card), say('distribution'))}",
        f"<p class='note'>x: {say('predicted')}, y: {say('proposals')}, |: {html.escape(_rule(card, say))}</p>",
        f"<h2>{say('coverage')}</h2>{_picture(_coverage(card), say('coverage'))}",
        (
            f"<p class='note'>coverage: {say('kept')}, precision: {say('precision')}, "
            f"|: {html.escape(_rule(card, say))}</p>"
        ),
        _html_table([say(k) for k in ("threshold", "kept", "precision")], _coverage_rows(card, say)),
        f"<h2>{say('folds')}</h2>{_picture(_folds(card), say('folds'))}",
        f"<p class='note'>{say('gained')}</p>",
        _html_table(folds, _fold_rows(card)),
        f"<p>{_spread(card, say)}</p>",
        f"<h2>{say('importance')}</h2>{_picture(_importance(card), say('importance'))}",
        f"<h2>{say('recipe')}</h2><ul>",
        *(f"<li>{html.escape(f'{name}: {value}')}</li>" for name, value in card.recipe.items()),
        "</ul>",
    ]
    return _PAGE.format(language=language, title=f"{say('title')} {html.escape(card.version)}", body="\n".join(parts))


_PAGE: Final = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 15px/1.6 system-ui, "Noto Sans JP", sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2733; }}
table {{ border-collapse: collapse; width: 100%; margin: .5rem 0; }}
th, td {{ text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #dde3e8;
  font-variant-numeric: tabular-nums; }}
th:first-child, td:first-child {{ text-align: left; }}
tr.bad td {{ background: #fdf1ea; }}
p.good {{ background: #e8f4ec; padding: .6rem 1rem; }} p.bad {{ background: #fdf1ea; padding: .6rem 1rem; }}
img {{ width: 100%; height: auto; }} .note {{ color: #5b6b79; font-size: 13px; }}
</style></head><body>
{body}
</body></html>
"""


def _say(language: str) -> Say:
    """Return what gives words in one language."""
    which = int(language != "ja")
    return lambda key: _WORDS[key][which]


def _legend_words(say: Say) -> str:
    """Return what the legend of the accounts, which is in English, means in the page's language."""
    said = {"with the model": say("with_model"), "strategies alone": say("alone")}
    return ", ".join(name if name == word else f"{name}: {word}" for name, word in said.items())


def _facts(card: Card, say: Say) -> list[str]:
    return [
        f"- {say('series')}: {card.series}",
        f"- {say('trained')}: {format_jst(card.trained_from)} – {format_jst(card.trained_until)}",
        f"- {say('lines')}: {card.lines:,}",
        f"- {say('costs')}: {card.costs}",
    ]


def _checks(card: Card, language: str) -> list[list[str]]:
    recorded = card.judgement.recorded
    return [[name_of(c, language), *figures_of(c), state_of(c, language, recorded)] for c in card.judgement.checks]


def _fold_rows(card: Card) -> list[list[str]]:
    rows = []
    for fold in card.folds:
        scores = fold.scores
        span = f"{format_jst(fold.begin)[:10]} – {format_jst(fold.end)[:10]}"
        if scores is None:
            rows.append([span, f"{fold.lines:,}", "0", "–", "–", "–", "–"])
            continue
        prior = "–" if fold.prior_log_loss is None else f"{fold.prior_log_loss:.4f}"
        numbers = (f"{scores.log_loss:.4f}", prior, f"{scores.brier:.4f}", f"{scores.calibration_error:.3f}")
        rows.append([span, f"{fold.lines:,}", f"{scores.rows:,}", *numbers])
    return rows


def _spread(card: Card, say: Say) -> str:
    gains = [
        f.prior_log_loss - f.scores.log_loss
        for f in card.folds
        if f.scores is not None and f.prior_log_loss is not None
    ]
    if len(gains) < 2:
        return f"{say('spread')}: –"
    return f"{say('spread')}: {np.mean(gains):+.4f} ± {np.std(gains, ddof=1):.4f}"


def _stillness(card: Card, say: Say) -> list[str]:
    """Return what keeps a curve of the accounts from moving, where something does."""
    said = []
    for still in card.still:
        who = say(still.curve)
        if still.smallest_from is not None:
            at, btc = format_jst(still.smallest_from), f"{still.smallest_btc:g}"
            said.append(say("smallest").format(who=who, at=at, count=still.smallest, btc=btc))
        if still.halted_from is not None:
            said.append(say("halted").format(who=who, at=format_jst(still.halted_from)))
    return said


def _marks(card: Card) -> tuple[float, float, float]:
    """Return the least probability that the rule asked of a tenth, a half and nine tenths of the judged lines."""
    low, middle, high = np.quantile(card.least, (0.1, 0.5, 0.9))
    return float(low), float(middle), float(high)


def _rule(card: Card, say: Say) -> str:
    """Return what the mark of the pictures is."""
    low, middle, high = _marks(card)
    return (
        say("by_value").format(low=low, middle=middle, high=high)
        if card.by_value
        else f"{say('threshold')} {middle:.0%}"
    )


def _coverage_rows(card: Card, say: Say) -> list[list[str]]:
    outcome, probability = card.judged.outcome, card.judged.probability
    shown = {0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7} | (set() if card.by_value else {_marks(card)[1]})
    found = [(f"{t:.0%}", at_threshold(outcome, probability, t)) for t in sorted(shown)]
    if card.by_value:
        found.append((say("own"), at_threshold(outcome, (probability >= card.least).astype(np.float64), 1.0)))
    return [[name, f"{at.coverage:.2%}", "–" if at.precision is None else f"{at.precision:.1%}"] for name, at in found]


def _markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def _html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], failing: Sequence[bool] = ()) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    marks = list(failing) or [False] * len(rows)
    body = "".join(
        f"<tr{' class=bad' if mark else ''}>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>"
        for mark, row in zip(marks, rows, strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _picture(figure: Figure, text: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'


def _figure(height: float = 3.2) -> tuple[Figure, "mpl.axes.Axes"]:
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=True, color=_FAINT, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _economy(card: Card) -> Figure:
    figure, axes = _figure()
    days = card.day.astype("datetime64[D]")
    axes.plot(days, np.cumsum(card.alone_jpy), color=_RIVAL, linewidth=1, label="strategies alone")
    axes.plot(days, np.cumsum(card.net_jpy), color=_INK, linewidth=1.5, label="with the model")
    axes.axhline(0, color=_FAINT)
    _legend(axes)
    return figure


def _reliability(card: Card) -> Figure:
    figure, axes = _figure()
    bins = reliability(card.judged.outcome, card.judged.probability)
    said, seen = [b.predicted for b in bins], [b.observed for b in bins]
    reach = [[b.observed - b.low for b in bins], [b.high - b.observed for b in bins]]
    low, high = min(*said, *seen) - 0.05, max(*said, *seen) + 0.05
    axes.plot([low, high], [low, high], color=_FAINT)
    axes.errorbar(said, seen, yerr=reach, color=_INK, marker="o", linestyle="-", linewidth=1, capsize=3)
    return figure


def _mark(axes: "mpl.axes.Axes", card: Card) -> None:
    """Mark what the rule in force asks for: a line, and a band where it asks more of some trades than of others."""
    low, middle, high = (min(1.0, mark) for mark in _marks(card))  # above 1: nothing is let through
    axes.axvline(middle, color=_RIVAL, linewidth=1)
    if card.by_value:
        axes.axvspan(low, high, color=_RIVAL, alpha=0.15, linewidth=0)


def _distribution(card: Card) -> Figure:
    figure, axes = _figure(2.4)
    axes.hist(card.judged.probability, bins=np.linspace(0, 1, 51).tolist(), color=_INK)
    _mark(axes, card)
    return figure


def _coverage(card: Card) -> Figure:
    figure, axes = _figure()
    steps = np.linspace(0.3, 0.8, 51)
    found = [at_threshold(card.judged.outcome, card.judged.probability, float(t)) for t in steps]
    precise = [np.nan if f.precision is None else f.precision for f in found]
    axes.plot(steps, [f.coverage for f in found], color=_INK, label="coverage")
    axes.plot(steps, precise, color=_GOOD, label="precision")
    _mark(axes, card)
    _legend(axes)
    return figure


def _folds(card: Card) -> Figure:
    figure, axes = _figure(2.4)
    gains = [
        np.nan if f.scores is None or f.prior_log_loss is None else f.prior_log_loss - f.scores.log_loss
        for f in card.folds
    ]
    axes.bar([format_jst(f.begin)[:10] for f in card.folds], gains, color=[_GOOD if g > 0 else _RIVAL for g in gains])
    axes.axhline(0, color=_INK, linewidth=0.8)
    return figure


def _importance(card: Card) -> Figure:
    top = card.importance[:15][::-1]
    figure, axes = _figure(4.2)
    axes.barh([name for name, _ in top], [share for _, share in top], color=_INK)
    return figure


def _legend(axes: "mpl.axes.Axes") -> None:
    axes.legend(frameon=False)  # in English: many machines have no Japanese font for pictures
