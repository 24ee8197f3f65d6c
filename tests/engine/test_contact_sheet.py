"""The sheet shows the photos on which INT8 and FP32 differ most, and what differs."""

import numpy as np
import pytest
from PIL import Image

from engine.backends.fake import FakeBackend
from engine.contact_sheet import HEADER, KINDS, MARGIN, PANEL_HW, TILE_WIDTH, Difference, Differences, draw_sheet, mark
from engine.dataset import Sample, read_split
from engine.drawing import rgb
from engine.score_table import FP32_IR, INT8_IR
from engine.segmenter import Segmenter


@pytest.fixture
def samples(shared_dataset) -> list[Sample]:
    return read_split(shared_dataset, "test")


@pytest.fixture
def differences(model, samples) -> Differences:
    """Of two fakes, the second of which calls less a pet."""
    fp32, int8 = Segmenter(model.spec, FakeBackend()), Segmenter(model.spec, FakeBackend(offset=-3))
    differences = Differences(3)
    for sample in samples:
        differences.add(sample, {FP32_IR: fp32.predict(sample.photo), INT8_IR: int8.predict(sample.photo)})
    return differences


def test_the_photos_that_differ_most_are_kept_worst_first(differences, model, samples):
    fp32, int8 = (
        [Segmenter(model.spec, FakeBackend(offset=offset)).predict(sample.photo).mask for sample in samples]
        for offset in (0, -3)
    )
    shares = [np.mean(one != other) for one, other in zip(fp32, int8, strict=True)]
    kept = [each.share for each in differences.largest]
    assert kept == pytest.approx(sorted(shares, reverse=True)[:3])
    assert kept[0] > 0


def test_a_worse_photo_puts_out_the_least_of_those_kept(model, samples):
    same = Segmenter(model.spec, FakeBackend()).predict(samples[0].photo)
    other = Segmenter(model.spec, FakeBackend(offset=-3)).predict(samples[0].photo)
    differences = Differences(1)
    for sample, int8 in zip(samples, (same, other, same), strict=False):
        differences.add(sample, {FP32_IR: same, INT8_IR: int8})
    assert [each.sample for each in differences.largest] == [samples[1]]


def test_each_kind_of_difference_has_its_colour():
    fp32, int8 = np.array([[0, 1, 1, 0, 1]], np.uint8), np.array([[1, 0, 2, 0, 1]], np.uint8)
    marked = mark(np.zeros((1, 5, 3), np.uint8), fp32, int8)[0].tolist()
    assert marked[:3] == [list(rgb(color)) for color in KINDS.values()]
    assert marked[3] == marked[4]


def test_a_sheet_has_a_row_for_two_photos(differences, model):
    sheet = draw_sheet(differences.largest, model.spec, "of 4 photos of test")
    assert sheet.width == 2 * (TILE_WIDTH + MARGIN) + MARGIN
    assert sheet.height == HEADER + 2 * (draw_sheet(differences.largest[:2], model.spec, "").height - HEADER)
    # The third panel of a photo shows a mask, the fourth the pixels that differ, in their colours.
    pixels = np.asarray(sheet)[HEADER : HEADER + PANEL_HW[0], MARGIN : MARGIN + TILE_WIDTH]
    last = pixels[:, -PANEL_HW[1] :]
    assert (last == rgb(KINDS["pet in FP32 only"])).all(axis=2).any()
    assert not (last == rgb(KINDS["pet in INT8 only"])).all(axis=2).any()


def test_one_photo_makes_a_sheet_of_its_own_width(differences, model):
    assert draw_sheet(differences.largest[:1], model.spec, "").width == TILE_WIDTH + 2 * MARGIN


def test_a_portrait_keeps_its_shape(model, tmp_path, drawn_pet, encoded):
    image, trimap = drawn_pet(1, (120, 60))
    (tmp_path / "tom.jpg").write_bytes(encoded(image))
    Image.fromarray(trimap).save(tmp_path / "tom.png")
    sample = Sample("tom", tmp_path / "tom.jpg", tmp_path / "tom.png", "cat", "tom")
    mask = (trimap == 1).astype(np.uint8)
    sheet = np.asarray(draw_sheet([Difference(sample, mask, mask, 0.0)], model.spec, ""))
    panel = sheet[HEADER : HEADER + PANEL_HW[0], MARGIN : MARGIN + PANEL_HW[1]]
    columns = np.flatnonzero((panel != 240).any(axis=(0, 2)))
    assert columns.size == pytest.approx(PANEL_HW[0] / 2, abs=1)  # half as wide as it is high
