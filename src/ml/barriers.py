"""The trade a label stands for, as plain values: what a model was taught must be what the running system would do.

A model that learnt of stops eight times as near as those that are traded judges something else. So the terms of the
labelled trade (strategies with every parameter, their vote, the exits, the costs, the kind of entry) go into the
artefact, and a model whose terms are not the running ones is not asked.
"""

import hashlib
import json
from typing import Final

from src.backtest.fold import MarketParams
from src.core.domain.journal import Json
from src.core.domain.orders import EntryKind
from src.trading.decision import Params

LABEL_RULE: Final = 1
"""Version of what `ml/labels.py` computes; raised when the same terms lead to other labels."""


def barrier_terms(params: Params, market: MarketParams, maker_fee_ppm: int, taker_fee_ppm: int) -> dict[str, Json]:
    """Return everything a label depends on beside the market; sizing, gates, risk stops and model are not in it."""
    strategies: list[Json] = [
        {"class": type(strategy).__name__, "weight": weight, "params": dict(_fields(strategy))}
        for strategy, weight in zip(params.strategies, params.weights, strict=True)
    ]
    costs = params.costs
    return {
        "rule": LABEL_RULE,
        "strategies": strategies,
        "vote": dict(_fields(params.vote)),
        "exits": {"when_reason_ends": params.exits.when_reason_ends, "when_opposite": params.exits.when_opposite},
        "entry": EntryKind(market.entry).name.lower(),
        "entry_wait_ms": 0 if market.entry == EntryKind.MARKET else market.wait_ms,
        "bar_ms": market.bar_ms,
        "maker_fee_ppm": maker_fee_ppm,
        "taker_fee_ppm": taker_fee_ppm,
        "slippage_ppm": costs.slippage_ppm,
        "interest_ppm_per_day": costs.interest_ppm_per_day,
        "interest_hour": costs.interest_hour,
        "first_day_charged": costs.first_day_charged,
        "tick": params.tick,
    }


def barrier_hash(terms: dict[str, Json]) -> str:
    """Return the SHA-256 of the terms as canonical JSON, 64 hexadecimal digits."""
    text = json.dumps(terms, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def differing_terms(ours: dict[str, Json], theirs: dict[str, Json]) -> list[str]:
    """Return the names of the terms in which two differ, in order."""
    return sorted(name for name in {*ours, *theirs} if ours.get(name, ...) != theirs.get(name, ...))


def _fields(values: object) -> list[tuple[str, bool | int | float]]:
    """Return the names and values of a NamedTuple of numbers."""
    named: dict[str, bool | int | float] = values._asdict()  # type: ignore[attr-defined]  # every strategy is one
    return list(named.items())
