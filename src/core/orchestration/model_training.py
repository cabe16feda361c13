"""One training from beginning to end: candles, labels, search, walk-forward, gate, models, artefact, card.

Everything it shows is out of sample: each test of the walk-forward is judged by models that were taught only by labels
that had ended before it. The artefact itself is taught by all of them, in the way that was judged.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.bootstrap import Indices, bootstrap, mean_block
from src.backtest.overfitting import probability_of_overfitting
from src.backtest.playback import Progress, silent
from src.backtest.preparation import Stretch, rate_in_ppm, read_stretch, run_hash, starting_cash, trial_family
from src.backtest.sharpe import moments
from src.backtest.trial_chain import Trial, TrialKind
from src.backtest.trial_ledger import TrialLedger
from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.config.feature_manager import feature_hash
from src.core.domain.journal import Json
from src.core.domain.market import Instrument
from src.core.domain.time import Millis, to_datetime
from src.core.exceptions import ConfigError, DataError
from src.core.orchestration.fold_workers import Workers, fold_workers
from src.core.orchestration.model_economy import Economist, Played
from src.core.orchestration.proposals import asked_of, least_probabilities
from src.core.orchestration.training_data import Studied, study
from src.core.orchestration.wiring import instrument, model_params
from src.data.atomic_file import write_atomically
from src.ml.artefact import Artefact
from src.ml.card import Card, FoldFacts, Still, card_html, card_markdown
from src.ml.dataset import Dataset
from src.ml.gate import Economy, Judged, Judgement, Limits, Tried, judge
from src.ml.gate_words import lines
from src.ml.leaks import find_leaks
from src.ml.model_folder import TRAINING, versions, write_artefact
from src.ml.models import Recipe, Trained
from src.ml.packing import About, pack, recipe_document
from src.ml.scores import log_losses, scores
from src.ml.search import Searched, search, tuning_split
from src.ml.splits import Spans, WalkForward, equal_boundaries
from src.ml.teaching import Lesson, taught, teach
from src.ml.transform import INPUTS
from src.ml.walk_forward import Asked, Told, Walk, folds_of, walk, work_on

Floats = npt.NDArray[np.float64]

JUDGEMENT_FILE: Final = "judgement.json"
UNSEEN_FILE: Final = "unseen.npz"
"""What the walk-forward said of rows its models had not seen."""

TESTED: Final = 0.5
"""Share of the time, at its end, that is tested; what is before it only teaches."""


class Wanted(NamedTuple):
    """What a training is asked for."""

    data: str | None = None
    years: float | None = None  # of the newest candles; None: as set
    until: Millis | None = None  # candles after it are not looked at
    trials: int = 0  # of the search; 0: the recipe as it stands
    seed: int = 0
    processes: int = 1
    cluster: str | None = None


class Champion(NamedTuple):
    """The model in use, as a rival: its version, what ended its training, and what it says of inputs."""

    version: str
    trained_until: Millis
    said: Callable[[npt.NDArray[np.float32]], Floats]


@dataclass(frozen=True)
class Training:
    """A finished training."""

    stretch: Stretch
    studied: Studied
    lesson: Lesson
    walk: Walk
    judged: Judged
    judgement: Judgement
    played: Played
    alone: Played
    artefact: Artefact
    card: Card
    searched: Searched | None

    @property
    def version(self) -> str:
        """Name of the artefact."""
        return self.artefact.version


def train_model(
    settings: Settings,
    wanted: Wanted,
    folder: Path,
    champion: Champion | None = None,
    progress: Progress = silent,
) -> Training:
    """Train a candidate, judge it, and write its artefact, card and judgement into `folder`.

    Raises
    ------
    ConfigError
        If there are too few labels to teach and to test by.
    NoCandles
        If nothing is stored.
    """
    stretch, studied, asked = _read(settings, wanted, progress)
    dataset = studied.dataset
    split = training_split(dataset, asked, settings.training.tests)
    refuse_leaks(dataset, asked, split)
    economist = Economist(settings, studied)
    lesson, searched = Lesson(Recipe(seed=wanted.seed)), None
    with fold_workers(wanted.processes, wanted.cluster) as workers:
        if wanted.trials:
            searched = _search(settings, wanted, folder, lesson, stretch, studied, asked, split, economist, workers)
            lesson = searched.lesson
        told = _counted(
            workers(partial(work_on, partial(teach, lesson)), folds_of(dataset, asked, split)), split, progress
        )
        found = walk(dataset, asked, split, told)
    judged = judged_of(found, dataset, asked, settings, champion)
    played, economy, alone = _economy(economist, studied, asked, found, split, champion)
    tried = _tried(settings, stretch, lesson, played, split, searched)
    judgement = judge(judged, economy, tried, Limits(threshold=settings.model.min_probability), wanted.seed)
    progress("models", 0, 1)
    trained, artefact = final_artefact(settings, stretch, studied, lesson, found, split.embargo_ms)
    progress("models", 1, 1)
    facts = (found, judged, judgement, played, alone)
    least = least_probabilities(asked.inputs[found.line_of], model_params(settings.model))
    card = _card(settings, stretch, lesson, artefact, trained, dataset, least, *facts)
    training = Training(stretch, studied, lesson, *facts, artefact, card, searched)
    _write(folder, training, asked)
    return training


def _read(settings: Settings, wanted: Wanted, progress: Progress) -> tuple[Stretch, Studied, Asked]:
    stretch = training_stretch(settings, wanted)
    studied = study(settings, stretch.candles, stretch.first, progress)
    return stretch, studied, asked_of(studied)


def training_stretch(settings: Settings, wanted: Wanted) -> Stretch:
    """Return the candles that a training looks at."""
    years = settings.training.years if wanted.years is None else wanted.years
    until = None if wanted.until is None else to_datetime(wanted.until)
    return read_stretch(settings, wanted.data, None, until, round(years * 365))


def training_split(dataset: Dataset, asked: Asked, tests: int) -> WalkForward:
    """Return `tests` equally long tests over the later half of the time, embargoed by the longest label.

    Raises
    ------
    ConfigError
        If there are too few labels.
    """
    if len(dataset.won) < 2 * tests or not len(asked.bar):
        raise ConfigError(
            f"{len(dataset.won)} proposals with a known end are too few to teach and test by",
            remedy="train on more candles (--years), or on strategies that propose more often",
        )
    first, last = int(asked.decided_at[0]), int(asked.decided_at[-1]) + 1
    begin = Millis(round(last - (last - first) * TESTED))
    embargo = Spans(dataset.decided_at, dataset.ended_at).longest()
    return WalkForward(equal_boundaries(begin, Millis(last), tests), None, embargo)


def refuse_leaks(dataset: Dataset, asked: Asked, split: WalkForward) -> None:
    """Refuse lines by which a model would be told what it has to guess.

    Raises
    ------
    DataError
        It names what leaks, and where.
    """
    found = find_leaks(dataset, asked, split)
    if found:
        what = "; ".join(f"test {each.test}: {each.leak.value} ({each.lines} lines)" for each in found[:3])
        raise DataError(
            f"the training would be told what it has to guess: {what}",
            remedy="check the candles with `python main.py data check`; if they are sound, the program is not",
        )


def judged_of(found: Walk, dataset: Dataset, asked: Asked, settings: Settings, champion: Champion | None) -> Judged:
    """Return the judged lines as the gate wants them."""
    probability = found.judged()
    rival = None
    if champion is not None:
        rival = np.full(len(found.lines), np.nan)
        fresh = dataset.decided_at[found.lines] > champion.trained_until
        rival[fresh] = champion.said(asked.inputs[found.line_of[fresh]])
    params = model_params(settings.model)
    chosen = probability >= least_probabilities(asked.inputs[found.line_of], params)
    return Judged(dataset.won[found.lines], probability, chosen, found.prior, found.last, rival)


def _economy(
    economist: Economist, studied: Studied, asked: Asked, found: Walk, split: WalkForward, champion: Champion | None
) -> tuple[Played, Economy, Played]:
    """Return what the tests' time was worth with the candidate, as the gate wants it, and with strategies alone."""
    closed_at = studied.tape.closed_at
    start, stop = int(np.searchsorted(closed_at, split.boundaries[0], side="right")), len(closed_at)
    played, alone = economist.play(start, stop, asked, found.probability), economist.play(start, stop)
    rival = None
    if champion is not None:
        rival = np.full(len(played.net_jpy), np.nan)
        since = max(start, int(np.searchsorted(closed_at, champion.trained_until, side="right")))
        if since < stop:
            fresh = economist.play(since, stop, asked, champion.said(asked.inputs))
            rival[len(rival) - len(fresh.net_jpy) :] = fresh.net_jpy
    economy = Economy(played.net_jpy, played.returns, alone.net_jpy, rival, played.trades)
    return played, economy, alone


