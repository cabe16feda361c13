"""What the watch over a model found, in Japanese or English: lines for a terminal, and a page of its own. Pure."""

import html
from typing import Final, NamedTuple

from src.core.domain.time import Millis, format_jst
from src.ml.drift import FEWEST_BETS, LEVEL, CalibrationDrift, WindowDrift


class Watched(NamedTuple):
    """Everything that is watched of one model."""

    version: str
    days: int  # of one stretch
    until: Millis  # the close of the newest candle that was looked at
    inputs: WindowDrift
    predictions: WindowDrift | None  # None: what the walk-forward said is not kept where trainings are
    calibration: CalibrationDrift

    @property
    def alarm(self) -> bool:
        """Whether anything moved."""
        said = self.predictions is not None and self.predictions.alarm
        return self.inputs.alarm or said or self.calibration.alarm


_WORDS: Final = {
    "title": ("モデルの監視", "Watch over the model"),
    "advisory": (
        "参考情報です。ここで警報が出ても取引は止まりません。",
        "Advisory: no alarm here stops a trade.",
    ),
    "inputs": ("入力の分布", "distribution of the inputs"),
    "predictions": ("予測の分布", "distribution of the predictions"),
    "calibration": ("実現した較正", "realised calibration"),
    "calm": ("変化なし", "nothing moved"),
    "alarm": ("警報: 変化あり", "alarm: it moved"),
    "unknown": ("判定不能: 区間が少なすぎる", "cannot be told: too few stretches"),
    "lost": (
        "判定不能: 学習時の標本外予測が training.output のフォルダにない(--out で学習した場合など)",
        "cannot be told: what its walk-forward said is not in a folder of training.output (was it trained with --out?)",
    ),
    "few": ("判定不能: 結果の出た提案が少なすぎる", "cannot be told: too few outcomes"),
    "until": ("見たローソク足の終わり", "candles until"),
    "stretches": ("区間数", "stretches"),
    "rows": ("最新区間の行数", "rows in the newest"),
    "share": ("これほど離れた区間の割合", "share of stretches as far off"),
    "bets": ("賭けた結果の数", "outcomes bet on"),
    "wealth": ("元手1に対する最高額", "highest wealth of a stake of 1"),
    "promised": ("予測された勝ちと実際", "gains promised and seen"),
    "moved": ("最も動いた入力(偏差)", "inputs that moved most, in deviations"),
}


def watch_lines(found: Watched, language: str) -> list[str]:
    """Return what was found as text."""
    which = int(language != "ja")
    say = {key: words[which] for key, words in _WORDS.items()}
    until = f"{say['until']} {format_jst(found.until)}"
    lines = [f"{say['title']} {found.version} ({LEVEL:.0%}, {found.days} d, {until})", say["advisory"]]
    lines.append(f"{say['inputs']}: {_window(found.inputs, say)}")
    if found.inputs.furthest:
        moved = ", ".join(f"{m.name} {m.level:+.1f}/{m.spread:+.1f}" for m in found.inputs.furthest)
        lines.append(f"  {say['moved']}: {moved}")
    lines.append(
        f"{say['predictions']}: {say['lost'] if found.predictions is None else _window(found.predictions, say)}"
    )
    bet = found.calibration
    state = say["few"] if bet.bets < FEWEST_BETS else say["alarm"] if bet.alarm else say["calm"]
    promised = f"{say['promised']} {bet.expected:.1f} / {bet.observed}"
    lines.append(
        f"{say['calibration']}: {state} ({say['bets']} {bet.bets}, {say['wealth']} {bet.highest:.2f}, {promised})"
    )
    return lines


def _window(drift: WindowDrift, say: dict[str, str]) -> str:
    state = say["unknown"] if drift.p_value is None else say["alarm"] if drift.alarm else say["calm"]
    share = "–" if drift.p_value is None else f"{drift.p_value:.3f}"
    return f"{state} ({say['stretches']} {drift.windows}, {say['rows']} {drift.rows}, {say['share']} {share})"


def watch_page(found: Watched, language: str) -> str:
    """Return the same as a page."""
    title, advisory, *rest = watch_lines(found, language)
    kind = "#fdf1ea" if found.alarm else "#e8f4ec"
    items = "\n".join(f"<li>{html.escape(line)}</li>" for line in rest)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        "<style>body{font:15px/1.7 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
        f"p{{background:{kind};padding:.6rem 1rem}}</style></head><body>\n<h1>{html.escape(title)}</h1>\n"
        f"<p>{html.escape(advisory)}</p>\n<ul>\n{items}\n</ul>\n</body></html>\n"
    )
