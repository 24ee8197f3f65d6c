"""The WebSocket between the Live tab and the room.

From the page: text, JSON: {"backends": ["openvino-int8"], "effect": "overlay", "color": "#009E73", "steady": true}
               binary: a byte that says what it is (FRAME, BACKGROUND), the frame's number as uint32, a JPEG
To the page:   text, JSON: {"standing": {"place", "viewers", "is_measured"}} or {"error": "..."},
               with the frame's "number" where it met one
               binary: the length of the figures as uint32, the figures as JSON, the JPEGs one after another; the
               figures are those of `LiveFrames.answer`, and `number`, `sizes` (bytes of each JPEG) and `waited_ms`

All numbers are little-endian. An answer to a frame says that those before it are done with: answered or dropped.
"""

import asyncio
import contextlib
import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from demo.lanes import Lanes
from demo.live_frames import LiveAnswer, LiveFrames, LiveSettings
from demo.live_room import Room, Standing, Viewer
from engine.errors import EngineError, InputError

PATH = "/live"
EXAMPLE = Path(__file__).parent / "examples" / "cat.jpg"
FRAME, BACKGROUND = 1, 2
HEADER = struct.Struct("<BI")
LENGTH = struct.Struct("<I")
MAX_BYTES = 4_000_000  # of a message
SILENCE_SECONDS = 120  # after which a viewer who sends nothing gives up his place
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Why a connection was closed, for the page: beyond the codes that the protocol itself uses.
FULL, SILENT = 4001, 4002


class Outbox:
    """What is on its way to a viewer: all that is said, and the newest answer; filled by any thread.

    Args:
        loop: that sends it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._something = asyncio.Event()
        self._said: list[str] = []
        self._answer: bytes | None = None

    def say(self, what: dict) -> None:
        self._put(lambda: self._said.append(json.dumps(what)))

    def answer(self, message: bytes) -> None:
        """Takes the place of an answer that is not sent yet."""
        self._put(lambda: setattr(self, "_answer", message))

    async def next(self) -> tuple[list[str], bytes | None]:
        """Waits for something to send."""
        await self._something.wait()
        self._something.clear()
        said, answer = self._said, self._answer
        self._said, self._answer = [], None
        return said, answer

    def _put(self, change: Callable[[], object]) -> None:
        def put() -> None:
            change()
            self._something.set()

        with contextlib.suppress(RuntimeError):  # the server has stopped, and its loop with it
            self._loop.call_soon_threadsafe(put)


def routes(lanes: Lanes, room: Room) -> list[BaseRoute]:
    """The addresses of the Live tab, for the server: the WebSocket, and a picture for who has no camera."""

    async def live(websocket: WebSocket) -> None:
        if not is_from_here(websocket):
            await websocket.close(1008, "Another site's page may not use this one.")
            return
        await websocket.accept()
        outbox = Outbox(asyncio.get_running_loop())
        frames = LiveFrames(lanes)

        def on_answer(number: int, answer: LiveAnswer | EngineError, waited_ms: float) -> None:
            if isinstance(answer, EngineError):
                outbox.say({"error": str(answer), "number": number})
            else:
                outbox.answer(packed(answer, waited_ms))

        def on_standing(standing: Standing) -> None:
            outbox.say({"standing": asdict(standing)})

        viewer = Viewer(frames, on_answer, on_standing)
        try:
            room.enter(viewer)
        except InputError as error:
            await websocket.send_json({"error": str(error)})
            await websocket.close(FULL)
            return
        sending = asyncio.create_task(send(websocket, outbox))
        try:
            await receive(websocket, viewer, frames, room, lanes, outbox)
        finally:
            room.leave(viewer)
            sending.cancel()

    async def example(request: Request) -> FileResponse:
        return FileResponse(EXAMPLE)

    return [WebSocketRoute(PATH, live), Route(f"{PATH}/example.jpg", example)]


async def receive(
    websocket: WebSocket, viewer: Viewer, frames: LiveFrames, room: Room, lanes: Lanes, outbox: Outbox
) -> None:
    """Takes what a viewer sends until he goes or falls silent."""
    while True:
        try:
            message = await asyncio.wait_for(websocket.receive(), SILENCE_SECONDS)
        except TimeoutError:
            if viewer.standing and (viewer.standing.place or viewer.standing.is_measured):
                continue
            await websocket.close(SILENT)
            return
        if message["type"] == "websocket.disconnect":
            return
        try:
            if message.get("bytes") is not None:
                kind, number, file = unpacked(message["bytes"])
                if kind == BACKGROUND:
                    await asyncio.to_thread(frames.set_background, file)
                else:
                    room.offer(viewer, number, file)
            else:
                frames.choose(LiveSettings.from_json(read_json(message["text"]), lanes.names))
        except InputError as error:
            outbox.say({"error": str(error)})


async def send(websocket: WebSocket, outbox: Outbox) -> None:
    """Sends what is in the outbox until the viewer goes."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            said, answer = await outbox.next()
            for text in said:
                await websocket.send_text(text)
            if answer is not None:
                await websocket.send_bytes(answer)


def packed(answer: LiveAnswer, waited_ms: float) -> bytes:
    """An answer as it is sent."""
    sizes = [len(picture) for picture in answer.pictures]
    figures = answer.figures | {"number": answer.number, "sizes": sizes, "waited_ms": waited_ms}
    header = json.dumps(figures).encode()
    return b"".join([LENGTH.pack(len(header)), header, *answer.pictures])


def unpacked(message: bytes) -> tuple[int, int, bytes]:
    """Kind, number and file of what the page sent.

    Raises:
        InputError: it is none of the kinds, or too large.
    """
    if not HEADER.size < len(message) <= MAX_BYTES:
        raise InputError(f"A message of {len(message)} bytes came; expected a JPEG of at most {MAX_BYTES} bytes.")
    kind, number = HEADER.unpack_from(message)
    if kind not in (FRAME, BACKGROUND):
        raise InputError(f"A message of kind {kind} came; expected {FRAME} (frame) or {BACKGROUND} (background).")
    return kind, number, message[HEADER.size :]


def read_json(text: str) -> dict:
    """The object that a text holds.

    Raises:
        InputError: it holds none.
    """
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise InputError(f"The settings {text[:40]!r} are no JSON object.")
    return said


def is_from_here(websocket: WebSocket) -> bool:
    """Whether the page that asks is ours: on this very machine no other site's page may use the camera's socket.

    Browsers let any page open a WebSocket to any address, and say which page it was.
    """
    origin, host = websocket.headers.get("origin"), websocket.headers.get("host", "")
    if origin is None or urlsplit(f"//{host}").hostname not in LOOPBACK:
        return True  # no browser, or a host that says by itself who may reach it
    return urlsplit(origin).hostname in LOOPBACK
