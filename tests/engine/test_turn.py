"""Two processes that measure take turns."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import turn
from engine.turn import is_taken, lock_path, my_turn, try_turn

pytest.importorskip("fcntl", reason="turns are taken on Unix alone")
# Takes the turn, says so, and keeps it until a line comes.
KEEPER = """
import sys
from pathlib import Path
from engine.turn import my_turn
with my_turn(lambda: print("waiting", flush=True), Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock(tmp_path) -> Path:
    return tmp_path / "turn.lock"


@pytest.fixture
def start(lock):
    """`start()` begins a process that takes the turn; it is ended with the test."""
    started: list[subprocess.Popen] = []

    def begin() -> subprocess.Popen:
        command = [sys.executable, "-c", KEEPER, str(lock)]
        root = Path(__file__).resolve().parents[2]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_a_free_turn_is_taken_without_waiting(lock):
    waits: list[str] = []
    for _ in range(2):
        with my_turn(lambda: waits.append("waited"), lock):
            pass
    assert waits == []


def test_another_process_waits_until_the_turn_is_given_back(lock, start):
    with my_turn(path=lock):
        other = start()
        assert other.stdout.readline() == "waiting\n"
    assert other.stdout.readline() == "mine\n"


@pytest.mark.parametrize(
    "end", [lambda process: print("go", file=process.stdin, flush=True), lambda process: process.kill()]
)
def test_the_turn_comes_when_the_other_process_ends_or_is_killed(lock, start, monkeypatch, end: Callable):
    monkeypatch.setattr(turn, "WAIT_SECONDS", 0.01)
    other = start()
    assert other.stdout.readline() == "mine\n"
    waits: list[str] = []

    def end_the_other_soon() -> None:
        waits.append("waited")
        threading.Timer(0.2, end, [other]).start()  # some looks at the lock later

    with my_turn(end_the_other_soon, lock):
        assert other.wait() is not None
    assert waits == ["waited"]  # told once


def test_an_error_gives_the_turn_back(lock):
    with pytest.raises(RuntimeError, match="out of memory"), my_turn(path=lock):
        raise RuntimeError("out of memory")
    with my_turn(lambda: pytest.fail("the turn was not given back"), lock):
        pass


def test_each_user_has_a_lock_of_their_own(monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 1)
    one = lock_path()
    monkeypatch.setattr("os.getuid", lambda: 2)
    assert one != lock_path()


def test_a_turn_is_taken_while_another_process_has_it(lock, start):
    assert not is_taken(lock)  # nobody ever measured
    other = start()
    assert other.stdout.readline() == "mine\n"
    assert is_taken(lock)
    print("go", file=other.stdin, flush=True)
    assert other.wait() == 0
    assert not is_taken(lock)


def test_a_turn_is_taken_while_this_very_process_has_it(lock):
    with my_turn(path=lock):
        assert is_taken(lock)
    assert not is_taken(lock)


def test_a_look_at_the_turn_does_not_keep_it(lock):
    with my_turn(path=lock):
        pass
    assert not is_taken(lock)
    with my_turn(lambda: pytest.fail("the look took the turn"), lock):
        pass


def test_a_look_at_the_turn_makes_no_file(lock):
    assert not is_taken(lock)
    assert not lock.exists()


def test_a_free_turn_is_taken_at_once_and_given_back(lock):
    for _ in range(2):
        with try_turn(lock) as is_mine:
            assert is_mine
            assert is_taken(lock)
        assert not is_taken(lock)


def test_who_only_tries_does_not_wait_for_this_very_process(lock):
    with try_turn(lock) as is_mine:
        with try_turn(lock) as is_mine_too:
            assert is_mine
            assert not is_mine_too
        assert is_taken(lock)  # who did not get it gives nothing back


def test_who_only_tries_does_not_wait_for_another_process(lock, start):
    other = start()
    assert other.stdout.readline() == "mine\n"
    with try_turn(lock) as is_mine:
        assert not is_mine
    print("go", file=other.stdin, flush=True)
    assert other.wait() == 0
    with try_turn(lock) as is_mine:
        assert is_mine


def test_another_process_waits_for_who_tried_and_got_it(lock, start):
    with try_turn(lock):
        other = start()
        assert other.stdout.readline() == "waiting\n"
    assert other.stdout.readline() == "mine\n"


def test_an_error_gives_a_tried_turn_back(lock):
    with pytest.raises(RuntimeError, match="out of memory"), try_turn(lock):
        raise RuntimeError("out of memory")
    assert not is_taken(lock)


def test_where_there_are_no_locks_every_turn_is_free(lock, monkeypatch):
    monkeypatch.setattr(turn, "fcntl", None)
    with try_turn(lock) as is_mine, try_turn(lock) as is_mine_too:
        assert is_mine
        assert is_mine_too
    assert not is_taken(lock)
