"""Whether a trader could trade now: settings, clock, keys, database, candles, model, exchange; each with a remedy.

Nothing is sent that could trade. Whether the key may trade is asked by cancelling order number 1, which bitbank gave
away years ago: a key that may trade is told that there is no such order, another that it may not.
"""

import os
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.domain.account import PredictionStatus
from src.core.domain.exchange import CircuitMode, MarginState, PairReport
from src.core.domain.time import BAR_15M, DAY, MINUTE, Millis, format_jst, utc_date
from src.core.exceptions import (
    ConfigError,
    DataError,
    HaltTrading,
    NoJournal,
    OrderRefused,
    OutcomeUnknown,
    Retryable,
    TraderError,
)
from src.core.orchestration.operations import journal_url
from src.core.orchestration.questions.exchange_reading import Opened, exchange_of
from src.core.orchestration.questions.trader_status import ago
from src.core.orchestration.wiring import bitbank_client, core_params, facts, instrument, model_adapter, trading_store
from src.core.protocols import Clock
from src.data.exchange_files import day_file
from src.monitoring.webhooks import webhooks
from src.trading.fact_table import differences
from src.trading.journal import JournalReader

NO_SUCH_ORDER: Final = frozenset({50009, 50010})  # not found, cannot be cancelled
FIRST_ORDER: Final = 1
WARM: Final = 200 * DAY  # of candles that the slowest feature needs
FRESH: Final = 2 * BAR_15M + 5 * MINUTE  # age of the newest candle: the last closed one, and its file's delay


class Level(StrEnum):
    """How a check ended."""

    OK = "OK"
    WARN = "WARN"  # it trades, or waits by itself; a person should know
    FAIL = "FAIL"  # it cannot trade


class Finding(NamedTuple):
    """One check."""

    level: Level
    what: str  # a name in `NAMES`
    said: str
    remedy: str = ""


