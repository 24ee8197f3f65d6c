"""Every command of both programs follows the one protocol, and keeps what is the user's."""

import inspect
import json
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from engine import __main__ as engine_program
from engine.command import Outcome, parser_of
from train import __main__ as train_program
from train.compression.ptq import QuantizationOptions
from train.recipe import Recipe

pytestmark = pytest.mark.usefixtures("opened_once")
COMMANDS = [
    *(pytest.param("engine", name, module, id=f"engine {name}") for name, module in engine_program.COMMANDS.items()),
    *(pytest.param("train", name, module, id=f"train {name}") for name, module in train_program.COMMANDS.items()),
]
MAIN = {"engine": engine_program.main, "train": train_program.main}
# Options that a command takes by the names of a dataclass.
BY_NAME = {"fit": Recipe, "ablate": Recipe, "quantize": QuantizationOptions}
OF_THE_PROTOCOL = {"help", "json", "progress", "force"}


@pytest.mark.parametrize(("program", "name", "module"), COMMANDS)
def test_the_options_of_a_command_are_the_arguments_of_its_function(program, name, module):
    command = import_module(module)
    options = {action.dest for action in parser_of(f"python -m {program} {name}", command)._actions} - OF_THE_PROTOCOL
    parameters = inspect.signature(command.run).parameters
    named = {key for key, value in parameters.items() if value.kind is inspect.Parameter.KEYWORD_ONLY} - {"outputs"}
    if any(value.kind is inspect.Parameter.VAR_KEYWORD for value in parameters.values()):
        named |= {field.name for field in fields(BY_NAME[name])}
    assert options == named
    assert inspect.signature(command.run).return_annotation in (Outcome, "Outcome")


@pytest.mark.parametrize(("program", "name", "module"), COMMANDS)
def test_a_command_says_what_it_does_and_its_program_lists_it(program, name, module, capsys):
    with pytest.raises(SystemExit) as ended:
        MAIN[program]([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert (import_module(module).__doc__ or "").splitlines()[0] in shown
    assert all(option in shown for option in ("--json FILE", "--progress", "--force"))
    assert f"\n{name} " in (__import__(f"{program}.__main__", fromlist=["__doc__"]).__doc__ or "")


@pytest.mark.parametrize(("program", "name", "module"), COMMANDS)
def test_an_unknown_option_is_refused_in_one_line(program, name, module, capsys):
    assert MAIN[program]([name, "--colour", "teal"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert f"`python -m {program} {name} --help` says more." in shown.err


@pytest.mark.slow
def test_training_tells_how_far_it_is_as_json_and_writes_what_came_of_it(shared_dataset, tmp_path, capsys):
    result = tmp_path / "fit.json"
    words = ["fit", "--data", shared_dataset, "--run", tmp_path / "run", "--cache", tmp_path / "cache", "--epochs", 2]
    words += ["--encoder-weights", "none", "--size", 64, "--batch-size", 2, "--workers", 0, "--limit", 4]
    words += ["--json", result, "--progress", "json"]
    assert train_program.main([str(word) for word in words]) == 0
    shown = capsys.readouterr()
    steps = [json.loads(line) for line in shown.err.splitlines()]
    assert all(step.keys() == {"done", "total", "what", "left_s"} for step in steps)
    epochs = [step["done"] for step in steps if step["what"].startswith("epochs")]
    assert epochs == sorted(epochs)  # the batches of an epoch are a part of it
    assert (epochs[0], epochs[-1]) == (0, 2)
    assert any("loss" in step["what"] for step in steps)
    assert not any(line.startswith("{") for line in shown.out.splitlines())
    told = json.loads(result.read_text())
    assert (told["epochs"], told["weights"]) == (2, str(tmp_path / "run" / "weights.pt"))
    assert told["history"][-1]["binary"] >= 0


def test_a_result_that_is_there_is_refused_before_any_work(shared_dataset, tmp_path, capsys):
    (tmp_path / "mine.json").write_text("mine")
    words = [
        "fit",
        "--data",
        str(shared_dataset),
        "--run",
        str(tmp_path / "run"),
        "--json",
        str(tmp_path / "mine.json"),
    ]
    assert train_program.main(words) == 2
    assert "mine.json is there already. Name another place, or add --force" in capsys.readouterr().err
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert not (tmp_path / "run").exists()


def test_weights_of_another_run_are_not_replaced(shared_dataset, tmp_path, capsys):
    (tmp_path / "weights.pt").write_text("mine")
    assert train_program.main(["fit", "--data", str(shared_dataset), "--run", str(tmp_path)]) == 2
    assert "weights.pt is there already. Name another place, or add --force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pt"]


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "by force"])
def test_a_mask_never_replaces_a_photo_that_is_read(tmp_path, capsys, force):
    photos = [tmp_path / "cat.png", tmp_path / "cat-mask.png"]
    for photo in photos:
        Image.new("RGB", (40, 30), (200, 120, 60)).save(photo)
    before = photos[1].read_bytes()
    assert engine_program.main(["predict", *map(str, photos), "--out", str(tmp_path), *force]) == 2
    assert "cat-mask.png is read by this command and would be replaced" in capsys.readouterr().err
    assert photos[1].read_bytes() == before
    assert (tmp_path / "cat-mask-mask.png").is_file()  # the other one was answered


def test_two_photos_of_one_stem_and_masks_of_before_are_kept(tmp_path, capsys):
    photos = [tmp_path / folder / "cat.png" for folder in ("a", "b")]
    for photo in photos:
        photo.parent.mkdir()
        Image.new("RGB", (40, 30), (200, 120, 60)).save(photo)
    out = tmp_path / "out"
    words = ["predict", *map(str, photos), "--out", str(out)]
    assert engine_program.main(words) == 0
    assert sorted(path.name for path in out.iterdir()) == ["cat-2-mask.png", "cat-mask.png"]
    (out / "cat-mask.png").write_text("mine")
    assert engine_program.main(words) == 2
    assert capsys.readouterr().err.count("is there already") == 2
    assert (out / "cat-mask.png").read_text() == "mine"
    assert engine_program.main([*words, "--force"]) == 0
    assert (out / "cat-mask.png").read_bytes().startswith(b"\x89PNG")


def test_a_command_finds_its_photos_and_writes_beside_them(tmp_path, monkeypatch):
    Image.new("RGB", (40, 30)).save(tmp_path / "tom.png")
    monkeypatch.chdir(tmp_path)
    assert engine_program.main(["predict", "tom.png"]) == 0
    assert Path("tom-mask.png").is_file()
