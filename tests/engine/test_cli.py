"""`python -m engine`, run inside this process: what it writes, what it says, how it ends."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.images import read_picture

BACKEND = "openvino-fp32"
LATENCY = {"latency_ms": {"median", "p90", "p99"}, "stages_ms": {"preprocess", "infer", "postprocess"}}


@pytest.fixture
def photo(tmp_path, drawn_pet, encoded) -> Path:
    path = tmp_path / "tom.jpg"
    path.write_bytes(encoded(drawn_pet(size_hw=(120, 160))[0]))
    return path


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "masks"


@pytest.fixture
def result_file(tmp_path) -> Path:
    return tmp_path / "result.json"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def error_lines(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line]


def assert_refused(capsys, code: int, words: str) -> None:
    assert code == 2
    (line,) = error_lines(capsys)
    assert line.startswith("error: ")
    assert words in line


def test_predict_writes_class_ids_as_a_png(photo, out, segmenter_on):
    assert run("predict", photo, "--out", out, "--backend", BACKEND) == 0
    with Image.open(out / "tom-mask.png") as file:
        assert file.mode == "P"
        np.testing.assert_array_equal(np.asarray(file), segmenter_on(BACKEND).predict(photo).mask)
        # The palette shows background, cat and dog in their colours: black, #E69F00, #0072B2.
        assert file.getpalette()[:9] == [0, 0, 0, 0xE6, 0x9F, 0x00, 0x00, 0x72, 0xB2]
    assert [path.name for path in out.iterdir()] == ["tom-mask.png"]


def test_predict_writes_the_fields_of_the_contract(photo, out, result_file, segmenter_on):
    assert run("predict", photo, "--out", out, "--backend", BACKEND, "--json", result_file) == 0
    (entry,) = json.loads(result_file.read_text())
    assert entry.pop("timings_ms").keys() == {"read", "preprocess", "infer", "postprocess"}
    assert entry == {
        "photo": str(photo),
        "size_hw": [120, 160],
        "areas": segmenter_on(BACKEND).predict(photo).areas,
        "mask": str(out / "tom-mask.png"),
    }
    assert entry["areas"].keys() == {"cat", "dog"}


def test_predict_says_what_it_found(photo, out, capsys):
    run("predict", photo, "--out", out)
    line = capsys.readouterr().out
    assert line.startswith(f"{photo}  cat ")
    assert line.endswith(f"ms  -> {out / 'tom-mask.png'}\n")


def test_predict_writes_a_cutout_of_the_size_of_the_photo(photo, out):
    assert run("predict", photo, "--out", out, "--backend", BACKEND, "--cutout") == 0
    with Image.open(out / "tom-cutout.png") as file:
        assert file.mode == "RGBA"
        assert file.size == (160, 120)


def test_photos_of_one_name_do_not_overwrite_each_other(tmp_path, photo, out):
    other = tmp_path / "other" / "tom.png"
    other.parent.mkdir()
    Image.new("RGB", (40, 30)).save(other)
    assert run("predict", photo, other, "--out", out, "--backend", BACKEND, "--cutout") == 0
    sizes = {path.name: read_picture(path).size_hw for path in out.iterdir()}
    assert sizes == {
        "tom-mask.png": (120, 160),
        "tom-cutout.png": (120, 160),
        "tom-2-mask.png": (30, 40),
        "tom-2-cutout.png": (30, 40),
    }


def test_a_photo_named_as_a_mask_gets_files_of_its_own(tmp_path, photo, out):
    photos = [photo.rename(tmp_path / "tom-mask.jpg"), tmp_path / "tom-cutout.jpg"]
    photos[1].write_bytes(photos[0].read_bytes())
    assert run("predict", *photos, "--out", out, "--backend", BACKEND, "--cutout") == 0
    assert len(list(out.iterdir())) == 4


def test_a_bad_photo_among_good_ones_is_reported_and_the_others_are_done(tmp_path, photo, out, result_file, capsys):
    bad, last = tmp_path / "letter.jpg", tmp_path / "last.jpg"
    bad.write_text("Dear cat,")
    last.write_bytes(photo.read_bytes())
    code = run("predict", photo, bad, last, "--out", out, "--backend", BACKEND, "--json", result_file)
    assert_refused(capsys, code, "letter.jpg is not a picture we can read")
    assert sorted(path.name for path in out.iterdir()) == ["last-mask.png", "tom-mask.png"]
    assert [entry["photo"] for entry in json.loads(result_file.read_text())] == [str(photo), str(last)]


def test_an_unknown_backend_is_refused(photo, out, capsys):
    code = run("predict", photo, "--out", out, "--backend", "tensorflow")
    assert_refused(capsys, code, "There is no backend 'tensorflow'. Known: onnxruntime, ")
    assert not out.exists()


def test_an_unknown_model_is_refused(photo, out, capsys):
    assert_refused(
        capsys, run("predict", photo, "--out", out, "--model", "slowsegnet"), "There is no model 'slowsegnet'"
    )


def test_a_place_that_cannot_be_written_is_refused(photo, capsys):
    code = run("predict", photo, "--out", photo / "masks", "--backend", BACKEND)
    assert_refused(capsys, code, "cannot be written")


def test_a_command_is_needed(capsys):
    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_evaluate_writes_the_fields_of_the_contract(shared_dataset, result_file, capsys):
    assert run("evaluate", "--data", shared_dataset, "--backend", BACKEND, "--json", result_file) == 0
    scores = json.loads(result_file.read_text())
    assert list(scores)[:4] == ["model", "backend", "split", "images"]
    assert (scores["model"], scores["backend"], scores["split"], scores["images"]) == ("fastsegnet", BACKEND, "test", 4)
    assert scores.keys() - {"model", "backend", "split", "images"} == {
        "binary", "trimap", "species", "boundary_iou", "pixel_accuracy"
    }  # fmt: skip
    assert scores["binary"].keys() == {"dataset_iou", "mean_image_iou"}
    assert scores["trimap"].keys() == scores["species"].keys() == {"mean_iou", "per_class"}
    assert scores["trimap"]["per_class"].keys() == {"pet", "background", "border"}
    assert scores["species"]["per_class"].keys() == {"background", "cat", "dog"}
    assert f"fastsegnet on {BACKEND}, 4 photos of test" in capsys.readouterr().out


def test_evaluate_takes_a_limit_and_a_split(shared_dataset, result_file):
    options = ("--split", "trainval", "--limit", 3, "--backend", BACKEND, "--json", result_file)
    assert run("evaluate", "--data", shared_dataset, *options) == 0
    scores = json.loads(result_file.read_text())
    assert (scores["split"], scores["images"]) == ("trainval", 3)


def test_evaluate_of_a_folder_that_is_no_dataset_is_refused(tmp_path, capsys):
    assert_refused(capsys, run("evaluate", "--data", tmp_path), "is not an Oxford-IIIT Pet dataset")


def test_benchmark_writes_the_fields_of_the_contract(photo, result_file, capsys):
    options = ("--backends", "openvino-fp32,openvino-int8", "--photo", photo, "--seconds", 0.2)
    assert run("benchmark", *options, "--json", result_file) == 0
    result = json.loads(result_file.read_text())
    assert result.keys() == {"machine", "backends", "ratios"}
    assert list(result["backends"]) == ["openvino-fp32", "openvino-int8"]
    for entry in result["backends"].values():
        assert entry.keys() == {*LATENCY, "throughput_fps"}
        for part, fields in LATENCY.items():
            assert entry[part].keys() == fields
    ratio = result["ratios"]["openvino-fp32/openvino-int8"]
    assert ratio.keys() == {"median", "ci95", "verdict"}
    medians = [entry["latency_ms"]["median"] for entry in result["backends"].values()]
    assert ratio["median"] == pytest.approx(medians[0] / medians[1])
    assert 0 < ratio["ci95"][0] <= ratio["ci95"][1]
    assert "160 x 120 px, decoded" in capsys.readouterr().out


def test_benchmark_without_time_is_refused(capsys):
    assert_refused(capsys, run("benchmark", "--seconds", 0), "--seconds is 0; expected more than 0")


def test_benchmark_of_an_unknown_backend_is_refused(capsys):
    code = run("benchmark", "--backends", "openvino-fp32,tensorflow", "--seconds", 0.1)
    assert_refused(capsys, code, "There is no backend 'tensorflow'")
