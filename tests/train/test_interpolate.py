"""Weights between those of a run and others."""

import pytest
import torch

from train import checkpoint
from train.__main__ import main
from train.interpolate import interpolated


def test_weights_lie_on_the_line_between_and_counts_stay():
    # 1 + 0.25 * (3 - 1) = 1.5.
    weights = {"weight": torch.tensor([1.0, 4.0]), "batches": torch.tensor(7)}
    other = {"weight": torch.tensor([3.0, 0.0]), "batches": torch.tensor(9)}
    between = interpolated(weights, other, 0.25)
    assert between["weight"].tolist() == [1.5, 3.0]
    assert between["batches"].item() == 7
    assert torch.equal(interpolated(weights, other, 0)["weight"], weights["weight"])


def test_the_command_validates_what_it_writes_and_the_model_says_where_it_lies(
    run, exported, shared_dataset, cache, tmp_path, capsys
):
    into = tmp_path / "between"
    words = ["interpolate", "--run", run, "--other", exported / "torch.pt2", "--into", into, "--share", 0.5]
    words = [str(word) for word in [*words, "--data", shared_dataset, "--cache", cache]]
    assert main(words) == 0
    before, after = (checkpoint.load(folder / "weights.pt") for folder in (run, into))
    scores = [weights["history"][-1]["binary"] for weights in (before, after)]
    assert f"binary         {scores[0]:.4f} -> {scores[1]:.4f}" in capsys.readouterr().out
    assert after["interpolation"] == {"other": "torch.pt2", "share": 0.5}
    assert len(after["history"]) == len(before["history"]) + 1
    # The artefact was exported from the very run: between the two lies the run.
    for name, value in after["state_dict"].items():
        torch.testing.assert_close(value, before["state_dict"][name])
    assert main(words) == 2
    assert "is there already. Name another place, or add --force" in capsys.readouterr().err
    again = [str(into) if word == str(run) else word for word in words]
    assert main([*again, "--into", str(tmp_path / "again")]) == 2
    assert f"{into / 'weights.pt'} is of a run after its interpolation. Name the --run" in capsys.readouterr().err
    # The settings are still those of `fit`, so that the card's command makes the run again.
    assert after["settings"] == before["settings"]


def test_weights_whose_scores_have_other_names_are_taken(run, shared_dataset, cache, tmp_path, capsys):
    pruned, into = tmp_path / "pruned", tmp_path / "between"
    weights = checkpoint.load(run / "weights.pt") | {"history": [{"pruned": 0.5, "mean image": 0.9}]}
    checkpoint.save(weights, pruned / "weights.pt")
    words = ["interpolate", "--run", pruned, "--other", run / "weights.pt", "--into", into]
    assert main([str(word) for word in [*words, "--data", shared_dataset, "--cache", cache]]) == 0
    history = checkpoint.load(into / "weights.pt")["history"]
    assert f"binary         {history[-1]['binary']:.4f}\n" in capsys.readouterr().out
    assert len(history) == 2


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--share", "1.5", "--share is 1.5; expected 0 to 1."),
        ("--other", "nowhere.pt2", "There is no nowhere.pt2."),
        ("--other", "models/fastsegnet/torch.pt2", "torch.pt2 does not fit fastsegnet-cnn: "),
    ],
)
def test_what_cannot_be_interpolated_is_refused(option, value, words, run, exported, tmp_path, capsys):
    options = {"--run": run, "--other": exported / "torch.pt2", "--into": tmp_path, "--data": tmp_path, option: value}
    assert main(["interpolate", *(str(word) for pair in options.items() for word in pair)]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "weights.pt").exists()
