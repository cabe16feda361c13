"""What the watch over a model found, in Japanese or English: lines for a terminal, and a page of its own. Pure."""

import html
from typing import Final, NamedTuple

from src.ml.drift import LEVEL, CalibrationDrift, WindowDrift


class Watched(NamedTuple):
    """Everything that is watched of one model."""

    version: str
    days: int  # of one stretch
    inputs: WindowDrift
    predictions: WindowDrift
    calibration: CalibrationDrift

    @property
    def alarm(self) -> bool:
        """Whether anything moved."""
        return self.inputs.alarm or self.predictions.alarm or self.calibration.alarm


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
    lines = [f"{say['title']} {found.version} ({LEVEL:.0%}, {found.days} d)", say["advisory"]]
    for name, drift in (("inputs", found.inputs), ("predictions", found.predictions)):
        state = say["unknown"] if drift.p_value is None else say["alarm"] if drift.alarm else say["calm"]
        share = "–" if drift.p_value is None else f"{drift.p_value:.3f}"
        detail = f"{say['stretches']} {drift.windows}, {say['rows']} {drift.rows}, {say['share']} {share}"
        lines.append(f"{say[name]}: {state} ({detail})")
    if found.inputs.furthest:
        moved = ", ".join(f"{m.name} {m.level:+.1f}/{m.spread:+.1f}" for m in found.inputs.furthest)
        lines.append(f"  {say['moved']}: {moved}")
    bet = found.calibration
    state = say["alarm"] if bet.alarm else say["calm"]
    promised = f"{say['promised']} {bet.expected:.1f} / {bet.observed}"
    lines.append(
        f"{say['calibration']}: {state} ({say['bets']} {bet.bets}, {say['wealth']} {bet.highest:.2f}, {promised})"
    )
    return lines


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
