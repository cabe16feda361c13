"""A paper account is read beside its trader without being touched."""

import pytest

from src.core.config import load_config
from src.core.domain.market import BTC_JPY, Money
from src.core.exceptions import NoJournal
from src.core.orchestration.bar_costs import bar_costs
from src.core.orchestration.live_wiring import PAPER_FILE
from src.core.orchestration.paper_market import PaperAccount
from src.core.orchestration.questions.exchange_reading import exchange_of
from tests.trader_journal import ALONE, FIRST

CASH = Money(12_345_678_901)


@pytest.fixture
def settings(tmp_path):
    return load_config("config/paper/base.yaml", ALONE | {"TRADER__JOURNAL__FOLDER": str(tmp_path / "state")})


async def test_the_paper_account_is_read_and_its_file_stays_as_it_is(settings, tmp_path):
    path = tmp_path / "state" / PAPER_FILE
    PaperAccount(path, bar_costs(settings), BTC_JPY, cash=CASH, start=FIRST)
    before = path.read_bytes()
    async with exchange_of(settings) as opened:
        account = await opened.port.account()
        assert opened.real is None
    assert account.cash == CASH
    assert path.read_bytes() == before


async def test_without_a_paper_account_it_says_how_to_get_one(settings):
    with pytest.raises(NoJournal, match="no paper account"):
        async with exchange_of(settings):
            pass
