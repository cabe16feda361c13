"""Why a trader did what it did on one bar: its gates in words, and the nearest change that would have traded."""

import math
from typing import Any, Final

from src.core.config import Settings
from src.core.domain.journal import Kind, Stored
from src.core.domain.market import Instrument, Lots, Money, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.reason_words import EXIT_REASON_WORDS, LANGUAGES, REASON_WORDS
from src.core.domain.time import BAR_15M, DAY, Millis, format_jst
from src.core.exceptions import NoCandles
from src.core.orchestration.cycle import params_hash
from src.core.orchestration.questions.replaying import params_of, refold
from src.core.orchestration.wiring import core_params, instrument
from src.features.row import Quality
from src.trading.decision import Params
from src.trading.decision_record import Recorded, read_decision
from src.trading.gate_walk import Change, Gate, Inputs, Nearest, measured, nearest, passages
from src.trading.journal import JournalReader

_SHOWN: Final = 8  # of the model's inputs
_WORDS: Final = {
    "ja": {
        "passed": "通過",
        "stopped": "ここで停止",
        "not_asked": "未到達",
        "entered": "新規を決定: {side} {lots} BTC @ {mark}、逆指値 {stop}円幅",
        "outcome": "執行の結果: {}",
        "no_outcome": "執行の結果: 記録なし",
        "exit": "決済の理由: {}",
        "one": "次の1点が違えば新規に建てていた: {}",
        "several": "次の{}点がそろって違えば新規に建てていた: {}",
        "left": "数値を変えても建てていない: {}",
        "left_after": "次の変更でも建てていない: {} — 残る理由: {}",
        "other": "注意: この判断は別の設定(ハッシュ {}…)によるもの。以下の限度と「最も近い変更」は現在の設定で計算した",
        "differs": "注意: 同じ入力から計算し直すと結果が違う(記録 {}、再計算 {})。`replay` で確認を",
        "model": "モデルを動かした入力(確率への寄与、大きい順)",
        "rest": "ほか{}項目の合計",
        "votes": "戦略の提案: {}",
        "nobody": "なし",
        "limit": "(限度 {})",
        "skipped": "この足は使えなかった: {}",
        "no_bar": "{} に閉じた足の判断は記録にない",
        "remedy": "稼働していた時間の、記録がある足を指定する。`status` が最後の足を示す",
    },
    "en": {
        "passed": "passed",
        "stopped": "STOPPED here",
        "not_asked": "not reached",
        "entered": "an entry was decided: {side} {lots} BTC @ {mark}, stop {stop} JPY away",
        "outcome": "what the executor made of it: {}",
        "no_outcome": "what the executor made of it: not written",
        "exit": "exit because of: {}",
        "one": "one change would have traded: {}",
        "several": "{} changes together would have traded: {}",
        "left": "no change of one number would have traded: {}",
        "left_after": "not even this would have traded: {} – there remains: {}",
        "other": "note: it was made with other settings (hash {}…); limits and changes below are of the present ones",
        "differs": "note: made again from its inputs it comes out otherwise (stored {}, now {}): ask `replay`",
        "model": "what moved the model (in probability, the largest first)",
        "rest": "{} others together",
        "votes": "strategies proposed: {}",
        "nobody": "nothing",
        "limit": " (limit {})",
        "skipped": "that bar could not be used: {}",
        "no_bar": "the journal has no decision on a bar that closed at {}",
        "remedy": "choose a bar at which the trader ran; `status` shows the last one",
    },
}
_GATES: Final = {
    Gate.POSITION: ("建玉", "position"),
    Gate.DATA: ("データ", "data"),
    Gate.ACCOUNT: ("口座", "account"),
    Gate.RISK: ("リスク状態", "risk state"),
    Gate.ANOMALY: ("相場の異常", "market anomaly"),
    Gate.VOTE: ("戦略の投票", "vote"),
    Gate.MODEL: ("モデル", "model"),
    Gate.SIZE: ("費用と数量", "cost and size"),
}
_NAMES: Final = {
    "position": ("建玉", "position"),
    "quality": ("データの品質", "data quality"),
    "known": ("口座が確認できること", "account readable"),
    "equity": ("純資産", "equity"),
    "drawdown": ("ドローダウン", "drawdown"),
    "halted": ("ドローダウン停止の解除", "drawdown halt lifted"),
    "losses": ("連続損失", "losses in a row"),
    "streak_until": ("連続損失の休止", "pause after losses until"),
    "cooldown_until": ("損失後の休止", "cooldown until"),
    "spread": ("スプレッド", "spread"),
    "latency": ("応答時間", "latency"),
    "move_atr": ("値動き(ATR比)", "bar's move in ATRs"),
    "volume_ratio": ("出来高比", "volume ratio"),
    "confidence": ("確信度", "confidence"),
    "agreement": ("合意の割合", "agreement"),
    "probability": ("モデルの確率", "model's probability"),
    "cost_share": ("往復コスト÷損切り幅", "round trip over stop distance"),
    "lots": ("数量", "size"),
    "risk": ("想定損失", "planned loss"),
}


