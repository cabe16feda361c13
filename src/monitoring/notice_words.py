"""Every notice in words, for people: Japanese first, English second."""

from typing import Final

from src.core.domain.notices import Tier, Topic
from src.core.domain.reason_words import LANGUAGES

TITLES: Final[dict[Topic, tuple[str, str]]] = {
    Topic.STARTED: ("取引を開始した", "Trading has started"),
    Topic.STOPPED: ("取引を停止した", "Trading has stopped"),
    Topic.ENTERED: ("新規に建てた", "A position was opened"),
    Topic.CLOSED: ("決済した", "A position was closed"),
    Topic.REFUSED: ("注文が通らなかった", "An order did not go through"),
    Topic.UNKNOWN_OUTCOME: ("注文の結果が不明", "An order's outcome is unknown"),
    Topic.SETTLED_OUTCOME: ("不明だった注文の結果が判明した", "An unknown outcome was settled"),
    Topic.NAKED: ("建玉が十分に保護されていない", "A position is not fully protected"),
    Topic.PROTECTED: ("建玉の保護が回復した", "The position is protected again"),
    Topic.FOREIGN: ("このボットのものではない注文・建玉がある", "Orders or positions that are not the bot's"),
    Topic.DIFFERENCE: ("台帳と取引所が食い違っている", "The ledger and the exchange differ"),
    Topic.HALTED: ("新規建てを停止した", "New positions are halted"),
    Topic.RESUMED: ("新規建てを再開した", "The halt was lifted"),
    Topic.MARGIN: ("証拠金に問題がある", "The margin needs attention"),
    Topic.STREAM: ("取引所との接続に問題がある", "The exchange's stream needs attention"),
    Topic.EXCHANGE: ("取引所が通常の状態ではない", "The exchange is not in its normal state"),
    Topic.RULES: ("取引所のルールが変わった", "The exchange's rules have changed"),
    Topic.DATA: ("足のデータに問題がある", "The candles need attention"),
    Topic.MODEL: ("モデルに問題がある", "The model needs attention"),
    Topic.CLOCK: ("時計がずれている", "The clock is off"),
    Topic.JOURNAL: ("台帳に書けない、または書けるようになった", "The journal takes nothing, or does again"),
    Topic.DAILY: ("1日のまとめ", "The day's summary"),
}

MEANINGS: Final[dict[Topic, tuple[str, str]]] = {
    Topic.STARTED: ("口座と台帳を照合してから取引する。", "It trades once account and journal agree."),
    Topic.STOPPED: ("逆指値は取引所に残っている。", "Stops stay at the exchange."),
    Topic.ENTERED: ("逆指値を取引所に置く。", "Its stop is placed at the exchange."),
    Topic.CLOSED: ("費用を含む損益は台帳にある。", "The journal has the result with all costs."),
    Topic.REFUSED: ("この注文は存在しない。", "The order does not exist."),
    Topic.UNKNOWN_OUTCOME: (
        "取引所から読み戻して確認中。再送はせず、判明するまで新規建てを止める。",
        "It is being read back from the exchange. Nothing is sent again, and nothing new is opened until it is known.",
    ),
    Topic.SETTLED_OUTCOME: ("二重の注文はない。", "No order was doubled."),
    Topic.NAKED: (
        "ボットが逆指値を置き直すか決済する。続く場合は取引所の画面で確認を。",
        "The bot places the stop again or closes. If this goes on, look at the exchange's own page.",
    ),
    Topic.PROTECTED: ("建玉の全量に逆指値がある。", "A stop rests for the whole position."),
    Topic.FOREIGN: (
        "触らずに残し、新規建てを止める。心当たりがなければAPIキーの確認を。",
        "They are left alone and nothing new is opened. If nobody placed them, check the API keys.",
    ),
    Topic.DIFFERENCE: ("取引所を正とする。差額の説明が必要。", "The exchange is right; the difference needs a reason."),
    Topic.HALTED: (
        "再開は `python main.py resume --reason …`。既存の建玉は保護されたまま。",
        "`python main.py resume --reason …` lifts it. An open position stays protected.",
    ),
    Topic.RESUMED: ("条件がそろえば新規に建てる。", "Positions are opened again when the conditions are met."),
    Topic.MARGIN: (
        "取引所の画面で証拠金維持率と追証の期限を確認すること。",
        "Look at the margin level and the due date on the exchange's page.",
    ),
    Topic.STREAM: (
        "再接続し、その間はAPIで読む。",
        "It reconnects by itself and reads by requests meanwhile.",
    ),
    Topic.EXCHANGE: ("通常に戻るまで新規建てを止める。", "Nothing new is opened until it is back to normal."),
    Topic.RULES: (
        "取引所の値を使う。設定とバックテストの表を見直すこと。",
        "The exchange's values are used. Review the settings and the backtest's table.",
    ),
    Topic.DATA: ("足がそろうまで新規建てを止める。", "Nothing new is opened until the candles are complete."),
    Topic.MODEL: ("モデルなしでは新規に建てない。", "Nothing new is opened without a model."),
    Topic.CLOCK: (
        "時刻同期(NTP)を確認すること。ずれた時計の要求は取引所が拒否する。",
        "Check the machine's time synchronisation (NTP): the exchange refuses requests of a wrong clock.",
    ),
    Topic.JOURNAL: (
        "書けない間は何も発注しない。リースが切れるまでに戻らなければ終了する。逆指値は取引所に残る。",
        "Nothing is sent meanwhile. It ends if the database is not back before the lease is over; stops stay.",
    ),
    Topic.DAILY: ("", ""),
}

