"""Critical notices on the disk, one file each, from before the first attempt until Discord has taken them."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.core.logger import get_logger

SUFFIX: Final = ".notice"
DAMAGED: Final = ".damaged"

_log = get_logger(__name__)


class Spool:
    """A folder of undelivered notices; blocking, for a thread. Several processes may share it.

    Raises
    ------
    OSError
        By `keep`, if the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, notice: Notice) -> str:
        """Write a notice durably, whole or not at all; return the name of its record."""
        self._folder.mkdir(parents=True, exist_ok=True)
        record = f"{notice.at:015d}-{secrets.token_hex(6)}{SUFFIX}"
        content = {"tier": notice.tier.name, "topic": notice.topic.value, "at": notice.at, "values": {**notice.values}}
        beside = self._folder / f".{record}.tmp"
        try:
            with beside.open("w", encoding="ascii") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._folder / record)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        return record

    def drop(self, records: list[str]) -> None:
        """Forget delivered notices. One that cannot be removed is delivered again after the next start."""
        for record in records:
            try:
                (self._folder / record).unlink(missing_ok=True)
            except OSError as e:
                _log.warning("a delivered notice could not be removed", record=record, error=str(e))

    def kept(self) -> list[tuple[str, Notice]]:
        """Return what is undelivered, oldest first; a damaged record is put aside and told to the log."""
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                values = json.loads(path.read_text(encoding="ascii"))
                notice = Notice(
                    Tier[values["tier"]],
                    Topic(values["topic"]),
                    Millis(int(values["at"])),
                    {str(name): str(value) for name, value in values["values"].items()},
                )
            except FileNotFoundError:
                continue  # another process has delivered it
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
                _log.error("an undelivered notice cannot be read", record=path.name, error=type(e).__name__)
                self._put_aside(path)
                continue
            found.append((path.name, notice))
        return found

    def _put_aside(self, path: Path) -> None:
        try:
            path.rename(path.with_suffix(DAMAGED))
        except OSError as e:
            _log.warning("a damaged notice could not be put aside", record=path.name, error=str(e))
