"""The past, replayed through the same decisions as the present."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from src.backtest.engine import BacktestEngine

__all__ = ["BacktestEngine"]


def __getattr__(name: str) -> Any:
    """Load the engine when it is asked for: the pure modules beside it must not depend on it."""
    if name == "BacktestEngine":
        return importlib.import_module("src.backtest.engine").BacktestEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