NAMES: Final = {
    "config": ("設定", "settings"),
    "journal": ("台帳", "journal"),
    "model": ("モデル", "model"),
    "webhook": ("通知先", "webhook"),
    "store": ("保存した足", "stored candles"),
    "candles": ("取引所の足", "exchange's candles"),
    "keys": ("APIキー(読み取り)", "keys: read"),
    "trade": ("APIキー(取引)", "keys: trade"),
    "withdraw": ("APIキー(出金)", "keys: withdraw"),
    "margin": ("信用取引", "margin trading"),
    "clock": ("時計", "clock"),
    "pair": ("銘柄の状態", "pair's state"),
    "rules": ("手数料などの前提", "fees and rules"),
    "mode": ("サーキットブレーカー", "circuit breaker"),
}
_SAID: Final = {
    "ja": {
        "config": "読み込める(モード {}、ハッシュ {}…)",
        "chain": "{:,}行、鎖は無傷",
        "no_journal": "まだない(初回の起動で作られる)",
        "model_off": "使わない設定:戦略だけで判断する",
        "model_remedy": "`python main.py train` で学習し `models promote` で昇格する。それまで新規には建てない",
        "no_webhook": "未設定:通知はログだけに残る",
        "webhook_remedy": "DISCORD_WEBHOOK_URL を設定する",
        "webhook": "設定あり",
        "store": "{} まで({}前)、{:,}本",
        "no_store": "まだない(起動時に取引所から取得する)",
        "short": "{} から:最も遅い特徴量には200日が必要。起動時に不足分を取得する",
        "late": "トレーダーは稼働中なのに足が届いていない",
        "late_remedy": "ログと取引所の稼働状況を確認する",
        "candles": "最新は {}({}前)",
        "candles_remedy": "時計と取引所の稼働状況を確認する",
        "paper": "ペーパー口座:キーは使わない",
        "keys": "残高と建玉を読める",
        "trade": "注文を取り消す権限がある(存在しない注文で確認)",
        "trade_unknown": "確認できなかった: {}",
        "again": "しばらくしてもう一度実行する",
        "withdraw": "APIには出金権限を確かめる無害な呼び出しがない",
        "withdraw_remedy": "bitbankの「API」画面で、このキーに出金権限がないことを目で確認する",
        "margin": "利用可(新規余力 買い {:,} 円、売り {:,} 円)",
        "margin_bad": "状態 {}、通知 {}、未払い {} 円",
        "margin_remedy": "bitbankの信用取引の画面を確認する",
        "no_capacity": "新規余力がない",
        "clock": "取引所との差は {} 〜 {} ms(許容 {} ms)",
        "clock_none": "取引所の時刻が分からない(Dateヘッダーがない)",
        "clock_remedy": "NTPで時計を合わせる",
        "clock_twin": "模擬取引所の時刻で動いている",
        "pair": "取引可能",
        "flags": "制限中: {}",
        "disabled": "この銘柄は取引停止中",
        "wait": "解除を待つ。トレーダーは自分で再開する",
        "busy": "混雑の状態が不明または停止: {}",
        "rules": "日付つきの表と一致",
        "rules_remedy": "docs/configuration.md のとおり costs を更新し、バックテストをやり直す",
        "mode": "通常",
        "mode_bad": "通常ではない: {}",
    },
    "en": {
        "config": "they load (mode {}, hash {}…)",
        "chain": "{:,} lines, the chain is whole",
        "no_journal": "none yet: the first start makes it",
        "model_off": "not used, as set: the strategies alone decide",
        "model_remedy": "train one with `python main.py train`, then `models promote`; until then nothing is opened",
        "no_webhook": "none is set: notices stay in the log",
        "webhook_remedy": "set DISCORD_WEBHOOK_URL",
        "webhook": "set",
        "store": "until {} ({} ago), {:,} bars",
        "no_store": "none yet: a start fetches them",
        "short": "from {} on: the slowest feature needs 200 days; a start fetches what is missing",
        "late": "a trader runs and gets no candles",
        "late_remedy": "look at the log and at the exchange's status page",
        "candles": "the newest is of {} ({} ago)",
        "candles_remedy": "look at this machine's clock and at the exchange's status page",
        "paper": "a paper account: no key is used",
        "keys": "cash and positions can be read",
        "trade": "it may cancel orders (asked with one that does not exist)",
        "trade_unknown": "could not be found out: {}",
        "again": "ask again in a while",
        "withdraw": "the API has no harmless call that tells whether the key may withdraw",
        "withdraw_remedy": "look at bitbank's page of API keys: this one must not have the right",
        "margin": "allowed (room for {:,} JPY long, {:,} JPY short)",
        "margin_bad": "state {}, notice {}, owed {} JPY",
        "margin_remedy": "look at bitbank's page of margin trading",
        "no_capacity": "there is no room for a new position",
        "clock": "differs from the exchange's by {} to {} ms ({} ms are allowed)",
        "clock_none": "the exchange told no time (no Date header)",
        "clock_remedy": "set the clock by NTP",
        "clock_twin": "runs on the simulated exchange's time",
        "pair": "traded without restriction",
        "flags": "restricted: {}",
        "disabled": "the exchange does not trade it now",
        "wait": "wait; the trader goes on by itself",
        "busy": "its engine's state is unknown or halted: {}",
        "rules": "as in the dated table",
        "rules_remedy": "bring `costs` up to date (docs/configuration.md) and backtest again",
        "mode": "normal",
        "mode_bad": "not normal: {}",
    },
}


async def diagnose(settings: Settings) -> AsyncIterator[Finding]:
    """Yield one finding after the other; the first are of this machine, the last of the exchange."""
    for finding in Here(settings).findings():
        yield finding
    try:
        async with exchange_of(settings) as opened:
            yield await _candles(settings, opened.clock)
            async for finding in There(settings, opened).findings():
                yield finding
    except NoJournal as e:
        yield await _candles(settings, SystemClock())
        yield Finding(Level.WARN, "keys", e.what, e.remedy)
    except ConfigError as e:
        yield Finding(Level.FAIL, "keys", e.what, e.remedy)


