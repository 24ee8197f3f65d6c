"""The handlers behind "Use it", without a server."""

import json
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo.photo_effects import NO_BACKGROUND, EffectHandlers
from demo.photo_effects_layout import show_options
from engine.effects import EFFECTS

WHITE = (255, 255, 255)


def saved(image: np.ndarray, path: Path) -> str:
    Image.fromarray(image).save(path)
    return str(path)


@pytest.fixture
def handlers(fake_lanes) -> EffectHandlers:
    return EffectHandlers(fake_lanes)


@pytest.fixture
def photo(tmp_path) -> str:
    """Two white squares (the fake calls them cat) on black."""
    image = np.zeros((160, 320, 3), np.uint8)
    image[40:120, 40:120], image[40:120, 180:280] = WHITE, WHITE
    return saved(image, tmp_path / "two.png")


@pytest.fixture
def wall(tmp_path) -> str:
    """Black: no pet."""
    return saved(np.zeros((60, 80, 3), np.uint8), tmp_path / "wall.png")


@pytest.fixture
def beach(tmp_path) -> str:
    return saved(np.full((30, 40, 3), 70, np.uint8), tmp_path / "beach.png")


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as file:
        return np.asarray(file)


@pytest.mark.parametrize("name", EFFECTS)
def test_each_effect_is_shown_and_told(handlers, photo, beach, name):
    shown, note = handlers.effect(photo, effect=name, background=beach)
    assert shown["value"].shape == (160, 320, 3)
    assert shown["visible"]
    assert shown["alt_text"].startswith(f"{EFFECTS[name].label}. A cat covers ")
    assert not note["visible"]


def test_an_effect_uses_the_options_of_the_page(handlers, photo, beach):
    ground = (5, 5)
    shown, _ = handlers.effect(photo, effect="cutout", color="rgba(17, 34, 51, 1)")
    assert shown["value"][ground].tolist() == [17, 34, 51]
    shown, _ = handlers.effect(photo, effect="replace", background=beach)
    assert shown["value"][ground].tolist() == [70, 70, 70]
    assert shown["value"][80, 80].tolist() == [255, 255, 255]


def test_the_blur_of_the_page_is_in_percent(handlers, tmp_path):
    # A white line in the ground, far from the pet, is gone with 6 % (12 px) and still there with 0.2 %.
    image = np.zeros((200, 200, 3), np.uint8)
    image[100:180, 100:180], image[20, :] = WHITE, (90, 90, 90)
    photo = saved(image, tmp_path / "line.png")
    strong, faint = (handlers.effect(photo, effect="blur", blur=blur)[0]["value"][20, 50, 0] for blur in (6, 0.2))
    assert strong < 8
    assert faint > 60


def test_a_large_photo_is_shown_smaller_and_written_whole(handlers, tmp_path):
    image = np.zeros((500, 2000, 3), np.uint8)
    image[100:400, 500:1500] = WHITE
    photo = saved(image, tmp_path / "wide.png")
    assert handlers.effect(photo, effect="outline")[0]["value"].shape == (400, 1600, 3)
    assert pixels(handlers.effect_file(photo, effect="outline")).shape == (500, 2000, 3)


def test_without_a_background_one_is_asked_for(handlers, photo):
    shown, note = handlers.effect(photo, effect="replace")
    assert not shown["visible"]
    assert note["value"] == NO_BACKGROUND
    assert note["visible"]


def test_without_a_pet_that_is_said_and_nothing_is_written(handlers, wall):
    shown, note = handlers.effect(wall)
    assert (shown["value"], shown["visible"]) == (None, False)
    assert note["value"] == "No cat or dog found."
    assert handlers.export(wall) == (None, None, None)
    assert handlers.pets(wall) == []
    for handler in (handlers.effect_file, handlers.sticker):
        with pytest.raises(gr.Error, match=r"No cat or dog found\. There is nothing to cut out: try another photo\."):
            handler(wall)


def test_without_a_photo_the_section_is_empty(handlers):
    shown, note = handlers.effect(None)
    assert not shown["visible"]
    assert not note["visible"]
    assert handlers.export(None) == (None, None, None)
    assert handlers.pets(None) == []
    with pytest.raises(gr.Error, match="There is no photo yet"):
        handlers.sticker(None)


def test_the_written_picture_has_its_effect_in_its_name(handlers, photo, beach):
    path = handlers.effect_file(photo, effect="replace", background=beach)
    assert Path(path).name == "two-replace.png"
    assert pixels(path)[5, 5].tolist() == [70, 70, 70]


def test_a_sticker_is_transparent(handlers, photo):
    path = handlers.sticker(photo)
    rgba = pixels(path)
    assert Path(path).name == "two-sticker.png"
    assert rgba.shape == (160, 320, 4)
    assert rgba[80, 80].tolist() == [255, 255, 255, 255]
    assert rgba[5, 5, 3] == 0


def test_outlines_are_exported(handlers, photo):
    coco, rle, svg = handlers.export(photo)
    assert [Path(path).name for path in (coco, rle, svg)] == ["two-coco.json", "two-rle.json", "two-outline.svg"]
    entries = json.loads(Path(coco).read_text())["annotations"]
    assert [entry["category_id"] for entry in entries] == [1, 1]
    # The larger square first: columns 180 to 279, rows 40 to 119.
    np.testing.assert_allclose(entries[0]["bbox"], [180, 40, 100, 80], atol=1)
    assert Path(svg).read_text().count("<path") == 2


def test_each_pet_is_cut_out_apart(handlers, photo):
    (large, large_name), (small, small_name) = handlers.pets(photo)
    # 8000 and 6400 of 51200 pixels.
    assert large_name.startswith("Cat, 15.")
    assert small_name.startswith("Cat, 12.")
    assert pixels(large).shape == pytest.approx((80 + 4, 100 + 4, 4), abs=2)
    assert Path(small).name == "two-cat-2.png"


def test_a_bad_background_is_refused_in_the_engines_words(handlers, photo, tmp_path):
    bad = tmp_path / "beach.jpg"
    bad.write_text("sand")
    with pytest.raises(gr.Error, match=r"beach\.jpg is not a picture we can read"):
        handlers.effect(photo, effect="replace", background=str(bad))


@pytest.mark.parametrize(
    ("choices", "words"),
    [({"effect": "glow"}, "There is no effect 'glow'"), ({"color": "teal"}, "'teal' is not a colour")],
)
def test_what_the_engine_refuses_is_shown_in_its_words(handlers, photo, choices, words):
    with pytest.raises(gr.Error, match=words):
        handlers.effect(photo, **choices)


@pytest.mark.parametrize(
    ("effect", "color", "background", "blur"),
    [
        ("overlay", False, False, False),
        ("cutout", True, False, False),
        ("sticker", True, False, False),
        ("replace", False, True, False),
        ("blur", False, False, True),
    ],
)
def test_an_effect_shows_its_own_options(effect, color, background, blur):
    assert [each["visible"] for each in show_options(effect)] == [color, background, blur]
