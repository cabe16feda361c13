"""Is the market normal enough to enter? Spread, latency, price spikes and volume."""

from typing import NamedTuple

from src.core.domain.orders import Reason


class GateParams(NamedTuple):
    """Limits beyond which no new position is opened."""

    max_spread_ppm: int = 3_000
    max_latency_ms: int = 3_000
    max_move_atr: float = 6.0  # bar return, or bar range, in 15-minute ATRs of its own view
    max_volume_ratio: float = 20.0  # bar volume over its mean of 20 bars


def find_anomaly(
    spread_ppm: int,
    latency_ms: int,
    high: float,
    low: float,
    close_before: float,
    atr: float,
    volume_ratio: float,
    params: GateParams,
) -> Reason:
    """Return the first limit that is broken, or ENTER for none.

    The bar's move is its true range against the ATR, so a crash inside one bar counts even when the close
    came back; a negative spread, latency or volume is not a measurement and counts as broken.
    """
    if not 0 <= spread_ppm <= params.max_spread_ppm:
        return Reason.SPREAD
    if not 0 <= latency_ms <= params.max_latency_ms:
        return Reason.LATENCY
    most = params.max_move_atr * atr  # the limits are written so that NaN is an anomaly
    if not (high - low <= most and abs(high - close_before) <= most and abs(low - close_before) <= most):
        return Reason.PRICE_SPIKE
    if not 0.0 <= volume_ratio <= params.max_volume_ratio:
        return Reason.VOLUME_SPIKE
    return Reason.ENTER
