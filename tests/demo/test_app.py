"""The page as a program sees it: a real server on the loopback interface, several clients at once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def client(page) -> Client:
    return Client(page.url, verbose=False)


@pytest.mark.timing
def test_page_answers_within_ten_seconds_of_its_start(page):
    assert page.seconds < STARTS_WITHIN_S


def test_handlers_have_names_and_docstrings_for_programs(client):
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert {"/predict", "/compare", "/cut_out"} <= set(api)
    assert "Segments a photo with one backend" in api["/predict"]["description"]


@pytest.mark.parametrize("backend", ["torch", "torchscript", "openvino-fp32", "openvino-int8"])
def test_predict_finds_the_cat_on_every_backend(client, cat_photo, backend):
    overlay, numbers = client.predict(handle_file(cat_photo), backend, api_name="/predict")
    with Image.open(overlay) as drawn:
        assert drawn.size == (451, 300)
    assert numbers["size_hw"] == [300, 451]
    assert numbers["areas"]["cat"] > 0.5  # the cat's face fills the picture
    assert numbers["areas"]["dog"] < 0.1


def test_compare_times_all_backends_and_says_how_much_agrees(client, cat_photo):
    *_, numbers = client.predict(handle_file(cat_photo), "openvino-fp32", "openvino-int8", api_name="/compare")
    assert list(numbers["backends"]) == ["torch", "torchscript", "openvino-fp32", "openvino-int8"]
    assert numbers["agreement"] > 0.95
    assert all(entry["latency_ms"]["median"] > 0 for entry in numbers["backends"].values())
    assert numbers["rounds"] == 2  # as the page was started


def test_photos_of_several_people_at_once_are_all_answered(page, cat_photo, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not a picture")

    def ask(number: int) -> str:
        client = Client(page.url, verbose=False)
        if number % 3 == 0:
            with pytest.raises(AppError, match="not a picture we can read"):
                client.predict(handle_file(bad), "openvino-int8", api_name="/predict")
            return "refused"
        if number % 3 == 1:
            numbers = client.predict(handle_file(cat_photo), "openvino-int8", api_name="/predict")[-1]
        else:
            numbers = client.predict(handle_file(cat_photo), "torch", "openvino-int8", api_name="/compare")[-1]
        return f"{numbers['size_hw']}"

    with ThreadPoolExecutor(6) as people:
        answers = list(people.map(ask, range(6)))
    assert answers == ["refused", "[300, 451]", "[300, 451]"] * 2


def test_an_unknown_model_is_one_clear_line():
    command = [sys.executable, "app.py", "--model", "nosuch", "--port", "0"]  # where the page runs, 7860 is taken
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: There is no model 'nosuch'. Known: fastsegnet")


def test_a_photo_that_is_never_timed_is_one_clear_line():
    done = subprocess.run(
        [sys.executable, "app.py", "--rounds", "0"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (2, "error: --rounds is 0; expected 1 or more.\n")


def test_a_port_in_use_is_one_clear_line(page):
    port = page.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "app.py", "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port} ([Errno 98] Address already in use).")


def test_importing_app_starts_nothing():
    code = "import app, sys; assert 'gradio' not in sys.modules and 'torch' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=60).returncode == 0
