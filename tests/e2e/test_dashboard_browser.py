"""The dashboard as a user has it: a process that prints an address, a real browser, a journal of the real engine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from src.core.domain.time import to_datetime
from tests.browser import PATIENCE, PHONE, WIDE, open_on
from tests.trader_journal import ALONE, DAYS, REPOSITORY, ask

LANGUAGES = ("ja", "en")


@contextmanager
def dashboard(traded, language: str = "en") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the program and yield the address it prints; it is ended as a user or a service manager would."""
    running = subprocess.Popen(
        [sys.executable, "-B", "main.py", "dashboard", "--mode", "paper", "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | ALONE | {"DATABASE_URL": f"sqlite:///{traded.journal}", "TRADER__LANGUAGE": language},
    )
    try:
        assert running.stdout is not None
        yield running.stdout.readline().strip(), running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "Traceback" not in said


def shown(browser: WebDriver, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)"
    found: list[str] = browser.execute_script(script, selector)
    return found


def complaints(browser: WebDriver) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


@pytest.mark.no_cover
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_the_journal_on_desk_and_phone_without_a_word_on_the_console(browser, traded, language):
    with dashboard(traded, language) as (address, _):
        for size in (WIDE, PHONE):
            open_on(browser, address, size, "dark" if size == PHONE else "light")
            assert "token" not in browser.current_url
            assert len(shown(browser, "#decisions tbody tr")) == 300  # the newest; four days have 384 bars
            bars = [int(text.replace(",", "")) for text in shown(browser, "#reasons tbody td:nth-child(2)")]
            assert sum(bars) == DAYS * 96
            assert shown(browser, "#trades tbody tr")
            assert shown(browser, "#market svg")
            assert shown(browser, "h2")[0] == {"ja": "状態", "en": "Status"}[language]
            wide = browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
            assert not wide
            assert complaints(browser) == []


@pytest.mark.no_cover
def test_a_bar_that_is_chosen_says_what_why_says(browser, traded):
    with dashboard(traded) as (address, _):
        open_on(browser, address)
        row = "document.querySelectorAll('#decisions tbody tr')[7]"
        at = int(browser.execute_script(f"return {row}.dataset.at"))
        browser.execute_script(f"{row}.querySelector('button').click()")
        WebDriverWait(browser, PATIENCE).until(lambda b: "STOPPED" in "".join(shown(b, "#why")))
        moment = to_datetime(at).strftime("%Y-%m-%dT%H:%M+00:00")
        said = ask(traded.journal, "why", "--at", moment, TRADER__LANGUAGE="en").stdout
        assert shown(browser, "#why") == [said.rstrip("\n")]


@pytest.mark.no_cover
def test_another_window_is_read_and_a_dashboard_that_ended_is_told(browser, traded):
    with dashboard(traded) as (address, running):
        open_on(browser, address)
        browser.execute_script("document.querySelector('button[data-days=\"1\"]').click()")
        WebDriverWait(browser, PATIENCE).until(lambda b: len(shown(b, "#decisions tbody tr")) == 97)
        running.send_signal(signal.SIGINT)
        running.wait(60)
        browser.execute_script("refresh()")
        WebDriverWait(browser, PATIENCE).until(lambda b: "cannot update" in shown(b, "#fresh")[0])
        assert len(shown(browser, "#decisions tbody tr")) == 97  # what was shown stays


@pytest.mark.no_cover
def test_the_address_is_another_one_at_every_start(traded):
    with dashboard(traded) as (first, _), dashboard(traded) as (second, _):
        tokens = {address.partition("token=")[2] for address in (first, second)}
    assert len(tokens) == 2
    assert all(len(token) >= 40 for token in tokens)


def test_where_only_the_traders_packages_are_installed_it_says_what_is_missing():
    hidden = "import sys; sys.modules['plotly'] = None; from src.cli import main; main()"
    words = [sys.executable, "-B", "-c", hidden, "dashboard", "--mode", "paper"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "what to do: install the packages of research" in done.stderr


def test_without_a_journal_nothing_is_started(tmp_path):
    done = ask(tmp_path / "none.db", "dashboard", "--port", "0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: there is no journal at" in done.stderr
