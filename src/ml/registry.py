"""The registry of models: MLflow, in a folder of this machine or on a server that MLFLOW_TRACKING_URI names.

It keeps what was trained, what it showed and which version is champion and which challenger, for people and for other
programs. The trader does not ask it: what is served lies in `models/`, and `ml/model_manager.py` is its truth.
"""

import importlib
import logging
import os
import warnings
from pathlib import Path
from typing import Any, Final, NamedTuple

from src.core.exceptions import DataError

MODEL: Final = "bitbank-btc-jpy"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
SERVER: Final = "MLFLOW_TRACKING_URI"
_VERSION: Final = "version"


class Registered(NamedTuple):
    """One version as the registry knows it."""

    number: str  # the registry's own
    version: str  # ours
    tags: dict[str, str]


class Registry:
    """MLflow's client for one model.

    Parameters
    ----------
    folder
        Of the local store; not used where the environment names a server.
    """

    def __init__(self, folder: Path) -> None:
        self._client, self._artifacts, self._errors = _open(folder)

    def record(self, version: str, files: Path, metrics: dict[str, float], tags: dict[str, str]) -> Registered:
        """Register a training and return it; one that is there already is returned as it is.

        Parameters
        ----------
        files
            Folder of the training, uploaded whole.

        Raises
        ------
        DataError
            If the registry does not answer or does not take it.
        """
        known = self.find(version)
        if known is not None:
            return known
        client = self._client
        try:
            experiment = client.get_experiment_by_name(MODEL)
            made = experiment.experiment_id if experiment else client.create_experiment(MODEL, self._artifacts)
            run = client.create_run(made, run_name=version, tags=tags)
            for name, value in metrics.items():
                client.log_metric(run.info.run_id, name, value)
            client.log_artifacts(run.info.run_id, str(files))
            client.set_terminated(run.info.run_id)
            if not client.search_registered_models(f"name='{MODEL}'"):
                client.create_registered_model(MODEL)
            found = client.create_model_version(
                MODEL, run.info.artifact_uri, run.info.run_id, tags={**tags, _VERSION: version}
            )
        except self._errors as e:
            raise _unreachable(e) from e
        return Registered(str(found.version), version, dict(found.tags))

    def find(self, version: str) -> Registered | None:
        """Return a version of ours, or None if it was never registered."""
        return next((each for each in self.all() if each.version == version), None)

    def all(self) -> list[Registered]:
        """Return every version, newest first."""
        try:
            found = self._client.search_model_versions(f"name='{MODEL}'")
        except self._errors as e:
            raise _unreachable(e) from e
        kept = [Registered(str(v.version), v.tags.get(_VERSION, ""), dict(v.tags)) for v in found]
        return sorted(kept, key=lambda each: -int(each.number))

    def point(self, alias: str, version: str | None) -> None:
        """Let an alias point at a version of ours, or at none.

        Raises
        ------
        DataError
            If the registry does not know the version or does not answer.
        """
        try:
            if version is None:
                if self.pointed(alias) is not None:
                    self._client.delete_registered_model_alias(MODEL, alias)
                return
            known = self.find(version)
            if known is None:
                raise DataError(
                    f"the registry does not know model {version}", remedy="train it again with `python main.py train`"
                )
            self._client.set_registered_model_alias(MODEL, alias, known.number)
        except self._errors as e:
            raise _unreachable(e) from e

    def pointed(self, alias: str) -> str | None:
        """Return the version of ours at which an alias points."""
        try:
            models = self._client.search_registered_models(f"name='{MODEL}'")
            if not models or alias not in models[0].aliases:
                return None
            tags = self._client.get_model_version_by_alias(MODEL, alias).tags
        except self._errors as e:
            raise _unreachable(e) from e
        return str(tags.get(_VERSION, "")) or None


def _open(folder: Path) -> tuple[Any, str | None, type[Exception]]:
    """Return MLflow's client, where artifacts go (None: as the server says), and what the client raises."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing of ours is told to anyone
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # not every step of its own database
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own use of its libraries
        tracking = importlib.import_module("mlflow.tracking")  # seconds: only where it is used
        failed: type[Exception] = importlib.import_module("mlflow.exceptions").MlflowException
        server = os.environ.get(SERVER)
        if server:
            return tracking.MlflowClient(tracking_uri=server, registry_uri=server), None, failed
        folder.mkdir(parents=True, exist_ok=True)
        store = f"sqlite:///{(folder / 'mlflow.db').resolve()}"
        client = tracking.MlflowClient(tracking_uri=store, registry_uri=store)
    return client, (folder / "artifacts").resolve().as_uri(), failed


def _unreachable(error: Exception) -> DataError:
    return DataError(
        f"the registry did not do it: {type(error).__name__}",
        remedy=f"see that the server in {SERVER} answers, or unset it to use the local store; then repeat the command",
    )
