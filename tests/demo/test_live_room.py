"""Viewers share one machine: fair turns by time, the newest frame, a line. The clock is a virtual one."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from demo import live_room
from demo.live_frames import LiveAnswer
from demo.live_room import LINE, PLACES, Room, Standing, Viewer
from demo.quiet import Quiet
from engine.errors import InferenceError, InputError

SOON = 5  # seconds within which what should happen does


class Clock:
    """Stands in for the module `time` of the room: only answering frames takes time."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        time.sleep(0.001)


class Person:
    """A viewer, what his frames cost in seconds of the clock, and what he was told."""

    def __init__(self, clock: Clock, cost: float = 0.01) -> None:
        self.clock = clock
        self.cost = cost
        self.taken: list[int] = []
        self.told: list[tuple] = []  # number, answer or error, milliseconds of waiting
        self.standings: list[Standing] = []
        self.while_answered: Callable[[int], None] = lambda number: None
        self.once_told: Callable[[int], None] = lambda number: None
        self.viewer = Viewer(SimpleNamespace(answer=self.answer), self.take_answer, self.standings.append)

    def answer(self, number: int, file: bytes) -> LiveAnswer:
        self.taken.append(number)
        self.while_answered(number)
        self.clock.now += self.cost
        return LiveAnswer(number, [file])

    def take_answer(self, number: int, answer, waited_ms: float) -> None:
        self.told.append((number, answer, waited_ms))
        self.once_told(number)

    @property
    def time_had(self) -> float:
        return len(self.taken) * self.cost

    @property
    def place(self) -> int:
        return self.standings[-1].place


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it is so within a few seconds."""
    until = time.monotonic() + SOON
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "live-room"]


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(live_room, "time", clock)
    return clock


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture
def room(clock, quiet):
    opened = Room(quiet, is_measured=lambda: False)
    yield opened
    for viewer in list(opened._viewers):
        opened.leave(viewer)
    assert eventually(lambda: not workers())


def share(room: Room, quiet: Quiet, clock: Clock, people: list[Person], seconds: float, pipelined: set[Person]) -> None:
    """All ask for frame after frame for some seconds of the clock.

    Args:
        pipelined: who has the next frame there while one is answered; the others send it once they have the answer.
    """
    until = clock.now + seconds

    def ask_on(person: Person) -> Callable[[int], None]:
        return lambda number: room.offer(person.viewer, number + 1, b"") if clock.now < until else None

    with quiet.measuring():  # until all have asked
        for person in people:
            person.while_answered = ask_on(person) if person in pipelined else lambda number: None
            person.once_told = ask_on(person) if person not in pipelined else lambda number: None
            room.enter(person.viewer)
            room.offer(person.viewer, 1, b"")
    assert eventually(lambda: clock.now >= until)


# --- Turns ---


@pytest.mark.parametrize("is_pipelined", [False, True])
def test_time_is_shared_evenly_not_frames(room, quiet, clock, is_pipelined):
    cheap, dear = Person(clock, 0.01), Person(clock, 0.03)
    share(room, quiet, clock, [dear, cheap], 12.0, {cheap, dear} if is_pipelined else set())
    # 12 s for two: 6 s each, which is 600 frames of 10 ms and 200 of 30 ms; off by two frames at the most.
    assert cheap.time_had == pytest.approx(6.0, abs=0.07)
    assert dear.time_had == pytest.approx(6.0, abs=0.07)


def test_three_viewers_get_a_third_each(room, quiet, clock):
    people = [Person(clock, cost) for cost in (0.01, 0.02, 0.04)]
    share(room, quiet, clock, people, 12.0, set(people))
    assert [person.time_had for person in people] == pytest.approx([4.0] * 3, abs=0.1)


def test_sending_the_next_frame_early_gives_no_larger_part(room, quiet, clock):
    waits, hurries = Person(clock), Person(clock)
    share(room, quiet, clock, [waits, hurries], 10.0, {hurries})
    assert waits.time_had == pytest.approx(5.0, abs=0.05)
    assert hurries.time_had == pytest.approx(5.0, abs=0.05)


def test_sending_frames_in_pairs_gives_no_larger_part(room, quiet, clock):
    steady, pairs = Person(clock), Person(clock)
    until = clock.now + 10.0

    def second_of_a_pair(number: int) -> None:
        if number % 2:
            room.offer(pairs.viewer, number + 1, b"")

    def next_pair(number: int) -> None:
        if number % 2 == 0 and clock.now < until:
            room.offer(pairs.viewer, number + 1, b"")

    pairs.while_answered, pairs.once_told = second_of_a_pair, next_pair
    steady.once_told = lambda number: room.offer(steady.viewer, number + 1, b"") if clock.now < until else None
    with quiet.measuring():
        for person in (steady, pairs):
            room.enter(person.viewer)
            room.offer(person.viewer, 1, b"")
    assert eventually(lambda: clock.now >= until)
    assert pairs.time_had == pytest.approx(5.0, abs=0.1)
    assert steady.time_had == pytest.approx(5.0, abs=0.1)


def test_who_comes_late_is_owed_nothing_for_the_time_before(room, quiet, clock):
    early, late = Person(clock), Person(clock)
    share(room, quiet, clock, [early], 5.0, set())
    before = early.time_had
    share(room, quiet, clock, [late], 0.0, set())  # comes, asks once
    until = clock.now + 4.0
    for person in (early, late):
        person.once_told = lambda number, person=person: (
            room.offer(person.viewer, number + 1, b"") if clock.now < until else None
        )
    with quiet.measuring():
        for person in (early, late):
            room.offer(person.viewer, 1000, b"")
    assert eventually(lambda: clock.now >= until)
    assert early.time_had - before == pytest.approx(2.0, abs=0.05)
    assert late.time_had == pytest.approx(2.0, abs=0.05)


def test_the_newest_frame_takes_the_place_of_one_that_waits(room, clock):
    person = Person(clock)

    def two_more(number: int) -> None:
        if number == 1:
            room.offer(person.viewer, 2, b"second")
            room.offer(person.viewer, 3, b"third")

    person.while_answered = two_more
    room.enter(person.viewer)
    room.offer(person.viewer, 1, b"first")
    assert eventually(lambda: len(person.told) == 2)
    assert [(number, answer.pictures) for number, answer, _ in person.told] == [(1, [b"first"]), (3, [b"third"])]


def test_it_is_told_how_long_a_frame_waited_for_its_turn(room, quiet, clock):
    person = Person(clock)
    room.enter(person.viewer)
    with quiet.measuring():
        room.offer(person.viewer, 1, b"")
        clock.now += 0.25
    assert eventually(lambda: len(person.told) == 1)
    assert person.told[0][2] == pytest.approx(250.0)


# --- Places and the line ---


def test_who_comes_after_the_last_place_waits_in_line_and_moves_up(room, clock):
    people = [Person(clock) for _ in range(PLACES + 2)]
    for person in people:
        room.enter(person.viewer)
    assert [person.place for person in people] == [0] * PLACES + [1, 2]
    assert {person.standings[-1].viewers for person in people} == {PLACES}
    room.leave(people[0].viewer)
    assert [person.place for person in people[1:]] == [0] * PLACES + [1]
    room.leave(people[-1].viewer)
    assert people[-2].standings[-1] == Standing(place=0, viewers=PLACES, is_measured=False)


def test_everyone_is_told_how_many_share_the_machine(room, clock):
    people = [Person(clock) for _ in range(2)]
    for person in people:
        room.enter(person.viewer)
    assert [each.viewers for each in people[0].standings] == [1, 2]
    room.leave(people[1].viewer)
    assert [each.viewers for each in people[0].standings] == [1, 2, 1]


def test_a_full_line_refuses_in_words(room, clock):
    for _ in range(PLACES + LINE):
        room.enter(Person(clock).viewer)
    with pytest.raises(InputError, match=f"{PLACES + LINE} viewers share this machine or wait for it, the most"):
        room.enter(Person(clock).viewer)
    assert len(room) == PLACES + LINE


def test_frames_of_who_has_no_place_are_not_answered(room, clock):
    people = [Person(clock) for _ in range(PLACES + 1)]
    for person in people:
        room.enter(person.viewer)
    room.offer(people[-1].viewer, 1, b"")
    room.offer(Person(clock).viewer, 1, b"")  # who never came in
    room.offer(people[0].viewer, 1, b"")
    assert eventually(lambda: bool(people[0].told))
    room.leave(people[0].viewer)  # the last one has a place now
    room.offer(people[1].viewer, 1, b"")
    assert eventually(lambda: bool(people[1].told))
    room.offer(people[-1].viewer, 2, b"")
    assert eventually(lambda: bool(people[-1].told))
    assert people[-1].taken == [2]


# --- Leaving ---


def test_the_last_one_to_leave_ends_the_thread_and_the_next_one_begins_another(room, clock):
    for _ in range(2):
        one, other = Person(clock), Person(clock)
        for person in (one, other):
            room.enter(person.viewer)
        assert len(workers()) == 1
        room.leave(one.viewer)
        room.offer(other.viewer, 1, b"")
        assert eventually(lambda person=other: bool(person.told))
        room.leave(other.viewer)
        room.leave(other.viewer)  # twice does no harm
        assert len(room) == 0
        assert eventually(lambda: not workers())


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_who_left_is_kept(room, clock, fails):
    stays, leaves = Person(clock), Person(clock)
    for person in (stays, leaves):
        room.enter(person.viewer)
    if fails:
        leaves.while_answered = refuse
    room.offer(leaves.viewer, 1, b"")
    assert eventually(lambda person=leaves: bool(person.told))
    viewer = weakref.ref(leaves.viewer)
    room.leave(leaves.viewer)
    del leaves, person
    room.offer(stays.viewer, 1, b"")
    assert eventually(lambda: bool(stays.told))
    gc.collect()  # an error holds the frames that it passed through
    assert viewer() is None


def test_a_frame_that_waits_is_forgotten_when_its_viewer_leaves(room, quiet, clock):
    stays, leaves = Person(clock), Person(clock)
    for person in (stays, leaves):
        room.enter(person.viewer)
    with quiet.measuring():
        room.offer(leaves.viewer, 1, b"")
        room.offer(stays.viewer, 1, b"")
        room.leave(leaves.viewer)
    assert eventually(lambda: bool(stays.told))
    assert leaves.taken == []
    assert leaves.viewer.waiting is None


# --- What goes wrong ---


def refuse(number: int) -> None:
    raise InputError("The frame is too large.")


def break_down(number: int) -> None:
    raise ValueError("operands could not be broadcast")


def test_a_frame_that_is_refused_tells_its_viewer_and_the_others_go_on(room, clock):
    bad, good = Person(clock), Person(clock)
    bad.while_answered = refuse
    for person in (bad, good):
        room.enter(person.viewer)
        room.offer(person.viewer, 1, b"")
    assert eventually(lambda: bool(bad.told and good.told))
    assert str(bad.told[0][1]) == "The frame is too large."
    assert isinstance(good.told[0][1], LiveAnswer)


def test_a_bug_is_told_in_words_and_in_the_log_and_the_room_goes_on(room, clock, caplog):
    person = Person(clock)
    person.while_answered = break_down
    room.enter(person.viewer)
    room.offer(person.viewer, 1, b"")
    assert eventually(lambda: len(person.told) == 1)
    person.while_answered = lambda number: None
    room.offer(person.viewer, 2, b"")
    assert eventually(lambda: len(person.told) == 2)
    assert isinstance(person.told[0][1], InferenceError)
    assert str(person.told[0][1]).startswith("This frame could not be answered (operands could not be broadcast).")
    assert "ValueError: operands could not be broadcast" in caplog.text
    assert isinstance(person.told[1][1], LiveAnswer)


# --- While something is measured ---


def test_nobody_is_answered_while_something_is_timed_on_the_page(room, quiet, clock):
    person = Person(clock)
    room.enter(person.viewer)
    with quiet.measuring():
        room.offer(person.viewer, 1, b"")
        time.sleep(0.1)
        assert person.taken == []
    assert eventually(lambda: person.taken == [1])


def test_nobody_is_answered_while_a_benchmark_measures_and_all_are_told(clock, quiet):
    measures = threading.Event()
    measures.set()
    room = Room(quiet, places=1, is_measured=measures.is_set)
    served, waits = Person(clock), Person(clock)
    for person in (served, waits):
        room.enter(person.viewer)
    room.offer(served.viewer, 1, b"")
    assert eventually(lambda: served.standings[-1].is_measured and waits.standings[-1].is_measured)
    room.offer(served.viewer, 2, b"")
    measures.clear()
    assert eventually(lambda: not served.standings[-1].is_measured)
    assert served.taken == []  # what came meanwhile is stale, and was dropped
    room.offer(served.viewer, 3, b"")
    assert eventually(lambda: bool(served.told))
    assert served.taken == [3]
    assert [each.is_measured for each in waits.standings] == [False, True, False]
    for person in (served, waits):
        room.leave(person.viewer)


def test_who_leaves_while_a_benchmark_measures_ends_the_thread(clock, quiet):
    room = Room(quiet, is_measured=lambda: True)
    person = Person(clock)
    room.enter(person.viewer)
    room.offer(person.viewer, 1, b"")
    assert eventually(lambda: person.standings[-1].is_measured)
    room.leave(person.viewer)
    assert eventually(lambda: not workers())
    assert person.taken == []


def test_a_benchmark_is_looked_for_twice_a_second_not_at_every_frame(clock, quiet):
    looks: list[float] = []
    room = Room(quiet, is_measured=lambda: bool(looks.append(clock.now)))
    person = Person(clock, 0.01)
    share(room, quiet, clock, [person], 10.0, set())
    # 10 s of frames: a look at 0, 0.5, ... 9.5 s, give or take what a frame takes (0.01 s)
    assert len(looks) == pytest.approx(20, abs=1)
    room.leave(person.viewer)
