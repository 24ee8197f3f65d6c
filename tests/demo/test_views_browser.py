""" "Use it" as a person sees it: an effect chosen, seen, taken away.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

ANSWER_MS = 60_000
SIDE = (451, 300)

pytestmark = pytest.mark.browser


def answered(tab, photo):
    tab.set_input_files("#photo input[type=file]", photo)
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)


def seen(tab, selector: str) -> None:
    """Waits for a picture; those out of sight are not loaded."""
    tab.wait_for_selector(selector, state="attached", timeout=ANSWER_MS)
    tab.locator(selector).scroll_into_view_if_needed()
    tab.wait_for_function(
        "selector => document.querySelector(selector).naturalWidth > 0", arg=selector, timeout=ANSWER_MS
    )


def choose(tab, label: str) -> str:
    """Chooses an effect; the address of the picture that comes of it."""
    before = tab.get_attribute("#effect-shown img", "src") if tab.query_selector("#effect-shown img") else ""
    tab.click(f"#effect label:has-text('{label}')")
    tab.wait_for_function(
        "before => (document.querySelector('#effect-shown img')?.src ?? before) !== before",
        arg=before,
        timeout=ANSWER_MS,
    )
    return tab.get_attribute("#effect-shown img", "src")


def pressed(tab, button: str, path):
    """The file that a button gives, and its name."""
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click(button)
    download.value.save_as(path)
    return download.value.suggested_filename


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("wide", 1400, "light"), ("dark", 1400, "dark"), ("phone", 390, "light")]
)
def test_effects_are_shown_and_downloaded(visit, keep, cat_photo, tmp_path, name, width, scheme):
    tab = visit(width=width, scheme=scheme)
    answered(tab, cat_photo)
    seen(tab, "#effect-shown img")  # one is shown without being asked for
    assert tab.get_attribute("#effect-shown img", "alt").startswith("Blurred background. A cat covers 82")
    assert tab.is_visible("#effect-blur")
    for label in ("Outline", "Cut-out on a colour", "Sticker"):
        choose(tab, label)
        keep(tab, f"effect-{name}-{label.split()[0].lower()}")
    assert tab.is_visible("#effect-color")
    assert not tab.is_visible("#effect-blur")
    assert pressed(tab, "#effect-file", tmp_path / "a.png") == "cat-sticker.png"
    assert pressed(tab, "#sticker", tmp_path / "b.png") == "cat-sticker.png"
    with Image.open(tmp_path / "a.png") as on_color, Image.open(tmp_path / "b.png") as clear:
        assert (on_color.size, on_color.mode) == (SIDE, "RGB")
        assert (clear.size, clear.mode) == (SIDE, "RGBA")
    assert pressed(tab, "#export-coco", tmp_path / "c.json") == "cat-coco.json"
    assert json.loads((tmp_path / "c.json").read_text())["images"][0]["width"] == 451
    assert pressed(tab, "#export-svg", tmp_path / "d.svg") == "cat-outline.svg"
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_programs_find_the_same_by_name(page, cat_photo):
    client = Client(page.url, verbose=False)
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert {"/effect", "/effect_file", "/sticker", "/export", "/pets", "/cut_out"} <= set(api)
    assert "Shows a photo with an effect" in api["/effect"]["description"]
    with Image.open(client.predict(handle_file(cat_photo), "openvino-int8", api_name="/sticker")) as file:
        assert (file.size, file.mode) == (SIDE, "RGBA")
    coco, _, _ = client.predict(handle_file(cat_photo), "openvino-int8", api_name="/export")
    assert [entry["category_id"] for entry in json.loads(Path(coco).read_text())["annotations"]] == [1]
    (pet,) = client.predict(handle_file(cat_photo), "openvino-int8", api_name="/pets")
    assert pet["caption"].startswith("Cat, 82")


def test_another_background_is_asked_for_and_used(visit, keep, cat_photo, tmp_path):
    beach = tmp_path / "beach.png"
    Image.new("RGB", (60, 40), (250, 220, 150)).save(beach)
    tab = visit()
    answered(tab, cat_photo)
    seen(tab, "#effect-shown img")
    tab.click("#effect label:has-text('Another background')")
    tab.wait_for_selector("text=Choose a picture for the background.", timeout=ANSWER_MS)
    tab.set_input_files("#effect-background input[type=file]", beach)
    seen(tab, "#effect-shown img")
    keep(tab, "effect-replace")
    assert pressed(tab, "#effect-file", tmp_path / "on-beach.png") == "cat-replace.png"
    with Image.open(tmp_path / "on-beach.png") as file:
        np.testing.assert_allclose(np.asarray(file)[5, -5], (250, 220, 150), atol=2)


def test_without_a_pet_it_is_said_and_nothing_can_be_taken(visit, keep, tmp_path):
    wall = tmp_path / "wall.png"
    Image.new("RGB", (80, 60), (90, 90, 90)).save(wall)
    tab = visit(width=390)
    answered(tab, wall)
    tab.wait_for_selector("#effect-note >> text=No cat or dog found.", timeout=ANSWER_MS)
    tab.wait_for_selector("#sticker[disabled], #sticker button[disabled]", state="attached", timeout=ANSWER_MS)
    assert not tab.query_selector("#effect-shown img")
    keep(tab, "effect-none")
    for button in ("#effect-file", "#export-coco", "#cutout"):
        assert tab.query_selector(f"{button}[disabled], {button} [disabled]")


def test_two_pets_are_shown_apart(visit, keep, cat_photo, tmp_path):
    with Image.open(cat_photo) as cat:
        two = Image.new("RGB", (1200, 500), (40, 60, 40))
        two.paste(cat, (40, 100))
        two.paste(cat, (700, 100))
    two.save(tmp_path / "two.png")
    tab = visit(width=390)
    answered(tab, tmp_path / "two.png")
    tab.wait_for_selector("#pets img >> nth=1", state="attached", timeout=ANSWER_MS)
    tab.locator("#pets").scroll_into_view_if_needed()
    keep(tab, "effect-two")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
