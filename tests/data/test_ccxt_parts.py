"""ccxt's bitbank alone, and ccxt's own package unharmed by it; each in a process of its own."""

import subprocess
import sys

ALONE = """
import sys
from src.data.ccxt_parts import ccxt_parts
found = ccxt_parts()
assert found == ccxt_parts()
loaded = {name for name in sys.modules if name.startswith("ccxt.async_support.") and name.count(".") == 2}
assert loaded == {"ccxt.async_support.bitbank", "ccxt.async_support.base"}, loaded
assert not {"ccxt", "ccxt.async_support"} & set(sys.modules)
"""
AFTERWARDS = """
import ccxt.async_support
assert ccxt.async_support.bitbank is found.bitbank and ccxt.BaseError is found.error
assert ccxt.binance and ccxt.async_support.binance
assert ccxt_parts() == found
"""
BEFORE = """
import ccxt
from src.data.ccxt_parts import ccxt_parts
assert ccxt_parts().error is ccxt.BaseError and sys.modules["ccxt"] is ccxt
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_no_other_exchange_is_loaded_and_the_whole_package_can_be_afterwards():
    run(ALONE + AFTERWARDS)


def test_a_package_that_was_there_stays_there():
    run("import sys\n" + BEFORE)
