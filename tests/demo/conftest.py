"""The page, started as a user starts it, and lanes without a network."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.lanes import Lanes
from engine.backends.fake import FakeBackend
from engine.errors import BackendUnavailableError
from engine.segmenter import Segmenter
from engine.spec import Model, ModelSpec

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RunningPage:
    """A page that answers: its address, its process, the seconds it took to answer."""

    url: str
    process: subprocess.Popen
    seconds: float


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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory):
    """`python app.py` on a free port of the loopback interface, stopped at the end by its process id."""
    port = free_port()
    log = tmp_path_factory.mktemp("page") / "log.txt"
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("gradio")),
    }
    started = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.perf_counter() - started < 120, log.read_text()
                time.sleep(0.1)
        yield RunningPage(url, process, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(timeout=20)
