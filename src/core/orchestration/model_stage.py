"""What a model's stage means for a running trader: how large it may trade, and which model is only asked beside it.

Light enough for the trading process: nothing here trains.
"""

from pathlib import Path

from src.core.config import Settings
from src.core.config.units import BPS_FRACTION, in_parts
from src.core.orchestration.ml_adapter import ModelAdapter
from src.core.orchestration.wiring import model_adapter
from src.ml.model_manager import SHADOW, read_stages
from src.ml.stage import WHOLE
from src.trading.decision import Params


def models_folder(settings: Settings) -> Path:
    """Return the folder of all models: the parent of the served one."""
    return Path(settings.model.path).parent


def size_bps(settings: Settings) -> int:
    """Return the share of the usual size that the served model's stage allows, basis points.

    The whole without a model: then the model gate decides, and strategies that trade alone are no trial of a model.
    """
    serving = read_stages(models_folder(settings)).serving()
    if serving is None:
        return WHOLE
    canary = in_parts(settings.training.canary_size, BPS_FRACTION)
    return serving.stage.size_bps(canary)


def live_params(settings: Settings, params: Params) -> Params:
    """Return the core's parameters for an account whose size follows the stage of the served model.

    A shadow is not among them: it lies in a folder of its own and is asked beside the decision, never by it.
    """
    if not settings.model.used:
        return params
    return params._replace(size=params.size._replace(share_bps=size_bps(settings)))


def shadow_adapter(settings: Settings, core: Params) -> ModelAdapter | None:
    """Return the shadow, to be asked beside every decision and journaled; None if there is none."""
    if read_stages(models_folder(settings)).shadow() is None:
        return None
    shadowed = settings.model.model_copy(update={"path": str(models_folder(settings) / SHADOW)})
    return model_adapter(settings.model_copy(update={"model": shadowed}), core)
