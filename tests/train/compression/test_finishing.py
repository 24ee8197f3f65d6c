"""Finishing with fake quantizers and with pruning masks: what comes out are plain weights that `export` takes."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import InferenceError, InputError
from engine.spec import Model
from train import checkpoint, export
from train.__main__ import main
from train.compression import prune, qat
from train.compression.finishing import finish, load_network, save_weights
from train.data import PetPictures, open_cache, split


class Colours(nn.Module):
    """Four logits from the colour of a pixel alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.conv(batch.permute(0, 3, 1, 2).float() / 255)


@pytest.fixture
def pictures(shared_dataset, cache) -> PetPictures:
    opened = open_cache(shared_dataset, cache)
    return PetPictures(opened, split(opened.samples, "training"), 64, seed=0)


@pytest.fixture
def model(exported) -> Model:
    return Model.open(exported)


def test_finishing_learns_and_comes_out_the_same_every_time(pictures):
    first, again = Colours(), Colours()
    early = finish(first, pictures, 1, 2, 1e-2, 0.0, seed=0)
    late = finish(first, pictures, 30, 2, 1e-2, 0.0, seed=0)
    assert late < early
    assert not first.training
    finish(again, pictures, 1, 2, 1e-2, 0.0, seed=0)
    finish(again, pictures, 30, 2, 1e-2, 0.0, seed=0)
    assert torch.equal(first.conv.weight, again.conv.weight)


def test_a_loss_that_is_no_number_ends_it(pictures):
    network = Colours()
    network.conv.weight.data.fill_(float("nan"))
    with pytest.raises(InferenceError, match=r"The loss is nan after 0 steps. Take a smaller --learning-rate"):
        finish(network, pictures, 3, 2, 1e-2, 0.0, seed=0)


def test_the_network_of_a_model_answers_as_its_artefact(model):
    batch = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    assert export.prove(model, "torch.pt2", load_network(model)) < 1e-3
    assert load_network(model)(torch.from_numpy(batch)).shape == (1, 4, 64, 64)


def test_weights_of_another_network_are_refused(model, monkeypatch):
    monkeypatch.setattr(checkpoint, "load_weights", lambda path: {"conv.weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"does not fit fastsegnet-cnn: \d+ tensors differ, .* export the model"):
        load_network(model)


def test_weights_are_saved_without_what_nncf_put_in(model, tmp_path):
    network = load_network(model)
    network.register_module("__nncf_hooks", nn.Linear(1, 1))
    save_weights(network, model, {"loss": 1.0}, tmp_path / "weights.pt")
    weights = checkpoint.load(tmp_path / "weights.pt")
    assert not [name for name in weights["state_dict"] if "nncf" in name]
    assert export.prove(model, "torch.pt2", export.load_network(weights)) < 1e-3
    assert weights["history"] == [{"loss": 1.0}]


def test_masks_are_multiplied_into_plain_weights(model):
    import nncf

    batch = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8))
    mode = nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL
    masked = nncf.prune(load_network(model), mode, ratio=0.5, examples_inputs=batch)
    plain = prune.with_zeros(masked, load_network(model))
    assert not [name for name in plain.state_dict() if "nncf" in name]
    weights = plain.segmentation_head[0][0].weight
    assert (weights == 0).float().mean() == pytest.approx(0.5, abs=0.01)
    with torch.inference_mode():
        assert torch.allclose(masked(batch), plain(batch), atol=1e-5)


@pytest.mark.parametrize("stored", [[], ["--half"]], ids=["in 32 bits", "in 16 bits"])
def test_pruning_reports_size_zeros_and_scores(stored, tiny_run, shared_dataset, cache, tmp_path, capsys):
    model, out = tmp_path / "drawn", tmp_path / "pruned"
    assert main([str(word) for word in ("export", "--run", tiny_run, "--model", model, *stored)]) == 0
    words = ("prune", "--model", model, "--data", shared_dataset, "--cache", cache, "--out", out,
             "--ratios", "0.5", "--steps", "1", "--batch-size", "2", "--adaptation", "2", "--seconds", "0.1",
             "--mode", "local")  # fmt: skip
    assert main([str(word) for word in words]) == 0
    dense, pruned = json.loads((out / "pruned.json").read_text())
    assert (dense["name"], pruned["name"]) == ("unpruned", "0.5")
    assert pruned["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert all(share == pytest.approx(0.5, abs=0.1) for share in pruned["layers"].values())
    assert pruned["size_mb"] == pytest.approx(dense["size_mb"], rel=0.01)  # zeros take as much room as others
    assert pruned["zip_mb"] < 0.7 * dense["zip_mb"]
    assert pruned["speed"].keys() == {"median", "ci95", "verdict"}
    assert "| 0.5 | 50" in capsys.readouterr().out
    # The step of training kept the zeros, and `fit --initial-weights` reads the file.
    state = checkpoint.load_weights(out / "ratio-0.5" / "weights.pt")
    assert (state["segmentation_head.0.0.weight"] == 0).float().mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("ratios", ["half", "0", "1", "-0.1", "0.5,0.5", "nan", ""])
def test_ratios_that_are_no_shares_are_refused(ratios):
    with pytest.raises(InputError, match=r"--ratios is .*; expected different shares between 0 and 1"):
        prune.parse_ratios(ratios)


def test_finishing_with_fake_quantizers_gives_weights_that_export_takes(exported, shared_dataset, cache, tmp_path):
    run = tmp_path / "qat"
    words = ("qat", "--model", exported, "--data", shared_dataset, "--cache", cache, "--run", run,
             "--steps", "2", "--batch-size", "2", "--subset-size", "2", "--learning-rate", "1e-6")  # fmt: skip
    assert main([str(word) for word in words]) == 0
    weights = checkpoint.load(run / "weights.pt")
    assert weights["history"][0]["finished"] == "quantization-aware, 2 batches of 2 from 1e-06"
    before = load_network(Model.open(exported)).state_dict()
    after = export.load_network(weights).state_dict()
    assert before.keys() == after.keys()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert "segmentation_head.0.0.weight" in changed  # weights were trained
    assert not [name for name in changed if "running" in name]  # batch norms kept their statistics
    assert all(torch.isfinite(value).all() for value in after.values())
    assert main([str(word) for word in words]) == 2  # and are not overwritten


@pytest.mark.parametrize(("option", "value"), [("--steps", "0"), ("--learning-rate", "-1"), ("--subset-size", "0")])
def test_options_of_qat_that_make_no_sense_are_refused(exported, shared_dataset, tmp_path, capsys, option, value):
    words = ["qat", "--model", str(exported), "--data", str(shared_dataset), "--run", str(tmp_path), option, value]
    assert main(words) == 2
    assert f"error: {option} is {value}" in capsys.readouterr().err.replace(".0;", ";")


def test_fake_quantizers_need_no_compiler():
    from nncf.torch.quantization import extensions

    qat.use_reference_quantizers()
    quantized = extensions.QuantizedFunctionsCPU.get("Quantize_forward")(
        torch.tensor([-1.0, 0.1, 0.26, 2.0]), torch.tensor(0.0), torch.tensor(1.0), 5
    )
    # Five levels from 0 to 1: 0, 0.25, 0.5, 0.75, 1.
    assert torch.equal(quantized, torch.tensor([0.0, 0.0, 0.25, 1.0]))
