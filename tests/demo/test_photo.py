"""The handlers of the Photo tab, without a server."""

import json
import re
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo.photo import PhotoHandlers, show_results


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """Left half white (the fake calls it cat), right half black."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, :40] = 255
    path = tmp_path / "half.png"
    Image.fromarray(image).save(path)
    return str(path)


def test_compare_answers_with_sentence_overlays_chart_map_and_figures(fake_lanes, photo):
    verdict, captions, overlays, chart, difference, areas, numbers = PhotoHandlers(fake_lanes).compare(photo)
    assert re.search(r"Same cat in both: \d+\.\d % of the pixels agree\.", verdict)
    assert "OpenVINO INT8 answered in" in verdict
    assert "faster" in verdict or "slower" in verdict
    assert captions.index("OpenVINO FP32") < captions.index("OpenVINO INT8")
    assert [side.shape for side in overlays] == [(60, 80, 3)] * 2
    assert len(chart.data) == 3
    assert difference["value"].shape == (60, 80, 3)
    assert "differ on" in difference["alt_text"]
    assert "cat" in areas
    assert "mean probability" in areas
    assert numbers["areas"]["openvino-fp32"]["cat"] == pytest.approx(0.5, abs=0.02)
    json.dumps(numbers)


def test_compare_times_every_lane(fake_lanes, photo):
    numbers = PhotoHandlers(fake_lanes).compare(photo)[-1]
    assert list(numbers["backends"]) == ["torch", "torchscript", "openvino-fp32", "openvino-int8"]
    assert {"torch/torchscript", "torch/openvino-fp32", "torch/openvino-int8"} <= set(numbers["ratios"])


def test_a_lane_that_cannot_run_is_named_with_its_reason_and_the_rest_go_on(lanes_without_torch, photo):
    verdict, *_, numbers = PhotoHandlers(lanes_without_torch).compare(photo)
    assert "PyTorch and TorchScript cannot answer here: The backend torch needs a package that is missing." in verdict
    assert list(numbers["backends"]) == ["openvino-fp32", "openvino-int8"]


def test_choosing_a_lane_that_cannot_run_is_an_error_in_plain_words(lanes_without_torch, photo):
    with pytest.raises(gr.Error, match="needs a package that is missing"):
        PhotoHandlers(lanes_without_torch).compare(photo, "torch", "openvino-int8")


def test_an_unknown_backend_lists_the_known_ones(fake_lanes, photo):
    with pytest.raises(gr.Error, match=r"no backend 'tpu' here.*openvino-int8"):
        PhotoHandlers(fake_lanes).predict(photo, "tpu")


def test_a_text_file_is_refused_in_the_engines_words(fake_lanes, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_text("not a picture")
    with pytest.raises(gr.Error, match=r"cat\.jpg is not a picture we can read"):
        PhotoHandlers(fake_lanes).compare(str(path))


def test_no_photo_clears_the_page(fake_lanes):
    verdict, captions, overlays, chart, _, areas, numbers = PhotoHandlers(fake_lanes).compare(None)
    assert (verdict, captions, overlays, chart, areas, numbers) == ("", "", None, None, "", None)
    empty, results = show_results(None)
    assert empty["visible"]
    assert not results["visible"]


def test_predict_gives_overlay_and_figures(fake_lanes, photo):
    drawn, numbers = PhotoHandlers(fake_lanes).predict(photo, "openvino-fp32")
    assert drawn.shape == (60, 80, 3)
    assert numbers["size_hw"] == [60, 80]
    assert set(numbers["timings_ms"]) == {"read", "preprocess", "infer", "postprocess"}


def test_downloads_are_a_transparent_cut_out_a_mask_and_the_figures(fake_lanes, photo):
    cutout, mask, figures = PhotoHandlers(fake_lanes).cut_out(photo, "openvino-fp32", {"agreement": 1.0})
    with Image.open(cutout) as rgba, Image.open(mask) as ids:
        alpha, classes = np.asarray(rgba)[..., 3], np.asarray(ids)
    assert alpha[30, 5] == 255
    assert alpha[30, 75] == 0
    assert np.unique(classes).tolist() == [0, 1]
    assert json.loads(Path(figures).read_text()) == {"agreement": 1.0}
    assert Path(cutout).name == "half-cutout.png"


def test_of_a_photo_without_a_pet_there_is_no_cut_out(fake_lanes, tmp_path):
    path = tmp_path / "wall.png"
    Image.new("RGB", (80, 60)).save(path)
    cutout, mask, figures = PhotoHandlers(fake_lanes).cut_out(str(path), "openvino-fp32", None)
    assert cutout is None
    assert Path(mask).exists()
    assert Path(figures).exists()


def test_predict_may_be_asked_for_the_photo_of_the_example(fake_lanes, cat_photo):
    _, numbers = PhotoHandlers(fake_lanes).predict(str(cat_photo))
    assert numbers["size_hw"] == [300, 451]
