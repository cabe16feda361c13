"""The public stream's connections: Engine.IO 3 and 4 over websocket, with rooms."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMsgType, web

from src.core.domain.time import SECOND
from src.twin.edits import edited
from src.twin.fault_rules import Disconnect, Duplicate, Edit, HalfOpen, Lose, Pause, Swap
from src.twin.frames import CONNECT, LARGEST, PING, PONG, Frame, Kind, connected, open_packet, read_frame, room_message
from src.twin.rooms import Sent
from src.twin.switches import TwinSwitches

LONGEST_QUEUE: Final = 20_000  # frames: a reader that is so far behind is cut
Strike = Callable[[str, str], Sequence[Any]]  # (kind of occurrence, what) -> fault actions


@dataclass(eq=False, slots=True)
class Session:
    """One connection."""

    sid: str
    version: int  # of Engine.IO: 3 or 4
    frames: asyncio.Queue[str | float | None] = field(default_factory=lambda: asyncio.Queue(LONGEST_QUEUE))
    rooms: set[str] = field(default_factory=set)
    connected: bool = False
    silent: bool = False  # a fault: the connection stays open and says nothing
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # a ping or pong came

    def send(self, frame: str | float | None) -> None:
        """Queue a frame; a number is a pause in seconds, None cuts the connection."""
        if self.silent and frame is not None:
            return
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.silent = True
            self.frames.get_nowait()
            self.frames.put_nowait(None)


class PublicStream:
    """All connections of the public stream.

    Parameters
    ----------
    strike
        Asked for faults: of a room's message, or of a join.
    joined
        Told when someone joins a room.
    """

    def __init__(self, strike: Strike, joined: Callable[[str], None]) -> None:
        self._strike = strike
        self._joined = joined
        self._sessions: set[Session] = set()
        self._held: dict[str, Sent] = {}  # swapped: sent after the room's next message
        self.sent = 0  # room messages, ever, over all connections
        self.joins = 0  # that were heard, ever, heeded or not

    def watched(self) -> set[str]:
        """Return the rooms that somebody is in."""
        return set().union(*(session.rooms for session in self._sessions))

    def deliver(self, messages: Iterable[Sent]) -> None:
        """Send messages to everyone in their rooms, as faulty as the plan wants it."""
        for message in messages:
            self._deliver(message)

    def _deliver(self, message: Sent) -> None:
        room, data, copies = message.room, message.data, 1
        for action in self._strike("room", room):
            if isinstance(action, Edit):
                data = edited(data, action)
            elif isinstance(action, Lose):
                copies = 0
            elif isinstance(action, Duplicate):
                copies = 2
            elif isinstance(action, Swap) and room not in self._held:
                self._held[room] = Sent(room, data)
                return
            else:
                self._break(action, room)
        for _ in range(copies):
            self._send(room, data)
        if held := self._held.pop(room, None):
            self._send(held.room, held.data)

    def _send(self, room: str, data: dict[str, Any]) -> None:
        frame = room_message(room, data)
        for session in self._sessions:
            if room in session.rooms:
                session.send(frame)
                self.sent += 1

    def _break(self, action: Any, room: str) -> None:
        for session in self._sessions:
            if room in session.rooms and isinstance(action, HalfOpen):
                session.silent = True
            elif room in session.rooms and isinstance(action, Disconnect):
                session.send(None)
            elif room in session.rooms and isinstance(action, Pause):
                session.send(action.ms / SECOND)

    def close(self) -> None:
        """Cut every connection."""
        for session in self._sessions:
            session.send(None)

    async def serve(self, request: web.BaseRequest, switches: TwinSwitches) -> web.StreamResponse:
        """Hold one connection until one side ends it."""
        version = 3 if request.query.get("EIO") == "3" else 4
        socket = web.WebSocketResponse(compress=False, max_msg_size=LARGEST, autoping=True)
        await socket.prepare(request)
        session = Session(secrets.token_urlsafe(15), version)
        self._sessions.add(session)
        tasks = [
            asyncio.create_task(step)
            for step in (_write(socket, session), self._read(socket, session), _keep_alive(session, switches))
        ]
        session.send(open_packet(session.sid, switches.ping_interval, switches.ping_timeout))
        if version == 3:  # there the server speaks first
            session.connected = True
            session.send(CONNECT)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sessions.discard(session)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(ConnectionError):
                await socket.close()
        return socket

    async def _read(self, socket: web.WebSocketResponse, session: Session) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT or not self._hear(session, read_frame(message.data)):
                return

    def _hear(self, session: Session, frame: Frame) -> bool:
        """Do what a frame asks for; return whether the connection goes on."""
        match frame.kind:
            case Kind.BROKEN | Kind.CLOSE:
                return False
            case Kind.CONNECT:
                session.connected = True
                session.heard.set()
                session.send(connected(session.sid))
            case Kind.PING:
                session.heard.set()
                session.send(PONG)
            case Kind.PONG:
                session.heard.set()
            case Kind.JOIN if session.connected:
                self._join(session, frame.room)
            case Kind.LEAVE:
                session.rooms.discard(frame.room)
        return True

    def _join(self, session: Session, room: str) -> None:
        self.joins += 1
        if any(isinstance(action, Lose) for action in self._strike("join", room)):
            return
        session.rooms.add(room)
        self._joined(room)


async def _write(socket: web.WebSocketResponse, session: Session) -> None:
    while (frame := await session.frames.get()) is not None:
        if isinstance(frame, float):
            await asyncio.sleep(frame)
            continue
        try:
            await socket.send_str(frame)
        except ConnectionError:
            return


async def _keep_alive(session: Session, switches: TwinSwitches) -> None:
    """Return when the other side has been silent for too long."""
    patience = (switches.ping_interval + switches.ping_timeout) / SECOND
    while True:
        session.heard.clear()
        if session.version == 4 and session.connected:
            await asyncio.sleep(switches.ping_interval / SECOND)
            session.heard.clear()
            session.send(PING)
            patience = switches.ping_timeout / SECOND
        try:
            await asyncio.wait_for(session.heard.wait(), patience)
        except TimeoutError:
            return
