"""What the gate found, in words: Japanese and English. Pure."""

from typing import Final

from src.backtest.overfitting import FEWEST_TRIALS
from src.ml.gate import Check, Judgement, State

NAMES: Final = {
    "rows": ("標本外の行数", "rows out of sample"),
    "deviation": ("確率のばらつき(定数でないこと)", "deviation of the probabilities (no constant)"),
    "class_mix": ("平均確率と実際の勝率の差", "mean probability against the share of gains"),
    "calibration": ("較正誤差", "calibration error"),
    "log_loss_against_prior": ("対数損失: 基準勝率との差", "log-loss gained on the class prior"),
    "brier_against_prior": ("Brier: 基準勝率との差", "Brier score gained on the class prior"),
    "log_loss_against_last_outcome": ("対数損失: 直前の結果との差", "log-loss gained on the last outcome"),
    "brier_against_last_outcome": ("Brier: 直前の結果との差", "Brier score gained on the last outcome"),
    "coverage": ("採用する提案の割合", "share of proposals let through"),
    "precision": ("採用した提案の勝率(全体の勝率が下限)", "share of gains among them, above that of all"),
    "trades": ("取引数", "trades"),
    "net_jpy": ("純損益(円)", "net result, JPY"),
    "net_jpy_against_strategies": ("戦略のみとの差(円)", "net result less that of the strategies alone, JPY"),
    "deflated_sharpe": ("デフレート・シャープ比", "deflated Sharpe ratio"),
    "overfitting": ("バックテスト過剰適合の確率", "probability of backtest overfitting"),
    "log_loss_against_champion": ("対数損失: 現行モデルとの差", "log-loss gained on the champion"),
    "net_jpy_against_champion": ("現行モデルとの差(円)", "net result less the champion's, JPY"),
}
"""Every check, in Japanese and English."""

_STATES: Final = {
    State.PASSED: ("合格", "passed"),
    State.FAILED: ("不合格", "failed"),
    State.UNKNOWN: ("測定不能(不合格扱い)", "could not be measured: counts as failed"),
    State.NOT_ASKED: ("対象外", "does not apply"),
}


def name_of(check: Check, language: str) -> str:
    """Return what a check is called in `language`, "ja" or "en"."""
    return NAMES[check.name][language != "ja"]


def state_of(check: Check, language: str, recorded: int) -> str:
    """Return what became of a check; why it does not apply, where it does not."""
    japanese = language == "ja"
    if check.state is State.NOT_ASKED and check.name == "overfitting":
        if japanese:
            return f"推定しない: 記録された試行は{recorded}回({FEWEST_TRIALS}回から)"
        return f"not estimated: {recorded} trials were recorded, it takes {FEWEST_TRIALS}"
    if check.state is State.NOT_ASKED:
        return "現行モデルなし" if japanese else "there is no champion"
    return _STATES[check.state][not japanese]


def headline(found: Judgement, language: str) -> str:
    """Return the gate's one sentence."""
    failed = [c for c in found.checks if c.state in {State.FAILED, State.UNKNOWN}]
    if language == "ja":
        if found.passed:
            return f"合格: {len(found.checks)}項目すべてを満たした(試行{found.tried}回で補正)"
        return f"優位性の証拠なし: {len(found.checks)}項目中{len(failed)}項目が不合格(試行{found.tried}回で補正)"
    if found.passed:
        return f"passed: all {len(found.checks)} checks hold, deflated by {found.tried} trials"
    return f"no evidence: {len(failed)} of {len(found.checks)} checks do not hold, deflated by {found.tried} trials"


def figures_of(check: Check) -> tuple[str, str, str]:
    """Return value, interval and limit as text; an empty text where there is none."""
    interval = ""
    if check.interval is not None:
        high = "∞" if check.interval.high is None else _number(check.interval.high)
        interval = f"{_number(check.interval.low)} … {high}"
    return (
        "" if check.value is None else _number(check.value),
        interval,
        "" if check.limit is None else _number(check.limit),
    )


def lines(found: Judgement, language: str) -> list[str]:
    """Return the whole judgement as lines of text."""
    out = [headline(found, language)]
    for check in found.checks:
        value, interval, limit = figures_of(check)
        between = f" [{interval}]" if interval else ""
        beside = f" ({'基準' if language == 'ja' else 'limit'} {limit})" if limit else ""
        state = state_of(check, language, found.recorded)
        out.append(f"  {name_of(check, language)}: {value or '–'}{between}{beside}: {state}")
    return out


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
