"""`--config FILE`: what a sweep found is used, and what it cannot be is refused in words."""

import json
from pathlib import Path

import pytest

from engine.backends import BackendOptions
from engine.configuration import read_configuration
from engine.errors import InputError

SPOT = {"requests": 2, "threads": 1, "batch": 4, "latency_ms": {"median": 9, "p90": 10}, "throughput_fps": 400}
FOUND = {"backend": "openvino-int8", "max_latency_ms": 20, "sweet_spot": SPOT}


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "sweep.json"


def test_a_configuration_is_the_backend_and_the_sweet_spot(file):
    file.write_text(json.dumps(FOUND))
    assert read_configuration(file) == ("openvino-int8", BackendOptions(threads=1, requests=2, batch=4))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (FOUND | {"sweet_spot": None}, "holds no setting that kept the limit of latency. Sweep again with a higher"),
        (FOUND | {"backend": "tensorflow"}, "There is no backend 'tensorflow'. Known: "),
        ({"backends": {}}, r"is no result of `python -m engine sweep --json` \(it lacks 'backend'\)"),
        ({"backend": "torch"}, r"\(it lacks 'sweet_spot'\)"),
        (FOUND | {"sweet_spot": {"requests": 2}}, r"\(it lacks 'threads'\)"),
        ([FOUND], "is no result of `python -m engine sweep"),
    ],
)
def test_a_file_that_is_no_result_of_a_sweep_is_refused(file, result, words):
    file.write_text(json.dumps(result))
    with pytest.raises(InputError, match=words):
        read_configuration(file)


def test_a_file_that_is_no_json_is_refused(file):
    file.write_text("Dear cat,")
    with pytest.raises(InputError, match=r"sweep.json cannot be read .* Make it with `python -m engine sweep --json`"):
        read_configuration(file)


def test_a_missing_file_is_refused(file):
    with pytest.raises(InputError, match=r"sweep.json cannot be read \(.*No such file"):
        read_configuration(file)