class Here:
    """What can be found out without the exchange."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._say = _SAID[settings.language]
        self._running = False

    def findings(self) -> Iterator[Finding]:
        """Yield the findings."""
        yield self.config()
        yield self.journal()
        yield self.model()
        yield self.webhook()
        yield self.store()

    def config(self) -> Finding:
        """Say that the settings make sense together."""
        try:
            core_params(self._settings)
        except ConfigError as e:
            return Finding(Level.FAIL, "config", e.what, e.remedy)
        said = self._say["config"].format(self._settings.mode, self._settings.hash()[:12])
        return Finding(Level.OK, "config", said)

    def journal(self) -> Finding:
        """Say whether the database can be reached and its chain is whole."""
        try:
            with JournalReader(journal_url(self._settings, os.environ)) as reader:
                found = reader.verify()
                until = reader.trader_until()
        except NoJournal:
            return Finding(Level.WARN, "journal", self._say["no_journal"])
        except TraderError as e:
            return Finding(Level.FAIL, "journal", e.what, e.remedy)
        self._running = until is not None and until > SystemClock().now()
        if found.broken is not None:
            return Finding(Level.FAIL, "journal", found.why, "python main.py journal verify")
        return Finding(Level.OK, "journal", self._say["chain"].format(found.entries))

    def model(self) -> Finding:
        """Say whether there is a model that may be asked."""
        if not self._settings.model.used:
            return Finding(Level.WARN, "model", self._say["model_off"])
        try:
            model = model_adapter(self._settings)
        except TraderError as e:
            return Finding(Level.FAIL, "model", e.what, e.remedy)
        good = model.status == PredictionStatus.GOOD
        return Finding(Level.OK if good else Level.WARN, "model", model.text, "" if good else self._say["model_remedy"])

    def webhook(self) -> Finding:
        """Say whether people are told."""
        try:
            found = webhooks(os.environ)
        except ConfigError as e:
            return Finding(Level.FAIL, "webhook", e.what, e.remedy)
        if not found.critical:
            return Finding(Level.WARN, "webhook", self._say["no_webhook"], self._say["webhook_remedy"])
        return Finding(Level.OK, "webhook", self._say["webhook"])

    def store(self) -> Finding:
        """Say how far the trader's own candles reach."""
        try:
            extent = trading_store(self._settings).extent(self._settings.data.series)
        except DataError as e:
            return Finding(Level.WARN, "store", f"{self._say['no_store']} ({e.what})")
        if extent.first is None or extent.last is None:
            return Finding(Level.WARN, "store", self._say["no_store"])
        age = SystemClock().now() - extent.last
        said = self._say["store"].format(format_jst(extent.last), ago(age, self._settings.language), extent.bars)
        if self._running and age > FRESH:
            return Finding(Level.FAIL, "store", f"{said}; {self._say['late']}", self._say["late_remedy"])
        if extent.last - extent.first < WARM - DAY:
            return Finding(Level.WARN, "store", self._say["short"].format(format_jst(extent.first)))
        return Finding(Level.OK, "store", said)


async def _candles(settings: Settings, clock: Clock) -> Finding:
    """Say how old the exchange's newest candle is."""
    say, now = _SAID[settings.language], clock.now()
    client = bitbank_client(settings, clock, attempts=1)
    try:
        days = [utc_date(now), utc_date(Millis(now - BAR_15M))]  # just after midnight the newest is yesterday's
        replies = [await client.fetch(day_file(instrument(settings), BAR_15M, day)) for day in dict.fromkeys(days)]
    except TraderError as e:
        return Finding(Level.FAIL, "candles", e.what, e.remedy)
    finally:
        await client.close()
    newest = max((bar.closed_at for reply in replies for bar in reply.candles if bar.closed_at <= now), default=None)
    if newest is None:
        return Finding(Level.FAIL, "candles", "-", say["candles_remedy"])
    said = say["candles"].format(format_jst(newest), ago(now - newest, settings.language))
    fresh = now - newest <= FRESH
    return Finding(Level.OK if fresh else Level.FAIL, "candles", said, "" if fresh else say["candles_remedy"])


