"""What a market looks like between its candles: spread, depth, number of trades. Measured where it could be."""

from typing import Final, NamedTuple


class Tier(NamedTuple):
    """A stretch of the book with quotes at round prices."""

    step_ppm: int  # distance of the quotes, of the price; rounded to a round number of ticks
    reach_ppm: int  # how far from the best quote the stretch goes
    lots: int  # median size of a quote


class MarketShape(NamedTuple):
    """Figures of one market. Spreads are those of the moment of a trade."""

    one_tick_share_ppm: int  # how often the spread is the smallest possible
    spread_median_ppm: int  # of the other moments
    spread_p95_ppm: int
    best_lots: int  # median size of the best quote
    best_spread_log: float  # deviation of its logarithm
    prints_per_minute: int
    tiers: tuple[Tier, ...]


BTC_TIERS: Final = (Tier(50, 800, 2_000), Tier(500, 6_000, 10_000), Tier(5_000, 100_000, 100_000))
"""Round numbers: of the real books only the best quotes and the totals are known."""

BITBANK_2026: Final = MarketShape(730_000, 230, 740, 1_000, 2.2, 4, BTC_TIERS)
"""Spread of 1 JPY 73 % of the time, as seen on bitbank in 2026; otherwise as wide as GMO Coin's taker-to-taker
distances of January 2024 (median 2.3 bp, 95 % below 7.4 bp). Size of the best quote as on bitFlyer in January 2018
(median 0.1 BTC, a twentieth above 4 BTC)."""

GMO_2024: Final = MarketShape(0, 230, 740, 1_000, 2.2, 4, BTC_TIERS)
"""GMO Coin's taker-to-taker distances of January 2024, at all times."""

BITFLYER_2018: Final = MarketShape(0, 430, 1_580, 1_000, 2.2, 4, BTC_TIERS)
"""The quoted spread of bitFlyer's spot market in January 2018: median 4.3 bp, 95 % below 15.8 bp."""
