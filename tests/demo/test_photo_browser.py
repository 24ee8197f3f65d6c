"""Photos that come from everywhere, quickly, and to several viewers: each is answered, and the last one stays.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import time
from pathlib import Path

import pytest
from page_states import photos_for_states
from photo_tab import ANSWER_MS, answer_to, answered, choose, drop_on, paste, pressed, seen, timed, verdict
from PIL import Image

from demo.video_example import draw_clip

EXAMPLES = Path(__file__).resolve().parents[2] / "demo" / "examples"
CLEAR = "#photo button[aria-label='Clear'], #photo button[aria-label='Remove Image']"
SOON_S = 5  # on a machine that does other things as well; a quiet one takes half a second

pytestmark = pytest.mark.browser


@pytest.fixture
def photos(tmp_path, cat_photo) -> dict[str, Path]:
    """ "cat", "dog", "wall" (no pet), "holiday" (cut short), and others."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return photos_for_states(folder, cat_photo) | {"dog": EXAMPLES / "dog.jpg"}


def size_in_figures(tab) -> str:
    """ "300,451": height and width of the photo that the figures are of."""
    if not tab.is_visible("#numbers"):
        tab.click("button:has-text('All figures')")
    tab.wait_for_selector("#numbers >> text=size_hw", timeout=ANSWER_MS)
    return tab.inner_text("#numbers")


def is_clear(tab) -> bool:
    """Whether nothing is dimmed."""
    tab.wait_for_function("!document.querySelector('.answering')", timeout=ANSWER_MS)
    return tab.evaluate("Number(getComputedStyle(document.querySelector('#verdict')).opacity) > 0.3")


# --- Whence a photo comes ---


@pytest.mark.parametrize("place", ["#photo", "#answer", "#header", "body"])
def test_a_photo_dropped_anywhere_is_answered(visit, photos, place):
    tab = visit()
    assert drop_on(tab, place, photos["cat"])
    verdict(tab, "A cat, found in")
    seen(tab, "#photo img")


def test_a_photo_dropped_on_the_result_takes_its_place(visit, photos):
    tab = visit()
    answer_to(tab, photos["cat"])
    assert drop_on(tab, "#result img", photos["dog"])
    verdict(tab, "A dog, found in")
    answered(tab)
    timed(tab)
    assert is_clear(tab)


def test_a_photo_dropped_on_the_photo_takes_its_place(visit, photos):
    tab = visit()
    answer_to(tab, photos["cat"])
    assert drop_on(tab, "#photo img", photos["dog"])
    verdict(tab, "A dog, found in")


def test_a_photo_that_is_pasted_is_answered(visit, photos):
    tab = visit()
    assert paste(tab, photos["cat"])
    verdict(tab, "A cat, found in")
    assert paste(tab, photos["dog"])
    verdict(tab, "A dog, found in")


def test_several_files_go_to_the_gallery_and_the_next_photo_comes_back_from_it(visit, photos):
    tab = visit()
    assert drop_on(tab, "#header", photos["cat"], photos["wall"])
    tab.wait_for_selector("#many-gallery img >> nth=1", timeout=ANSWER_MS)
    assert not tab.is_visible("#photo")
    tab.wait_for_selector("#many-progress .verdict", timeout=ANSWER_MS)
    assert drop_on(tab, "#many-section", photos["dog"])
    verdict(tab, "A dog, found in")
    tab.wait_for_selector("#many-section", state="hidden", timeout=ANSWER_MS)
    assert tab.is_visible("#photo")


def test_a_video_goes_to_the_video_tab(visit, tmp_path):
    draw_clip(tmp_path / "clip.mp4", seconds=1)
    tab = visit()
    assert drop_on(tab, "#answer", tmp_path / "clip.mp4")
    tab.wait_for_selector("button[role=tab][aria-selected=true]:has-text('Video')", timeout=ANSWER_MS)
    tab.wait_for_selector("#clip-words >> text=1.0 s", timeout=ANSWER_MS)


def test_other_places_that_take_files_keep_them(visit, photos):
    tab = visit()
    answer_to(tab, photos["cat"])
    before = tab.inner_text("#verdict")
    tab.click("#effect label:has-text('Another background')")
    tab.wait_for_selector("#effect-background input[type=file]", state="attached", timeout=ANSWER_MS)
    drop_on(tab, "#effect-background button", photos["dog"])
    tab.wait_for_selector("#effect-background img", timeout=ANSWER_MS)
    assert tab.inner_text("#verdict") == before


