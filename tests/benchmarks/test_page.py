"""What a visitor of the page waits for is told by the browser's clock, and nothing under a photo is computed twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks import heic, page, publish, tables
from demo import answers
from demo.lanes import Lanes
from demo.photo_handlers import LEFT, RIGHT, PhotoHandlers, Style
from engine.backends.fake import FakeBackend
from engine.images import read_picture
from engine.segmenter import Segmenter
from engine.spec import ModelSpec
from tools.chromium import CHROMIUM, FLAGS

# --- Photos ---


@pytest.mark.parametrize("suffix", [".jpg", ".heic"])
def test_no_two_files_are_the_same_and_all_are_the_same_picture(suffix):
    if suffix == ".heic" and not heic.can_be_written():
        pytest.skip("PyAV was built without x265")
    kind = page.Kind((96, 64), suffix, 0.5)
    data = page.encoded(page.enlarged(kind.size_hw), kind)
    files = [page.unseen(data, number, kind) for number in (1, 2)]
    first, second = (read_picture(file) for file in files)
    assert files[0] != files[1]
    assert first.size_hw == (96, 64)
    np.testing.assert_array_equal(first.image, second.image)


def test_a_kind_that_cannot_be_written_is_skipped_with_the_reason(monkeypatch):
    monkeypatch.setattr(heic, "can_be_written", lambda: False)
    monkeypatch.setattr(
        page,
        "KINDS",
        {"small JPEG": page.Kind((48, 32), ".jpg", 0.5), "HEIC of 12 megapixels": page.Kind((48, 32), ".heic", 1.2)},
    )
    photos, skipped = page.drawn_photos()
    assert list(photos) == ["small JPEG"]
    assert skipped == {"HEIC of 12 megapixels": "PyAV was built without libx265, which writes the file."}


# --- Figures ---


def test_medians_and_the_slowest_are_told_in_seconds():
    def answer(mask: float, timings: float) -> dict[str, float]:
        return {"mask": mask, "sentence": mask - 50, "second lane": mask + 100, "timings": timings}

    told = page.summarise([answer(400, 2400), answer(300, 2500), answer(900, 2300)])
    assert told["mask"] == {"median": 0.4, "max": 0.9}
    assert told["sentence"] == {"median": 0.35, "max": 0.85}
    # 2.4 - 0.4 = 2.0, 2.5 - 0.3 = 2.2, 2.3 - 0.9 = 1.4
    assert told["timings after the mask"] == {"median": pytest.approx(2.0), "max": pytest.approx(2.2)}


def waits(mask: float, after: float) -> dict:
    seconds = {"mask": mask, "sentence": mask, "second lane": mask + 0.2, "timings": mask + after}
    return {part: {"median": s, "max": 2 * s} for part, s in (seconds | {"timings after the mask": after}).items()}


def kept() -> dict:
    return {
        "page": {
            "machine": {"cpu": "A CPU", "cpu_id": "", "cores": 2, "instruction_sets": ["AVX2"]},
            "model": "fastsegnet 2.4.0",
            "rounds": 7,
            "goals": {"timings_after_mask_s": 2.0},
            "photos": {"small JPEG": {"size_hw": [384, 250], "megabytes": 0.039, "mask_goal_s": 0.5}},
            "skipped": {"HEIC of 12 megapixels": "No encoder."},
            "viewers": {
                "alone": {"small JPEG": waits(0.5, 1.9)},
                "beside a second viewer": {"small JPEG": waits(0.51, 2.1)},
            },
        },
    }


def test_a_goal_that_is_missed_is_shown_as_missed():
    lines = tables.page_table(kept()).splitlines()
    assert lines[2] == (
        "| small JPEG, 0.04 MB | alone | 0.50 s (1.00) | 0.5 s: yes | 0.50 s (1.00) | 0.70 s (1.40) | 2.40 s (4.80) "
        "| 1.90 s (3.80) | 2 s: yes |"
    )
    assert lines[3] == (
        "| small JPEG, 0.04 MB | beside a second viewer | 0.51 s (1.02) | 0.5 s: **no** | 0.51 s (1.02) "
        "| 0.71 s (1.42) | 2.61 s (5.22) | 2.10 s (4.20) | 2 s: **no** |"
    )
    assert len({line.count("|") for line in lines[:5]}) == 1  # what is not here takes a whole row


def test_what_was_not_measured_is_said_with_its_reason():
    assert "| HEIC of 12 megapixels | | not here: No encoder. |" in tables.page_table(kept())
    assert tables.page_table({}).startswith("Not measured on this machine yet: `make numbers`, with Debian's chromium")


def test_without_a_browser_the_page_is_skipped_with_a_word_and_the_rest_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(publish, "what_is_missing", lambda: "The browser chromium is missing.")
    assert publish.what_can_be_measured() == [name for name in publish.COMMANDS if name != "page"]
    assert capsys.readouterr().out == "page: skipped. The browser chromium is missing.\n"
    monkeypatch.setattr(publish, "what_is_missing", lambda: None)
    assert "page" in publish.what_can_be_measured()


def test_the_command_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(page, "what_is_missing", lambda: "The browser chromium is missing.")
    assert page.main([]) == 2
    assert capsys.readouterr().err == "error: The browser chromium is missing.\n"
    assert page.main(["--rounds", "0"]) == 2
    assert "expected 1 or more" in capsys.readouterr().err


# --- The clock ---

# A page that answers a photo: the words after 100 ms, the picture 200 ms later.
ANSWERS = """<div id="photo"><input type="file"></div><div id="verdict"></div><div id="result"></div><script>
document.querySelector("input").addEventListener("change", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const pixel = Object.assign(document.createElement("canvas"), { width: 2, height: 2 }).toDataURL();
  await wait(100);
  document.querySelector("#verdict").innerHTML = TOLD;
  await wait(200);
  document.querySelector("#result").innerHTML = `<img src="${pixel}">`;
});
</script>"""


@pytest.fixture
def given():
    """`given("'<p>A cat.</p>'")` gives a photo to a page with that answer; what the clock says."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")

    def give(told: str) -> dict:
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            tab = browser.new_page()
            tab.set_content(ANSWERS.replace("TOLD", told))
            page.start_clock(tab, {"sentence": "#verdict p", "mask": "#result img"})
            tab.set_input_files("input", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"a"})
            told_times = tab.evaluate("window.answer")
            browser.close()
        return told_times

    # In a thread of its own: Playwright runs once in a thread, and other tests keep a browser open in this one.
    with ThreadPoolExecutor(1) as thread:
        yield lambda told: thread.submit(give, told).result()


