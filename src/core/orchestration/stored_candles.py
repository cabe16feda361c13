"""Where a backtest's candles come from: a stored series, a file as it lies, or the sample market when asked for."""

from pathlib import Path
from typing import Final

from src.core.config import Settings
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.time import BAR_15M, Millis, to_datetime
from src.core.exceptions import NoCandles
from src.data.candle_file import read_candles
from src.data.data_cache import DataCache
from src.data.sample_market import sample_candles

SAMPLE: Final = "sample"
_FOREVER: Final = Millis(2**62)
