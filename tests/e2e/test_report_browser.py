"""The report's page in a real browser: it loads, speaks both languages, zooms, and fits phone and desk."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from src.backtest.engine import BacktestEngine
from src.backtest.report import write_report
from src.backtest.reporter import write_run
from tests.browser import PATIENCE, PHONE, WIDE, drawn, open_on


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a second one beside it, both from the sample market."""
    place = tmp_path_factory.mktemp("runs")
    for name, strategies in (("all", None), ("one", ["atr_based"])):
        engine = BacktestEngine(data="sample", strategies=strategies)
        result = asyncio.run(engine.run_backtest(datetime(2023, 1, 1), datetime(2023, 4, 1)))
        write_run(result, place / name)
    write_report(place / "all", "ja", place / "one")
    return place / "all"


def look(browser: WebDriver, folder: Path, size: tuple[int, int] = WIDE, colours: str = "light") -> None:
    """Open the page on a screen of a given size and wait until everything is drawn."""
    open_on(browser, (folder / "report.html").as_uri(), size, colours)


def ask(browser: WebDriver, script: str) -> Any:
    return browser.execute_script(f"return {script}")


def candles_shown(browser: WebDriver, minutes: int) -> None:
    shown = "document.getElementById('market-chart').dataset.candles"
    WebDriverWait(browser, PATIENCE).until(lambda b: ask(b, shown) == str(minutes))


def press(browser: WebDriver, selector: str) -> None:
    browser.execute_script("arguments[0].click()", browser.find_element(By.CSS_SELECTOR, selector))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_page_draws_every_chart_without_a_word_on_the_console(browser, folder, size, colours):
    look(browser, folder, size, colours)
    assert browser.get_log("browser") == []
    assert ask(browser, "performance.getEntriesByType('resource').length") == 0
    empty = """[...document.querySelectorAll('.chart')].filter(
        (c) => !c.querySelector('.main-svg') && !c.classList.contains('empty')).map((c) => c.id)"""
    assert ask(browser, empty) == []
    assert ask(browser, "document.querySelectorAll('#trade-table tbody tr').length") > 20


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_nothing_makes_the_page_scroll_sideways(browser, folder, size, language):
    look(browser, folder, size)
    press(browser, f".switch [data-language={language}]")
    drawn(browser)
    assert ask(browser, "innerWidth") == size[0]
    assert ask(browser, "document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    wider = """[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest('.scroll') && !e.closest('svg') && !e.closest('.chart')).map((e) => e.tagName + e.className)"""
    assert ask(browser, wider) == []


def test_the_language_switch_is_reached_and_used_with_the_keyboard(browser, folder):
    look(browser, folder)
    page = browser.find_element(By.TAG_NAME, "body")
    assert ask(browser, "document.documentElement.lang") == "ja"
    assert "合成データ" in page.text
    page.send_keys(Keys.TAB)
    page.send_keys(Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.text == "English"
    focused.send_keys(Keys.ENTER)
    drawn(browser)
    assert ask(browser, "document.documentElement.lang") == "en"
    assert "SYNTHETIC" in page.text
    assert "合成データ" not in page.text
    assert browser.title.startswith("Backtest report")
    pressed = [b.text for b in browser.find_elements(By.CSS_SELECTOR, ".switch [aria-pressed=true]")]
    assert pressed == ["English"]
    legend = ask(browser, "[...document.querySelectorAll('#market-chart .legendtext')].map((t) => t.textContent)")
    assert "buy and hold" in legend


def test_zooming_in_shows_the_exact_15_minute_candles_and_zooming_out_the_4_hour_ones(browser, folder):
    look(browser, folder)
    candles_shown(browser, 240)
    browser.execute_script(
        "return Plotly.relayout('market-chart', {'xaxis.range': ['2023-02-01', '2023-02-08 12:00:00']})"
    )
    candles_shown(browser, 15)
    shown = ask(
        browser, "(({x, open, high, low, close}) => ({x, open, high, low, close}))(window['market-chart'].data[0])"
    )
    stored = pq.read_table(folder / "candles.parquet").to_pydict()
    closed_at = pq.read_table(folder / "candles.parquet")["closed_at"].cast("int64").to_pylist()
    middle = [int(at) + 9 * 3_600_000 - 450_000 for at in closed_at]  # of the bar, Japan's time
    places = [middle.index(int(x)) for x in shown["x"]]
    assert 600 < len(places) < 1400
    for name in ("open", "high", "low", "close"):
        assert shown[name] == [stored[name][k] for k in places], name
    press(browser, "[data-days='0']")
    candles_shown(browser, 240)
    whole = ask(browser, "window['market-chart'].data[0]")
    assert max(whole["high"]) == max(stored["high"])
    assert min(whole["low"]) == min(stored["low"])
    assert whole["open"][0] == stored["open"][0]
    assert whole["close"][-1] == stored["close"][-1]


def test_entries_and_exits_stand_exactly_where_the_trades_were(browser, folder):
    look(browser, folder)
    marks = ask(
        browser,
        """window['market-chart'].data.filter((t) => t.mode === 'markers')
            .flatMap((t) => t.x.map((x, k) => [x, t.y[k]]))""",
    )
    rows = (folder / "trades.csv").read_text(encoding="utf-8").splitlines()
    names = rows[0].split(",")
    trades = [dict(zip(names, row.split(","), strict=True)) for row in rows[1:]]
    jst = 9 * 3_600_000
    opened = [[int(t["opened_at_ms"]) + jst, int(t["entry"])] for t in trades]
    closed = [[int(t["closed_at_ms"]) + jst, int(t["exit"])] for t in trades]
    assert sorted(marks) == sorted(opened + closed)


def test_a_trade_chosen_in_the_table_is_shown_in_the_chart(browser, folder):
    look(browser, folder)
    press(browser, "#trade-table tbody tr:nth-child(5) button")
    candles_shown(browser, 15)
    start, end = ask(browser, "window['market-chart'].layout.xaxis.range")
    row = (folder / "trades.csv").read_text(encoding="utf-8").splitlines()[5].split(",")
    opened, closed = int(row[-2]) + 9 * 3_600_000, int(row[-1]) + 9 * 3_600_000
    assert start < opened < closed < end


def test_the_table_of_trades_sorts_both_ways(browser, folder):
    look(browser, folder)
    column = "#trade-table thead th:nth-child(11) button"

    def results() -> list[int]:
        cells = ask(
            browser, "[...document.querySelectorAll('#trade-table td:nth-child(11)')].map((c) => c.textContent)"
        )
        return [int(text.replace(",", "")) for text in cells]

    press(browser, column)
    rising = results()
    assert rising == sorted(rising)
    press(browser, column)
    assert results() == sorted(rising, reverse=True)


def test_hovering_a_15_minute_candle_tells_what_was_decided_on_it(browser, folder):
    look(browser, folder)
    press(browser, "[data-days='3']")
    candles_shown(browser, 15)
    texts = ask(browser, "window['market-chart'].data[0].text")
    reasons = set(pq.read_table(folder / "decisions.parquet")["reason"].to_pylist())
    assert len(texts) > 200
    assert all(any(reason in text for reason in reasons) for text in texts)
