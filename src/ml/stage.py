"""How far a model is trusted, and what has to happen before it is trusted more, or less. Pure.

    candidate -> shadow -> canary -> production

A candidate has been trained and nothing more. One that passes the gate becomes a shadow: it predicts on live bars and
trades nothing. A shadow whose live predictions are as good as the gate promised becomes a canary: it trades a part of
the usual size. A canary that has traded without harm becomes the production model. Every step has its own rule; a step
down needs no person, a step up is taken by the weekly run or by one command, and never without its rule.
"""

from enum import Enum
from typing import Final, NamedTuple

from src.core.domain.time import DAY

WHOLE: Final = 10_000
"""Basis points of the usual size."""


class Stage(Enum):
    """How far a model is trusted."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    PRODUCTION = "production"
    RETIRED = "retired"  # was demoted or replaced; kept for comparison and for going back

    @property
    def trades(self) -> bool:
        """Whether its predictions may open a position."""
        return self in {Stage.CANARY, Stage.PRODUCTION}

    def size_bps(self, canary_bps: int) -> int:
        """Return the share of the usual size that its trades may have, basis points."""
        if self is Stage.PRODUCTION:
            return WHOLE
        return canary_bps if self is Stage.CANARY else 0


class Served(NamedTuple):
    """What a model showed since it entered its present stage, on bars it never saw."""

    since_ms: int  # how long it has been in the stage
    labels: int  # proposals it judged whose end is known
    log_loss_gain: float  # mean, on the class prior it was registered with
    calibration_wealth: float  # highest wealth of the bet against its probabilities, see ml/drift.py
    trades: int  # with its own money; 0 for a shadow
    net_r: float  # their net result, in planned risks


class Rules(NamedTuple):
    """What a step up asks for, and when a model steps down."""

    shadow_ms: int = 14 * DAY
    shadow_labels: int = 20
    canary_ms: int = 28 * DAY
    canary_trades: int = 10
    broken_wealth: float = 20.0  # of the bet: calibration is refuted at 5 %
    worst_r: float = -8.0  # net result at which a trading model steps down


class Step(NamedTuple):
    """Where a model goes, and why."""

    to: Stage
    why: str


def next_step(stage: Stage, served: Served, rules: Rules = Rules()) -> Step:
    """Return the stage a model's record asks for: one up, one down, or the same."""
    down = _harm(stage, served, rules)
    if down is not None:
        return down
    if stage is Stage.CANDIDATE:
        return Step(stage, "it did not pass the gate when it was trained, and nothing else lets it go on")
    if stage is Stage.SHADOW:
        return _from_shadow(served, rules)
    if stage is Stage.CANARY:
        return _from_canary(served, rules)
    return Step(stage, "this stage has no step up of its own")


def _harm(stage: Stage, served: Served, rules: Rules) -> Step | None:
    if stage in {Stage.CANDIDATE, Stage.RETIRED}:
        return None
    lower = Stage.SHADOW if stage.trades else Stage.RETIRED
    if served.calibration_wealth >= rules.broken_wealth:
        return Step(
            lower, f"its probabilities are refuted: betting against them made {served.calibration_wealth:.1f} of 1"
        )
    if stage.trades and served.net_r <= rules.worst_r:
        return Step(lower, f"its {served.trades} trades lost {-served.net_r:.1f} planned risks")
    return None


def _from_shadow(served: Served, rules: Rules) -> Step:
    if served.since_ms < rules.shadow_ms or served.labels < rules.shadow_labels:
        return Step(
            Stage.SHADOW,
            f"{served.since_ms / DAY:.0f} of {rules.shadow_ms / DAY:.0f} days, "
            f"{served.labels} of {rules.shadow_labels} judged proposals",
        )
    if not served.log_loss_gain > 0:
        return Step(Stage.SHADOW, f"its log-loss is no better than the class prior's ({served.log_loss_gain:+.4f})")
    return Step(Stage.CANARY, f"{served.labels} live proposals judged better than by the class prior")


def _from_canary(served: Served, rules: Rules) -> Step:
    if served.since_ms < rules.canary_ms or served.trades < rules.canary_trades:
        return Step(
            Stage.CANARY,
            f"{served.since_ms / DAY:.0f} of {rules.canary_ms / DAY:.0f} days, "
            f"{served.trades} of {rules.canary_trades} trades",
        )
    if not served.net_r > 0:
        return Step(Stage.CANARY, f"its {served.trades} trades have not earned anything yet ({served.net_r:+.1f} R)")
    return Step(Stage.PRODUCTION, f"{served.trades} small trades earned {served.net_r:+.1f} planned risks")
