"""Many photos at once as a person sees them: the section alone on a page, over lanes without a network.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import threading
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo import many, page
from demo.lanes import Lanes
from engine.backends.fake import FakeBackend
from engine.segmenter import Segmenter
from tools.running_page import free_port

ANSWER_MS = 60_000
INPUT = "#many input[type=file]"
CSS = Path(many.__file__).with_name("many.css")

pytestmark = pytest.mark.browser


class HeldBackend(FakeBackend):
    """Answers while `goes_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def infer(self, batch: np.ndarray) -> np.ndarray:
        assert self.goes_on.wait(ANSWER_MS / 1000)
        return super().infer(batch)


@pytest.fixture(scope="module")
def backends() -> dict[str, FakeBackend]:
    return {"openvino-int8": FakeBackend(), "torch": HeldBackend()}


@pytest.fixture(scope="module")
def address(spec, backends, tmp_path_factory):
    """The section under a dropdown of two backends, the second of which is held."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        lanes = Lanes(spec, lambda name: Segmenter(spec, backends[name]), tuple(backends))
        with gr.Blocks(analytics_enabled=False) as blocks:
            many.build(lanes, gr.Dropdown(list(backends), value="openvino-int8", elem_id="backend"))
        _, url, _ = blocks.launch(
            server_name="127.0.0.1",
            server_port=free_port(),
            theme=page.THEME,
            css_paths=[*page.STYLES, CSS],
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=False,
        )
        yield url
        blocks.close()


@pytest.fixture
def open_section(browser, address):
    """Opens the page in a window of a size and a colour scheme; closes it afterwards."""
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        tab = context.new_page()
        tab.goto(address)
        tab.wait_for_selector(INPUT, state="attached", timeout=ANSWER_MS)
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def held(backends):
    """The second backend, which answers from `held.set()` on."""
    event = backends["torch"].goes_on
    yield event
    event.set()  # nobody waits for it any more
    event.clear()


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    """What the fake calls a cat, a dark wall, a text, and another cat."""
    cat, wall, notes, kitten = (tmp_path / name for name in ("cat.png", "wall.png", "notes.txt", "kitten.png"))
    for path, ground, pet in ((cat, 5, 250), (wall, 5, 5), (kitten, 5, 240)):
        image = Image.new("RGB", (120, 80), (ground,) * 3)
        image.paste((pet,) * 3, (20, 10, 80, 70))
        image.save(path)
    notes.write_text("no picture")
    return [cat, wall, notes, kitten]


def choose_held(tab) -> None:
    tab.click("#backend input")
    tab.click("ul[role=listbox] >> text=torch")


def done(tab, words: str) -> None:
    tab.wait_for_selector(f"#many-progress .verdict >> text={words}", timeout=ANSWER_MS)


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("wide", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light")]
)
def test_several_files_are_answered_in_a_gallery_with_one_zip(
    open_section, keep, photos, tmp_path, name, width, scheme
):
    tab = open_section(width, scheme)
    assert not tab.is_visible("#many-section")
    assert not tab.is_visible("#many")
    tab.set_input_files(INPUT, photos)
    done(tab, "3 photos, 2 with a pet; 1 file could not be read.")
    tab.wait_for_selector("#many-gallery img >> nth=2", timeout=ANSWER_MS)
    assert tab.inner_text(".many-troubles").startswith("notes.txt is not a picture we can read.")
    captions = ["Cat · cat.png", "No cat or dog · wall.png", "Cat · kitten.png"]
    assert [img.get_attribute("alt") for img in tab.query_selector_all("#many-gallery img")] == captions
    tab.wait_for_function("[...document.querySelectorAll('#many-gallery img')].every(img => img.naturalWidth > 0)")
    tab.wait_for_selector("#many-cancel", state="hidden", timeout=ANSWER_MS)
    keep(tab, f"many-{name}")
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click("#many-zip")
    assert download.value.suggested_filename == "whisker-photos.zip"
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert {"cutouts/cat-cutout.png", "masks/wall-mask.png", "whisker.csv"} <= set(archive.namelist())
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_after_going_back_the_next_files_begin_anew(open_section, photos):
    tab = open_section()
    tab.set_input_files(INPUT, photos)
    done(tab, "3 photos")
    tab.click("#many-close")
    tab.wait_for_selector("#many-section", state="hidden", timeout=ANSWER_MS)
    tab.set_input_files(INPUT, photos[1:2])
    done(tab, "1 photo, 0 with a pet.")
    assert len(tab.query_selector_all("#many-gallery img")) == 1


def test_files_handed_over_by_a_script_are_taken(open_section):
    """As the page does with what is dropped anywhere on it."""
    tab = open_section()
    tab.evaluate(
        """selector => {
            const files = new DataTransfer();
            for (const name of ["a.txt", "b.txt"]) files.items.add(new File(["text"], name));
            const input = document.querySelector(selector);
            input.files = files.files;
            input.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        INPUT,
    )
    done(tab, "0 photos, 0 with a pet; 2 files could not be read.")


def test_cancelling_keeps_what_is_done(open_section, held, photos, keep):
    tab = open_section()
    choose_held(tab)
    tab.set_input_files(INPUT, [photos[2], *photos[:2]])  # the text is named before the first photo is held
    tab.wait_for_selector("#many-progress >> text=1 of 3 photos", timeout=ANSWER_MS)
    assert tab.inner_text(".many-troubles").startswith("notes.txt")
    assert not tab.is_visible("#many-zip")
    keep(tab, "many-working")
    tab.set_input_files(INPUT, photos)
    tab.wait_for_selector("text=2 photos before these are still to do.", timeout=ANSWER_MS)
    with tab.expect_response(lambda response: "/run/" in response.url or "/call/" in response.url, timeout=ANSWER_MS):
        tab.click("#many-cancel")
    held.set()
    done(tab, "Cancelled after 2 of 3: 1 photo, 1 with a pet; 1 file could not be read.")
    tab.wait_for_selector("#many-zip", timeout=ANSWER_MS)


def test_more_than_a_hundred_are_refused_and_the_section_stays_hidden(open_section, tmp_path):
    tab = open_section()
    files = [tmp_path / f"{number}.txt" for number in range(101)]
    for file in files:
        file.write_text(file.name)
    tab.set_input_files(INPUT, files)
    tab.wait_for_selector("text=101 photos came; at most 100 are taken at once. Drop fewer.", timeout=ANSWER_MS)
    assert not tab.is_visible("#many-section")
    tab.set_input_files(INPUT, files[:2])  # and they are no part of what comes next
    done(tab, "0 photos, 0 with a pet; 2 files could not be read.")
