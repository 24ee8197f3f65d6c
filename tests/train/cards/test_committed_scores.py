"""No committed model is worse than its model.json says: on real pets where they are there, on examples always."""

import copy

import numpy as np
import pytest

from engine.backends.fake import FakeBackend
from engine.dataset import read_split
from engine.evaluate import SCORED_BY
from engine.score_table import FP32_IR, INT8_IR, committed_models
from engine.segmenter import Segmenter
from engine.spec import Model
from train.cards.gate import changed_examples, grid, record, recorded_photos, worse_scores

PAIR = (FP32_IR, INT8_IR)


@pytest.fixture(scope="module", params=committed_models())
def committed(request) -> Model:
    return Model.open(request.param)


@pytest.fixture(scope="module")
def segmenters(committed) -> dict[str, Segmenter]:
    return {name: Segmenter.open(committed.folder, SCORED_BY[name]) for name in PAIR}


@pytest.fixture(scope="module")
def gate(committed) -> dict:
    gate = committed.spec.evaluation.get("gate")
    assert gate, f"{committed.folder}/model.json holds no gate: run python -m train card --model ... --data ROOT"
    return gate


@pytest.mark.slow
def test_real_pets_are_scored_as_well_as_recorded(gate, segmenters, pets_root):
    pets = recorded_photos(gate, pets_root)
    if pets is None:
        pytest.skip(f"{pets_root} is another copy of the dataset than the one that the gate was recorded on")
    assert worse_scores(gate, segmenters, pets) == []


@pytest.mark.slow
def test_the_examples_are_segmented_as_recorded(gate, segmenters):
    assert changed_examples(gate, segmenters) == []


@pytest.fixture
def fakes(model) -> dict[str, Segmenter]:
    return {name: Segmenter(model.spec, FakeBackend()) for name in PAIR}


@pytest.fixture
def fake_gate(fakes, shared_dataset) -> dict:
    return record(fakes, shared_dataset)


def test_a_model_that_has_not_changed_passes(fake_gate, fakes, shared_dataset):
    pets = recorded_photos(fake_gate, shared_dataset)
    assert [pet.name for pet in pets] == [pet.name for pet in read_split(shared_dataset, "test")]
    assert worse_scores(fake_gate, fakes, pets) == []
    assert changed_examples(fake_gate, fakes) == []


def test_a_worse_artefact_is_named_with_its_scores(fake_gate, fakes, model, shared_dataset):
    worse = fakes | {INT8_IR: Segmenter(model.spec, FakeBackend(offset=-4))}
    lines = worse_scores(fake_gate, worse, recorded_photos(fake_gate, shared_dataset))
    assert any(line.startswith(f"{INT8_IR}: binary.dataset_iou is 0.") for line in lines)
    assert not any(line.startswith(FP32_IR) for line in lines)
    lines = changed_examples(fake_gate, worse)
    assert lines
    assert all(line.startswith(INT8_IR) for line in lines)


def test_a_score_may_fall_by_the_tolerance_only(fake_gate, fakes, shared_dataset):
    pets = recorded_photos(fake_gate, shared_dataset)
    for more, lines in ((0.0029, 0), (0.0031, 1)):
        gate = copy.deepcopy(fake_gate)
        gate["scores"][INT8_IR]["species.mean_iou"] += more
        assert len(worse_scores(gate, fakes, pets)) == lines


def test_another_copy_of_the_dataset_is_not_compared(fake_gate, drawn_dataset):
    pet = read_split(drawn_dataset, "test")[0]
    pet.photo.write_bytes(pet.photo.read_bytes() + b" ")
    assert recorded_photos(fake_gate, drawn_dataset) is None


def test_a_grid_tells_where_the_pet_is():
    mask = np.zeros((80, 40), np.uint8)
    mask[:, :20] = 2
    mask[:5, :20] = 0  # half of the cells of the first row
    assert grid(mask).tolist() == [[50] * 4 + [0] * 4] + [[100] * 4 + [0] * 4] * 7
