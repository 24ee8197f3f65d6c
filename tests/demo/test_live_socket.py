"""The WebSocket of the Live tab: what a page sends and gets, bit by bit, without a browser."""

import json
import struct
import time
from collections.abc import Callable, Iterator

import anyio
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from demo import live_socket
from demo.live_room import Room
from engine.images import read_picture

SOON = 5  # seconds within which what should happen does
SETTINGS = {"backends": ["openvino-fp32"], "effect": "overlay", "color": "#009E73", "steady": True}
FRAME, BACKGROUND = 1, 2


class Talk:
    """A page's side of the connection; what is heard is heard soon or is an error."""

    def __init__(self, session: WebSocketTestSession) -> None:
        self.session = session

    def says(self, **settings) -> None:
        self.session.send_json(SETTINGS | settings)

    def sends(self, kind: int, number: int, file: bytes) -> None:
        self.session.send_bytes(struct.pack("<BI", kind, number) + file)

    def hears(self) -> dict:
        async def soon() -> dict:
            with anyio.fail_after(SOON):
                return await self.session._send_rx.receive()

        return self.session.portal.call(soon)

    def hears_json(self) -> dict:
        return json.loads(self.hears()["text"])

    def hears_answer(self) -> tuple[dict, list[bytes]]:
        """The figures and the JPEGs, taken apart by hand."""
        message = self.hears()["bytes"]
        (length,) = struct.unpack_from("<I", message)
        figures = json.loads(message[4 : 4 + length])
        pictures, end = [], 4 + length
        for size in figures["sizes"]:
            pictures.append(message[end : end + size])
            end += size
        assert end == len(message)  # nothing is left over
        return figures, pictures


def eventually(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def room(fake_lanes) -> Room:
    return Room(fake_lanes.quiet, places=2, line=1, is_measured=lambda: False)


@pytest.fixture
def client(fake_lanes, room) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=live_socket.routes(fake_lanes, room))) as opened:
        yield opened
    assert eventually(lambda: len(room) == 0)


@pytest.fixture
def comes(client):
    """`comes()` connects a page, whose standing is still to be heard; it is gone after the test."""
    sessions: list[WebSocketTestSession] = []

    def connect(**headers: str) -> Talk:
        sessions.append(client.websocket_connect("/live", headers=headers).__enter__())
        return Talk(sessions[-1])

    yield connect
    for session in sessions:
        session.__exit__(None, None, None)


@pytest.fixture
def page(comes) -> Talk:
    """A page that has a place and has heard so."""
    talk = comes()
    assert talk.hears_json() == {"standing": {"place": 0, "viewers": 1, "is_measured": False}}
    return talk


@pytest.fixture
def photo(encoded) -> bytes:
    image = np.full((60, 80, 3), 40, np.uint8)
    image[:, :40] = 200  # the fake's cat: the left half
    return encoded(image, quality=95)


# --- What is answered ---


def test_a_frame_is_answered_with_its_number_figures_and_picture(page, photo):
    page.says()
    page.sends(FRAME, 4_000_000_000, photo)
    figures, pictures = page.hears_answer()
    assert figures["number"] == 4_000_000_000
    assert [lane["backend"] for lane in figures["lanes"]] == ["openvino-fp32"]
    assert figures["lanes"][0]["areas"]["cat"] == pytest.approx(0.5, abs=0.03)
    assert set(figures) == {"number", "sizes", "lanes", "agreement", "is_cut", "server_ms", "waited_ms"}
    assert figures["waited_ms"] >= 0
    assert [read_picture(picture).size_hw for picture in pictures] == [(60, 80)]


def test_two_backends_give_two_pictures_in_one_message(page, photo):
    page.says(backends=["openvino-fp32", "openvino-int8"])
    page.sends(FRAME, 1, photo)
    figures, pictures = page.hears_answer()
    assert [lane["backend"] for lane in figures["lanes"]] == ["openvino-fp32", "openvino-int8"]
    assert [read_picture(picture).size_hw for picture in pictures] == [(60, 80)] * 2
    assert figures["agreement"] > 0.9


def test_a_background_is_taken_without_an_answer_and_is_behind_the_next_frame(page, photo, encoded):
    page.says(effect="replace", steady=False)
    page.sends(BACKGROUND, 0, encoded(np.full((30, 30, 3), (200, 30, 30), np.uint8), quality=95))
    page.sends(FRAME, 1, photo)
    _, (picture,) = page.hears_answer()
    assert read_picture(picture).image[30, 70] == pytest.approx([200, 30, 30], abs=8)


def test_two_pages_are_answered_each_with_its_own_choice(page, comes, photo):
    other = comes()
    assert other.hears_json()["standing"]["viewers"] == 2
    assert page.hears_json()["standing"]["viewers"] == 2
    page.says(backends=["torch"])
    other.says(backends=["torchscript"])
    for talk in (page, other):
        talk.sends(FRAME, 1, photo)
    assert page.hears_answer()[0]["lanes"][0]["backend"] == "torch"
    assert other.hears_answer()[0]["lanes"][0]["backend"] == "torchscript"


