"""Every reason in words, for people: Japanese first, English second."""

from typing import Final

from src.core.domain.orders import ExitReason, Reason

LANGUAGES: Final = ("ja", "en")

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
    Reason.MODEL_OTHER_FEATURES: ("モデルの学習時と特徴量が違う", "the model was trained on other features"),
    Reason.MODEL_OTHER_BARRIERS: ("モデルの学習時と取引の条件が違う", "the model was trained for other trades"),
    Reason.MODEL_CONSTANT: ("モデルの出力が一定で判断になっていない", "the model said the same of every trade"),
    Reason.MODEL_FAR: ("学習データにない相場", "the bar was unlike anything the model was trained on"),
    Reason.MODEL_DAMAGED: ("モデルのファイルが使えない", "the model's files could not be used"),
    Reason.COST_TOO_HIGH: ("損切り幅に対して往復コストが高すぎる", "the round trip cost too much of the stop distance"),
    Reason.MARGIN: ("ロスカットまでの余裕を保てる数量がない", "no size kept the distance to a forced close"),
    Reason.TOO_SMALL: ("許容リスクでは最小注文数量に満たない", "the risk budget was below the smallest order"),
}

EXIT_REASON_WORDS: Final[dict[ExitReason, tuple[str, str]]] = {
    ExitReason.NONE: ("なし", "none"),
    ExitReason.STOP: ("損切り", "stop"),
    ExitReason.TRAIL: ("トレール", "trailing stop"),
    ExitReason.TARGET: ("利益確定", "target"),
    ExitReason.MAX_HOLD: ("保有期限", "longest holding time"),
    ExitReason.REASON_ENDED: ("根拠の消失", "reason ended"),
    ExitReason.OPPOSITE: ("反対シグナル", "opposite signal"),
    ExitReason.HALT: ("停止", "halt"),
    ExitReason.LOSSCUT: ("ロスカット", "forced close"),
    ExitReason.END_OF_DATA: ("期間終了", "end of data"),
    ExitReason.FOREIGN: ("他者による決済", "closed by somebody else"),
    ExitReason.DUST: ("端数の整理", "too small to protect"),
    ExitReason.NAKED: ("保護できず決済", "could not be protected"),
    ExitReason.MARGIN_CALL: ("追証", "margin call"),
    ExitReason.COMMAND: ("人の指示", "a person's command"),
}
