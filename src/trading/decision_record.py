"""Reads a decision's line of the journal back into the values it was made of."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from src.core.domain.account import Account, Prediction
from src.core.domain.journal import Json, Stored
from src.core.domain.time import Millis
from src.core.exceptions import StoreDamaged
from src.features.row import Row
from src.trading.decision import Decision, State


class Recorded(NamedTuple):
    """One decision as it was written down: what went in, what came out, and the hash of both."""

    number: int  # of the journal's line
    written_at: Millis
    row: Row
    prediction: Prediction
    account: Account
    before: State
    after: State
    decision: Decision
    explained: Mapping[str, float]  # each input's part in the prediction, where a model was asked
    shadow: Prediction | None  # what a model on trial said
    config: str  # hash of the parameters it was made with
    hash: str


class _Line(NamedTuple):
    row: Row
    prediction: Prediction
    account: Account
    state: State
    after: State
    decision: Decision
    explained: dict[str, float]
    shadow: Prediction | None
    config: str
    hash: str


_LINE: Final[TypeAdapter[_Line]] = TypeAdapter(_Line, config=ConfigDict(arbitrary_types_allowed=False))


def read_decision(stored: Stored) -> Recorded:
    """Return the decision that an entry holds; null, which stands for what is no number, becomes NaN again.

    Raises
    ------
    StoreDamaged
        If it is no decision of this version.
    """
    body = dict(stored.entry.body)
    for name in ("row", "prediction", "shadow"):
        body[name] = _numbers(body.get(name))
    try:
        line = _LINE.validate_python({"explained": {}} | body)
    except ValidationError as e:
        first = e.errors()[0]
        raise StoreDamaged(
            f"journal line {stored.number} holds no decision of this version: {first['msg']} at {first['loc']}",
            remedy="ask the version that wrote it",
        ) from e
    return Recorded(
        stored.number,
        stored.entry.at,
        line.row,
        line.prediction,
        line.account,
        line.state,
        line.after,
        line.decision,
        line.explained,
        line.shadow,
        line.config,
        line.hash,
    )


def _numbers(values: Json) -> Json:
    if not isinstance(values, dict):
        return values
    return {name: float("nan") if value is None else value for name, value in values.items()}