def _tried(
    settings: Settings, stretch: Stretch, lesson: Lesson, played: Played, split: WalkForward, searched: Searched | None
) -> Tried:
    """Count this walk-forward among everything tried on this market, and return what it was chosen from."""
    ledger = TrialLedger(Path(settings.backtest.trials), SystemClock())
    ledger.append([_trial(settings, stretch, lesson, played.returns, split, TrialKind.WALK_FORWARD)])
    trials = ledger.summary(trial_family(stretch.info))
    recorded = 0 if searched is None else searched.trials
    return Tried(trials, overfitting_of(searched), recorded)


def overfitting_of(searched: Searched | None) -> float | None:
    """Return the probability of overfitting of the search's trials; None where too few were recorded."""
    found = None if searched is None or searched.returns is None else probability_of_overfitting(searched.returns)
    return None if found is None else found.probability


def _trial(
    settings: Settings, stretch: Stretch, lesson: Lesson, returns: Floats, split: WalkForward, kind: TrialKind
) -> Trial:
    cash = starting_cash(settings)
    slippage = rate_in_ppm("slippage", settings.costs.slippage)
    recipe = json.dumps([recipe_document(lesson.recipe), lesson.blocks], sort_keys=True)
    return Trial(
        kind,
        trial_family(stretch.info),
        hashlib.sha256(recipe.encode()).hexdigest(),
        run_hash(settings, cash, tuple(settings.strategies), slippage, None),
        stretch.candles.sha256(),
        split.boundaries[0],
        split.boundaries[-1],
        moments(returns),
    )


