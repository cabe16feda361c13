"""Every text of a report, in Japanese and English side by side."""

from typing import Final, NamedTuple

from src.core.domain.reason_words import EXIT_REASON_WORDS


class Text(NamedTuple):
    """The same thing said twice."""

    ja: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the Japanese text for `ja`, else the English one."""
        return self.ja if language == "ja" else self.en


def same(text: str) -> Text:
    """Return a text that is the same in both languages: names, numbers."""
    return Text(text, text)


EXIT_WORDS: Final = {reason.name: Text(*words) for reason, words in EXIT_REASON_WORDS.items()}

SIDE_WORDS: Final = {1: Text("買い", "long"), -1: Text("売り", "short")}


def exit_words(name: str) -> Text:
    """Return what an exit reason is called; one this version does not know keeps its name."""
    return EXIT_WORDS.get(name, same(name))


SECTIONS: Final[dict[str, Text]] = {
    "figures": Text("数値", "Figures"),
    "assumed": Text("前提", "What was assumed"),
    "market": Text("値動き・売買・資産", "Market, trades and equity"),
    "returns": Text("収益の分布", "How the returns came"),
    "trades_chart": Text("取引の内訳", "What the trades were like"),
    "breakdown": Text("損益の内訳", "Where the result came from"),
    "reasons": Text("取引しなかった理由", "Why it did not trade"),
    "costs": Text("コスト", "Costs"),
    "trades": Text("全取引", "All trades"),
    "comparison": Text("比較", "Comparison"),
    "drift": Text("モデルの監視", "Watch over the model"),
}

PAGE: Final[dict[str, Text]] = {
    "report": Text("バックテスト報告", "Backtest report"),
    "report_paper": Text("ペーパー取引報告", "Report of the paper trader"),
    "report_live": Text("実取引報告", "Report of the live trader"),
    "synthetic": Text(
        "合成データ:プログラムが作った値動きであり、実在の市場ではありません。実際の損益の根拠にはなりません。",
        "SYNTHETIC DATA: prices made by a program, not by a market. Nothing here is evidence of real profit.",
    ),
    "data": Text("データ", "Data"),
    "run": Text("実行", "Run"),
    "figure": Text("項目", "Figure"),
    "value": Text("値", "Value"),
    "interval": Text("区間", "Interval"),
    "reason": Text("理由", "Reason"),
    "meaning": Text("意味", "Meaning"),
    "bars": Text("足の数", "Bars"),
    "share": Text("割合", "Share"),
    "trades": Text("取引数", "Trades"),
    "level": Text("コストの水準", "Costs"),
    "final": Text("最終残高(円)", "Final balance (JPY)"),
    "return": Text("損益率", "Return"),
    "profit_factor": Text("プロフィットファクター", "Profit factor"),
    "win_rate": Text("勝率", "Win rate"),
    "none": Text("なし", "none"),
    "this_run": Text("この実行", "This run"),
    "other_run": Text("比較対象", "Compared with"),
    "setting": Text("設定", "Setting"),
    "settings": Text("設定のハッシュ", "Hash of the settings"),
    "script": Text(
        "図と取引表の表示にはJavaScriptが必要です。数値と文章はこのままお読みいただけます。",
        "The charts and the table of trades need JavaScript. Figures and texts can be read without it.",
    ),
    "no_trades": Text(
        "取引がないため、表示するものがありません。", "There were no trades, so there is nothing to show."
    ),
    "times": Text("時刻はすべて日本時間(JST)です。", "All times are Japan's (JST)."),
    "offline": Text("このページは1つのファイルで完結し、通信しません。", "This page is one file and uses no network."),
}

CHARTS: Final[dict[str, Text]] = {
    "monthly": Text("月次損益率(%、日本時間の月)", "Monthly return (%, months of Japan's time)"),
    "daily": Text("日次損益率の分布(UTC日)", "Daily returns (UTC days)"),
    "results": Text("取引結果の分布(R)", "Results of trades (R)"),
    "sharpe": Text("ローリング・シャープレシオ(日次60日、年率)", "Rolling Sharpe (60 daily returns, yearly)"),
    "excursion": Text("MAE / MFE(建値からの最大逆行と最大順行)", "MAE / MFE (worst and best move from the entry)"),
    "duration": Text("保有時間と結果", "Holding time and result"),
    "strategy": Text("戦略別の純損益", "Net by strategy"),
    "side": Text("売買別の純損益", "Net by side"),
    "hour": Text("建てた時刻別の純損益(日本時間)", "Net by hour of entry (JST)"),
    "exit": Text("決済理由別の純損益", "Net by exit reason"),
    "reasons": Text("足ごとの判断の内訳(週別)", "What ended each bar (by week)"),
    "costs": Text("値動きの損益からコストを引くまで", "From the price moves to the net result"),
    "equities": Text("資産の推移(開始時=100)", "Equity (start = 100)"),
}

LABELS: Final[dict[str, Text]] = {
    "candles": Text("ローソク足", "candles"),
    "bar_15m": Text("15分足", "15-minute candles"),
    "bar_4h": Text("4時間足", "4-hour candles"),
    "bar_1d": Text("日足", "daily candles"),
    "shown": Text("表示中", "Showing"),
    "zoom_hint": Text(
        "2週間以内に拡大すると15分足に切り替わります。範囲をドラッグすると拡大、ダブルクリックで全期間。",
        "Zoomed in to two weeks or less, it shows 15-minute candles. Drag to zoom, double-click for the whole run.",
    ),
    "touch_hint": Text(
        "ボタンで拡大します。2週間以内で15分足に切り替わります。",
        "Zoom with the buttons; two weeks or less show 15-minute candles.",
    ),
    "with_hold": Text("買い持ちも表示", "Show buy and hold"),
    "all": Text("全期間", "All"),
    "days_90": Text("90日", "90 days"),
    "days_30": Text("30日", "30 days"),
    "days_14": Text("14日", "14 days"),
    "days_3": Text("3日", "3 days"),
    "earlier": Text("前へ", "Earlier"),
    "later": Text("次へ", "Later"),
    "previous_trade": Text("前の取引", "Previous trade"),
    "next_trade": Text("次の取引", "Next trade"),
    "entry_long": Text("買い建て", "long entry"),
    "entry_short": Text("売り建て", "short entry"),
    "exit_gain": Text("決済(利益)", "exit, gain"),
    "exit_loss": Text("決済(損失)", "exit, loss"),
    "stop": Text("当初の損切り線", "stop as first placed"),
    "equity": Text("資産", "equity"),
    "hold": Text("買い持ち", "buy and hold"),
    "cash": Text("現金のまま", "cash"),
    "drawdown": Text("ドローダウン", "drawdown"),
    "price_axis": Text("価格(円)", "Price (JPY)"),
    "equity_axis": Text("資産(円)", "Equity (JPY)"),
    "drawdown_axis": Text("下落率(%)", "Underwater (%)"),
    "open": Text("始", "O"),
    "high": Text("高", "H"),
    "low": Text("安", "L"),
    "close": Text("終", "C"),
    "decisions": Text("判断", "decisions"),
    "confidence": Text("確信度", "confidence"),
    "trade": Text("取引", "trade"),
    "size": Text("数量", "size"),
    "result": Text("結果", "result"),
    "held": Text("保有", "held"),
    "hours": Text("時間", "h"),
    "days_count": Text("日数", "days"),
    "trades_count": Text("取引数", "trades"),
    "return_axis": Text("損益率(%)", "return (%)"),
    "result_axis": Text("結果(R:計画リスクの倍数)", "result (R, multiples of the planned risk)"),
    "hours_axis": Text("保有時間(時間)", "hours held"),
    "worst_axis": Text("最大逆行(建値比%)", "worst move (% of entry)"),
    "best_axis": Text("最大順行(建値比%)", "best move (% of entry)"),
    "net_axis": Text("純損益(円)", "net (JPY)"),
    "share_axis": Text("割合(%)", "share (%)"),
    "hour_axis": Text("時(JST)", "hour (JST)"),
    "gain": Text("利益", "gain"),
    "loss": Text("損失", "loss"),
    "traded": Text("新規・保有・決済", "entering, in position, leaving"),
    "other": Text("その他", "other"),
    "before": Text("値動き", "price moves"),
    "fee": Text("手数料", "fees"),
    "interest": Text("金利", "interest"),
    "slippage": Text("スリッページ", "slippage"),
    "net": Text("純損益", "net"),
    "too_short": Text(
        "60日分の日次損益がないため、描けません。", "Not drawn: the run has fewer than 60 daily returns."
    ),
    "no_trades": PAGE["no_trades"],
    "unknown": Text("計算できる値がありません。", "Nothing here could be measured."),
    "number": Text("番号", "No."),
    "strategy": Text("戦略", "strategy"),
    "side": Text("売買", "side"),
    "opened": Text("新規", "opened"),
    "closed": Text("決済", "closed"),
    "entry": Text("建値", "entry"),
    "exit": Text("決済値", "exit"),
    "exit_reason": Text("決済理由", "exit reason"),
    "net_jpy": Text("純損益(円)", "net (JPY)"),
    "result_r": Text("R", "R"),
    "costs_jpy": Text("コスト(円)", "costs (JPY)"),
    "show_trade": Text("図で見る", "show in the chart"),
    "long": SIDE_WORDS[1],
    "short": SIDE_WORDS[-1],
    "market_chart": Text(
        "ローソク足と売買、資産、ドローダウンの図", "Chart of candles with trades, equity and drawdown"
    ),
}
