"""Turns settings and the environment into what records and reports: journal, notices, health page.

Apart from `wiring`: a person's `halt` need not wait for the features' libraries, nor a backtest for the database's.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from src.core.config import Settings
from src.core.domain.health import Health
from src.core.domain.market import INSTRUMENTS
from src.core.domain.notices import Tier
from src.core.domain.time import SECOND
from src.core.protocols import Clock
from src.monitoring.discord_notifier import DiscordNotifier
from src.monitoring.health import HealthServer, monitoring_token
from src.monitoring.metrics import Metrics
from src.monitoring.webhooks import webhooks
from src.trading.journal import LeaseTerms, database_url

SECRETS: Final = ("BITBANK_API_KEY", "BITBANK_API_SECRET", "MONITORING_TOKEN", "DATABASE_URL")
"""Variables whose values no log, notice or journal may show; webhooks are read by `notifier`."""


def journal_url(settings: Settings, environ: Mapping[str, str]) -> URL:
    """Return the database of what happens in the mode that is set: DATABASE_URL of `environ`, else a file.

    Raises
    ------
    ConfigError
        If DATABASE_URL names no database that can be used.
    """
    return database_url(Path(settings.journal.folder) / f"{settings.mode}.db", environ)


def lease_terms(settings: Settings) -> LeaseTerms:
    """Return for how long a process may write to the journal."""
    return LeaseTerms(length_ms=settings.journal.lease_s * SECOND)


def notifier(settings: Settings, environ: Mapping[str, str]) -> DiscordNotifier:
    """Return what tells people, not yet started; addresses and the secrets to hide are those of `environ`.

    Raises
    ------
    ConfigError
        If a webhook's variable holds no address.
    """
    told = settings.monitoring
    return DiscordNotifier(
        webhooks(environ),
        settings.language,
        Path(settings.journal.folder) / f"{settings.mode}.notices",
        pair=INSTRUMENTS[settings.market.symbol],
        where=f"{settings.mode} {settings.market.symbol}",
        least=Tier[told.least_tier.upper()],
        merge_s=told.merge_s,
        secrets=(environ.get(name, "").strip() for name in SECRETS),
    )


async def open_health_page(
    settings: Settings, environ: Mapping[str, str], clock: Clock, health: Callable[[], Health], metrics: Metrics
) -> HealthServer:
    """Return the health page, listening where the settings say.

    Parameters
    ----------
    health
        Asked at each request, in the event loop.

    Raises
    ------
    ConfigError
        If the token of `environ` is too short, or nobody can listen there.
    """
    told = settings.monitoring
    page = HealthServer(
        health, metrics, clock.now, stale_ms=told.stale_after_s * SECOND, token=monitoring_token(environ)
    )
    await page.start(told.host, told.port)
    return page