def _search(
    settings: Settings,
    wanted: Wanted,
    folder: Path,
    start: Lesson,
    stretch: Stretch,
    studied: Studied,
    asked: Asked,
    split: WalkForward,
    economist: Economist,
    workers: Workers,
) -> Searched:
    """Search for a lesson on what lies before the first test; every trial is counted when it ends."""
    dataset = studied.dataset
    tuning = tuning_split(dataset, asked, split.boundaries[0], split.embargo_ms)
    bars = np.searchsorted(studied.tape.closed_at, [tuning.boundaries[0], tuning.boundaries[-1]], side="right")
    ledger = TrialLedger(Path(settings.backtest.trials), SystemClock())

    def worth(found: Walk) -> Floats:
        return economist.play(int(bars[0]), int(bars[1]), asked, found.probability).returns

    def told(number: int, lesson: Lesson, returns: Floats) -> None:
        ledger.append([_trial(settings, stretch, lesson, returns, tuning, TrialKind.SEARCH)])

    name = dataset.sha256()[:16]
    teacher = partial(partial, teach)
    return search(folder.parent, name, start, dataset, asked, tuning, wanted.trials, workers, teacher, worth, told)


def _counted(told: Iterable[Told], split: WalkForward, progress: Progress) -> Iterator[Told]:
    """Yield the answers as they come, and say how many there are."""
    progress("tests", 0, split.get_n_splits())
    for number, one in enumerate(told, start=1):
        yield one
        progress("tests", number, split.get_n_splits())


def final_artefact(
    settings: Settings, stretch: Stretch, studied: Studied, lesson: Lesson, found: Walk, embargo_ms: int
) -> tuple[Trained, Artefact]:
    """Return the models that were taught by every label there is, and their artefact.

    The last lines are left out as before a test, those decided less than the longest label before the end: of them only
    trades that ended early are known.
    """
    dataset = studied.dataset
    last = int(studied.tape.closed_at[-1])
    lines_ = np.flatnonzero(dataset.decided_at < last - embargo_ms)
    taught_by = dataset.take(lines_)
    trained = taught(lesson, taught_by)
    about = About(
        feature_hash=feature_hash(),
        terms=studied.terms,
        data={
            "series": stretch.info.name,
            "synthetic": stretch.info.synthetic,
            "candles_sha256": stretch.candles.sha256(),
        },
        metrics=metrics_of(dataset, found),
        threshold=settings.model.min_probability,
        libraries=versions(),
        trained_with=versions(TRAINING),
    )
    return trained, pack(trained, taught_by, about)


