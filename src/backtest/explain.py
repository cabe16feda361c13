"""Why did it not trade at 14:15? The answer of a finished run, in the trader's language."""

from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import BAR_15M, Millis, format_jst, to_datetime
from src.core.exceptions import ConfigError, NoCandles

REASON_WORDS: Final[dict[Reason, tuple[str, str]]] = {
    Reason.ENTER: ("新規建てを決定", "a new position was decided"),
    Reason.HOLD_POSITION: ("建玉を保有中で、その理由が続いている", "a position was open and its reason still held"),
    Reason.EXIT_POSITION: ("建玉の決済を決定", "the open position was to be closed"),
    Reason.ENTRY_WAITING: ("新規の指値が約定待ち", "an entry order was resting, not yet filled"),
    Reason.COLD: ("履歴が短く特徴量の準備ができていない", "history was too short for the slowest feature"),
    Reason.AFTER_GAP: ("足の欠落の直後", "it was too soon after missing bars"),
    Reason.STALE_VIEW: ("最新の4時間足がない", "the newest 4-hour bar was missing"),
    Reason.NOT_FINITE: ("特徴量が計算できない", "a feature was undefined"),
    Reason.QUIET_BAR: ("この足で約定がない", "nobody traded in this bar"),
    Reason.ACCOUNT_UNKNOWN: ("口座の状態を確認できない", "balance or position could not be read"),
    Reason.DRAWDOWN_HALT: ("ドローダウン上限で停止中(人による解除が必要)", "the drawdown limit had been reached"),
    Reason.LOSS_STREAK: ("連続損失による休止中", "it paused after consecutive losses"),
    Reason.COOLDOWN: ("損失直後の休止中", "it paused after a losing trade"),
    Reason.SPREAD: ("スプレッドが広すぎる", "the spread was too wide"),
    Reason.LATENCY: ("取引所の応答が遅すぎる", "the exchange answered too slowly"),
    Reason.PRICE_SPIKE: ("値動きが異常に大きい", "the bar's move was abnormal"),
    Reason.VOLUME_SPIKE: ("出来高が異常に多い", "the bar's volume was abnormal"),
    Reason.NO_SIGNAL: ("どの戦略も売買を提案していない", "no strategy proposed a side"),
    Reason.CONFLICT: ("戦略の意見が割れた", "the strategies disagreed"),
    Reason.LOW_CONFIDENCE: ("合意の確信度が不足", "the vote's confidence was too low"),
    Reason.MODEL_ABSENT: ("モデルがない", "there was no model"),
    Reason.MODEL_STALE: ("モデルが古すぎる", "the model was too old"),
    Reason.MODEL_NOT_FINITE: ("モデルの出力が数値でない", "the model gave no number"),
    Reason.MODEL_REFUSES: ("モデルが反対した", "the model judged against it"),
    Reason.COST_TOO_HIGH: ("損切り幅に対して往復コストが高すぎる", "the round trip cost too much of the stop distance"),
    Reason.MARGIN: ("ロスカットまでの余裕を保てる数量がない", "no size kept the distance to a forced close"),
    Reason.TOO_SMALL: ("許容リスクでは最小注文数量に満たない", "the risk budget was below the smallest order"),
}

_SIDES: Final = {"ja": {1: "買い", -1: "売り"}, "en": {1: "buy", -1: "sell"}}
_COLUMN: Final = {"ja": 0, "en": 1}
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
    words = REASON_WORDS[Reason[row["reason"]]][_COLUMN[language]]
    lines = [f"{format_jst(closed_at)}: {row['reason']} – {words}"]
    if row["exit_reason"] != ExitReason.NONE.name:
        lines.append(f"  exit: {row['exit_reason']}")
    if row["lots"]:
        side = _SIDES[language][row["side"]]
        lines.append(
            f"  {side} {row['lots'] / 10_000:.4f} BTC @ {row['entry']:,} stop {row['stop']:,} target {row['target'] or '-'}"
        )
    for name, vote in row.items():
        if name.startswith("vote_"):
            side = _SIDES[language].get((vote > 0) - (vote < 0), "-")
            lines.append(f"  {name.removeprefix('vote_')}: {side} {abs(vote):.2f}")
    lines.append(f"  confidence {row['confidence']:.2f}, position {row['position_lots'] / 10_000:.4f} BTC")
    return lines
