"""Weights stored in 16 bits halve every artefact, and every runtime computes with the same numbers in float32."""

import numpy as np
import pytest
import torch
from torch import nn

from engine.backends import open_backend, torch_eager
from engine.spec import Model
from train import checkpoint
from train.__main__ import main
from train.export import load_network
from train.half import store_in_half, widened

EXPORTED = {"torch": "torch.pt2", "onnxruntime": "model.onnx", "openvino-fp32": "openvino-fp32.xml"}


@pytest.fixture(scope="module")
def halved(run, tmp_path_factory) -> Model:
    folder = tmp_path_factory.mktemp("models") / "halved"
    assert main(["export", "--run", str(run), "--model", str(folder), "--half"]) == 0
    return Model.open(folder)


@pytest.fixture(scope="module")
def rounded(run) -> nn.Module:
    """The network of the run with its weights rounded to half precision."""
    network = load_network(checkpoint.load(run / "weights.pt"))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.copy_(layer.weight.half().float())
    return network


@pytest.mark.parametrize("backend", EXPORTED)
def test_every_runtime_computes_with_the_rounded_weights(halved, rounded, backend):
    batch = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = rounded(torch.from_numpy(batch)).numpy()
    assert np.abs(open_backend(backend, halved).infer(batch) - expected).max() <= 1e-3


def test_an_artefact_is_about_half_as_large(halved, exported):
    for name in EXPORTED.values():
        ratio = halved.spec.artefacts[name].size_mb / Model.open(exported).spec.artefacts[name].size_mb
        assert 0.5 <= ratio < 0.6, name
        assert halved.spec.artefacts[name].command.endswith("--half")


def test_the_torch_backend_widens_weights_when_it_loads_and_not_at_every_call(halved):
    module = torch_eager.load(halved.artefact("torch.pt2"), halved.spec)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    conversions = [node for node in module.graph.nodes if node.target is torch.ops.aten.to.dtype]
    assert len(conversions) == 1  # that of the pixels


def test_training_goes_on_from_weights_stored_in_16_bits(halved, rounded):
    state = checkpoint.load_weights(halved.artefact("torch.pt2"))
    expected = rounded.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_weights_are_rounded_to_the_nearest_number_of_half_precision():
    layer = nn.Sequential(nn.Conv2d(1, 1, 1))
    layer[0].weight = nn.Parameter(torch.full((1, 1, 1, 1), 0.1))
    layer[0].bias = nn.Parameter(torch.tensor([0.1]))
    store_in_half(layer)
    # 0.1 in half precision: 1638 / 2**14
    assert layer[0].weight.item() == 1638 / 2**14
    assert layer[0].bias.item() == torch.tensor(0.1).item()
    assert widened(layer.state_dict())["0.weight"].item() == 1638 / 2**14
