"""OpenVINO's first inference of a process runs alone, whatever number of threads begins at once."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.backends.openvino import FirstCall

AT_ONCE = """
import sys, threading
import numpy as np
from engine.backends import BackendOptions, open_backend
from engine.spec import Model
model = Model.open("fastsegnet")
backend = open_backend("openvino-int8", model, BackendOptions(1, 2))
batch = np.zeros((1, *model.spec.size_hw, 3), np.uint8)
together = threading.Barrier(4)
def first():
    together.wait()
    backend.infer(batch)
threads = [threading.Thread(target=first) for _ in range(4)]
sys.setswitchinterval(1e-6)
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def most_at_once(first: FirstCall, calls: int) -> int:
    """How many of some calls that begin together are within their turn at a time."""
    together, inside, most = threading.Barrier(calls), [], []

    def call(number: int) -> None:
        together.wait()
        with first.turn():
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(calls) as pool:
        [*pool.map(call, range(calls))]
    return max(most)


def test_first_calls_run_one_after_the_other_and_later_ones_together():
    first = FirstCall()
    assert most_at_once(first, 4) == 1
    assert most_at_once(first, 4) > 1


@pytest.mark.slow
def test_threads_that_infer_for_the_first_time_at_once_all_get_their_answer():
    root = Path(__file__).resolve().parents[2]
    for _ in range(3):
        subprocess.run([sys.executable, "-c", AT_ONCE], cwd=root, check=True, timeout=60)
