"""A command in a process of its own: watched, interrupted, killed, never left behind."""

import sys
import time
from pathlib import Path

import pytest

from demo.engine_process import EngineProcess
from engine.errors import InferenceError, InputError
from engine.progress import Step

FAKE = (sys.executable, str(Path(__file__).with_name("fake_engine.py")))


@pytest.fixture(autouse=True)
def engine_for_the_fake(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


def command(seconds: int = 2, model: str = "fastsegnet") -> list[str]:
    return ["benchmark", "--model", model, "--backends", "torch,openvino-int8", "--seconds", str(seconds)]


def finish(running):
    """The steps said, and what came of it."""
    steps = []
    while True:
        try:
            steps.append(next(running))
        except StopIteration as done:
            return steps, done.value


def step_with(running, what: str) -> Step:
    return next(step for step in running if step.what == what)


def is_running(pid: int) -> bool:
    """Whether there is such a process that is no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_run_says_how_far_it_is_and_ends_with_its_result():
    steps, result = finish(EngineProcess(command(), FAKE).run())
    assert steps[0] == Step(0, 1, "starting")
    assert steps[-1].what == "timing the backends"
    assert 0 < steps[-1].left_s < 4
    assert list(result["backends"]) == ["torch", "openvino-int8"]


def test_an_interrupted_run_gives_what_it_has_marked_as_cancelled():
    process = EngineProcess(command(seconds=60), FAKE)
    running = process.run()
    step_with(running, "timing the backends")
    process.interrupt()
    steps, result = finish(running)
    assert result["cancelled"]
    assert {step.what for step in steps} <= {"stopping at the end of the round"}


def test_a_run_that_is_interrupted_before_it_starts_starts_nothing():
    process = EngineProcess(command(), ["no such program"])
    process.interrupt()
    assert finish(process.run()) == ([], None)


def test_one_that_does_not_stop_when_asked_is_killed(monkeypatch):
    monkeypatch.setattr("demo.engine_process.STOPPING_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    process = EngineProcess([], [sys.executable, "-c", deaf])
    running = process.run()
    next(running)
    time.sleep(0.5)  # until it does not listen
    process.interrupt()
    _, result = finish(running)
    assert result is None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_closing_the_generator_kills_the_process_and_those_it_started(tmp_path):
    parent = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    process = EngineProcess([], [sys.executable, "-c", parent])
    running = process.run()
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        next(running)
    child = int((tmp_path / "pid").read_text())
    assert is_running(process._process.pid)
    assert is_running(child)
    running.close()
    assert not is_running(process._process.pid)
    deadline = time.monotonic() + 5
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def test_bad_input_is_an_input_error_in_the_commands_own_words():
    with pytest.raises(InputError, match=r"^There is no model 'broken'\. Known: fastsegnet\.$"):
        finish(EngineProcess(command(model="broken"), FAKE).run())


def test_a_command_that_dies_is_an_inference_error_with_its_last_words():
    with pytest.raises(InferenceError, match=r"ended with status 132 \(Illegal instruction\)"):
        finish(EngineProcess(command(model="dead"), FAKE).run())
