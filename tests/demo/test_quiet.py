"""Those who measure and those who work keep out of each other's way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

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


class Rounds:
    """A thread that measures in rounds, the first of which ends when it is told so.

    Attributes:
        measurer: it stays until it is let go.
        is_on: the second round has begun.
    """

    def __init__(self, quiet: Quiet) -> None:
        self.is_on, self._ends = threading.Event(), threading.Event()
        self.measurer = Someone(lambda: self._measuring(quiet))

    def end_one(self) -> None:
        self._ends.set()

    @contextmanager
    def _measuring(self, quiet: Quiet) -> Iterator[None]:
        with quiet.measuring() as let_through:
            threading.Thread(target=self._go_on, args=[let_through], daemon=True).start()
            yield

    def _go_on(self, let_through: Callable[[], None]) -> None:
        assert self._ends.wait(SOON)
        let_through()
        self.is_on.set()


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


def test_urgent_work_passes_between_two_rounds_and_who_measures_waits_for_it(quiet, someone):
    rounds = Rounds(quiet)
    assert rounds.measurer.is_in.wait(SOON)
    urgent = someone(lambda: quiet.working(urgent=True))
    assert not urgent.is_in.wait(A_WHILE)  # in the middle of a round
    rounds.end_one()
    assert urgent.is_in.wait(SOON)
    assert not rounds.is_on.wait(A_WHILE)
    urgent.go()
    assert rounds.is_on.wait(SOON)
    rounds.measurer.go()


def test_live_work_does_not_pass_between_two_rounds(quiet, someone):
    rounds = Rounds(quiet)
    assert rounds.measurer.is_in.wait(SOON)
    live = someone(quiet.working)
    urgent = someone(lambda: quiet.working(urgent=True))
    assert not urgent.is_in.wait(A_WHILE)
    rounds.end_one()
    assert urgent.is_in.wait(SOON)
    urgent.go()
    assert rounds.is_on.wait(SOON)
    assert not live.is_in.wait(A_WHILE)
    rounds.measurer.go()
    assert live.is_in.wait(SOON)


def test_several_who_are_urgent_pass_together(quiet, someone):
    rounds = Rounds(quiet)
    assert rounds.measurer.is_in.wait(SOON)
    people = [someone(lambda: quiet.working(urgent=True)) for _ in range(3)]
    assert not people[0].is_in.wait(A_WHILE)
    rounds.end_one()
    assert all(person.is_in.wait(SOON) for person in people)
    for person in people[:-1]:
        person.go()
    assert not rounds.is_on.wait(A_WHILE)
    people[-1].go()
    assert rounds.is_on.wait(SOON)
    rounds.measurer.go()


def test_where_nobody_is_urgent_the_next_round_begins_at_once(quiet):
    with quiet.measuring() as let_through:
        let_through()


def test_after_the_rounds_between_urgent_work_waits_again(quiet, someone):
    rounds = Rounds(quiet)
    assert rounds.measurer.is_in.wait(SOON)
    rounds.end_one()
    assert rounds.is_on.wait(SOON)
    urgent = someone(lambda: quiet.working(urgent=True))
    assert not urgent.is_in.wait(A_WHILE)
    rounds.measurer.go()
    assert urgent.is_in.wait(SOON)


def test_urgent_work_that_fails_lets_the_rounds_go_on(quiet, someone):
    with pytest.raises(RuntimeError, match="out of memory"), quiet.working(urgent=True):
        raise RuntimeError("out of memory")
    measurer = someone(quiet.measuring)
    assert measurer.is_in.wait(SOON)
