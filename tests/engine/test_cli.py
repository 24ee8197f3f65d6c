"""`python -m engine`, run inside this process: what it writes, what it says, how it ends."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.backends.fake import FakeBackend
from engine.commands.predict import found_in_words, free_stem, objects_of
from engine.images import read_picture
from engine.metrics import HEADLINES, value_at
from engine.score_table import committed_models
from engine.segmenter import Segmentation, Segmenter
from engine.spec import Finding

pytestmark = pytest.mark.usefixtures("opened_once")
BACKEND = "openvino-fp32"


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "masks"


def run(*words: object) -> int:
    return main([str(word) for word in words])


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
    assert list(entry) == ["photo", "size_hw", "areas", "found", "objects", "timings_ms", "mask"]
    assert entry.pop("timings_ms").keys() == {"read", "preprocess", "infer", "postprocess"}
    seen = segmenter_on(BACKEND).predict(photo)
    assert entry == {
        "photo": str(photo),
        "size_hw": [120, 160],
        "areas": seen.areas,
        "found": seen.found,
        "objects": objects_of(seen),
        "mask": str(out / "tom-mask.png"),
    }
    assert entry["areas"].keys() == {"cat", "dog"}


def bright_ellipse(level: int, finding: Finding, model) -> Segmentation:
    """A grey ellipse, 20 to 60 of 80 rows and 30 to 130 of 160 columns, on black; the fake backend calls it a cat."""
    image = np.zeros((80, 160, 3), np.uint8)
    rows, columns = np.mgrid[:80, :160]
    image[((rows - 40) / 20) ** 2 + ((columns - 80) / 50) ** 2 <= 1] = level
    return Segmenter(replace(model.spec, finding=finding), FakeBackend()).predict(image)


def test_an_object_has_a_label_a_score_and_a_box_in_px(model):
    (cat,) = objects_of(bright_ellipse(200, Finding(), model))
    assert cat["label"] == "cat"
    assert cat["box"] == pytest.approx([30, 20, 100, 40], abs=2)  # left, top, width, height
    # 2 e^4.5 of 1 + 2 e^4.5 inside, less at the soft edge.
    assert 0.95 < cat["score"] < 180.04 / 181.04


@pytest.mark.parametrize(
    ("finding", "said", "objects"),
    [
        (Finding(found=0.1, unsure=0.05), "cat ", 1),
        (Finding(found=1.1, unsure=0.05), "perhaps cat ", 1),
        (Finding(found=1.2, unsure=1.1), "no cat or dog", 0),
    ],
)
def test_predict_says_whether_it_is_sure(model, finding, said, objects):
    seen = bright_ellipse(200, finding, model)
    assert found_in_words(seen).startswith(said)
    assert len(objects_of(seen)) == objects


def test_predict_says_what_it_found(photo, out, capsys, segmenter_on):
    run("predict", photo, "--out", out, "--backend", BACKEND)
    line = capsys.readouterr().out
    assert line.startswith(f"{photo}  {found_in_words(segmenter_on(BACKEND).predict(photo))}  ")
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


def test_a_bad_photo_among_good_ones_is_reported_and_the_others_are_done(tmp_path, photo, out, result_file, refused):
    bad, last = tmp_path / "letter.jpg", tmp_path / "last.jpg"
    bad.write_text("Dear cat,")
    last.write_bytes(photo.read_bytes())
    code = run("predict", photo, bad, last, "--out", out, "--backend", BACKEND, "--json", result_file)
    refused(code, "letter.jpg is not a picture we can read")
    assert sorted(path.name for path in out.iterdir()) == ["last-mask.png", "tom-mask.png"]
    assert [entry["photo"] for entry in json.loads(result_file.read_text())] == [str(photo), str(last)]


def test_an_unknown_backend_is_refused(photo, out, refused):
    code = run("predict", photo, "--out", out, "--backend", "tensorflow")
    refused(code, "There is no backend 'tensorflow'. Known: onnxruntime, ")
    assert not out.exists()


def test_an_unknown_model_is_refused(photo, out, refused):
    refused(run("predict", photo, "--out", out, "--model", "slowsegnet"), "There is no model 'slowsegnet'")


def test_a_place_that_cannot_be_written_is_refused(photo, refused):
    code = run("predict", photo, "--out", photo / "masks", "--backend", BACKEND)
    refused(code, "cannot be written")


def test_a_command_is_needed(capsys):
    assert run() == 2
    assert "COMMAND" in capsys.readouterr().err


FIELDS = {"outline", "binary", "trimap", "species", "found", "boundary_iou", "pixel_accuracy"}
ADDED = {"ci95", "species_accuracy", "by_species", "by_breed", "calibration"}


def check_contract(scores: dict) -> None:
    assert list(scores)[:11] == [
        "model", "backend", "split", "images", "outline", "binary", "trimap", "species", "boundary_iou",
        "pixel_accuracy", "found",
    ]  # fmt: skip
    assert scores["binary"].keys() == scores["outline"].keys() == {"dataset_iou", "mean_image_iou"}
    assert list(scores["found"]) == ["photos", "found", "unsure", "nothing", "right_species"]
    assert scores["found"]["photos"] == scores["images"]
    assert sum(scores["found"][state] for state in ("found", "unsure", "nothing")) == scores["images"]
    assert scores["trimap"].keys() == scores["species"].keys() == {"mean_iou", "per_class"}
    assert scores["trimap"]["per_class"].keys() == {"pet", "background", "border"}
    assert scores["species"]["per_class"].keys() == {"background", "cat", "dog"}


def test_evaluate_writes_the_fields_of_the_contract(shared_dataset, result_file, capsys):
    assert run("evaluate", "--data", shared_dataset, "--backend", BACKEND, "--json", result_file) == 0
    scores = json.loads(result_file.read_text())
    check_contract(scores)
    assert (scores["model"], scores["backend"], scores["split"], scores["images"]) == ("fastsegnet", BACKEND, "test", 4)
    assert scores.keys() - {"model", "backend", "split", "images"} == FIELDS | ADDED
    assert f"fastsegnet on {BACKEND}, 4 photos of test" in capsys.readouterr().out


def test_evaluate_tells_an_interval_around_every_headline_score(shared_dataset, result_file):
    assert run("evaluate", "--data", shared_dataset, "--backend", BACKEND, "--json", result_file) == 0
    scores = json.loads(result_file.read_text())
    assert scores["ci95"].keys() == set(HEADLINES)
    for name, (low, high) in scores["ci95"].items():
        assert low <= value_at(scores, name) <= high


def test_evaluate_counts_false_alarms_on_photos_without_a_pet(shared_dataset, tmp_path, result_file, capsys):
    folder = tmp_path / "rooms"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (60, 40)).save(folder / f"{number}.jpg")
    options = ("--limit", 1, "--backend", BACKEND, "--json", result_file, "--without", folder)
    assert run("evaluate", "--data", shared_dataset, *options) == 0
    alarms = json.loads(result_file.read_text())["false_alarms"]
    assert list(alarms) == ["photos", "found", "unsure"]
    assert alarms["photos"] == 3
    assert f"{alarms['found']} found and {alarms['unsure']} unsure on 3 photos" in capsys.readouterr().out


def test_a_folder_without_photos_cannot_alarm(shared_dataset, tmp_path, refused):
    (tmp_path / "empty").mkdir()
    code = run("evaluate", "--data", shared_dataset, "--backend", BACKEND, "--without", tmp_path / "empty")
    refused(code, "holds no photo. Name a folder with")


@pytest.mark.slow
def test_evaluate_without_a_backend_prints_the_table_of_all_artefacts(shared_dataset, result_file, capsys):
    assert run("evaluate", "--data", shared_dataset, "--limit", 2, "--json", result_file) == 0
    result = json.loads(result_file.read_text())
    check_contract(result)  # of the default model on the default backend
    assert (result["model"], result["backend"], result["images"]) == ("fastsegnet", "openvino-int8", 2)
    printed = capsys.readouterr().out
    assert list(result["models"]) == committed_models()
    for name, entry in result["models"].items():
        assert list(entry["artefacts"]) == ["torch.pt2", "model.onnx", "openvino-fp32.xml", "openvino-int8.xml"]
        assert [each["backend"] for each in entry["artefacts"].values()] == [
            "torch", "onnxruntime", "openvino-fp32", "openvino-int8"
        ]  # fmt: skip
        assert f"{name} {entry['version']}\n" in printed
        ious = [entry["artefacts"][f"openvino-{bits}.xml"]["binary"]["dataset_iou"] for bits in ("int8", "fp32")]
        change = entry["int8_minus_fp32"]["binary.dataset_iou"]
        assert change["difference"] == pytest.approx(ious[0] - ious[1])
        assert change["ci95"][0] <= change["difference"] <= change["ci95"][1]
    assert "INT8 - FP32, in points" in printed
    shown = result["models"]["fastsegnet"]["artefacts"]["openvino-int8.xml"]
    assert shown["binary"] == result["binary"]


@pytest.mark.slow
def test_an_artefact_that_does_not_open_says_why_and_others_are_scored(shared_dataset, model, tmp_path, result_file):
    folder = tmp_path / "cut"
    folder.mkdir()
    for name in ("model.json", "openvino-fp32.xml", "openvino-fp32.bin", "model.onnx"):
        (folder / name).write_bytes((model.folder / name).read_bytes())
    (folder / "model.onnx").write_bytes(b"cut short")
    code = run("evaluate", "--data", shared_dataset, "--model", folder, "--limit", 1, "--json", result_file)
    assert code == 0
    result = json.loads(result_file.read_text())
    (entry,) = result["models"].values()
    assert list(entry["artefacts"]) == ["openvino-fp32.xml"]
    assert "model.onnx is not the file that model.json describes" in entry["unavailable"]["model.onnx"]
    assert "torch.pt2 is missing" in entry["unavailable"]["torch.pt2"]
    assert entry["int8_minus_fp32"] == {}
    assert result["backend"] == "openvino-fp32"


def test_a_model_of_which_nothing_opens_is_refused(shared_dataset, model, tmp_path, refused):
    (tmp_path / "model.json").write_bytes((model.folder / "model.json").read_bytes())
    code = run("evaluate", "--data", shared_dataset, "--model", tmp_path)
    refused(code, "No artefact of")


@pytest.mark.slow
def test_evaluate_draws_where_int8_and_fp32_differ_most(shared_dataset, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    code = run("evaluate", "--data", shared_dataset, "--model", "fastsegnet", "--sheet", sheet, "--sheet-photos", 2)
    assert code == 0
    with Image.open(sheet) as file:
        assert (file.format, file.mode) == ("PNG", "RGB")
    assert f"the 2 photos on which INT8 and FP32 differ most -> {sheet}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--backend", BACKEND), "--sheet compares INT8 with FP32. Leave --backend out."),
        (("--sheet-photos", 0), "--sheet-photos is 0; expected 1 or more."),
    ],
)
def test_a_sheet_that_cannot_be_drawn_is_refused(shared_dataset, tmp_path, refused, options, words):
    refused(run("evaluate", "--data", shared_dataset, "--sheet", tmp_path / "sheet.png", *options), words)


@pytest.mark.slow
def test_robustness_tells_each_disturbance_of_fp32_beside_int8(shared_dataset, result_file, capsys):
    assert run("robustness", "--data", shared_dataset, "--limit", 1, "--json", result_file) == 0
    result = json.loads(result_file.read_text())
    assert (result["model"], result["split"], result["images"]) == ("fastsegnet", "test", 1)
    assert list(result["undisturbed"]["scores"]) == ["openvino-fp32", "openvino-int8"]
    printed = capsys.readouterr().out
    for row in result["disturbances"]:
        assert f"  {row['kind']}  {row['strength']}" in printed


def test_evaluate_takes_a_limit_and_a_split(shared_dataset, result_file):
    options = ("--split", "trainval", "--limit", 3, "--backend", BACKEND, "--json", result_file)
    assert run("evaluate", "--data", shared_dataset, *options) == 0
    scores = json.loads(result_file.read_text())
    assert (scores["split"], scores["images"]) == ("trainval", 3)


def test_evaluate_of_a_folder_that_is_no_dataset_is_refused(tmp_path, refused):
    refused(run("evaluate", "--data", tmp_path), "is not an Oxford-IIIT Pet dataset")


def sweep_result(tmp_path, backend: str, spot: dict | None) -> Path:
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({"backend": backend, "sweet_spot": spot}))
    return path


def test_predict_takes_backend_and_options_of_a_sweep(tmp_path, photo, out, result_file, segmenter_on):
    photos = [photo, tmp_path / "two.jpg", tmp_path / "three.jpg"]
    for path in photos[1:]:
        path.write_bytes(photo.read_bytes())
    config = sweep_result(tmp_path, BACKEND, {"requests": 2, "threads": 1, "batch": 2})
    assert run("predict", *photos, "--out", out, "--config", config, "--json", result_file) == 0
    entries = json.loads(result_file.read_text())
    assert [entry["photo"] for entry in entries] == [str(path) for path in photos]  # in their order
    expected = segmenter_on(BACKEND).predict(photo).areas
    assert all(entry["areas"] == pytest.approx(expected, abs=1e-3) for entry in entries)


def test_a_backend_that_is_named_goes_before_that_of_the_sweep(tmp_path, photo, out, refused):
    config = sweep_result(tmp_path, BACKEND, {"requests": 1, "threads": 1, "batch": 1})
    code = run("predict", photo, "--out", out, "--config", config, "--backend", "tensorflow")
    refused(code, "There is no backend 'tensorflow'")


def test_a_sweep_without_a_sweet_spot_configures_nothing(tmp_path, photo, out, refused):
    config = sweep_result(tmp_path, BACKEND, None)
    refused(run("predict", photo, "--out", out, "--config", config), "holds no setting that kept the limit of latency")
    assert not out.exists()


def test_a_bad_photo_among_several_at_once_is_reported_and_the_others_are_done(tmp_path, photo, out, refused):
    bad, last = tmp_path / "letter.jpg", tmp_path / "last.jpg"
    bad.write_text("Dear cat,")
    last.write_bytes(photo.read_bytes())
    config = sweep_result(tmp_path, BACKEND, {"requests": 4, "threads": 1, "batch": 1})
    code = run("predict", photo, bad, last, "--out", out, "--config", config)
    refused(code, "letter.jpg is not a picture we can read")
    assert sorted(path.name for path in out.iterdir()) == ["last-mask.png", "tom-mask.png"]


def test_photos_with_one_stem_get_numbers():
    used: set[str] = set()
    assert [free_stem(stem, used) for stem in ("tom", "tom", "tom-2", "tom")] == ["tom", "tom-2", "tom-2-2", "tom-3"]
