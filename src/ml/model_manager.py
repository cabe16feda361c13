"""Which models there are, what each may do, and the steps between: the truth that the trader reads.

    models/
      versions/<version>/   every artefact that was registered
      production/           the one that is served (as canary or as production model); none: the trader holds
      shadow/               the one that only predicts
      stages.json           every version's stage, and why it is there

A step is written before the folder changes, and the folders are put right from `stages.json` by `repair`, so that a
program that ends in between leaves nothing half done. The champion is never replaced by a model that is worse than it,
or equal: the gate compares them, and `register` keeps what did not pass a candidate.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from src.core.domain.time import Millis
from src.core.exceptions import ConfigError, StoreDamaged
from src.core.protocols import Clock
from src.data.atomic_file import write_atomically
from src.ml.artefact import MANIFEST_FILE, Artefact
from src.ml.model_folder import PRODUCTION, VERSIONS, keep_version, read_artefact, write_artefact
from src.ml.stage import Rules, Served, Stage, next_step

SHADOW: Final = "shadow"
STAGES_FILE: Final = "stages.json"
_FORMAT: Final = 1


class Entry(NamedTuple):
    """One version and its stage."""

    version: str
    stage: Stage
    since: Millis  # in this stage
    why: str
    passed: bool  # the gate, when it was registered
    trained_until: Millis


class Stages(NamedTuple):
    """What `stages.json` says."""

    entries: dict[str, Entry]  # in the order of their registration
    before: tuple[str, ...]  # versions that were served before, the newest last

    def serving(self) -> Entry | None:
        """Return the version that trades."""
        return next((e for e in self.entries.values() if e.stage.trades), None)

    def shadow(self) -> Entry | None:
        """Return the version that only predicts."""
        return next((e for e in self.entries.values() if e.stage is Stage.SHADOW), None)


class ModelManager:
    """Registers, promotes, demotes and takes back.

    Parameters
    ----------
    models
        Folder of all of it.
    clock
        Says since when a model is in its stage.
    """

    def __init__(self, models: Path, clock: Clock, rules: Rules = Rules()) -> None:
        self._models, self._clock, self._rules = models, clock, rules

    def stages(self) -> Stages:
        """Return what is there.

        Raises
        ------
        StoreDamaged
            If the file is not what was written.
        """
        path = self._models / STAGES_FILE
        try:
            return _read(path.read_bytes())
        except FileNotFoundError:
            return Stages({}, ())
        except (KeyError, TypeError, ValueError) as e:
            raise StoreDamaged(
                f"{path} is not what was written there",
                remedy="put the file back from a backup; without it no model is served",
            ) from e

    def artefact(self, version: str) -> Artefact:
        """Return a registered artefact.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        self._entry(self.stages(), version)
        found = read_artefact(self._models / VERSIONS / version)
        if found is None:
            raise ConfigError(f"the files of model {version} are gone", remedy="choose another, or train it again")
        return found

    def register(self, artefact: Artefact, passed: bool, why: str) -> Entry:
        """Keep a trained artefact: as shadow if the gate let it through, in place of an older one; else as candidate.

        A version that is registered already is left in its stage.
        """
        stages = self.stages()
        known = stages.entries.get(artefact.version)
        if known is not None:
            return known
        keep_version(self._models, artefact)
        stage = Stage.SHADOW if passed else Stage.CANDIDATE
        entries = dict(stages.entries)
        older = stages.shadow()
        if passed and older is not None:
            entries[older.version] = self._moved(older, Stage.RETIRED, f"{artefact.version} passed the gate after it")
        until = artefact.manifest.trained_until
        entry = Entry(artefact.version, stage, self._clock.now(), why, passed, until)
        entries[artefact.version] = entry
        self._write(stages._replace(entries=entries))
        return entry

    def promote(self, version: str, served: Served) -> Entry:
        """Take a model one step up, if its record in its stage asks for it.

        Raises
        ------
        ConfigError
            If the record does not ask for it: the message says what is missing. Nothing was changed.
        """
        stages = self.stages()
        entry = self._entry(stages, version)
        step = next_step(entry.stage, served, self._rules)
        if step.to is entry.stage or not step.to.trades:
            raise ConfigError(
                f"model {version} stays {entry.stage.value}: {step.why}",
                remedy="a step up needs its record; `python main.py models show` tells what it has so far",
            )
        return self._serve(stages, entry, step.to, step.why)

    def review(self, version: str, served: Served) -> Entry:
        """Take a model down if its record asks for it, and return where it is; never up."""
        stages = self.stages()
        entry = self._entry(stages, version)
        step = next_step(entry.stage, served, self._rules)
        rank = [Stage.RETIRED, Stage.CANDIDATE, Stage.SHADOW, Stage.CANARY, Stage.PRODUCTION]
        return self.demote(version, step.to, step.why) if rank.index(step.to) < rank.index(entry.stage) else entry

    def demote(self, version: str, to: Stage, why: str) -> Entry:
        """Take a model down; the one that trades then trades no longer, and nothing takes its place by itself."""
        stages = self.stages()
        entry = self._entry(stages, version)
        entries = dict(stages.entries)
        other = stages.shadow()
        if to is Stage.SHADOW and other is not None and other.version != version:
            to = Stage.RETIRED  # there is one shadow, and the one that is there has not failed
        entries[version] = self._moved(entry, to, why)
        self._write(stages._replace(entries=entries))
        return entries[version]

    def rollback(self, why: str) -> Entry:
        """Serve the version that was served before, with the stage of the one that now steps down.

        Raises
        ------
        ConfigError
            If none was served before. Nothing was changed.
        """
        stages = self.stages()
        if not stages.before:
            raise ConfigError("no model was served before this one", remedy="demote it, and the trader holds")
        now, entries = stages.serving(), dict(stages.entries)
        stage = Stage.CANARY if now is None else now.stage
        if now is not None:
            entries[now.version] = self._moved(now, Stage.RETIRED, why)
        back = self._entry(stages, stages.before[-1])
        entries[back.version] = self._moved(back, stage, why)
        self._write(Stages(entries, stages.before[:-1]))
        return entries[back.version]

    def repair(self) -> None:
        """Make both served folders what `stages.json` says."""
        stages = self.stages()
        for folder, entry in ((PRODUCTION, stages.serving()), (SHADOW, stages.shadow())):
            self._fill(self._models / folder, entry)

    def _serve(self, stages: Stages, entry: Entry, to: Stage, why: str) -> Entry:
        entries, before = dict(stages.entries), stages.before
        now = stages.serving()
        if now is not None and now.version != entry.version:
            entries[now.version] = self._moved(now, Stage.RETIRED, f"{entry.version} took its place")
            before = (*before, now.version)
        entries[entry.version] = self._moved(entry, to, why)
        self._write(Stages(entries, before))
        return entries[entry.version]

    def _moved(self, entry: Entry, to: Stage, why: str) -> Entry:
        return entry._replace(stage=to, since=self._clock.now(), why=why)

    def _entry(self, stages: Stages, version: str) -> Entry:
        found = stages.entries.get(version)
        if found is None:
            raise ConfigError(f"there is no model {version!r}", remedy="`python main.py models list` names them")
        return found

    def _write(self, stages: Stages) -> None:
        self._models.mkdir(parents=True, exist_ok=True)
        write_atomically(self._models / STAGES_FILE, _bytes(stages))
        self.repair()

    def _fill(self, folder: Path, entry: Entry | None) -> None:
        if entry is None:
            if folder.exists():  # the manifest first: a folder without it is no model
                (folder / MANIFEST_FILE).unlink(missing_ok=True)
                shutil.rmtree(folder)
            return
        artefact = read_artefact(self._models / VERSIONS / entry.version)
        if artefact is None:
            raise StoreDamaged(
                f"the files of model {entry.version} are gone from {self._models / VERSIONS}",
                remedy="`python main.py models rollback`, or train again",
            )
        write_artefact(folder, artefact)


def read_stages(models: Path) -> Stages:
    """Return what `stages.json` in a folder says: for who only reads."""
    return ModelManager(models, _NoClock()).stages()


class _NoClock:
    """For readers: no step is taken, so no time is asked for."""

    def now(self) -> Millis:
        raise AssertionError("reading asks for no time")

    async def sleep_until(self, at: Millis) -> None:
        raise AssertionError("reading asks for no time")


def _bytes(stages: Stages) -> bytes:
    models = [{**e._asdict(), "stage": e.stage.value} for e in stages.entries.values()]
    whole = {"format": _FORMAT, "models": models, "before": list(stages.before)}
    return (json.dumps(whole, indent=1) + "\n").encode("ascii")


def _read(data: bytes) -> Stages:
    found: Mapping[str, Any] = json.loads(data)
    if found["format"] != _FORMAT:
        raise ValueError("another format")
    entries = [Entry(**{**each, "stage": Stage(each["stage"])}) for each in found["models"]]
    if sum(e.stage.trades for e in entries) > 1 or sum(e.stage is Stage.SHADOW for e in entries) > 1:
        raise ValueError("two models in one place")
    return Stages({e.version: e for e in entries}, tuple(str(v) for v in found["before"]))
