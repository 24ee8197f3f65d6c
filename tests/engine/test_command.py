"""One protocol: how every command takes its options, tells how far it is, writes its result and ends."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import ModuleType

import pytest

from engine.command import Outcome, Parser, command_line, complain, defaults_of, main, names, parser_of, words_of
from engine.errors import InferenceError, InputError
from engine.files import Outputs
from engine.progress import Step, report, track


def run(
    *,
    photo: Path,
    times: int = 2,
    backends: tuple[str, ...] = ("torch", "onnxruntime"),
    end: str | None = None,
    outputs: Outputs | None = None,
) -> Outcome:
    """Counts."""
    outputs = outputs or Outputs()
    outputs.protect([photo])
    endings = {
        "bad": InputError("The photo\n  is bad."),
        "broken": InferenceError("The runtime failed."),
        "ctrl-c": KeyboardInterrupt(),
        "unread": FileNotFoundError(2, "No such file or directory", "gone.jpg"),
    }
    if end in endings:
        raise endings[end]
    for _ in track(range(times), "counting"):
        report(Step(1, 2, "half"))
    print("counted")
    result = {"photo": photo.name, "times": times, "backends": list(backends)}
    return Outcome(result, failed=end == "failed", interrupted=end == "kept")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("photo", type=Path)
    parser.add_argument("--times", type=int, help="how often")
    parser.add_argument("--backends", type=names, help="which, 100 %% of them")
    parser.add_argument("--end")


@pytest.fixture(autouse=True)
def counting(monkeypatch) -> ModuleType:
    """A command, importable as `counting_command`."""
    module = ModuleType("counting_command", "Count something.\n\nAt length.")
    module.run, module.add_arguments = run, add_arguments
    monkeypatch.setitem(sys.modules, "counting_command", module)
    return module


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "tom.jpg"
    path.write_text("pixels")
    return path


def call(*words: object) -> int:
    return main("toy", "A toy.", {"count": "counting_command"}, [str(word) for word in words])


def test_the_result_is_written_and_what_a_person_reads_is_printed(photo, tmp_path, capsys):
    assert call("count", photo, "--times", 3, "--json", tmp_path / "made.json") == 0
    assert json.loads((tmp_path / "made.json").read_text()) == {
        "photo": "tom.jpg", "times": 3, "backends": ["torch", "onnxruntime"],
    }  # fmt: skip
    assert capsys.readouterr().out == "counted\n"


def test_options_that_are_not_given_have_the_defaults_of_the_function(photo, tmp_path):
    call("count", photo, "--backends", "torch,torchscript", "--json", tmp_path / "made.json")
    result = json.loads((tmp_path / "made.json").read_text())
    assert (result["times"], result["backends"]) == (2, ["torch", "torchscript"])
    assert defaults_of(run) == {"times": 2, "backends": ("torch", "onnxruntime"), "end": None}


def test_help_says_the_defaults(counting):
    text = parser_of("python -m toy count", counting).format_help()
    assert "how often (default: 2)" in text
    assert "which, 100 % of them (default: torch,onnxruntime)" in text
    assert "Count something.\n\nAt length." in text


def test_progress_is_one_json_object_a_line_on_stderr(photo, capsys):
    assert call("count", photo, "--times", 1, "--progress", "json") == 0
    shown = capsys.readouterr()
    assert shown.out == "counted\n"
    steps = [json.loads(line) for line in shown.err.splitlines()]
    assert all(step.keys() == {"done", "total", "what", "left_s"} for step in steps)
    assert [(step["done"], step["total"], step["what"]) for step in steps] == [
        (0, 1, "counting"), (0.5, 1, "counting: half"), (1, 1, "counting"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("bad", 2, "error: The photo is bad.\n"),  # one line, whatever the message has
        ("broken", 2, "error: The runtime failed.\n"),
        ("unread", 2, "error: gone.jpg: No such file or directory.\n"),
        ("ctrl-c", 130, "error: stopped before there was a result.\n"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_status(photo, tmp_path, capsys, end, status, said):
    assert call("count", photo, "--end", end, "--json", tmp_path / "made.json") == status
    assert capsys.readouterr().err == said
    assert not (tmp_path / "made.json").exists()


@pytest.mark.parametrize(("end", "status"), [("failed", 2), ("kept", 130)])
def test_what_is_done_is_written_where_a_part_failed_or_it_was_stopped(photo, tmp_path, end, status):
    assert call("count", photo, "--end", end, "--json", tmp_path / "made.json") == status
    assert json.loads((tmp_path / "made.json").read_text())["photo"] == "tom.jpg"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: COMMAND. `python -m toy --help` says more."),
        (["bake"], "invalid choice: 'bake' (choose from 'count'). `python -m toy --help` says more."),
        (["count"], "the following arguments are required: photo. `python -m toy count --help` says more."),
        (["count", "a", "--times", "x"], "argument --times: invalid int value: 'x'."),
        (["count", "a", "--colour"], "unrecognized arguments: --colour."),
        (["count", "a", "--progress", "loud"], "argument --progress: invalid choice: 'loud'"),
    ],
)
def test_words_that_are_not_known_are_refused_in_one_line(capsys, words, said):
    assert call(*words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert said in shown.err


def test_a_result_that_is_there_is_refused_before_any_work(photo, tmp_path, capsys):
    kept = tmp_path / "kept.json"
    kept.write_text("mine")
    assert call("count", photo, "--json", kept) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "kept.json is there already" in shown.err
    assert kept.read_text() == "mine"
    assert call("count", photo, "--json", kept, "--force") == 0
    assert json.loads(kept.read_text())["photo"] == "tom.jpg"


def test_what_is_read_is_not_replaced_by_the_result(photo, capsys):
    assert call("count", photo, "--json", photo, "--force") == 2
    assert "tom.jpg is read by this command" in capsys.readouterr().err
    assert photo.read_text() == "pixels"


def test_a_complaint_is_one_line(capsys):
    assert complain("two\nlines") == 2
    assert capsys.readouterr().err == "error: two lines\n"


def test_a_parser_raises_what_it_does_not_know():
    with pytest.raises(InputError, match=r"unrecognized arguments: --x. `python -m toy --help` says more."):
        Parser(prog="python -m toy").parse_args(["--x"])


def test_names_are_listed_with_commas():
    assert (names("a,b"), names("")) == (("a", "b"), ())


def test_options_become_words():
    # None and False are left out; True is the name alone; 2.0 is short.
    given = {"seconds": 2.0, "backends": ("torch", "onnxruntime"), "startup": True, "layers": False, "photo": None}
    assert words_of(**given, max_latency_ms=10) == [
        "--seconds", "2", "--backends", "torch,onnxruntime", "--startup", "--max-latency-ms", "10",
    ]  # fmt: skip


def test_a_command_line_can_be_pasted_into_a_shell():
    said = command_line("engine video", "tom cat.mp4", model="my models/pets", blur=0.02)
    assert said == "python -m engine video 'tom cat.mp4' --model 'my models/pets' --blur 0.02"
    assert command_line("engine layers") == "python -m engine layers"
