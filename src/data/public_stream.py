"""bitbank's public stream: Socket.IO rooms, read for ever and joined anew after every break."""

import asyncio
from typing import Final

import aiohttp

from src.core.domain.events import ModeSeen, StreamDown, StreamUp
from src.core.domain.market import Instrument
from src.core.protocols import Clock
from src.data.backoff import Backoff
from src.data.event_queue import EventQueue
from src.data.socket_frames import CONNECT, PONG, Frame, FrameKind, join, patience_s, read_frame
from src.data.stream_messages import public_events

CONNECT_S: Final = 10.0
SILENCE_S: Final = 20.0  # the ticker speaks about once a second
LARGEST: Final = 2**20  # characters of a frame
CLOSED: Final = "1"  # as the frame that says so
ENDS: Final = frozenset({FrameKind.CLOSE, FrameKind.BROKEN})
REJOIN_S: Final = 60.0  # a join is not confirmed: repeating it heals one that was lost


class PublicStream:
    """Joins the pair's rooms and puts what they say into a queue.

    Parameters
    ----------
    url
        The whole address of the websocket.
    heartbeat
        Whether the ticker's room is joined too, and its silence taken for a dead connection. Without it only the
        protocol's own ping tells, after 45 s.
    silence_s
        Longest silence with a heartbeat, seconds on the machine's clock.
    """

    def __init__(
        self,
        clock: Clock,
        instrument: Instrument,
        events: EventQueue,
        url: str,
        *,
        heartbeat: bool = True,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._clock = clock
        self._instrument = instrument
        self._events = events
        self._url = url
        self._heartbeat = heartbeat
        self._silence_s = silence_s
        kinds = ("transactions", "circuit_break_info", *(("ticker",) if heartbeat else ()))
        self._rooms = tuple(f"{kind}_{instrument.pair}" for kind in kinds)
        self._up = False
        self._mode: ModeSeen | None = None  # the last that was said on this connection
        self.connecting = False
        self.joins = 0  # sent, ever
        self.received = 0  # room messages, ever
        self.connections = 0

    async def run(self) -> None:
        """Read until cancelled."""
        backoff = Backoff(self._clock)
        async with aiohttp.ClientSession() as session:
            while True:
                before = self.connections
                self.connecting = True
                try:
                    why = await self._connected(session)
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
                    why = f"the connection failed ({type(e).__name__})"
                self.connecting = False
                up = self.connections > before
                if up or backoff.fresh:
                    self._events.offer(StreamDown(False, self._clock.now(), why))
                if up:
                    backoff.reset()
                await backoff.wait()

    async def _connected(self, session: aiohttp.ClientSession) -> str:
        """Hold one connection; return why it is of no more use."""
        self._up = False
        limits = aiohttp.ClientWSTimeout(ws_close=2.0)
        async with asyncio.timeout(CONNECT_S):
            socket = await session.ws_connect(self._url, timeout=limits, max_msg_size=LARGEST, autoping=True)
        async with socket:
            async with asyncio.timeout(CONNECT_S):
                opening = read_frame(await _text(socket))
                if opening.kind is not FrameKind.OPEN:
                    return "it did not open as Socket.IO does"
                await socket.send_str(CONNECT)
                while (frame := read_frame(await _text(socket))).kind is not FrameKind.CONNECTED:
                    if frame.kind in ENDS:
                        return "it did not connect as Socket.IO does"
                    await self._heed(socket, frame)
            return await self._read(socket, patience_s(opening.content))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, patience: float) -> str:
        """Join the rooms and read until the connection ends or is silent for too long."""
        loop = asyncio.get_running_loop()
        frame_at = spoke_at = loop.time()
        joined_at = float("-inf")
        while True:
            if loop.time() - joined_at >= REJOIN_S:
                joined_at = loop.time()
                for room in self._rooms:
                    self.joins += 1
                    await socket.send_str(join(room))
                self._say_up()
            ends = min(frame_at + patience, spoke_at + self._silence_s) if self._heartbeat else frame_at + patience
            if loop.time() >= ends:
                return f"nothing was heard for {loop.time() - min(frame_at, spoke_at):.0f} s"
            try:
                async with asyncio.timeout_at(min(ends, joined_at + REJOIN_S)):
                    frame = read_frame(await _text(socket))
            except TimeoutError:
                continue
            frame_at = loop.time()
            spoke_at = frame_at if frame.kind is FrameKind.MESSAGE else spoke_at
            if frame.kind in ENDS:
                return "the connection was closed" if frame.kind is FrameKind.CLOSE else "a frame could not be read"
            await self._heed(socket, frame)

    def _say_up(self) -> None:
        """Tell once for each connection that the rooms were joined."""
        if not self._up:
            self._up, self._mode = True, None
            self.connecting = False
            self.connections += 1
            self._events.offer(StreamUp(False, self._clock.now()))

    async def _heed(self, socket: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
        if frame.kind is FrameKind.PING:
            await socket.send_str(PONG)
        elif frame.kind is FrameKind.MESSAGE:
            self.received += 1
            for event in public_events(frame.content, self._instrument):
                if event != self._mode:  # the exchange repeats the mode every few seconds
                    self._events.offer(event)
                if isinstance(event, ModeSeen):
                    self._mode = event


async def _text(socket: aiohttp.ClientWebSocketResponse) -> object:
    """Return the next text; the end of the connection reads as a frame that closes it."""
    message = await socket.receive()
    if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}:
        return CLOSED
    if message.type is aiohttp.WSMsgType.ERROR:
        return CLOSED
    return message.data
