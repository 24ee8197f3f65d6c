"""The answer shown in other ways and taken away, as a person sees it.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from page_states import photos_for_states
from photo_tab import (
    ANSWER_MS,
    another,
    answer_to,
    answered,
    choose,
    pixel,
    pressed,
    seen,
    show_as,
    stays_within_the_window,
    timed,
    verdict,
)
from PIL import Image

SIDE = (451, 300)

pytestmark = pytest.mark.browser


@pytest.fixture
def photos(tmp_path, cat_photo) -> dict[str, Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    return photos_for_states(folder, cat_photo)


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("wide", 1400, "light"), ("dark", 1400, "dark"), ("phone", 390, "light")]
)
def test_views_are_shown_and_downloaded(visit, keep, cat_photo, tmp_path, name, width, scheme):
    tab = visit(width=width, scheme=scheme)
    answer_to(tab, cat_photo)
    assert not tab.is_visible("#effect-file")  # the cut-out has its own button
    for label in ("Blur", "Outline", "Cut-out on a colour", "Sticker"):
        show_as(tab, label)
        keep(tab, f"view-{name}-{label.split()[0].lower()}")
    assert pressed(tab, "#effect-file", tmp_path / "a.png") == "cat-sticker.png"
    with Image.open(tmp_path / "a.png") as sticker:
        assert (sticker.size, sticker.mode) == (SIDE, "RGBA")
        assert sticker.text["Software"] == "Whisker"
    show_as(tab, "Cut-out on a colour")
    tab.wait_for_selector("#effect-color", timeout=ANSWER_MS)
    assert not tab.is_visible("#effect-blur")
    assert pressed(tab, "#effect-file", tmp_path / "b.png") == "cat-cutout.png"
    with Image.open(tmp_path / "b.png") as on_color:
        assert (on_color.size, on_color.mode) == (SIDE, "RGB")
    assert stays_within_the_window(tab)


def test_masks_outlines_and_figures_are_downloaded(visit, cat_photo, tmp_path):
    tab = visit()
    answer_to(tab, cat_photo)
    assert pressed(tab, "#mask", tmp_path / "a.png") == "cat-mask.png"
    with Image.open(tmp_path / "a.png") as mask:
        assert (mask.size, mask.mode) == (SIDE, "P")
        assert mask.getpalette()[3:6] == [230, 159, 0]  # the cat's orange
    assert pressed(tab, "#export-coco", tmp_path / "b.json") == "cat-coco.json"
    assert json.loads((tmp_path / "b.json").read_text())["images"][0]["width"] == 451
    assert pressed(tab, "#export-svg", tmp_path / "c.svg") == "cat-outline.svg"
    assert pressed(tab, "#figures", tmp_path / "d.json") == "cat-figures.json"
    numbers = json.loads((tmp_path / "d.json").read_text())
    assert numbers["agreement"] > 0.9
    assert list(numbers["backends"]) == ["torch", "torchscript", "openvino-fp32", "openvino-int8"]


def test_programs_find_the_same_by_name(page, cat_photo):
    client = Client(page.url, verbose=False)
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert {"/predict", "/compare", "/cut_out", "/effect_file", "/sticker", "/mask", "/export", "/pets"} <= set(api)
    assert "Writes a photo with an effect" in api["/effect_file"]["description"]
    with Image.open(client.predict(handle_file(cat_photo), "openvino-int8", api_name="/sticker")) as file:
        assert (file.size, file.mode) == (SIDE, "RGBA")
    with Image.open(client.predict(handle_file(cat_photo), "openvino-int8", api_name="/mask")) as file:
        assert (file.size, file.mode) == (SIDE, "P")
    coco = client.predict(handle_file(cat_photo), "openvino-int8", "coco", api_name="/export")
    assert [entry["category_id"] for entry in json.loads(Path(coco).read_text())["annotations"]] == [1]
    (pet,) = client.predict(handle_file(cat_photo), "openvino-int8", api_name="/pets")
    assert pet["caption"].startswith("Cat, ")


def test_another_background_is_asked_for_and_used(visit, keep, cat_photo, tmp_path):
    beach = tmp_path / "beach.png"
    Image.new("RGB", (60, 40), (250, 220, 150)).save(beach)
    tab = visit()
    answer_to(tab, cat_photo)
    before = answered(tab)
    tab.click("#effect label:has-text('Another background')")
    tab.wait_for_selector("#effect-note >> text=Choose a picture for the background.", timeout=ANSWER_MS)
    tab.set_input_files("#effect-background input[type=file]", beach)
    another(tab, before)
    assert tab.inner_text("#effect-note").strip() == ""
    np.testing.assert_allclose(pixel(tab, "#result img", 0.99, 0.02)[:3], (250, 220, 150), atol=6)
    keep(tab, "view-replace")
    assert pressed(tab, "#effect-file", tmp_path / "on-beach.png") == "cat-replace.png"
    with Image.open(tmp_path / "on-beach.png") as file:
        np.testing.assert_allclose(np.asarray(file)[5, -5], (250, 220, 150), atol=2)


def test_a_blur_that_is_typed_is_used(visit, cat_photo):
    tab = visit()
    answer_to(tab, cat_photo)
    before = show_as(tab, "Blur")
    tab.fill("#effect-blur input[type=number]", "5.4")
    tab.press("#effect-blur input[type=number]", "Enter")
    another(tab, before)
    assert tab.input_value("#effect-blur input[type=number]") == "5.4"


def test_what_is_not_sure_is_outlined_and_can_be_used_all_the_same(visit, keep, photos, tmp_path):
    tab = visit()
    choose(tab, photos["faded"])
    before = answered(tab)
    assert "Perhaps a cat." in verdict(tab, "Perhaps")
    assert tab.get_attribute("#result figure", "data-found") == "unsure"
    assert tab.get_attribute("#result img", "alt").startswith("Perhaps a cat covers ")
    assert before.endswith(".jpg")  # the photo, outlined
    timed(tab)
    keep(tab, "unsure")
    assert pressed(tab, "#export-coco", tmp_path / "a.json") == "faded-coco.json"
    assert pressed(tab, "#cutout", tmp_path / "a.png") == "faded-cutout.png"
    tab.click("#anyway")
    assert another(tab, before).endswith(".png")
    tab.wait_for_selector("#anyway", state="hidden", timeout=ANSWER_MS)


def test_without_a_pet_it_is_said_and_nothing_can_be_taken(visit, keep, photos):
    tab = visit(width=390)
    choose(tab, photos["wall"])
    verdict(tab, "No cat or dog found.")
    for button in ("#cutout", "#mask", "#export-coco"):
        tab.wait_for_selector(f"{button}[disabled], {button} [disabled]", state="attached", timeout=ANSWER_MS)
    assert not tab.is_visible("#anyway")
    keep(tab, "nothing")


def test_two_pets_are_shown_apart(visit, keep, photos):
    tab = visit(width=390)
    choose(tab, photos["two"])
    tab.wait_for_selector("#pets img >> nth=1", state="attached", timeout=ANSWER_MS)
    tab.locator("#pets").scroll_into_view_if_needed()
    keep(tab, "two-pets")
    assert stays_within_the_window(tab)


def test_a_tiff_is_answered_and_shown(visit, cat_photo, tmp_path):
    with Image.open(cat_photo) as file:
        file.save(tmp_path / "cat.tiff")
    tab = visit()
    choose(tab, tmp_path / "cat.tiff")
    verdict(tab, "A cat, found in")
    seen(tab, "#photo img")


def test_what_is_painted_changes_the_cut_out_and_the_way_back_is_there(visit, keep, cat_photo, tmp_path):
    tab = visit()
    answer_to(tab, cat_photo)
    before = answered(tab)
    tab.click("button:has-text('Touch up by hand')")
    tab.wait_for_selector("#touch-editor canvas", timeout=ANSWER_MS)
    tab.wait_for_timeout(1000)  # until the photo is on the canvas
    tab.click("#touch-kind label:has-text('not pet')")
    tab.wait_for_timeout(500)
    tab.locator("#touch-editor canvas").first.scroll_into_view_if_needed()
    box = tab.locator("#touch-editor canvas").first.bounding_box()
    for y in np.linspace(0.55, 0.8, 8):
        tab.mouse.move(box["x"] + 0.42 * box["width"], box["y"] + y * box["height"])
        tab.mouse.down()
        tab.mouse.move(box["x"] + 0.58 * box["width"], box["y"] + y * box["height"], steps=8)
        tab.mouse.up()
    keep(tab, "touch-up")
    tab.click("#touch-apply")
    verdict(tab, "A cat, touched up by hand.")
    with_strokes = another(tab, before)
    assert pressed(tab, "#cutout", tmp_path / "touched.png") == "cat-cutout.png"
    tab.click("#touch-reset")
    verdict(tab, "A cat, found in")
    another(tab, with_strokes)
    assert pressed(tab, "#cutout", tmp_path / "untouched.png") == "cat-cutout.png"
    opaque = []
    for name in ("touched.png", "untouched.png"):
        with Image.open(tmp_path / name) as file:
            opaque.append(np.count_nonzero(np.asarray(file)[..., 3]))
    assert opaque[0] < opaque[1]
