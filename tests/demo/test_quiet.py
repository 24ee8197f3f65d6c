"""Those who measure and those who work keep out of each other's way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from demo.quiet import Quiet

SOON = 5  # seconds within which a thread that may go on does
A_WHILE = 0.1  # seconds that are enough for a thread to go on that should not


class Someone:
    """A thread that enters and stays until it is let go."""

    def __init__(self, enter: Callable[[], AbstractContextManager]) -> None:
        self.is_in = threading.Event()
        self.may_go = threading.Event()
        self.thread = threading.Thread(target=self.stay, args=[enter], daemon=True)
        self.thread.start()

    def stay(self, enter: Callable[[], AbstractContextManager]) -> None:
        with enter():
            self.is_in.set()
            self.may_go.wait(SOON)

    def go(self) -> None:
        self.may_go.set()
        self.thread.join(SOON)


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture
def someone() -> Iterator[Callable[..., Someone]]:
    people: list[Someone] = []

    def come(enter: Callable[[], AbstractContextManager]) -> Someone:
        people.append(Someone(enter))
        return people[-1]

    yield come
    for person in people:
        person.go()


def test_who_measures_waits_for_the_work_in_progress(quiet, someone):
    worker = someone(quiet.working)
    assert worker.is_in.wait(SOON)
    measurer = someone(quiet.measuring)
    assert not measurer.is_in.wait(A_WHILE)
    worker.go()
    assert measurer.is_in.wait(SOON)


def test_no_work_begins_while_something_is_measured(quiet, someone):
    measurer = someone(quiet.measuring)
    assert measurer.is_in.wait(SOON)
    worker = someone(quiet.working)
    assert not worker.is_in.wait(A_WHILE)
    measurer.go()
    assert worker.is_in.wait(SOON)


def test_who_waits_to_measure_goes_before_new_work(quiet, someone):
    first = someone(quiet.working)
    assert first.is_in.wait(SOON)
    measurer = someone(quiet.measuring)
    assert not measurer.is_in.wait(A_WHILE)
    second = someone(quiet.working)
    assert not second.is_in.wait(A_WHILE)
    first.go()
    assert measurer.is_in.wait(SOON)
    assert not second.is_in.wait(A_WHILE)
    measurer.go()
    assert second.is_in.wait(SOON)


def test_several_may_work_at_once_and_the_last_one_lets_the_measuring_begin(quiet, someone):
    workers = [someone(quiet.working) for _ in range(2)]
    assert all(worker.is_in.wait(SOON) for worker in workers)
    measurer = someone(quiet.measuring)
    workers[0].go()
    assert not measurer.is_in.wait(A_WHILE)
    workers[1].go()
    assert measurer.is_in.wait(SOON)


def test_work_waits_for_all_who_measure(quiet, someone):
    measurers = [someone(quiet.measuring) for _ in range(2)]
    assert all(measurer.is_in.wait(SOON) for measurer in measurers)
    worker = someone(quiet.working)
    measurers[0].go()
    assert not worker.is_in.wait(A_WHILE)
    measurers[1].go()
    assert worker.is_in.wait(SOON)


@pytest.mark.parametrize("first", ["measuring", "working"])
def test_an_error_gives_the_silence_back(quiet, someone, first):
    with pytest.raises(RuntimeError, match="out of memory"), getattr(quiet, first)():
        raise RuntimeError("out of memory")
    worker = someone(quiet.working)
    assert worker.is_in.wait(SOON)
    worker.go()
    assert someone(quiet.measuring).is_in.wait(SOON)
