"""A card tells what model.json holds, and nothing else."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from engine.dataset import read_split
from engine.errors import InputError
from engine.metrics import HEADLINES
from engine.score_table import FP32_IR, INT8_IR, committed_models
from engine.spec import Finding, Model, ModelSpec, sha256_of
from train.__main__ import main
from train.cards.card import refuse_calibrated, rounded
from train.cards.card_text import fit_command, quantization_words, render
from train.cards.score_text import score_table


@pytest.fixture
def spec(quantized) -> ModelSpec:
    return Model.open(quantized).spec


def with_settings(spec: ModelSpec, **settings: object) -> ModelSpec:
    return replace(spec, training={**spec.training, "settings": {**spec.training["settings"], **settings}})


def test_the_card_has_the_scores_of_every_artefact_and_the_commands(quantized, spec):
    card = (quantized / "README.md").read_text()
    assert card == render(spec)
    assert card.startswith("---\nlicense: mit\n")
    for name, artefact in spec.artefacts.items():
        scores = artefact.metrics
        assert scores["images"] == 4
        assert scores["found"]["photos"] == 4
        cells = []
        for score in ("outline", "binary"):
            low, high = scores["ci95"][f"{score}.dataset_iou"]
            cells.append(f"{scores[score]['dataset_iou']:.4f} [{low:.3f}, {high:.3f}]")
        assert f"| `{name}` | {artefact.size_mb:.2f} | {' | '.join(cells)} |" in card
    assert "python -m train fit --data ROOT --run runs/drawn --encoder-weights none" in card
    for command in ("export --run", "quantize --model", "card --model"):
        assert f"python -m train {command}" in card


def test_the_card_tells_species_calibration_and_disturbed_photos(quantized, spec):
    card, evaluation = (quantized / "README.md").read_text(), spec.evaluation
    assert evaluation["artefact"] == INT8_IR
    assert [group["images"] for group in evaluation["by_species"].values()] == [2, 2]
    assert list(evaluation["by_breed"]) == ["Drawn_Cat", "drawn_hound"]
    assert "| drawn hound | 2 |" in card
    assert f"{evaluation['calibration']['pixels']['ece']:.2%} of p(not background)" in card
    assert "## Disturbed photos\n\nOn 4 photos of the test split" in card
    assert "| JPEG, quality 30 |" in card
    changes = evaluation["int8_minus_fp32"]
    assert changes.keys() == set(HEADLINES)
    values = [spec.artefacts[name].metrics["binary"]["dataset_iou"] for name in (INT8_IR, FP32_IR)]
    assert changes["binary.dataset_iou"]["difference"] == pytest.approx(values[0] - values[1], abs=1e-5)
    (line,) = [line for line in card.splitlines() if line.startswith("| INT8 - FP32, in points | | ")]
    assert line.split(" | ")[3].startswith(f"{100 * (values[0] - values[1]):+.2f} [")


def test_model_json_stays_of_moderate_size(quantized):
    assert (quantized / "model.json").stat().st_size < 100_000


def test_a_card_is_rendered_before_there_are_scores(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "drawn")
    assert main(["card", "--model", str(folder)]) == 0
    card = (folder / "README.md").read_text()
    assert "| artefact | MB | outline IoU | binary IoU |" in card
    assert "no photos" in card
    assert "Disturbed" not in card


@pytest.mark.parametrize("name", committed_models())
def test_a_committed_card_is_rendered_from_its_model_json(name):
    model = Model.open(name)
    assert (model.folder / "README.md").read_text() == render(model.spec), (
        f"run python -m train card --model models/{name}"
    )


def test_several_models_are_told_apart_in_one_table(spec):
    other = replace(spec, name="drawn-large")
    table = score_table([spec, other]).splitlines()
    assert table[0].startswith("| model | artefact | MB | outline IoU | binary IoU |")
    assert len(table) == 2 + 2 * 5  # four artefacts and a line of differences each
    assert [line.split(" | ")[0] for line in table[2:]] == ["| drawn"] * 5 + ["| drawn-large"] * 5
    assert len({line.count("|") for line in table}) == 1


def test_a_score_that_is_younger_than_the_models_scores_is_a_dash(spec):
    artefacts = {name: replace(each, metrics=dict(each.metrics)) for name, each in spec.artefacts.items()}
    for each in artefacts.values():
        del each.metrics["outline"]
    old = replace(spec, artefacts=artefacts, evaluation={**spec.evaluation, "int8_minus_fp32": {}})
    rows = score_table([old]).splitlines()[2:]
    assert all(line.split(" | ")[2] == "-" for line in rows)
    assert all(line.split(" | ")[3].startswith("0.") for line in rows)


def test_the_card_tells_when_a_pet_counts_as_found(spec):
    told = {"photos": 2000, "photos_without": 1000, "called_nothing": 0.02, "not_found": 0.15}
    told["curve"] = [{"threshold": 0.65, "below": 0.021, "false_alarms": 0.6}]
    finding = Finding(found=0.9, unsure=0.65)
    card = render(replace(spec, finding=finding, evaluation={**spec.evaluation, "finding": told}))
    words = " ".join(card.split())
    assert "A pet is found where the confidence in it is 0.900 or more, perhaps one from 0.650 on" in words
    assert "2% of 2,000 everyday photos with a cat or a dog are called nothing and 15% are not called found" in words
    assert "| 0.650 | 2.1% | 60.0% |" in card
    assert "## Found or not" not in render(spec)


def test_a_card_names_what_is_not_by_default(spec):
    card = render(with_settings(spec, focal=2.0, teacher="deeplab.pth", network="fastsegnet-cnn"))
    assert "Other than by default: focal 2.0, teacher deeplab.pth." in card
    assert "Other than" not in render(spec)


def test_a_card_of_another_architecture_says_so(spec):
    large = with_settings(
        replace(spec, name="fastsegnet-large", network={**spec.network, "architecture": "fastsegnet-large"}),
        network="fastsegnet-large",
        encoder_weights="mobilenet_v2_voc.pth",
    )
    card = render(large)
    assert "# fastsegnet-large 1.0.0" in card
    assert "| architecture | fastsegnet-large |" in card
    assert "The encoder starts from the\nencoder of TensorFlow's DeepLab" in card or "DeepLab MobileNetV2" in card
    assert "--network fastsegnet-large" in card.replace(" \\\n    ", " ")
    assert "python -m train quantize --model models/fastsegnet-large --data ROOT" in card


def test_a_card_says_what_the_weights_were_before(spec):
    def training(**settings: object) -> str:
        return " ".join(render(with_settings(spec, **settings)).split())

    assert "The encoder starts from nothing. " in training(encoder_weights="none")
    assert "All weights start from `first.pt2` (train/LOG.md" in training(
        encoder_weights="none", initial_weights="first.pt2"
    )
    assert (
        "trained on ImageNet (Apache-2.0), as a torchvision state dict, the rest of the network from `first.pt2`"
        in (training(encoder_weights="mobilenet_v2_imagenet.pth", initial_weights="first.pt2"))
    )


def test_a_card_says_that_the_weights_lie_between_two(spec):
    interpolation = {"other": "before.pt2", "share": 0.35}
    card = render(replace(spec, training={**spec.training, "interpolation": interpolation}))
    assert "The weights were then moved 35% of the way to `before.pt2`." in " ".join(card.split())
    commands = card.replace(" \\\n    ", " ").splitlines()
    assert "python -m train interpolate --run runs/drawn --other before.pt2 --share 0.35 --data ROOT" in commands
    assert "python -m train export --run runs/drawn-between --model models/drawn" in commands
    assert "between" not in render(spec)


def test_a_card_says_which_epoch_was_taken(spec):
    steps = {"interpolation": {"other": "before.pt2", "share": 0.2}, "epoch": 3}
    early = with_settings(replace(spec, training={**spec.training, **steps}), epochs=8)
    card = render(early)
    assert "8 epochs, of which number 3 was taken, batches of 2" in " ".join(card.split())
    commands = card.replace(" \\\n    ", " ")
    assert "--epochs 8 " in commands
    assert "--keep-every 3\n" in commands
    assert "python -m train interpolate --run runs/drawn/epoch-3 --other" in commands
    assert "python -m train export --run runs/drawn/epoch-3-between --model" in commands
    assert "epoch-" not in render(spec)


def test_a_card_says_what_was_added_to_the_logits(spec):
    steps = {"interpolation": {"other": "before.pt2", "share": 0.2}, "adjustment": {"background": 0.0, "border": 0.3}}
    card = render(replace(spec, training={**spec.training, **steps}))
    assert (
        "+0 was added to the background's logit and +0.3 to the border's, which scored best on validation."
        in " ".join(card.split())
    )
    commands = card.splitlines()
    first = commands.index("python -m train adjust --run runs/drawn-between --data ROOT")
    assert commands[first - 1].startswith("python -m train interpolate --run runs/drawn ")
    assert commands[first + 1] == "python -m train export --run runs/drawn-between-adjusted --model models/drawn"


def test_a_card_says_how_often_scenes_were_shown(spec):
    assert "The pictures are single photos and, about as often, scenes:" in " ".join(render(spec).split())
    card = " ".join(render(with_settings(spec, scenes=0.3)).split())
    assert "The pictures are single photos and, 30% of the time, scenes:" in card
    assert "Other than" not in card


def test_a_command_is_broken_between_options_only(spec):
    spec = with_settings(spec, learning_rate=0.0006, encoder_rate=0.5, warmup_epochs=0.5, ema_decay=0.99, dice=0.25)
    lines = fit_command(spec).splitlines()
    assert len(lines) > 1
    assert all(line.strip().startswith("--") for line in lines[1:])
    assert all(line.endswith(" \\") for line in lines[:-1])


def test_quantization_is_told_as_far_as_it_is_recorded():
    words = quantization_words(
        {
            "preset": "performance",
            "bias_correction": "accurate",
            "range_estimator": "minmax",
            "subset_size": 120,
            "reason": "It lost least of six.",
            "max_drop": 0.2,
            "put_back": ["head/conv", "gate"],
            "executes": "INT8 (60 of 64 convolutions), FP32",
        }
    )
    assert words == (
        "INT8 is NNCF's post-training quantization, preset performance, accurate bias correction, activation ranges "
        "by minmax, calibrated on 120 of the training pictures (their hashes are in model.json). It lost least of six. "
        "At most 0.2 points might be lost. Put back to FP32 for that: `head/conv`, `gate`. On the machine that made "
        "it, it executes INT8 (60 of 64 convolutions), FP32."
    )
    assert "Put back" not in quantization_words({"preset": "mixed", "put_back": [], "max_drop": None})


def test_a_test_picture_that_calibrated_int8_is_refused(spec, shared_dataset):
    refuse_calibrated(spec, shared_dataset)
    photo = read_split(shared_dataset, "test")[2].photo
    quantization = {"calibration_sha256": ["0" * 64, sha256_of(photo)]}
    with pytest.raises(InputError, match=r"Drawn_Cat_test2.jpg of the test split calibrated drawn's INT8"):
        refuse_calibrated(replace(spec, training={"quantization": quantization}), shared_dataset)


def test_fractions_are_rounded_and_the_rest_is_kept():
    value = {"ious": [np.pi, 1], "name": "tom", "none": None, "yes": True}
    assert rounded(value) == {"ious": [3.14159, 1], "name": "tom", "none": None, "yes": True}
