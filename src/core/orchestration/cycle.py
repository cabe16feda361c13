"""One closed bar through features, model and core: the part of a trading cycle that touches nothing outside."""

import hashlib
import json
from typing import NamedTuple

from src.core.domain.account import NO_PREDICTION, Account, Contribution, Prediction, PredictionStatus
from src.core.domain.candles import Candles
from src.core.domain.journal import Json
from src.core.domain.market import Bar
from src.core.domain.record import as_json
from src.core.protocols import Predictor
from src.features.bars import BarColumns
from src.features.feature_stream import FeatureStream
from src.features.row import Row
from src.trading.decision import Decision, Params, State, decide


class Judged(NamedTuple):
    """A bar with everything that was made of it."""

    row: Row
    prediction: Prediction
    account: Account
    before: State
    after: State
    decision: Decision
    explained: tuple[Contribution, ...] = ()  # each input's part in the prediction
    model: str = ""  # which model was asked, or why none was
    shadow: Prediction | None = None  # what a model on trial says; no decision depends on it


class TradingCycle:
    """Turns bars into decisions, the way a backtest does.

    Parameters
    ----------
    features
        Opened on the stored bars before the first one given here.
    predictor
        The model; None where there is none.
    shadow
        A model that is asked beside every decision and whose answer is only written down.
    """

    def __init__(
        self, features: FeatureStream, predictor: Predictor | None, params: Params, shadow: Predictor | None = None
    ) -> None:
        self._features = features
        self._predictor = predictor
        self._params = params
        self._shadow = shadow

    def open(self, history: Candles) -> None:
        """Begin from stored bars.

        Raises
        ------
        BadCandles
            If one of them cannot be a candle.
        """
        self._features.open(BarColumns(*history.columns))

    def row(self, bar: Bar) -> Row:
        """Return the row of the next closed bar.

        Raises
        ------
        BadCandles
            If it is not newer than the last one, or cannot be a candle.
        """
        return self._features.update(bar)

    def judge(self, row: Row, account: Account, state: State) -> Judged:
        """Return what the core makes of a row."""
        prediction = NO_PREDICTION if self._predictor is None else self._predictor.predict(row)
        after, decision = decide(state, row, prediction, account, self._params)
        beside = None if self._shadow is None else self._shadow.predict(row)
        if self._predictor is None:
            return Judged(row, prediction, account, state, after, decision, shadow=beside)
        good = prediction.status == PredictionStatus.GOOD
        explained = self._predictor.explain(row) if good else ()
        return Judged(row, prediction, account, state, after, decision, explained, self._predictor.text, beside)


def decision_body(judged: Judged) -> dict[str, Json]:
    """Return the journal's line of a decision: its inputs, what came out, and the hash of both."""
    body: dict[str, Json] = {
        "row": as_json(judged.row),
        "prediction": as_json(judged.prediction),
        "account": as_json(judged.account),
        "state": as_json(judged.before),
        "decision": as_json(judged.decision),
        "after": as_json(judged.after),
    }
    if judged.explained:
        body["explained"] = {each.name: each.part for each in judged.explained}
    if judged.shadow is not None:
        body["shadow"] = as_json(judged.shadow)
    return body | {"hash": body_hash(body)}


def params_hash(params: Params) -> str:
    """Return the hash of everything a decision depends on beside its own inputs.

    A language, a folder or an address is no part of it: they change no decision.
    """
    return hashlib.sha256(repr(params).encode()).hexdigest()


def body_hash(body: dict[str, Json]) -> str:
    """Return the hash of a decision's inputs and result."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