def explain_line(reader: JournalReader, at: Millis, settings: Settings) -> list[str]:
    """Return, line by line, what was decided on the bar that covers `at`, and why.

    A moment on the boundary of two bars belongs to the one that closes then.

    Raises
    ------
    NoCandles
        If the journal has no decision there.
    """
    words = _WORDS[settings.language]
    closed_at = Millis(-(-at // BAR_15M) * BAR_15M)
    line = _decision(reader, closed_at)
    if line is None:
        skipped = _skipped(reader, closed_at)
        what = words["no_bar"].format(format_jst(closed_at))
        why = f"; {words['skipped'].format(skipped)}" if skipped else ""
        raise NoCandles(what + why, remedy=words["remedy"])
    recorded = read_decision(line)
    params = _params(reader, line, settings)
    speech = _Speech(settings.language, instrument(settings), params, tuple(settings.strategies))
    lines = [*_notes(recorded, params, settings), *speech.bar(recorded)]
    if recorded.decision.reason == Reason.ENTER:
        lines.append("  " + _outcome(reader, recorded, words))
    else:
        inputs = Inputs(recorded.before, recorded.row, recorded.prediction, recorded.account)
        lines.append("  " + speech.nearest(nearest(inputs, params)))
    return lines + speech.model(recorded)


def _decision(reader: JournalReader, closed_at: Millis) -> Stored | None:
    """Return the decision on a bar; it is stamped later than the bar, by a day at most when bars are caught up."""
    lines = reader.between(Kind.DECISION, closed_at, Millis(closed_at + DAY))
    return next((line for line in lines if _closed_at(line) == closed_at), None)


def _closed_at(line: Stored) -> object:
    row = line.entry.body.get("row")
    return row.get("closed_at") if isinstance(row, dict) else None


def _skipped(reader: JournalReader, closed_at: Millis) -> str:
    """Return why the bar could not be used, if that was written soon after it."""
    lines = reader.between(Kind.BAR, closed_at, Millis(closed_at + BAR_15M))
    return next((str(line.entry.body["skipped"]) for line in lines if "skipped" in line.entry.body), "")


def _params(reader: JournalReader, line: Stored, settings: Settings) -> Params:
    """Return the parameters of the process that made the decision, as far as the present settings say them."""
    params = core_params(settings)
    starts = [each for each in reader.between(Kind.STARTED, Millis(0), line.entry.at) if each.number < line.number]
    return params_of(starts[-1], params) if starts else params


def _notes(recorded: Recorded, params: Params, settings: Settings) -> list[str]:
    words = _WORDS[settings.language]
    if recorded.config != params_hash(params):
        return [words["other"].format(recorded.config[:12])]
    again = refold(recorded, params).decision.reason
    stored = recorded.decision.reason
    return [] if again == stored else [words["differs"].format(Reason(stored).name, Reason(again).name)]


def _outcome(reader: JournalReader, recorded: Recorded, words: dict[str, str]) -> str:
    """Return what became of an entry, by the line that names its bar."""
    for line in reader.between(Kind.OUTCOME, recorded.written_at, Millis(recorded.written_at + DAY)):
        body = line.entry.body
        if body.get("entry") is True and body.get("decided_at") == recorded.row.closed_at:
            return words["outcome"].format(body.get("outcome"))
    return words["no_outcome"]


class _Speech:
    """Says decisions in one language."""

    def __init__(self, language: str, pair: Instrument, params: Params, strategies: tuple[str, ...]) -> None:
        self._words = _WORDS[language]
        self._language = LANGUAGES.index(language)
        self._pair = pair
        self._params = params
        self._strategies = strategies

    def bar(self, recorded: Recorded) -> list[str]:
        """Return the decision and its gates."""
        decision = recorded.decision
        reason = Reason(decision.reason)
        lines = [f"{format_jst(recorded.row.closed_at)}: {reason.name} – {self._reason(reason)}"]
        if decision.exit_reason != ExitReason.NONE:
            why = EXIT_REASON_WORDS[ExitReason(decision.exit_reason)][self._language]
            lines.append("  " + self._words["exit"].format(why))
        lines.append("  " + self._words["votes"].format(self._votes(recorded)))
        inputs = Inputs(recorded.before, recorded.row, recorded.prediction, recorded.account)
        seen = measured(inputs, decision, self._params)
        for number, passage in enumerate(passages(reason), start=1):
            state = {True: "passed", False: "stopped", None: "not_asked"}[passage.passed]
            said = ", ".join(self._measure(*each) for each in seen[passage.gate]) if passage.passed is not None else ""
            name = _GATES[passage.gate][self._language]
            lines.append(f"  {number}. {name}: {self._words[state]}" + (f" – {said}" if said else ""))
        if reason == Reason.ENTER:
            lines.append("  " + self._entry(recorded))
        return lines

    def nearest(self, found: Nearest) -> str:
        """Return the nearest change in words and numbers."""
        said = "; ".join(self._change(change) for change in found.changes)
        if found.left != Reason.ENTER:
            left = self._reason(found.left)
            if not found.changes:
                return self._words["left"].format(left)
            return self._words["left_after"].format(said, left)
        if len(found.changes) == 1:
            return self._words["one"].format(said)
        return self._words["several"].format(len(found.changes), said)

    def model(self, recorded: Recorded) -> list[str]:
        """Return each input's part in the model's judgement, where it was written down."""
        ordered = sorted(recorded.explained.items(), key=lambda each: (-abs(each[1]), each[0]))
        if not ordered:
            return []
        shown, rest = ordered[:_SHOWN], ordered[_SHOWN:]
        lines = [f"  {self._words['model']}:", *(f"    {name}: {part:+.3f}" for name, part in shown)]
        if rest:
            lines.append(f"    {self._words['rest'].format(len(rest))}: {sum(part for _, part in rest):+.3f}")
        return lines

    def _reason(self, reason: Reason) -> str:
        return REASON_WORDS[Reason(reason)][self._language]

    def _votes(self, recorded: Recorded) -> str:
        named = zip(self._strategies, recorded.decision.signals, strict=False)
        said = [f"{name} {self._side(s.side)} {s.strength:.2f}" for name, s in named if s.side != Side.NONE]
        return ", ".join(said) or self._words["nobody"]

    def _side(self, side: int) -> str:
        return {1: ("買い", "buy"), -1: ("売り", "sell"), 0: ("-", "-")}[int(side)][self._language]

    def _entry(self, recorded: Recorded) -> str:
        verdict, pair = recorded.decision.verdict, self._pair
        return self._words["entered"].format(
            side=self._side(verdict.side),
            lots=pair.amount(verdict.lots),
            mark=f"{pair.price(recorded.account.mark):,}",
            stop=f"{pair.price(verdict.stop):,}",
        )

    def _measure(self, name: str, value: float, limit: float | None) -> str:
        said = f"{_NAMES[name][self._language]} {self._value(name, value)}"
        return said if limit is None else said + self._words["limit"].format(self._value(name, limit))

    def _change(self, change: Change) -> str:
        name, _, place = change.name.partition(" ")
        if name == "without":
            silent = self._strategies[int(place)]
            return (f"{silent} の提案がない", f"{silent} silent")[self._language]
        label = _NAMES[change.name][self._language]
        return f"{label} {self._value(change.name, change.was)} → {self._value(change.name, change.needed)}"

    def _value(self, name: str, value: float) -> str:
        if not math.isfinite(value):
            return "-"
        form: Any = _FORMS.get(name)
        return str(value) if form is None else str(form(value, self._pair))


def _when(value: float, _pair: Instrument) -> str:
    return format_jst(Millis(int(value))) if value > 0 else "-"


def _jpy(value: float, pair: Instrument) -> str:
    return f"{pair.jpy(Money(int(value))):,} JPY"


def _btc(value: float, pair: Instrument) -> str:
    return f"{pair.amount(Lots(int(value)))} BTC"


_FORMS: Final[dict[str, Any]] = {
    "position": _btc,
    "equity": _jpy,
    "risk": _jpy,
    "lots": _btc,
    "streak_until": _when,
    "cooldown_until": _when,
    "quality": lambda value, _pair: Quality(int(value)).name,
    "spread": lambda value, _pair: f"{value / 10_000:.4f} %",
    "latency": lambda value, _pair: f"{value:,.0f} ms",
    "drawdown": lambda value, _pair: f"{value / 100:.2f} %",
    "cost_share": lambda value, _pair: f"{value / 100:.2f} %",
    "move_atr": lambda value, _pair: f"{value:.3f}",
    "volume_ratio": lambda value, _pair: f"{value:.3f}",
    "confidence": lambda value, _pair: f"{value:.4f}",
    "agreement": lambda value, _pair: f"{value:.4f}",
    "probability": lambda value, _pair: f"{value:.4f}",
}
