"""Every network gives every pixel its logits; pretrained weights and those of another run go where they fit."""

from pathlib import Path

import pytest
import torch
from torchvision.models import VisionTransformer as TorchvisionTransformer
from torchvision.models import mobilenet_v2

from engine.errors import InputError
from train import networks
from train.networks import take_over
from train.networks.fastsegnet_cnn import PixelShuffle
from train.networks.vision_transformer import VisionTransformer, from_torchvision


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return networks.build("fastsegnet-cnn").eval()


@torch.inference_mode()
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_there_are_logits_for_every_pixel_of_the_picture(name):
    network = networks.build(name).eval()
    assert network(torch.zeros(2, 64, 96, 3, dtype=torch.uint8)).shape == (2, 4, 64, 96)


@pytest.mark.parametrize(
    ("name", "most"), [("fastsegnet", 2.5e6), ("fastsegnet-cnn", 2.5e6), ("fastsegnet-large", 6e6)]
)
def test_a_network_is_as_small_as_promised(name, most):
    assert sum(parameter.numel() for parameter in networks.build(name).parameters()) <= most


@torch.inference_mode()
def test_the_head_gives_each_pixel_of_a_block_its_own_logit():
    network = networks.build("fastsegnet-cnn").eval()
    last = network.segmentation_head[2]
    last.weight.zero_()
    last.bias.copy_(torch.arange(64.0))
    logits = network(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    # Class 2 has the logits 32 to 47, row by row of every block of 4 x 4 pixels.
    block = torch.arange(32.0, 48.0).view(4, 4)
    torch.testing.assert_close(logits[0, 2], block.repeat(8, 8))


def test_weights_that_fit_are_taken_over(network):
    target = networks.build("fastsegnet-cnn")
    count = len(network.state_dict())
    assert take_over(target, network.state_dict()) == f"took over {count} of {count} tensors"
    for name, value in target.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_what_does_not_fit_stays_as_it_was_and_is_named(network):
    target = networks.build("fastsegnet-cnn", num_classes=3)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    count = len(before)
    head = "segmentation_head.2"
    said = take_over(target, network.state_dict())
    assert said == f"took over {count - 2} of {count} tensors; others in segmentation_head"
    after = target.state_dict()
    assert torch.equal(after[f"{head}.weight"], before[f"{head}.weight"])
    assert torch.equal(after["fuse4.conv.0.weight"], network.state_dict()["fuse4.conv.0.weight"])


@pytest.mark.parametrize("state", [{}, {"layer1.weight": torch.zeros(3)}])
def test_weights_of_another_architecture_are_refused(network, state):
    with pytest.raises(InputError, match=r"None of the initial weights fits the network. Give those of the same"):
        take_over(network, state)


def test_pixel_shuffle_is_that_of_torch():
    features = torch.randn(2, 4 * 9, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(PixelShuffle(4, 3)(features), torch.nn.functional.pixel_shuffle(features, 3))


@pytest.fixture(scope="module")
def torchvision_transformer() -> TorchvisionTransformer:
    """Torchvision's transformer of size tiny, all its tensors drawn, biases and positions too."""
    torch.manual_seed(1)
    transformer = TorchvisionTransformer(224, 16, 12, 3, 192, 768).eval()
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return transformer


@torch.inference_mode()
def test_the_transformer_computes_what_torchvisions_does(torchvision_transformer):
    ours = VisionTransformer(192, num_heads=3).eval()
    ours.load_state_dict(from_torchvision(torchvision_transformer.state_dict()))
    pixels = torch.randn(1, 3, 224, 224)
    tokens = torchvision_transformer._process_input(pixels)
    tokens = torch.cat([torchvision_transformer.class_token, tokens], dim=1)
    expected = torchvision_transformer.encoder(tokens)[:, 1:].transpose(1, 2).reshape(1, 192, 14, 14)
    torch.testing.assert_close(ours(pixels), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_each_file_of_pretrained_weights_goes_to_its_part(torchvision_transformer, tmp_path):
    encoder = mobilenet_v2(weights=None)
    paths = [tmp_path / "mobilenet.pth", tmp_path / "transformer.pth"]
    for path, module in zip(paths, (encoder, torchvision_transformer), strict=True):
        torch.save(module.state_dict(), path)
    network = networks.build("fastsegnet-large")
    networks.load_encoder_weights(network, ",".join(map(str, paths)))
    assert torch.equal(network.encoder[6].conv[2].weight, encoder.features[6].conv[2].weight)
    theirs = torchvision_transformer.encoder.layers.encoder_layer_8.mlp[3].weight
    assert torch.equal(network.transformer.blocks[8].mlp[2].weight, theirs)


@pytest.mark.parametrize(
    ("name", "expected"), [("fastsegnet-cnn", "MobileNetV2"), ("fastsegnet-large", "VisionTransformer")]
)
def test_pretrained_weights_of_another_network_are_refused(name, expected, tmp_path: Path):
    path = tmp_path / "other.pth"
    torch.save({"conv_proj.weight": torch.zeros(1), "encoder.pos_embedding": torch.zeros(1, 197, 192)}, path)
    with pytest.raises(InputError, match=f"other.pth does not fit.*Expected torchvision's .*{expected}"):
        networks.load_encoder_weights(networks.build(name), str(path))
