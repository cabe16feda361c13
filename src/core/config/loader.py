"""Loads settings: a file over the file it extends, the environment on top, checked as a whole."""

import os
from collections.abc import Mapping
from pathlib import Path

from src.core.config.layers import environment_layer, merged, read_layers, refuse_secrets
from src.core.config.settings import Settings
from src.core.config.validation import validated


def load_config(path: str | Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a YAML file.

    Parameters
    ----------
    path
        The file. A line `extends: ../core/base.yaml`, relative to the file, puts it over another one.
    environ
        Where `TRADER__SECTION__KEY` variables are looked up; None is the process's own environment.

    Raises
    ------
    ConfigError
        If a file cannot be read, or any key is unknown, missing, repeated, of the wrong type or unit, out of
        bounds, a secret, or impossible beside another one. It names file and line and what to write instead.
    """
    layers = read_layers(Path(path))
    variables = environment_layer(os.environ if environ is None else environ)
    refuse_secrets(variables)
    return validated(merged(layers, variables))
