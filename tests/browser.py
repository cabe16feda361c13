"""A real browser, and screens to look at pages on."""

import os
import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

WIDE, PHONE = (1600, 1000), (390, 844)
PATIENCE = 120  # seconds: the machine may be busy


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed: the page is not looked at")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver, log_output=os.devnull))
    yield opened
    opened.quit()


def open_on(browser: WebDriver, address: str, size: tuple[int, int] = WIDE, colours: str = "light") -> None:
    """Open a page on a screen of a given size and wait until everything is drawn."""
    width, height = size
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 600})
    wanted = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
    browser.get("about:blank")  # an earlier page may still be asking for something
    browser.get_log("browser")  # what it said is read and forgotten
    browser.get(address)
    drawn(browser)


def drawn(browser: WebDriver) -> None:
    """Wait until the page says that it is drawn."""
    WebDriverWait(browser, PATIENCE).until(lambda b: b.execute_script("return document.documentElement.dataset.ready"))
