"""The parts become the whole, and a program can read what is said."""

import json

import pytest

from engine.progress import PRINTERS, Progress, bar, json_lines, silent

PARTS = {"opening": 2.0, "timing": 6.0, "profiling": 2.0}


@pytest.fixture
def told() -> list[tuple[float, str, float | None]]:
    return []


@pytest.fixture
def progress(told) -> Progress:
    return Progress(PARTS, lambda *words: told.append(words))


def test_the_parts_before_are_done_when_a_part_begins(progress, told):
    # Of 10 s 2 are over, 8 are left.
    progress.start("timing")
    assert told == [(pytest.approx(0.2), "timing", pytest.approx(8))]


def test_a_part_counts_by_the_seconds_it_is_expected_to_take(progress, told):
    # 2 s and half of 6: 5 of 10.
    progress.start("timing")
    progress.update(0.5)
    assert told[-1] == (pytest.approx(0.5), "timing", pytest.approx(5))


def test_the_end_of_the_last_part_is_the_end(progress, told):
    progress.start("profiling")
    progress.update(1.0)
    assert told[-1] == (pytest.approx(1), "profiling", pytest.approx(0))
    assert progress.expected_seconds == 10


def test_parts_that_take_no_time_are_done_at_once(told):
    Progress({"nothing": 0.0}, lambda *words: told.append(words)).start("nothing")
    assert told == [(1.0, "nothing", 0.0)]


def test_a_part_that_was_not_announced_is_a_mistake(progress):
    with pytest.raises(ValueError, match="'baking' is not in list"):
        progress.start("baking")


def test_json_lines_are_one_object_a_line(capsys):
    with json_lines() as show:
        show(1 / 3, "timing the backends", 6.66)
        show(0.0, "waiting", None)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"share": 0.3333, "what": "timing the backends", "seconds_left": 6.7},
        {"share": 0.0, "what": "waiting", "seconds_left": None},
    ]


def test_a_bar_says_on_stderr_what_goes_on_and_how_long(capsys):
    with bar() as show:
        show(0.25, "opening torch", None)
        show(0.5, "timing the backends", 6.0)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "opening torch" in shown.err
    assert "timing the backends" in shown.err
    assert "50 %, 6 s left" in shown.err


def test_a_bar_may_go_back(capsys):
    with bar() as show:
        show(0.5, "timing", 5.0)
        show(0.1, "waiting", None)
    assert "10 %" in capsys.readouterr().err


def test_a_bar_and_json_lines_can_be_chosen_and_silence_says_nothing(capsys):
    assert {"bar": bar, "json": json_lines} == PRINTERS
    silent(0.5, "timing", None)
    assert capsys.readouterr() == ("", "")
