"""The page, started as a user starts it and seen in headless Chromium, and lanes without a network."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.lanes import Lanes
from engine.backends.fake import FakeBackend
from engine.errors import BackendUnavailableError
from engine.segmenter import Segmenter
from engine.spec import Model, ModelSpec
from tools.camera_clip import write_clip
from tools.chromium import CHROMIUM, camera_flags
from tools.running_page import running_page

ROOT = Path(__file__).resolve().parents[2]
OPENS_WITHIN_MS = 60_000


@pytest.fixture(scope="session")
def cat_photo() -> Path:
    """A real cat that may be shown: Chelsea, by Stefan van der Walt, CC0, 451 x 300 px."""
    return ROOT / "demo" / "examples" / "cat.jpg"


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    return Model.open("fastsegnet").spec


@pytest.fixture
def fake_lanes(spec: ModelSpec) -> Lanes:
    """Four lanes by brightness; the INT8 one calls a little more of the picture cat."""
    offsets = {"openvino-int8": 0.5}
    return Lanes(spec, lambda name: Segmenter(spec, FakeBackend(offset=offsets.get(name, 0.0))))


@pytest.fixture
def lanes_without_torch(spec: ModelSpec) -> Lanes:
    def open_segmenter(name: str) -> Segmenter:
        if name.startswith("torch"):
            raise BackendUnavailableError("The backend torch needs a package that is missing.")
        return Segmenter(spec, FakeBackend())

    return Lanes(spec, open_segmenter)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files to download are written and the turn to measure is kept, for one test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    return folder


@pytest.fixture
def in_loop() -> Callable[[Coroutine], Any]:
    """`in_loop(coroutine)` runs it to its end in a thread: the one of the tests has the browser's loop already."""

    def run(coroutine: Coroutine) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, coroutine).result()

    return run


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[np.ndarray, str], str]:
    """`saved(image, "cat.png")` writes a picture and gives its path."""

    def save(image: np.ndarray, name: str) -> str:
        Image.fromarray(image).save(tmp_path / name)
        return str(tmp_path / name)

    return save


@pytest.fixture
def half_photo(saved) -> str:
    """60 x 80 px (h x w), whose left half is white (the fake calls it cat), the right half black."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, :40] = 255
    return saved(image, "half.png")


@pytest.fixture
def two_photo(saved) -> str:
    """160 x 320 px, with two white squares: rows 40 to 119; columns 40 to 119, and 180 to 279."""
    image = np.zeros((160, 320, 3), np.uint8)
    image[40:120, 40:120], image[40:120, 180:280] = 255, 255
    return saved(image, "two.png")


@pytest.fixture
def unsure_photo(saved) -> str:
    """60 x 80 px, whose left half is as grey as what the fakes are not sure of.

    Grey 130: logits of cat and dog (130 - 128) / 16 = 0.125 beside 0 for the background, so their share is
    2 e^0.125 / (2 e^0.125 + 1) = 0.69; where 0.5 is added (the INT8 lane), 0.79. From 0.65 on it is "unsure", from
    0.85 on "found".
    """
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, :40] = 130
    return saved(image, "grey.png")


@pytest.fixture
def wall_photo(saved) -> str:
    """60 x 80 px, black: no pet."""
    return saved(np.zeros((60, 80, 3), np.uint8), "wall.png")


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory):
    # A photo is timed twice instead of nine times: the same code, and an answer in a third of the time.
    with running_page(tmp_path_factory.mktemp("page"), "--rounds", "2") as running:
        yield running


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium whose camera plays the clip."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        clip = write_clip(tmp_path_factory.mktemp("camera") / "clip.mjpeg")
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=camera_flags(clip))
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, page):
    """Opens the page in a window of a size and a colour scheme; closes it afterwards."""
    contexts = []

    def open_page(width: int = 1400, height: int = 1000, scheme: str = "light"):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["camera"],
        )
        contexts.append(context)
        tab = context.new_page()
        tab.goto(page.url)
        tab.wait_for_selector("#photo input[type=file]", state="attached", timeout=OPENS_WITHIN_MS)
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def live(browser, page):
    """`live()` opens the Live tab of the page in a window of its own; a script that fails there fails the test."""
    contexts, troubles = [], []

    def open_tab(width: int = 1400, height: int = 1000, scheme: str = "light", script: str = "", prepare=lambda tab: 0):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, permissions=["camera"]
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.add_init_script(script)
        prepare(tab)
        tab.goto(page.url)
        tab.wait_for_selector("#photo input[type=file]", state="attached", timeout=OPENS_WITHIN_MS)
        tab.click("button[role=tab]:has-text('Live')")
        tab.wait_for_selector("[data-live=start]", timeout=OPENS_WITHIN_MS)
        return tab

    yield open_tab
    for context in contexts:
        for tab in context.pages:
            print("The page says:", tab.inner_text("[data-live=notice]") or "nothing")  # shown where a test fails
        context.close()
    assert troubles == []


@pytest.fixture(scope="session")
def keep():
    """`keep(tab, "wide")` writes wide.png to the folder SCREENSHOTS, where one is named."""

    def write(tab, name: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            tab.wait_for_timeout(1500)
            tab.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return write