@pytest.mark.browser
def test_each_part_has_its_own_moment_counted_from_the_photo(given):
    at = given("'<p>A cat.</p>'")
    assert set(at) == {"sentence", "mask"}
    assert at["sentence"] >= 99  # a timer of the browser may be a fraction of a millisecond early
    assert at["mask"] >= at["sentence"] + 150  # 200 less the frames in which the words were drawn


@pytest.mark.browser
def test_a_refusal_ends_the_wait_and_is_told(given):
    at = given("""'<div class="trouble">Not a picture.</div>'""")
    assert at["trouble"] == "Not a picture."
    assert "mask" not in at


# --- Nothing is computed twice ---


class CountingBackend(FakeBackend):
    """The fake, which counts how often it is asked."""

    def __init__(self, name: str, calls: Counter) -> None:
        super().__init__(offset=0.5 if name == RIGHT else 0.0)
        self.name = name
        self.calls = calls

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.calls[self.name] += 1
        return super().infer(batch)


@pytest.fixture
def calls() -> Counter:
    """How often each network was called."""
    return Counter()


@pytest.fixture
def decoded(monkeypatch) -> list[tuple[int, int]]:
    """Height and width that came out, for each time that a photo was decoded."""
    sizes: list[tuple[int, int]] = []

    def counting(path: Path, needed_hw: tuple[int, int] | None = None):
        picture = read_picture(path, needed_hw)
        sizes.append(picture.image.shape[:2])
        return picture

    monkeypatch.setattr(answers, "read_picture", counting)
    return sizes


@pytest.fixture
def handlers(model, calls) -> PhotoHandlers:
    spec: ModelSpec = model.spec
    return PhotoHandlers(Lanes(spec, lambda name: Segmenter(spec, CountingBackend(name, calls)), rounds=2))


def write_photo(folder: Path, size_hw: tuple[int, int], drawn_pet, encoded) -> str:
    path = folder / "photo.jpg"
    path.write_bytes(encoded(drawn_pet(size_hw=size_hw)[0]))
    return str(path)


def everything_but_times(handlers: PhotoHandlers, photo: str) -> None:
    """What the page does with a photo, and what a viewer then presses."""
    handlers.show(photo, RIGHT, Style())
    handlers.compared(photo, LEFT, RIGHT)
    handlers.pets(photo, RIGHT)
    handlers.show(photo, RIGHT, Style("blur"))
    handlers.cut_out(photo, RIGHT)
    handlers.mask(photo, RIGHT)
    handlers.export(photo, RIGHT)


@pytest.mark.parametrize(
    ("size_hw", "sizes"),
    [
        ((300, 400), [(300, 400)]),  # no larger than what the network needs
        # A JPEG is decoded at 1/4 for the network, at 1/2 for the page, and whole for what is downloaded.
        ((2400, 3200), [(600, 800), (1200, 1600), (2400, 3200)]),
        ((1500, 2000), [(375, 500), (1500, 2000)]),  # at half its scale it is too small for the page
    ],
)
def test_one_upload_is_decoded_once_at_each_scale_and_asked_once_of_each_network(
    handlers, calls, decoded, tmp_path, drawn_pet, encoded, size_hw, sizes
):
    photo = write_photo(tmp_path, size_hw, drawn_pet, encoded)
    everything_but_times(handlers, photo)
    assert calls == {LEFT: 1, RIGHT: 1}
    assert decoded == sizes
    everything_but_times(handlers, photo)  # a second time nothing is left to do
    assert calls == {LEFT: 1, RIGHT: 1}
    assert decoded == sizes


def test_the_timings_take_the_photo_as_it_was_decoded_before(handlers, decoded, tmp_path, drawn_pet, encoded):
    photo = write_photo(tmp_path, (300, 400), drawn_pet, encoded)
    handlers.show(photo, RIGHT, Style())
    list(handlers.timed(photo, lambda: True))
    assert decoded == [(300, 400)]


def test_who_asks_at_once_shares_one_answer(handlers, calls, decoded, tmp_path, drawn_pet, encoded):
    photo = write_photo(tmp_path, (300, 400), drawn_pet, encoded)
    with ThreadPoolExecutor(4) as viewers:
        seen = list(viewers.map(lambda _: handlers.answers.see(photo, RIGHT), range(4)))
    assert all(each is seen[0] for each in seen)
    assert calls == {RIGHT: 1}
    assert decoded == [(300, 400)]
