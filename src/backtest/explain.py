"""Why did it not trade at 14:15? The answer of a finished run, in the trader's language."""

from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from src.core.domain.orders import ExitReason, Reason
from src.core.domain.reason_words import LANGUAGES, REASON_WORDS
from src.core.domain.time import BAR_15M, Millis, format_jst, to_datetime
from src.core.exceptions import ConfigError, NoCandles

_SIDES: Final = {"ja": {1: "買い", -1: "売り"}, "en": {1: "buy", -1: "sell"}}
_REMEDY: Final = "give the folder of a finished backtest, as its last line printed it"


def explain(run: Path, at: Millis, language: str) -> list[str]:
    """Return, line by line, what the run `run` decided on the bar that covers the moment `at`, and why.

    A moment on the boundary of two bars belongs to the one that closes then.

    Raises
    ------
    ConfigError
        If `run` is not the folder of a backtest.
    NoCandles
        If the run has no bar there.
    """
    path = run / "decisions.parquet"
    if not path.is_file():
        raise ConfigError(f"{run} holds no decisions.parquet", remedy=_REMEDY)
    closed_at = -(-at // BAR_15M) * BAR_15M
    moment = to_datetime(Millis(closed_at))
    rows = pq.read_table(path, filters=pc.field("closed_at") == moment).to_pylist()
    if not rows:
        raise NoCandles(
            f"the run has no bar that closed at {format_jst(Millis(closed_at))}",
            remedy="choose a time inside the run and outside the gaps of its candles",
        )
    return _lines(rows[0], Millis(closed_at), language)


def _lines(row: dict[str, Any], closed_at: Millis, language: str) -> list[str]:
    words = REASON_WORDS[Reason[row["reason"]]][LANGUAGES.index(language)]
    lines = [f"{format_jst(closed_at)}: {row['reason']} – {words}"]
    if row["exit_reason"] != ExitReason.NONE.name:
        lines.append(f"  exit: {row['exit_reason']}")
    if row["lots"]:
        side = _SIDES[language][row["side"]]
        size = f"{side} {row['lots'] / 10_000:.4f} BTC @ {row['entry']:,}"
        lines.append(f"  {size} stop {row['stop']:,} target {row['target'] or '-'}")
    for name, vote in row.items():
        if name.startswith("vote_"):
            side = _SIDES[language].get((vote > 0) - (vote < 0), "-")
            lines.append(f"  {name.removeprefix('vote_')}: {side} {abs(vote):.2f}")
    if row.get("prediction") is not None:
        words = {"ja": "モデルの確率", "en": "the model's probability"}[language]
        lines.append(f"  {words}: {row['prediction']:.3f}")
    lines.append(f"  confidence {row['confidence']:.2f}, position {row['position_lots'] / 10_000:.4f} BTC")
    return lines
