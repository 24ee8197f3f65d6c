"""What `python -m engine predict` writes besides the mask."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.cutout import cut_out
from engine.effects import EFFECTS, EffectOptions, apply_effect
from engine.images import read_picture
from engine.instances import instances_of
from engine.postprocess import softmax

pytestmark = pytest.mark.usefixtures("opened_once")
BACKEND = "openvino-fp32"
CAT = Path(__file__).resolve().parents[2] / "demo" / "examples" / "cat.jpg"


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def background(tmp_path) -> Path:
    path = tmp_path / "beach.png"
    Image.new("RGB", (40, 30), (250, 220, 150)).save(path)
    return path


@pytest.fixture
def seen(photo, segmenter_on):
    """Image, probabilities and spec, as effects take them."""
    segmentation = segmenter_on(BACKEND).predict(photo)
    return read_picture(photo).image, softmax(segmentation.logits), segmentation.spec


def predict(*words: object) -> int:
    return main(["predict", *(str(word) for word in words), "--backend", BACKEND])


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as file:
        return np.asarray(file)


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_is_written_at_the_size_of_the_photo(photo, out, background, seen, name):
    assert predict(photo, "--out", out, "--effect", name, "--background", background, "--color", "#112233") == 0
    options = EffectOptions("#112233", read_picture(background).image)
    np.testing.assert_array_equal(pixels(out / f"tom-effect-{name}.png"), apply_effect(name, *seen, options))
    assert sorted(path.name for path in out.iterdir()) == [f"tom-effect-{name}.png", "tom-mask.png"]


def test_a_sticker_is_transparent_unless_a_colour_is_named(photo, out):
    assert predict(photo, "--out", out, "--effect", "sticker") == 0
    assert pixels(out / "tom-effect-sticker.png").shape == (120, 160, 4)


def test_how_much_to_blur_can_be_told(photo, out, seen):
    assert predict(photo, "--out", out, "--effect", "blur", "--blur", "0.1") == 0
    expected = apply_effect("blur", *seen, EffectOptions(blur=0.1))
    np.testing.assert_array_equal(pixels(out / "tom-effect-blur.png"), expected)


def test_a_cutout_and_a_cutout_on_a_colour_are_two_files(photo, out, seen):
    assert predict(photo, "--out", out, "--cutout", "--effect", "cutout") == 0
    np.testing.assert_array_equal(pixels(out / "tom-cutout.png"), cut_out(*seen))
    assert pixels(out / "tom-effect-cutout.png").shape == (120, 160, 3)


def test_everything_that_was_written_is_in_the_json(tmp_path, out, result_file, segmenter_on):
    photo = tmp_path / "chelsea.jpg"
    photo.write_bytes(CAT.read_bytes())
    words = ("--effect", "outline", "--cutout", "--export", "coco,rle,svg", "--instances", "--json", result_file)
    assert predict(photo, "--out", out, *words) == 0
    (entry,) = json.loads(result_file.read_text())
    assert entry["cutout"] == str(out / "chelsea-cutout.png")
    assert entry["effect"] == str(out / "chelsea-effect-outline.png")
    assert entry["exports"] == {
        "coco": str(out / "chelsea-coco.json"),
        "rle": str(out / "chelsea-rle.json"),
        "svg": str(out / "chelsea-outline.svg"),
    }
    (pet,) = instances_of(segmenter_on(BACKEND).predict(photo))
    (instance,) = entry["instances"]
    assert instance["class"] == "cat"
    assert instance["box"] == list(pet.box)
    assert instance["area"] == pytest.approx(pet.area / (300 * 451))
    np.testing.assert_array_equal(pixels(Path(instance["mask"])), pet.mask_in((300, 451)) * 255)
    assert pixels(Path(instance["cutout"])).shape[2] == 4
    named = [entry["mask"], entry["cutout"], entry["effect"], *entry["exports"].values()]
    named += [instance["mask"], instance["cutout"]]
    assert sorted(named) == sorted(str(path) for path in out.iterdir())


def test_a_photo_without_a_pet_has_empty_annotations_and_no_instances(tmp_path, out, result_file):
    empty = tmp_path / "wall.png"
    Image.new("RGB", (80, 60), (90, 90, 90)).save(empty)
    assert predict(empty, "--out", out, "--export", "coco", "--instances", "--json", result_file) == 0
    (entry,) = json.loads(result_file.read_text())
    assert entry["areas"] == {"cat": 0, "dog": 0}
    assert entry["instances"] == []
    assert json.loads((out / "wall-coco.json").read_text())["annotations"] == []


def test_an_export_names_the_photo(photo, out):
    assert predict(photo, "--out", out, "--export", "coco") == 0
    assert json.loads((out / "tom-coco.json").read_text())["images"][0]["file_name"] == "tom.jpg"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--effect", "glow"), "There is no effect 'glow'. Known: blur, cutout, outline, overlay, replace, sticker."),
        (("--export", "coco,voc"), "There is no export 'voc'. Known: coco, rle, svg."),
        (("--effect", "replace"), "The effect 'replace' needs a background."),
        (("--effect", "cutout", "--color", "teal"), "'teal' is not a colour we can read. Give it as #RRGGBB"),
        (("--effect", "blur", "--blur", "2"), "A blur of 2 of the longer side cannot be made."),
        (("--effect", "replace", "--background", "nosuch.jpg"), "nosuch.jpg cannot be opened"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(photo, out, refused, words, complaint):
    refused(predict(photo, "--out", out, *words), complaint)
    assert not out.exists()
