"""bitbank's client keeps the port's promises, against a twin in a process of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.bitbank_world import UNHURRIED, TwinWorld, opened
from tests.contracts.exchange_contract import ExchangeContract, quoted
from tests.twin_process import TwinMaker

__all__ = ["quoted"]


@pytest.fixture
async def world(shared_twin: TwinMaker) -> AsyncIterator[TwinWorld]:
    async with opened(shared_twin(**UNHURRIED)) as world:
        yield world


class TestBitbankMargin(ExchangeContract):
    pass
