"""What the record of a trade says, line by line, and what both of its fills lost to slippage."""

import pytest

from src.core.domain.account import Trade
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import DAY, Millis
from src.trading.ledger import FLAT, CostParams, Ledger, close_position, open_position

OPENED = Millis(1_700_000_000_000)
CLOSED = Millis(OPENED + 2 * DAY)  # the third started day


@pytest.mark.parametrize(
    ("side", "fill_in", "fill_out", "gross", "fee", "interest"),
    [
        (
            Side.BUY,
            10_005_000,
            10_194_900,
            1_899_000,
            100_050 + 122_339,
            3 * 40_020,
        ),  # a fee of 122,338.8 is rounded up
        (Side.SELL, 9_995_000, 10_205_100, -2_101_000, 99_950 + 122_462, 3 * 39_980),
    ],
)
def test_the_record_of_a_trade_holds_all_that_happened_to_it(side, fill_in, fill_out, gross, fee, interest):
    book = Ledger(Money(10**10), FLAT)
    book = open_position(book, side, Lots(10), Ticks(fill_in), Ticks(10_000_000), 1_000, OPENED, CostParams())
    after, trade = close_position(
        book, Ticks(fill_out), Ticks(10_200_000), 1_200, CLOSED, ExitReason.TARGET, CostParams()
    )
    assert trade == Trade(
        opened_at=OPENED,
        closed_at=CLOSED,
        side=side,
        lots=Lots(10),
        entry=Ticks(fill_in),
        exit=Ticks(fill_out),
        fee=Money(fee),
        interest=Money(interest),
        slippage=Money(10 * (5_000 + 5_100)),
        gross=Money(gross),
        net=Money(gross - fee - interest),
        exit_reason=ExitReason.TARGET,
        leader=-1,  # the account does not know who asked for it, nor what it planned or saw
        risk=Money(0),
        worst=Ticks(0),
        best=Ticks(0),
    )
    assert after == Ledger(Money(10**10 + trade.net), FLAT)
