"""The page's frame and its words; what it shows comes from the server while it is open."""

import json
from html import escape
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
SCRIPT: Final = (_HERE / "page.js").read_text(encoding="utf-8")
STYLE: Final = (_HERE / "page.css").read_text(encoding="utf-8")

WORDS: Final = {
    "ja": {
        "title": "トレーダー",
        "status": "状態",
        "chart": "値動き・売買・純資産",
        "decisions": "足ごとの判断",
        "decisions_hint": "足を選ぶと、どの条件で止まったか、何が違えば建てていたかを表示します。",
        "reasons": "判断の内訳",
        "trades": "取引",
        "time": "足の終わり(日本時間)",
        "reason": "判断",
        "position": "建玉",
        "equity": "純資産(円)",
        "bars": "足",
        "share": "割合",
        "opened": "新規",
        "closed": "決済",
        "side": "売買",
        "btc": "BTC",
        "entry": "建値",
        "exit": "決済値",
        "why": "理由",
        "strategy": "戦略",
        "net": "損益(円、費用込み)",
        "days_1": "1日",
        "days_7": "7日",
        "days_30": "30日",
        "price_axis": "価格(円)",
        "equity_axis": "純資産(円)",
        "long": "買い建て",
        "short": "売り建て",
        "gain": "決済(利益)",
        "loss": "決済(損失)",
        "candles": "15分足",
        "none": "この期間にはない",
        "asking": "問い合わせ中…",
        "fresh": "{}に更新",
        "lost": "更新できない: {} ({}の表示のまま)",
        "unanswered": "応答がない。`dashboard` を動かしている画面を確認する",
        "more": "新しい{}件を表示(全{}件)",
        "script": "この画面には JavaScript が必要です。",
        "only_reads": "この画面は記録を読むだけです。停止・再開・決済は `halt`、`resume`、`flatten` で行います。",
    },
    "en": {
        "title": "Trader",
        "status": "Status",
        "chart": "Market, trades and equity",
        "decisions": "What was decided on each bar",
        "decisions_hint": "Choose a bar to see at which gate it stopped, and what would have traded.",
        "reasons": "Decisions by reason",
        "trades": "Trades",
        "time": "Bar's close (JST)",
        "reason": "Decision",
        "position": "Position",
        "equity": "Equity (JPY)",
        "bars": "Bars",
        "share": "Share",
        "opened": "Opened",
        "closed": "Closed",
        "side": "Side",
        "btc": "BTC",
        "entry": "Entry",
        "exit": "Exit",
        "why": "Reason",
        "strategy": "Strategy",
        "net": "Net (JPY, all costs)",
        "days_1": "1 day",
        "days_7": "7 days",
        "days_30": "30 days",
        "price_axis": "Price (JPY)",
        "equity_axis": "Equity (JPY)",
        "long": "long entry",
        "short": "short entry",
        "gain": "exit, gain",
        "loss": "exit, loss",
        "candles": "15-minute candles",
        "none": "none in this time",
        "asking": "asking …",
        "fresh": "updated {}",
        "lost": "cannot update: {} (shown is {})",
        "unanswered": "no answer; look at the terminal in which `dashboard` runs",
        "more": "the newest {} of {}",
        "script": "This page needs JavaScript.",
        "only_reads": "This page only reads the journal; `halt`, `resume` and `flatten` change something.",
    },
}
"""Everything the page itself says, by language."""

_SECTIONS: Final = ("status", "chart", "decisions", "reasons", "trades")


def page(subject: str, language: str, windows: tuple[int, ...]) -> str:
    """Return the page's HTML.

    Parameters
    ----------
    subject
        Which trader it is about.
    windows
        How many days can be looked at, the first shown is the middle one.
    """
    words = WORDS[language]
    shown = windows[len(windows) // 2]
    buttons = "".join(
        f'<button type="button" data-days="{days}" aria-pressed="{str(days == shown).lower()}">'
        f"{escape(words[f'days_{days}'])}</button>"
        for days in windows
    )
    title = f"{words['title']}: {subject}"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/page.css"></head>\n'
        f'<body data-words="{escape(json.dumps(words, ensure_ascii=False))}" data-days="{shown}">'
        f'<header><h1>{escape(title)}</h1><p id="fresh" role="status">{escape(words["asking"])}</p>'
        f'<div class="controls" role="group" aria-label="{escape(words["chart"])}">{buttons}</div></header>'
        f"<main>{''.join(_section(name, words) for name in _SECTIONS)}</main>"
        f"<footer><p>{escape(words['only_reads'])}</p></footer>"
        f'<noscript><p class="alarm">{escape(words["script"])}</p></noscript>'
        '<script src="/plotly.js"></script><script src="/page.js"></script></body></html>\n'
    )


def _section(name: str, words: dict[str, str]) -> str:
    return (
        f'<section aria-labelledby="{name}-head"><h2 id="{name}-head">{escape(words[name])}</h2>'
        f"{_inside(name, words)}</section>"
    )


def _inside(name: str, words: dict[str, str]) -> str:
    """Return what the script fills, with what stands above it."""
    if name == "chart":
        return '<div id="market" role="img"></div>'
    tall = " tall" if name in ("decisions", "trades") else ""
    holder = f'<div id="{name}" class="scroll{tall}" tabindex="0" role="region" aria-labelledby="{name}-head"></div>'
    if name != "decisions":
        return holder
    return f'<p class="hint">{escape(words["decisions_hint"])}</p><pre id="why" hidden tabindex="0"></pre>{holder}'