def test_the_example_picture_is_served(client, cat_photo):
    answer = client.get("/live/example.jpg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == cat_photo.read_bytes()


# --- What is refused, and the connection lives on ---


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("hello", "The settings 'hello' are no JSON object."),
        ("[1, 2]", "The settings '[1, 2]' are no JSON object."),
        ("{}", "The backends are None; expected a list of one or two names."),
        (json.dumps(SETTINGS | {"effect": ["blur"]}), "There is no effect \"['blur']\"."),
        (json.dumps(SETTINGS | {"effect": "sepia"}), "There is no effect 'sepia'. Known: blur, "),
        (b"", "A message of 0 bytes came; expected a JPEG of at most 4000000 bytes."),
        (b"\x01\x02\x03", "A message of 3 bytes came"),
        (struct.pack("<BI", FRAME, 1), "A message of 5 bytes came"),
        (struct.pack("<BI", FRAME, 1) + bytes(3_999_996), "A message of 4000001 bytes came"),
        (struct.pack("<BI", 9, 1) + b"x", "A message of kind 9 came; expected 1 (frame) or 2 (background)."),
        (struct.pack("<BI", BACKGROUND, 0) + b"PK", "The picture is not a picture we can read."),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_bad_message_gets_one_sentence_and_the_next_frame_is_answered(page, photo, bad, sentence):
    page.session.send_text(bad) if isinstance(bad, str) else page.session.send_bytes(bad)
    said = page.hears_json()
    assert list(said) == ["error"]
    assert said["error"].startswith(sentence)
    page.sends(FRAME, 5, photo)
    assert page.hears_answer()[0]["number"] == 5


def test_a_frame_that_cannot_be_answered_is_told_with_its_number(page, photo):
    page.sends(FRAME, 8, b"no picture")
    said = page.hears_json()
    assert said["number"] == 8
    assert said["error"].startswith("The picture is not a picture we can read.")
    page.sends(FRAME, 9, photo)
    assert page.hears_answer()[0]["number"] == 9


# --- Who may come, who has to go ---


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:7860", "http://evil.example"),
        ("localhost:7860", "https://127.0.0.1.evil.example"),
        ("[::1]:7860", "http://evil.example:7860"),
        ("127.0.0.1:7860", "null"),  # a file, or a frame in a sandbox
    ],
)
def test_another_sites_page_is_refused_on_the_loopback_interface(client, room, host, origin):
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/live", headers={"host": host, "origin": origin}),
    ):
        pass
    assert refused.value.code == 1008
    assert len(room) == 0


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("localhost:7860", "http://localhost:7860"),
        ("[::1]:7860", "http://[::1]:7860"),
        ("whisker.example", "https://whisker.example"),  # no loopback: the host says who may reach it
    ],
)
def test_the_pages_own_origin_is_accepted(comes, host, origin):
    assert comes(host=host, origin=origin).hears_json()["standing"]["place"] == 0


def test_a_page_that_goes_leaves_the_room(client, room):
    with client.websocket_connect("/live") as session:
        Talk(session).hears()
        assert len(room) == 1
    assert eventually(lambda: len(room) == 0)


def test_a_page_that_goes_while_its_frame_is_answered_leaves_the_room(client, room, photo):
    with client.websocket_connect("/live") as session:
        for number in range(5):
            Talk(session).sends(FRAME, number, photo)
    assert eventually(lambda: len(room) == 0)


def test_a_page_in_the_line_is_told_its_place_and_when_it_has_one(page, comes, photo):
    second, third = comes(), comes()
    second.hears()
    assert third.hears_json()["standing"] == {"place": 1, "viewers": 2, "is_measured": False}
    page.session.close()
    assert third.hears_json()["standing"] == {"place": 0, "viewers": 2, "is_measured": False}
    third.sends(FRAME, 3, photo)
    assert third.hears_answer()[0]["number"] == 3


def test_a_full_line_closes_the_connection_after_a_sentence(comes):
    for _ in range(3):  # two places, one in the line
        comes()
    refused = comes()
    assert refused.hears_json()["error"].startswith("3 viewers share this machine or wait for it, the most it takes.")
    assert refused.hears() == {"type": "websocket.close", "code": 4001, "reason": ""}


def test_a_page_that_falls_silent_gives_up_its_place(comes, room, monkeypatch):
    monkeypatch.setattr(live_socket, "SILENCE_SECONDS", 0.2)
    silent = comes()
    silent.hears()
    assert silent.hears() == {"type": "websocket.close", "code": 4002, "reason": ""}
    assert eventually(lambda: len(room) == 0)


def test_a_page_that_sends_is_not_silent(page, photo, monkeypatch):
    monkeypatch.setattr(live_socket, "SILENCE_SECONDS", 0.5)
    for number in range(8):
        page.sends(FRAME, number, photo)
        page.hears_answer()
        time.sleep(0.1)
    page.sends(FRAME, 99, photo)
    assert page.hears_answer()[0]["number"] == 99


def test_a_page_that_waits_in_the_line_may_be_silent(comes, room, photo, monkeypatch):
    monkeypatch.setattr(live_socket, "SILENCE_SECONDS", 0.5)
    served = [comes(), comes()]
    comes()  # has no place, so its page sends nothing
    for number in range(10):
        for talk in served:
            talk.sends(FRAME, number, photo)
        time.sleep(0.1)
    assert len(room) == 3
