"""Lets a page of this program listen, and stop."""

from aiohttp import web

from src.core.exceptions import ConfigError


class Listener:
    """One application of aiohttp on one address; who stops it waits a second at most for what is under way.

    Parameters
    ----------
    page
        What listens, for people: "the health page".
    remedy
        What to do when nobody can listen there.
    """

    def __init__(self, page: str, remedy: str) -> None:
        self._page = page
        self._remedy = remedy
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Address and port on which it listens.

        Raises
        ------
        RuntimeError
            If it does not.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError(f"{self._page} does not listen: call start first")
        host, port, *_ = self._runner.addresses[0]
        return str(host), int(port)

    async def start(self, app: web.Application, host: str, port: int) -> tuple[str, int]:
        """Listen, and return address and port; port 0 takes one that is free.

        Raises
        ------
        ConfigError
            If nobody can listen there.
        """
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as e:
            await self.close()
            raise ConfigError(
                f"{self._page} cannot listen on {host}, port {port}: {e.strerror}", remedy=self._remedy
            ) from e
        return self.address

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