TIERS: Final[dict[Tier, tuple[str, str]]] = {
    Tier.INFO: ("情報", "info"),
    Tier.WARNING: ("警告", "warning"),
    Tier.CRITICAL: ("重大", "critical"),
}

LABELS: Final[dict[str, tuple[str, str]]] = {
    "what": ("詳細", "details"),
    "reason": ("理由", "reason"),
    "mode": ("モード", "mode"),
    "version": ("バージョン", "version"),
    "side": ("売買", "side"),
    "size": ("数量", "size"),
    "lots": ("数量", "size"),
    "why": ("理由", "reason"),
    "price": ("価格", "price"),
    "entry": ("建値", "entry"),
    "exit": ("決済値", "exit"),
    "stop": ("逆指値", "stop"),
    "target": ("利確", "target"),
    "net": ("損益(費用込み)", "result net of costs"),
    "gross": ("損益(費用前)", "result before costs"),
    "fees": ("手数料", "fees"),
    "interest": ("金利", "interest"),
    "equity": ("純資産", "equity"),
    "position": ("建玉", "position"),
    "trades": ("取引数", "trades"),
    "seconds": ("秒数", "seconds"),
    "code": ("エラーコード", "error code"),
    "order": ("注文", "order"),
    "margin": ("証拠金", "margin"),
    "due": ("期限", "due"),
    "command": ("コマンド", "command"),
    "outcome": ("結果", "outcome"),
    "remedy": ("対処", "what to do"),
    "protected": ("逆指値で保護された数量", "size under stops"),
    "orders": ("残した注文", "orders that are left"),
    "doubt": ("結果の分からない注文", "an order whose outcome is not known"),
    "cut_off": ("時間切れで中断した処理", "what was cut off for lack of time"),
}
"""Names of a notice's values; a name that is not here is shown as it is."""

_TIMES: Final = ("この{seconds}秒に{count}回(最新の内容を表示)", "{count} times in {seconds} s (the newest is shown)")


def title(topic: Topic, language: str) -> str:
    """Return what happened, in a few words."""
    return TITLES[topic][LANGUAGES.index(language)]


def meaning(topic: Topic, language: str) -> str:
    """Return what that means, and what to do if a person has to; "" if there is nothing to add."""
    return MEANINGS[topic][LANGUAGES.index(language)]


def tier_word(tier: Tier, language: str) -> str:
    """Return how urgent it is."""
    return TIERS[tier][LANGUAGES.index(language)]


def label(name: str, language: str) -> str:
    """Return the name of a value."""
    return LABELS[name][LANGUAGES.index(language)] if name in LABELS else name


def times(count: int, seconds: int, language: str) -> str:
    """Return how often something was said in how long."""
    return _TIMES[LANGUAGES.index(language)].format(count=count, seconds=seconds)