def metrics_of(dataset: Dataset, found: Walk, seed: int = 0) -> dict[str, Json]:
    """Return the out-of-sample scores of a walk with their intervals: what the manifest says of the model.

    They depend on the candles and the recipe alone, so that the same training gives the same bytes; what depends on how
    often somebody tried is in the card.
    """
    won, said = dataset.won[found.lines], found.judged()
    whole = scores(won, said)
    if whole is None:
        return {"rows": 0}
    gain = log_losses(won, found.prior) - log_losses(won, said)

    def mean(where: Indices) -> dict[str, Floats]:
        return {"gain": gain[where].mean(axis=1)}

    interval = bootstrap(mean, len(gain), mean_block(gain), seed)["gain"] if len(gain) > 1 else None
    return {
        **whole._asdict(),
        "tests": len(found.told),
        "log_loss_gain_on_prior": float(np.mean(gain)),
        "log_loss_gain_on_prior_90": None if interval is None else [interval.low, interval.high],
    }


def _card(
    settings: Settings,
    stretch: Stretch,
    lesson: Lesson,
    artefact: Artefact,
    trained: Trained,
    dataset: Dataset,
    least: Floats,
    found: Walk,
    judged: Judged,
    judgement: Judgement,
    played: Played,
    alone: Played,
) -> Card:
    manifest = artefact.manifest
    return Card(
        version=artefact.version,
        series=stretch.info.name,
        trained_from=manifest.trained_from,
        trained_until=manifest.trained_until,
        lines=manifest.lines,
        recipe=recipe_document(lesson.recipe),
        judgement=judgement,
        judged=judged,
        least=least,
        by_value=settings.model.rule == "value",
        folds=tuple(fold_facts(dataset, found)),
        importance=importance_of(trained),
        day=played.day,
        net_jpy=played.net_jpy,
        alone_jpy=alone.net_jpy,
        still=tuple(
            still_of(which, each, instrument(settings)) for which, each in (("with_model", played), ("alone", alone))
        ),
        costs=settings.costs.schedule,
    )


def still_of(curve: str, played: Played, unit: Instrument) -> Still:
    """Return what may keep the curve of an account from moving."""
    trades = played.record.trades
    larger = [number for number, trade in enumerate(trades, start=1) if trade.lots > unit.min_lots]
    smallest = trades[larger[-1] if larger else 0 :]
    since = smallest[0].opened_at if smallest else None
    return Still(curve, played.halted_from, since, len(smallest), float(unit.min_lots * unit.lot_size))


def fold_facts(dataset: Dataset, found: Walk) -> Iterator[FoldFacts]:
    """Yield what each test of a walk showed."""
    number = found.fold[found.line_of]
    for told in found.told:
        here = np.flatnonzero(number == told.number)
        won = dataset.won[found.lines[here]]
        prior = float(np.mean(log_losses(won, found.prior[here]))) if len(here) else None
        yield FoldFacts(told.begin, told.end, told.lines, scores(won, found.judged()[here]), prior)


def importance_of(trained: Trained) -> tuple[tuple[str, float], ...]:
    """Return each input's share of all gain of the members, by their weights, largest first."""
    total = np.zeros(len(INPUTS))
    for member, weight in zip(trained.blend.members_, trained.recipe.weights, strict=True):
        if hasattr(member, "booster_"):
            gain = member.booster_.feature_importance("gain").astype(np.float64)
        else:
            gain = np.asarray(member.feature_importances_, np.float64)
        total += weight * gain / max(float(gain.sum()), 1e-300)
    order = np.argsort(-total, kind="stable")
    return tuple((INPUTS[k], float(total[k])) for k in order)


def _write(folder: Path, training: Training, asked: Asked) -> None:
    """Write artefact, card in both languages, judgement, and what was said of rows that had not been seen."""
    write_artefact(folder / "model", training.artefact)
    for language in ("ja", "en"):
        write_atomically(folder / f"card.{language}.html", card_html(training.card, language).encode())
        write_atomically(folder / f"card.{language}.md", card_markdown(training.card, language).encode())
    write_atomically(folder / JUDGEMENT_FILE, judgement_json(training).encode())
    known = ~np.isnan(training.walk.probability)
    file = io.BytesIO()
    np.savez(file, decided_at=asked.decided_at[known], probability=training.walk.probability[known])
    write_atomically(folder / UNSEEN_FILE, file.getvalue())


def judgement_json(training: Training) -> str:
    """Return what the gate found as JSON."""
    found = training.judgement
    checks = [
        {
            "name": c.name,
            "state": c.state.value,
            "value": c.value,
            "limit": c.limit,
            "interval": None if c.interval is None else [c.interval.low, c.interval.high],
        }
        for c in found.checks
    ]
    whole = {
        "version": training.version,
        "passed": found.passed,
        "tried": found.tried,
        "checks": checks,
        "text": lines(found, "en"),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
