"""Notices as lines of the log: what is told when there is nobody else to tell."""

from src.core.domain.notices import Notice, Tier
from src.core.logger import get_logger

_log = get_logger(__name__)


class LogNotifier:
    """Writes every notice to the log, at the level of its tier."""

    def tell(self, notice: Notice) -> None:
        """Write a notice down."""
        write = {Tier.INFO: _log.info, Tier.WARNING: _log.warning, Tier.CRITICAL: _log.critical}[notice.tier]
        write("notice", topic=notice.topic.value, **{f"said_{name}": text for name, text in notice.values.items()})

    async def close(self) -> None:
        """There is nothing left to deliver."""
