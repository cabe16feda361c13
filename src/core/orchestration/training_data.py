"""From candles to what a model learns from: rows, votes, labels; compiled when there are many bars."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.backtest.fold import MarketParams, Tape
from src.backtest.playback import Progress, is_compiled, silent
from src.backtest.preparation import chosen_params
from src.backtest.tape import build_tape
from src.core.config import Settings
from src.core.domain.candles import Candles
from src.core.domain.journal import Json
from src.core.orchestration.labelling import Compiled, label_all, vote_all
from src.core.orchestration.wiring import feature_settings, market_params
from src.ml.barriers import barrier_terms
from src.ml.dataset import Dataset, make_dataset
from src.ml.labels import LABEL_LOTS, Labels
from src.ml.transform import Costs
from src.ml.votes import Votes, proposing
from src.trading.columns_read import columns_of
from src.trading.decision import Params
from src.trading.fee_schedule import todays_fees


class Studied(NamedTuple):
    """A stretch of candles with what the strategies said and what would have become of it."""

    tape: Tape
    params: Params
    market: MarketParams
    votes: Votes
    labels: Labels
    dataset: Dataset
    costs: Costs
    terms: dict[str, Json]  # of the labelled trade, see ml/barriers.py


def study(settings: Settings, candles: Candles, first: int, progress: Progress = silent) -> Studied:
    """Return the stretch of `candles` from bar number `first` on, labelled at today's costs.

    The bars before `first` only warm the features.
    """
    params, market, fees = chosen_params(settings, tuple(settings.strategies)), market_params(settings), todays_fees()
    bars = len(candles)
    progress("features", 0, bars)
    maker, taker = (np.full(bars, rate, np.int64) for rate in fees)
    judged = params._replace(model=params.model._replace(used=True))  # rows as a run with a model reads them
    tape = build_tape(candles, first, maker, taker, feature_settings(settings), columns_of(judged))
    how = Compiled(Path(settings.backtest.cache)) if is_compiled(settings.backtest, 4 * len(tape.closed_at)) else None
    votes = vote_all(tape, params, how, progress)
    asked = proposing(votes, tape.quality, params.vote.min_confidence)
    labels = label_all(tape, votes, asked, params, market, LABEL_LOTS, how, progress)
    costs = Costs(fees.taker_ppm, params.costs.slippage_ppm, params.tick)
    terms = barrier_terms(params, market, fees.maker_ppm, fees.taker_ppm)
    return Studied(tape, params, market, votes, labels, make_dataset(tape, votes, labels, costs), costs, terms)