class There:
    """What the exchange says."""

    def __init__(self, settings: Settings, opened: Opened) -> None:
        self._settings = settings
        self._say = _SAID[settings.language]
        self._opened = opened

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield the findings; without a readable account the rest is not asked."""
        port = self._opened.port
        try:
            account = await port.account()
            pair, market = await port.pair(), await port.market()
        except (Retryable, HaltTrading) as e:
            yield Finding(Level.FAIL, "keys", e.what, e.remedy)
            return
        if self._opened.real is None:
            yield Finding(Level.OK, "keys", self._say["paper"])
        else:
            yield Finding(Level.OK, "keys", self._say["keys"])
            yield await self._trade()
            yield Finding(Level.WARN, "withdraw", self._say["withdraw"], self._say["withdraw_remedy"])
            yield self._clock()
        money = pair.instrument.jpy
        if account.margin is not MarginState.NORMAL or account.notice is not None or account.payable > 0:
            said = self._say["margin_bad"].format(account.margin, account.notice, money(account.payable))
            yield Finding(Level.FAIL, "margin", said, self._say["margin_remedy"])
        elif account.capacity_long <= 0 and account.capacity_short <= 0:
            yield Finding(Level.WARN, "margin", self._say["no_capacity"], self._say["margin_remedy"])
        else:
            room = (money(account.capacity_long), money(account.capacity_short))
            yield Finding(Level.OK, "margin", self._say["margin"].format(*room))
        for finding in self._pair(pair):
            yield finding
        if market.mode is CircuitMode.NONE:
            yield Finding(Level.OK, "mode", self._say["mode"])
        else:
            yield Finding(Level.WARN, "mode", self._say["mode_bad"].format(market.mode), self._say["wait"])

    async def _trade(self) -> Finding:
        try:
            await self._opened.port.cancel(FIRST_ORDER)
        except OrderRefused as e:
            if e.code in NO_SUCH_ORDER:
                return Finding(Level.OK, "trade", self._say["trade"])
            return Finding(Level.FAIL, "trade", e.what, e.remedy)
        except OutcomeUnknown as e:
            return Finding(Level.WARN, "trade", self._say["trade_unknown"].format(e.what), self._say["again"])
        except HaltTrading as e:
            return Finding(Level.FAIL, "trade", e.what, e.remedy)
        return Finding(Level.WARN, "trade", self._say["trade_unknown"].format(f"order {FIRST_ORDER}"))

    def _clock(self) -> Finding:
        real, most = self._opened.real, self._settings.exchange.max_clock_skew_ms
        if not isinstance(self._opened.clock, SystemClock):
            return Finding(Level.OK, "clock", self._say["clock_twin"])
        bounds = None if real is None else real.clock_bounds
        if real is None or bounds is None:
            return Finding(Level.WARN, "clock", self._say["clock_none"], self._say["clock_remedy"])
        said = self._say["clock"].format(*bounds, most)
        if abs(real.clock_skew_ms) > most:
            return Finding(Level.FAIL, "clock", said, self._say["clock_remedy"])
        level = Level.OK if real.clock_skew_ms == 0 else Level.WARN
        return Finding(level, "clock", said, "" if level is Level.OK else self._say["clock_remedy"])

    def _pair(self, pair: PairReport) -> Iterator[Finding]:
        if not pair.enabled:
            yield Finding(Level.FAIL, "pair", self._say["disabled"], self._say["wait"])
        elif pair.flags:
            yield Finding(
                Level.FAIL, "pair", self._say["flags"].format(", ".join(sorted(pair.flags))), self._say["wait"]
            )
        elif pair.status is None or pair.status.value == "HALT":
            yield Finding(Level.WARN, "pair", self._say["busy"].format(pair.status), self._say["wait"])
        else:
            yield Finding(Level.OK, "pair", self._say["pair"])
        found = differences(pair, facts(self._settings))
        for each in found:
            yield Finding(Level.WARN, "rules", str(each), self._say["rules_remedy"])
        if not found:
            yield Finding(Level.OK, "rules", self._say["rules"])
