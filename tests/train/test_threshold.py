"""When a pet counts as found: chosen on photos, kept in model.json, told in the card."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from engine.backends.fake import FakeBackend
from engine.errors import InputError
from engine.segmenter import Segmenter
from engine.spec import Model
from train.__main__ import main
from train.threshold import CURVE, LEAST, curve, point, run, threshold

TEN = np.array([0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0])


@pytest.mark.parametrize(("share", "expected"), [(0.05, 0.55), (0.1, 0.6), (0.2, 0.65), (0.55, 0.8), (0.9, 1.0)])
def test_at_most_the_share_lies_below_a_threshold(share, expected):
    # Below 0.65 are two of ten.
    assert threshold(TEN, share) == pytest.approx(expected)
    assert (threshold(TEN, share) > TEN).mean() <= share


def test_a_photo_of_which_nothing_is_called_a_pet_is_found_by_no_threshold():
    # Three of four have no mask; a share of a half would ask for a threshold of 0.
    assert threshold(np.array([0, 0, 0, 0.9]), 0.5) == LEAST
    assert point(np.array([0, 0, 0, 0.9]), np.array([0, 0.6]), LEAST)["false_alarms"] == 0.5


def test_a_threshold_is_rounded_down_so_that_its_own_photo_is_not_below():
    assert threshold(np.array([0.72349, 0.9]), 0.4) == 0.723
    assert threshold(np.array([0.723, 0.9]), 0.4) == 0.723


def test_photos_in_any_order_give_one_threshold():
    assert threshold(TEN[::-1], 0.2) == threshold(TEN, 0.2)


def test_a_point_of_the_curve_counts_both_mistakes():
    # Of the ten 0.55 .. 0.70 are below 0.72; of four without a pet one is not.
    told = point(TEN, np.array([0.0, 0.6, 0.7, 0.8]), 0.72)
    assert told == {"threshold": 0.72, "below": 0.4, "false_alarms": 0.25}


def test_the_curve_has_each_threshold_that_parts_photos_once():
    # Shares of 0.005 to 0.15 of twenty confidences ask for the first to the fourth of them; the first two are none.
    confidences = np.array([0, 0, *np.linspace(0.6, 0.95, 18)])
    told = curve(confidences, np.array([0.0, 0.7]))
    assert [each["below"] for each in told] == sorted({each["below"] for each in told})
    assert told[0]["below"] >= 0.1
    assert LEAST not in [each["threshold"] for each in told]


@pytest.mark.parametrize(("nothing", "unsure"), [(0, 0.1), (0.2, 0.1), (0.1, 0.1), (0.1, 1)])
def test_shares_that_are_none_are_refused(tmp_path, nothing, unsure):
    with pytest.raises(InputError, match="expected 0 < nothing < unsure < 1"):
        run(data=tmp_path, without=tmp_path, nothing=nothing, unsure=unsure)


@pytest.fixture
def without(tmp_path):
    folder = tmp_path / "without"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((40, 60, 3), 30 * number, np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def copied(model, tmp_path) -> Model:
    return Model.open(shutil.copytree(model.folder, tmp_path / "fastsegnet"))


@pytest.fixture
def by_brightness(monkeypatch):
    """The model runs on the fake backend, which finds the drawn pets."""
    monkeypatch.setattr("engine.segmenter.open_backend", lambda *given: FakeBackend())


@pytest.mark.usefixtures("by_brightness")
def test_the_command_writes_thresholds_curve_and_card_and_nothing_else_changes(
    copied, shared_dataset, without, tmp_path, capsys
):
    result = tmp_path / "result.json"
    options = ["--model", copied.folder, "--data", shared_dataset, "--without", without, "--json", result]
    assert main(["threshold", *map(str, options)]) == 0
    told = json.loads(result.read_text())
    spec = Model.open(copied.folder).spec
    assert (spec.finding.found, spec.finding.unsure) == (told["found"], told["unsure"])
    assert LEAST <= spec.finding.unsure <= spec.finding.found <= 1
    kept = spec.evaluation["finding"]
    assert (kept["photos"], kept["photos_without"], kept["called_nothing"], kept["not_found"]) == (12, 3, 0.02, 0.15)
    assert 1 <= len(kept["curve"]) <= len(CURVE)
    before = copied.spec
    assert spec.evaluation | {"finding": None} == before.evaluation | {"finding": None}
    assert (spec.artefacts, spec.training, spec.speed) == (before.artefacts, before.training, before.speed)
    card = (copied.folder / "README.md").read_text()
    assert f"A pet is found where the confidence in it is {told['found']:.3f} or more" in " ".join(card.split())
    assert "| confidence from |" in card
    assert "of 12 photos with a pet are below" in capsys.readouterr().out


@pytest.mark.usefixtures("by_brightness")
def test_a_model_finds_by_the_thresholds_that_were_written(copied, shared_dataset, without):
    run(model=copied.folder, data=shared_dataset, without=without, nothing=0.1, unsure=0.5)
    segmenter = Segmenter.open(copied.folder)
    photos = sorted((shared_dataset / "oxford-iiit-pet" / "images").glob("*trainval*.jpg"))
    found = [segmenter.predict(photo).found for photo in photos]
    # At most a tenth of 12 is one photo, at most a half six.
    assert found.count("nothing") <= 1
    assert found.count("found") >= 6
