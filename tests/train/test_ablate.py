"""Short runs that differ by one option: what was finished is kept, what broke off goes on."""

import json

import pytest

from engine.command import defaults_of
from engine.errors import InputError
from train import ablate, checkpoint
from train.__main__ import main
from train.recipe import Recipe
from train.validation import SCORES

COMMON = ("--encoder-weights", "none", "--size", "64", "--batch-size", "2", "--workers", "0")


@pytest.fixture
def ablation(shared_dataset, cache):
    """`ablation(run, "--epochs", 1, ...)` gives the exit code."""

    def command(run, *options: object) -> int:
        words = ("ablate", "--data", shared_dataset, "--cache", cache, "--run", run, *COMMON, *options)
        return main([str(word) for word in words])

    return command


def test_an_ablation_goes_on_where_it_stopped_and_writes_a_table(fit, ablation, tmp_path, monkeypatch, capsys):
    # The second variant broke off after its first epoch.
    assert fit(tmp_path / "focal", "--epochs", 2, "--focal", 2, "--stop-after", 1) == 0
    first_epoch = checkpoint.load(tmp_path / "focal" / "checkpoint.pt")["history"][0]
    options = ("--epochs", 2, "--variants", "base,focal", "--json", tmp_path / "ablation.json")
    assert ablation(tmp_path, *options) == 0
    assert "resumed after epoch 1 of 2" in capsys.readouterr().out

    weights = checkpoint.load(tmp_path / "focal" / "weights.pt")
    assert weights["settings"]["focal"] == 2
    assert weights["history"][0] == first_epoch
    figures = json.loads((tmp_path / "ablation.json").read_text())
    assert figures["settings"]["epochs"] == 2
    assert list(figures["variants"]) == ["base", "focal"]
    row, last = figures["variants"]["focal"], weights["history"][-1]
    assert {name: row[name] for name in SCORES} == {name: last[name] for name in SCORES}
    assert row["seconds"] == pytest.approx(sum(epoch["seconds"] for epoch in weights["history"]))
    table = (tmp_path / "table.md").read_text()
    assert table.splitlines()[0] == (
        "| variant | changed | binary | mean image | trimap | species | boundary | scenes | scene species | seconds |"
    )
    assert f"| focal | `--focal 2.0` | {100 * last['binary']:.2f} | {100 * last['mean_image']:.2f} |" in table

    # A second time nothing is trained; another base is not mixed in.
    monkeypatch.setattr(ablate.fit, "run", lambda **options: pytest.fail("trained again"))
    assert ablation(tmp_path, *options, "--force") == 0
    assert (tmp_path / "table.md").read_text() == table
    assert ablation(tmp_path, *options, "--force", "--seed", 1) == 2
    assert "was made with seed 0, not 1" in capsys.readouterr().err


def test_every_variant_differs_from_the_base_by_one_option():
    recipe = Recipe(teacher="fastsegnet")
    base = ablate.variant(recipe, "base")
    assert base.teacher == "none"
    assert ablate.chosen_variants(("all",), recipe) == list(ablate.VARIANTS)
    for name in ablate.VARIANTS:
        options = ablate.variant(recipe, name)
        changed = [key for key, value in options.settings().items() if value != base.settings()[key]]
        assert len(changed) == (name != "base"), name
        options.check()
    assert ablate.said(base, ablate.variant(recipe, "teacher")) == "--teacher fastsegnet"


def test_without_a_teacher_all_is_all_but_that_variant():
    assert ablate.chosen_variants(("all",), Recipe()) == [name for name in ablate.VARIANTS if name != "teacher"]
    with pytest.raises(InputError, match=r"The variant teacher has none. Name one with --teacher"):
        ablate.chosen_variants(("base", "teacher"), Recipe())


def test_an_unknown_variant_is_refused_before_anything_is_trained(ablation, tmp_path, capsys):
    assert ablation(tmp_path / "run", "--variants", "base,magic") == 2
    assert "There is no variant 'magic'. Known: base, border-species, class-balance, dice" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_several_processes_are_refused(ablation, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert ablation(tmp_path) == 2
    assert "ablate runs in one process. Start it with python, not with torchrun" in capsys.readouterr().err


def test_the_budget_is_short_unless_said():
    defaults = defaults_of(ablate.run)
    assert (defaults["epochs"], defaults["size"]) == (4, 192)
