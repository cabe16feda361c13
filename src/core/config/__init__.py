"""Settings: strict YAML layers and the environment, typed and frozen. Read by the app and by wiring alone."""

from src.core.config.loader import load_config
from src.core.config.settings import Settings

__all__ = ["Settings", "load_config"]