def test_a_file_that_is_no_picture_is_refused_in_plain_words(visit, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    tab = visit()
    assert drop_on(tab, "#answer", tmp_path / "notes.txt")
    tab.wait_for_selector("text=/notes.txt|[Ii]nvalid|not a picture/", timeout=ANSWER_MS)
    assert not tab.query_selector("#result img")
    assert is_clear(tab)


def test_the_same_refusal_twice_is_not_left_dimmed(visit, photos):
    tab = visit()
    for _ in range(2):
        drop_on(tab, "#answer", photos["holiday"])
        tab.wait_for_selector("#verdict .trouble", timeout=ANSWER_MS)
        tab.wait_for_timeout(1500)
        assert is_clear(tab)
    assert drop_on(tab, "#answer", photos["cat"])
    verdict(tab, "A cat, found in")
    assert not tab.query_selector(".trouble")


def test_a_photo_that_is_taken_away_leaves_the_page_as_it_was(visit, photos):
    tab = visit()
    answer_to(tab, photos["cat"])
    tab.click(CLEAR)
    tab.wait_for_selector(".empty-title", timeout=ANSWER_MS)
    assert not tab.query_selector("#result img")
    assert not tab.is_visible("#more")
    assert is_clear(tab)


# --- One after another ---


def test_of_ten_photos_within_a_second_the_last_stays(visit, photos, tmp_path):
    tab = visit()
    began = time.monotonic()
    for number in range(9):
        path = tmp_path / f"{number}.png"
        with Image.open(photos["cat"]) as cat:
            cat.rotate(number).save(path, compress_level=0)
        drop_on(tab, "#answer", path)
    drop_on(tab, "#answer", photos["dog"])
    print("seconds for ten:", time.monotonic() - began)
    verdict(tab, "A dog, found in")
    timed(tab)
    tab.wait_for_timeout(2000)  # for what might come after
    assert tab.inner_text("#verdict h2").startswith("A dog, found in")
    assert tab.get_attribute("#result img", "alt").startswith("Cut-out. A dog covers ")
    width, height = tab.evaluate("(img => [img.naturalWidth, img.naturalHeight])(document.querySelector('#photo img'))")
    with Image.open(photos["dog"]) as dog:
        assert (width, height) == dog.size
        assert str(dog.height) in size_in_figures(tab)
    assert is_clear(tab)


def test_a_second_photo_is_answered_while_the_first_is_timed(visit, photos, tmp_path):
    tab = visit()
    answer_to(tab, photos["cat"])
    tab.click("#again")  # twelve seconds
    tab.wait_for_selector("#speed >> text=Timing the runtimes.", timeout=ANSWER_MS)
    began = time.monotonic()
    drop_on(tab, "#answer", photos["dog"])
    verdict(tab, "A dog, found in")
    answered(tab)
    assert time.monotonic() - began < SOON_S
    timed(tab)
    assert pressed(tab, "#figures", tmp_path / "figures.json") == "dog-figures.json"
    with Image.open(photos["dog"]) as dog:
        assert str(dog.height) in size_in_figures(tab)


def test_a_photo_of_another_viewer_is_answered_while_one_is_timed(visit, photos):
    first, second = visit(), visit()
    answer_to(first, photos["cat"])
    first.click("#again")
    first.wait_for_selector("#speed >> text=Timing the runtimes.", timeout=ANSWER_MS)
    began = time.monotonic()
    choose(second, photos["dog"])
    verdict(second, "A dog, found in")
    answered(second)
    assert time.monotonic() - began < SOON_S
    second.wait_for_selector("#speed >> text=Something else is being timed on this machine.", timeout=ANSWER_MS)
    timed(second)
    timed(first)


def test_two_viewers_at_once_see_each_their_own(visit, photos):
    first, second = visit(), visit()
    choose(first, photos["cat"])
    choose(second, photos["dog"])
    for tab, pet in ((first, "cat"), (second, "dog")):
        verdict(tab, f"A {pet}, found in")
        timed(tab)
    for tab, pet in ((first, "cat"), (second, "dog")):
        assert tab.inner_text("#verdict h2").startswith(f"A {pet}, found in")
        assert tab.get_attribute("#result img", "alt").startswith(f"Cut-out. A {pet} covers ")
        with Image.open(photos[pet]) as photo:
            assert str(photo.height) in size_in_figures(tab)


def test_the_view_that_was_chosen_stays_for_the_next_photo(visit, photos):
    tab = visit()
    answer_to(tab, photos["cat"])
    tab.click("#effect label:has-text('Outline')")
    tab.wait_for_selector("#result img[alt^='Outline. A cat']", timeout=ANSWER_MS)
    drop_on(tab, "#answer", photos["dog"])
    tab.wait_for_selector("#result img[alt^='Outline. A dog']", timeout=ANSWER_MS)
