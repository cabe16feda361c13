"""Real candles for tests, from the folder the environment names."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.core.domain.time import BAR_15M
from src.features.bars import BarColumns

GMO = "btcjpy_gmo_spot_15m.parquet"


def real_bars(first_opened_at: int, end: int, name: str = GMO) -> BarColumns:
    """Return the stored candles opened from `first_opened_at` up to but without `end`, ms UTC."""
    folder = os.environ.get("MARKET_DATA_DIR")
    if folder is None:
        pytest.skip("MARKET_DATA_DIR is not set: no real candles here")
    path = Path(folder) / name
    if not folder or not path.is_file():
        pytest.fail(f"MARKET_DATA_DIR is {folder!r}, but there is no {name} in it")
    table = pq.read_table(path)
    opened_at = table["timestamp"].cast("int64").to_numpy()
    keep = (opened_at >= first_opened_at) & (opened_at < end)
    prices = (np.rint(table[k].to_numpy()[keep]).astype(np.int64) for k in ("open", "high", "low", "close"))
    lots = np.rint(table["volume"].to_numpy()[keep] * 10_000).astype(np.int64)
    return BarColumns(opened_at[keep] + BAR_15M, *prices, lots)
