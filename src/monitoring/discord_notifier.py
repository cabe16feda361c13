"""The notifier port over Discord's webhooks: three tiers, nothing critical lost, nothing ever in trading's way."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from src.core.domain.market import Instrument
from src.core.domain.notices import Notice, Tier
from src.core.logger import Redactor, get_logger
from src.monitoring.discord_message import Look
from src.monitoring.outbox import Parcel
from src.monitoring.spool import Spool
from src.monitoring.webhook_lane import LONGEST_PAUSE_S, Lane
from src.monitoring.webhooks import Webhooks

CLOSE_S: Final = 2.0
"""Seconds; the platform kills a process ten seconds after asking it to end."""

_log = get_logger(__name__)
_LEVELS: Final = {Tier.INFO: logging.INFO, Tier.WARNING: logging.WARNING, Tier.CRITICAL: logging.CRITICAL}


class DiscordNotifier:
    """Tells people over Discord; without a webhook, the log alone.

    Every notice is logged at its tier's level. A critical one is written to the spool before it is sent and removed
    from it when Discord has taken it; what is found there at start is sent again. It may so arrive twice, never not
    at all.

    Parameters
    ----------
    addresses
        See `webhooks`.
    language
        "ja" or "en".
    spool
        Folder of undelivered critical notices.
    where
        Which trader speaks, such as "live BTC/JPY".
    pair
        In whose units the values of notices are.
    least
        What is less urgent is logged and not sent.
    merge_s
        Seconds in which notices alike become one. Real seconds, as Discord's limits are, whatever a simulation's
        clock shows.
    secrets
        Values that no text may show, such as API keys; the addresses are added.
    close_s
        Seconds that `close` waits for deliveries.

    Notes
    -----
    `start`, `tell` and `close` belong to one event loop.
    """

    def __init__(
        self,
        addresses: Webhooks,
        language: str,
        spool: Path,
        *,
        where: str,
        pair: Instrument,
        least: Tier = Tier.INFO,
        merge_s: float = 60.0,
        secrets: Iterable[str] = (),
        close_s: float = CLOSE_S,
    ) -> None:
        self._addresses = addresses
        self._clean = Redactor([*secrets, *addresses])
        self._look = Look(language, where, pair, self._clean.text)
        self._least = least
        self._merge_s = merge_s
        self._close_s = close_s
        self._spool = Spool(spool)
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[str, Lane] = {}
        self._unkept: deque[Notice] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lane_tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the connections and send what an earlier process could not."""
        urls = list(dict.fromkeys(filter(None, reversed(self._addresses))))  # critical's first
        if not urls:
            _log.warning("no webhook is set: notices go to the log alone", variable="DISCORD_WEBHOOK_URL")
            return
        self._session = aiohttp.ClientSession()
        for url in urls:
            lane = Lane(url, self._session, self._look, self._merge_s, self._delivered, self._gone)
            self._lanes[url] = lane
            self._run(lane)
        kept = await asyncio.to_thread(self._spool.kept)
        for record, notice in kept:
            self._route(Parcel(notice, 1, notice.at, record))

    def tell(self, notice: Notice) -> None:
        """Queue a notice. Returns at once and never raises."""
        clean = self._clean.text
        notice = notice._replace(values={clean(str(name)): clean(str(value)) for name, value in notice.values.items()})
        _log.log(_LEVELS[notice.tier], "notice", topic=notice.topic.value, at=notice.at, values=dict(notice.values))
        if notice.tier < self._least or not any(self._addresses):
            return
        if self._session is None:  # not started, or closed: nobody waits for anything any more
            if notice.tier is Tier.CRITICAL:
                self._keep(notice)
        elif notice.tier is Tier.CRITICAL:
            self._unkept.append(notice)
            if len(self._unkept) == 1:
                self._background(self._keep_and_send())
        else:
            self._route(Parcel(notice, 1, notice.at))

    async def close(self) -> None:
        """Deliver what is queued, within `close_s`; a critical notice that is left stays in the spool."""
        session, self._session = self._session, None
        if session is None:
            return
        for lane in self._lanes.values():
            lane.hurry()
        try:
            async with asyncio.timeout(self._close_s):
                while self._tasks or not all(lane.is_idle for lane in self._lanes.values()):  # noqa: ASYNC110 - many ends
                    await asyncio.sleep(0.02)
        except TimeoutError:
            left = len(self._unkept) + sum(len(lane.outbox) for lane in self._lanes.values())
            _log.warning("notices are left undelivered; critical ones are sent at the next start", left=left)
        lanes = list(self._lane_tasks)
        for task in lanes:
            task.cancel()
        await asyncio.gather(*lanes, *self._tasks, return_exceptions=True)
        await session.close()

    def _route(self, parcel: Parcel) -> None:
        lane = self._lanes.get(self._addresses.of(parcel.notice.tier))
        if lane is not None and lane.is_gone and parcel.notice.tier is Tier.CRITICAL:
            lane = next((other for other in self._lanes.values() if not other.is_gone), lane)
        if lane is not None:
            lane.put(parcel)

    async def _keep_and_send(self) -> None:
        """Put critical notices on the disk, then on their way, in the order they were told."""
        while self._unkept:
            notices = list(self._unkept)
            records = await asyncio.to_thread(self._keep_all, notices)
            for notice, record in zip(notices, records, strict=True):
                self._unkept.popleft()
                self._route(Parcel(notice, 1, notice.at, record))

    def _keep_all(self, notices: list[Notice]) -> list[str]:
        return [self._keep(notice) for notice in notices]

    def _keep(self, notice: Notice) -> str:
        """Put a notice on the disk and return its record, "" if the disk refuses."""
        try:
            return self._spool.keep(notice)
        except OSError as e:
            _log.critical("a critical notice could not be kept on the disk", error=e.strerror)
            return ""

    def _delivered(self, parcels: list[Parcel]) -> None:
        records = [parcel.record for parcel in parcels if parcel.record]
        if records:
            self._background(asyncio.to_thread(self._spool.drop, records))

    def _gone(self, lane: Lane) -> None:
        """Send a missing webhook's critical notices another way, if there is one."""
        _log.error("a webhook does not exist any more: set its variable anew", variable="DISCORD_WEBHOOK_…")
        if not all(other.is_gone for other in self._lanes.values()):
            for parcel in lane.outbox.take_critical():
                self._route(parcel)

    def _run(self, lane: Lane) -> None:
        if self._session is None:
            return
        task = asyncio.get_running_loop().create_task(lane.run())
        self._lane_tasks.add(task)
        task.add_done_callback(partial(self._ended, lane))

    def _ended(self, lane: Lane, task: "asyncio.Task[None]") -> None:
        """Start a lane again that a defect has ended: notices are the last thing that may fall silent."""
        self._lane_tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.critical("the delivery of notices failed and is started again", error=type(error).__name__)
            task.get_loop().call_later(LONGEST_PAUSE_S, self._run, lane)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
