"""Keeping the state: on the disk soon after a change, by a copy of the process that nobody has to wait for."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from src.twin.keeper import Keeper, saved_exchange, take_over
from src.twin.state_file import read_state
from tests.twin.made_services import still_service

SOON = 20  # milliseconds


async def kept(keeper: Keeper, path: Path) -> dict:
    """Run a keeper until it has saved something."""
    task = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(20):
            while (state := read_state(path)) is None:
                assert not task.done()
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return state


async def test_a_change_is_on_the_disk_soon_and_can_be_gone_on_from(tmp_path: Path):
    path, service = tmp_path / "twin.json", still_service()
    keeper = Keeper(service, path, SOON)
    service.accounts.open("one", {"jpy": Decimal(5)})
    service.accounts.add_key("one", "key", "secret")
    keeper.changed()
    state = await kept(keeper, path)
    assert saved_exchange(state).snapshot() == service.venue.exchange.snapshot()
    again = still_service()
    take_over(again, state)
    assert again.accounts.dump() == service.accounts.dump()


async def test_without_a_change_nothing_is_written_again(tmp_path: Path):
    path, service = tmp_path / "twin.json", still_service()
    keeper = Keeper(service, path, SOON)
    await kept(keeper, path)
    first = path.stat().st_mtime_ns
    task = asyncio.create_task(keeper.run())
    await asyncio.sleep(0.15)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert path.stat().st_mtime_ns == first


async def test_what_cannot_be_saved_ends_the_twin_with_the_reason(tmp_path: Path):
    (tmp_path / "file").write_text("")
    keeper = Keeper(still_service(), tmp_path / "file" / "twin.json", SOON)
    with pytest.raises(OSError, match="file"):
        await asyncio.wait_for(keeper.run(), 20)


def test_a_keeper_that_is_stopped_leaves_nothing_half_written(tmp_path: Path):
    async def stopped_soon(path: Path) -> None:
        task = asyncio.create_task(Keeper(still_service(), path, 1).run())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for i in range(5):
        path = tmp_path / f"twin{i}.json"
        asyncio.run(stopped_soon(path))
        assert read_state(path) is None or saved_exchange(read_state(path)).balance_sheet().balanced
    assert list(tmp_path.glob("*.new")) == []
