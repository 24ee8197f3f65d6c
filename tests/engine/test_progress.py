"""The parts become the whole, loops in loops are one progress, and a program can read what is said."""

import json

import pytest

from engine import progress as engine_progress
from engine.progress import PRINTERS, Progress, Step, bar, counting, json_lines, listening, report, silent, track

PARTS = {"opening": 2.0, "timing": 6.0, "profiling": 2.0}


@pytest.fixture
def told() -> list[Step]:
    return []


@pytest.fixture
def progress(told) -> Progress:
    return Progress(PARTS, told.append)


def test_the_parts_before_are_done_when_a_part_begins(progress, told):
    # Of 10 s 2 are over, 8 are left.
    progress.start("timing")
    assert told == [Step(2, 10, "timing", 8)]
    assert told[0].share == pytest.approx(0.2)


def test_a_part_counts_by_the_seconds_it_is_expected_to_take(progress, told):
    # 2 s and half of 6: 5 of 10.
    progress.start("timing")
    progress.update(0.5)
    assert told[-1] == Step(5, 10, "timing", 5)


def test_the_end_of_the_last_part_is_the_end(progress, told):
    progress.start("profiling")
    progress.update(1.0)
    assert told[-1] == Step(10, 10, "profiling", 0)
    assert progress.expected_seconds == 10


def test_parts_that_take_no_time_are_done_at_once(told):
    Progress({"nothing": 0.0}, told.append).start("nothing")
    assert told == [Step(0, 0, "nothing", 0)]
    assert told[0].share == 1


def test_a_part_that_was_not_announced_is_a_mistake(progress):
    with pytest.raises(ValueError, match="'baking' is not in list"):
        progress.start("baking")


def test_what_is_reported_goes_to_who_listens_and_to_nobody_afterwards(told):
    with listening(told.append):
        report(Step(1, 2, "half"))
    report(Step(2, 2, "unheard"))
    assert told == [Step(1, 2, "half")]


def test_items_are_counted_after_each_is_worked_on(told, monkeypatch):
    clock = iter([100.0, 100.0, 102.0, 104.0])  # the start, then 0, 1 and 2 of 2
    monkeypatch.setattr(engine_progress.time, "monotonic", lambda: next(clock))
    with listening(told.append):
        assert list(track("ab", "reading")) == ["a", "b"]
    # After one of two in 2 s, 2 s are left.
    assert told == [Step(0, 2, "reading"), Step(1, 2, "reading", 2.0), Step(2, 2, "reading", 0.0)]


def test_items_without_a_length_need_a_total(told):
    with listening(told.append):
        assert list(track(iter("abc"), "reading", 3)) == ["a", "b", "c"]
    assert [step.done for step in told] == [0, 1, 2, 3]


def test_a_loop_in_a_loop_is_one_progress(told):
    with listening(told.append):
        for _ in track(range(2), "ways"):
            with counting(4, "scoring") as advance:
                advance(3)
                advance()
    # The first way's 3 of 4 are 0.75 of 2, the second's 1.75 of 2.
    assert [(step.done, step.what) for step in told] == [
        (0, "ways"), (0, "ways: scoring"), (0.75, "ways: scoring"), (1, "ways: scoring"), (1, "ways"),
        (1, "ways: scoring"), (1.75, "ways: scoring"), (2, "ways: scoring"), (2, "ways"),
    ]  # fmt: skip
    assert {step.total for step in told} == {2}


def test_a_second_loop_in_one_item_does_not_go_back(told):
    with listening(told.append):
        for _ in track("a", "epochs"):
            for word in ("training", "validating"):
                list(track("xy", word))
    assert [(step.done, step.what) for step in told] == [
        (0, "epochs"), (0, "epochs: training"), (0.5, "epochs: training"), (1, "epochs: training"),
        (1, "epochs: validating"), (1, "epochs: validating"), (1, "epochs: validating"), (1, "epochs"),
    ]  # fmt: skip


def test_a_loop_that_is_left_early_is_not_listened_to_any_more(told):
    with listening(told.append):
        for _ in track(range(5), "photos"):
            break
        report(Step(1, 1, "after"))
    assert [step.what for step in told] == ["photos", "after"]


def test_json_lines_are_one_object_a_line_on_stderr(capsys):
    with json_lines() as show:
        show(Step(1 / 3, 2.0, "timing the backends", 6.66))
        show(Step(0, 1, "waiting"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [json.loads(line) for line in shown.err.splitlines()] == [
        {"done": 0.3333, "total": 2.0, "what": "timing the backends", "left_s": 6.66},
        {"done": 0, "total": 1, "what": "waiting", "left_s": None},
    ]


def test_json_lines_say_the_first_and_the_last_of_many_quick_steps(capsys):
    with json_lines() as show:
        for done in range(1001):
            show(Step(done, 1000, "photos"))
    lines = [json.loads(line)["done"] for line in capsys.readouterr().err.splitlines()]
    assert (lines[0], lines[-1]) == (0, 1000)
    assert len(lines) < 100  # a tenth of a second apart


def test_a_bar_says_on_stderr_what_goes_on_and_how_long(capsys):
    with bar(after_s=0) as show:
        show(Step(1, 4, "opening torch"))
        show(Step(2, 4, "timing the backends", 6.0))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "opening torch" in shown.err
    assert "timing the backends" in shown.err
    assert "50 %, 6 s left" in shown.err


def test_a_bar_may_go_back(capsys):
    with bar(after_s=0) as show:
        show(Step(5, 10, "timing", 5.0))
        show(Step(1, 10, "waiting"))
    assert "10 %" in capsys.readouterr().err


def test_what_is_done_within_a_second_gets_no_bar(capsys):
    with bar() as show:
        show(Step(1, 2, "quick"))
        show(Step(2, 2, "quick"))
    assert "quick" not in capsys.readouterr().err


def test_a_bar_and_json_lines_can_be_chosen_and_silence_says_nothing(capsys):
    assert {"bar": bar, "json": json_lines} == PRINTERS
    silent(Step(1, 2, "timing"))
    assert capsys.readouterr() == ("", "")
