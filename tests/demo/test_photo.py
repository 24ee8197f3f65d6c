"""The Photo tab without a server: its handlers, and what comes after what."""

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo.lanes import Lanes
from demo.photo import EXAMPLES, PhotoTab
from demo.photo_handlers import PhotoHandlers, Style, last, write_shown
from demo.photo_layout import show_options
from demo.timing import Effort
from demo.touch_up import save_strokes
from demo.views import NO_BACKGROUND, VIEWS
from engine.backends.fake import FakeBackend
from engine.edge_fit import NOT_PET
from engine.errors import InputError
from engine.segmenter import Segmenter
from engine.turn import is_taken

FP32, INT8 = "openvino-fp32", "openvino-int8"
SOON = 30  # seconds within which a thread that may go on does
ORANGE = (230, 159, 0)  # the cat's, "#E69F00"

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def handlers(fake_lanes) -> PhotoHandlers:
    fake_lanes.rounds = 2
    return PhotoHandlers(fake_lanes)


@pytest.fixture
def beach(saved) -> str:
    return saved(np.full((30, 40, 3), 70, np.uint8), "beach.png")


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as file:
        return np.asarray(file)


# --- What is shown ---


def test_the_answer_is_shown_as_the_pet_alone(handlers, half_photo):
    seen, path = handlers.show(half_photo, INT8, Style())
    assert seen.segmentation.pets == ["cat"]
    shown = pixels(path)
    assert shown.shape[2] == 4
    assert shown[30, 5].tolist() == [255, 255, 255, 255]


def test_the_answer_is_shown_in_the_style_that_is_chosen(handlers, two_photo, beach):
    _, path = handlers.show(two_photo, INT8, Style("cutout", "rgba(17, 34, 51, 1)"))
    np.testing.assert_allclose(pixels(path)[5, 5], (17, 34, 51), atol=4)  # a JPEG
    _, path = handlers.show(two_photo, INT8, Style("replace", background=beach))
    np.testing.assert_allclose(pixels(path)[5, 5], (70, 70, 70), atol=4)


def test_the_blur_of_the_page_is_in_percent():
    assert Style("blur", blur_percent=6).options().blur == 0.06
    assert Style().options().blur == 0.02


def test_a_background_is_read_where_it_is_used_alone(beach, tmp_path):
    bad = tmp_path / "beach.jpg"
    bad.write_text("sand")
    assert Style("blur", background=str(bad)).options().background is None
    assert Style("replace", background=beach).options().background.shape == (30, 40, 3)
    with pytest.raises(InputError, match=r"beach\.jpg is not a picture we can read"):
        Style("replace", background=str(bad)).options()


def test_a_view_that_cannot_be_made_costs_no_answer(handlers, half_photo):
    with pytest.raises(InputError, match=NO_BACKGROUND):
        handlers.show(half_photo, INT8, Style("replace"))
    assert not handlers.answers._photos


@pytest.mark.parametrize(
    ("style", "words"),
    [(Style("glow"), "There is no effect 'glow'"), (Style(color="teal"), "'teal' is not a colour")],
)
def test_what_the_engine_refuses_is_refused_in_its_words(handlers, half_photo, style, words):
    with pytest.raises(InputError, match=words):
        handlers.show(half_photo, INT8, style)


def test_what_is_not_sure_is_outlined_and_shown_as_a_pet_where_that_is_wanted(handlers, unsure_photo):
    seen, path = handlers.show(unsure_photo, INT8, Style())
    assert seen.segmentation.found == "unsure"
    assert Path(path).suffix == ".jpg"
    _, path = handlers.show(unsure_photo, INT8, Style(), anyway=True)
    assert pixels(path).shape[2] == 4


def test_pictures_of_the_page_are_jpegs_unless_they_are_transparent():
    assert Path(write_shown(np.zeros((4, 4, 3), np.uint8))).name == "shown.jpg"
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[...] = (200, 100, 50, 128)
    assert pixels(write_shown(rgba))[0, 0].tolist() == [200, 100, 50, 128]


@pytest.mark.parametrize(
    ("view", "color", "background", "blur", "file"),
    [
        ("transparent", False, False, False, False),  # the cut-out has its own button
        ("overlay", False, False, False, True),
        ("cutout", True, False, False, True),
        ("replace", False, True, False, True),
        ("blur", False, False, True, True),
    ],
)
def test_a_view_shows_its_own_options_and_the_file_of_it(view, color, background, blur, file):
    *options, cutout, shown = show_options(view)
    assert [each["visible"] for each in options] == [color, background, blur]
    assert shown["visible"] == file
    # What is shown is the first to take.
    assert (cutout["variant"], shown["variant"]) == (("secondary", "primary") if file else ("primary", "secondary"))


# --- Whether two agree, and how fast they are ---


def test_two_backends_are_compared_in_three_pictures(handlers, half_photo):
    comparison, paths = handlers.compared(half_photo, FP32, INT8)
    assert 0.9 < comparison.agreement <= 1
    left, right, difference = (pixels(path) for path in paths)
    assert left.shape == right.shape == difference.shape == (60, 80, 3)
    np.testing.assert_allclose(difference[30, 5], (227, 227, 227), atol=6)  # 255 // 2 + 100
    assert len(set(paths)) == 3


def test_a_timing_has_the_rounds_of_the_page(handlers, half_photo):
    timings = last(handlers.timed(half_photo, lambda: True))
    assert timings.numbers()["rounds"] == 2
    assert list(timings.measured.samples) == ["torch", "torchscript", FP32, INT8]


def test_a_longer_timing_has_more(handlers, half_photo, monkeypatch):
    monkeypatch.setattr("demo.photo_handlers.LONGER", Effort(rounds=5, seconds=60))
    assert last(handlers.timed(half_photo, lambda: True, longer=True)).numbers()["rounds"] == 5


def test_another_photo_makes_what_was_done_for_the_last_unwanted(handlers):
    first, others = handlers.begin("me"), handlers.begin("you")
    assert handlers.is_wanted("me", first)
    second = handlers.begin("me")
    assert not handlers.is_wanted("me", first)
    assert handlers.is_wanted("me", second)
    assert handlers.is_wanted("you", others)
    handlers.forget("me")
    assert not handlers.is_wanted("me", second)
    assert handlers.is_wanted("you", others)
    handlers.forget("me")  # once more changes nothing


# --- What programs call ---


def test_a_step_is_claimed_once_for_each_photo(handlers):
    first = handlers.begin("me")
    assert [handlers.claim("me", first, step) for step in ("compare", "compare", "time")] == [True, False, True]
    second = handlers.begin("me")
    assert not handlers.claim("me", first, "pets")
    assert handlers.claim("me", second, "compare")
    assert not handlers.claim("you", second, "compare")


def test_the_figures_of_lanes_that_do_not_run_are_those_of_the_others(lanes_without_torch, half_photo):
    lanes_without_torch.rounds = 2
    handlers = PhotoHandlers(lanes_without_torch)
    timings = last(handlers.timed(half_photo, lambda: True))
    assert "agreement" not in handlers.figures_of(half_photo, "torch", INT8, timings)
    numbers = handlers.figures_of(half_photo, FP32, INT8, timings)
    assert (numbers["agreement"], numbers["rounds"]) == (1, 2)


def test_predict_gives_overlay_and_figures(handlers, half_photo):
    drawn, numbers = handlers.predict(half_photo, FP32)
    assert drawn.shape == (60, 80, 3)
    assert numbers["size_hw"] == [60, 80]
    assert numbers["found"] == "found"
    assert set(numbers["timings_ms"]) == {"read", "preprocess", "infer", "postprocess"}


def test_predict_may_be_asked_for_the_photo_of_the_example(handlers, cat_photo):
    assert handlers.predict(str(cat_photo))[1]["size_hw"] == [300, 451]


def test_compare_says_what_was_found_whether_it_is_the_same_and_how_fast(handlers, half_photo):
    text, numbers = handlers.compare(half_photo)
    assert text.startswith("A cat, found in ")
    assert "OpenVINO INT8 and OpenVINO FP32 agree on " in text
    assert "OpenVINO INT8 takes " in text or "How fast cannot be told: " in text
    assert list(numbers["backends"]) == ["torch", "torchscript", FP32, INT8]
    assert {"torch/torchscript", f"torch/{FP32}", f"torch/{INT8}"} <= set(numbers["ratios"])
    assert numbers["areas"][FP32]["cat"] == pytest.approx(0.5, abs=0.02)
    json.dumps(numbers)


def test_a_lane_that_cannot_run_is_named_in_the_figures_and_the_rest_go_on(lanes_without_torch, half_photo):
    lanes_without_torch.rounds = 2
    _, numbers = PhotoHandlers(lanes_without_torch).compare(half_photo)
    assert list(numbers["backends"]) == [FP32, INT8]
    assert numbers["unavailable"]["torch"] == "The backend torch needs a package that is missing."


def test_choosing_a_lane_that_cannot_run_is_an_error_in_plain_words(lanes_without_torch, half_photo):
    with pytest.raises(gr.Error, match="needs a package that is missing"):
        PhotoHandlers(lanes_without_torch).compare(half_photo, "torch", INT8)


def test_an_unknown_backend_lists_the_known_ones(handlers, half_photo):
    with pytest.raises(gr.Error, match=r"no backend 'tpu' here.*openvino-int8"):
        handlers.predict(half_photo, "tpu")


def test_a_text_file_is_refused_in_the_engines_words(handlers, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_text("not a picture")
    for handler in (handlers.predict, handlers.compare, handlers.cut_out, handlers.mask, handlers.pets):
        with pytest.raises(gr.Error, match=r"cat\.jpg is not a picture we can read"):
            handler(str(path))


def test_without_a_photo_one_is_asked_for(handlers):
    for handler in (handlers.cut_out, handlers.effect_file, handlers.sticker, handlers.mask, handlers.export):
        with pytest.raises(gr.Error, match="There is no photo yet"):
            handler(None)
    assert handlers.pets(None) == []


# --- Files ---


def test_the_cut_out_has_the_size_of_the_photo_and_a_transparent_ground(handlers, half_photo):
    path = handlers.cut_out(half_photo, FP32)
    rgba = pixels(path)
    assert Path(path).name == "half-cutout.png"
    assert rgba.shape == (60, 80, 4)
    assert (rgba[30, 5, 3], rgba[30, 75, 3]) == (255, 0)


def test_the_mask_holds_class_ids_and_a_palette_of_their_colours(handlers, half_photo):
    path = handlers.mask(half_photo, FP32)
    assert Path(path).name == "half-mask.png"
    with Image.open(path) as file:
        assert (file.mode, file.size) == ("P", (80, 60))
        ids, palette = np.asarray(file), file.getpalette()
    assert (ids[30, 5], ids[30, 75]) == (1, 0)
    assert np.unique(ids).tolist() == [0, 1]
    assert palette[:6] == [0, 0, 0, *ORANGE]


@pytest.mark.parametrize("write", ["cut_out", "effect_file", "sticker", "mask"])
def test_a_picture_says_which_model_lane_and_machine_it_is_from_and_when(handlers, half_photo, write):
    with Image.open(getattr(handlers, write)(half_photo, FP32)) as file:
        file.load()
        said = file.text
    assert said["Software"] == "Whisker"
    assert said["Model"] == f"fastsegnet {handlers.lanes.spec.version}"
    assert said["Lane"] == f"fastsegnet:{FP32}"
    assert "core" in said["Machine"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", said["Creation Time"])


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_is_written_with_all_the_pixels_of_the_photo(handlers, two_photo, beach, view):
    path = handlers.effect_file(two_photo, INT8, view, background=beach)
    assert Path(path).name == ("two-cutout.png" if view == "transparent" else f"two-{view}.png")
    assert pixels(path).shape[:2] == (160, 320)


def test_a_sticker_is_transparent(handlers, two_photo):
    path = handlers.sticker(two_photo)
    rgba = pixels(path)
    assert Path(path).name == "two-sticker.png"
    assert rgba.shape == (160, 320, 4)
    assert rgba[80, 80].tolist() == [255, 255, 255, 255]
    assert rgba[5, 5, 3] == 0


def test_outlines_are_exported(handlers, two_photo):
    coco, rle, svg = (handlers.export(two_photo, INT8, name) for name in ("coco", "rle", "svg"))
    assert [Path(path).name for path in (coco, rle, svg)] == ["two-coco.json", "two-rle.json", "two-outline.svg"]
    entries = json.loads(Path(coco).read_text())["annotations"]
    assert [entry["category_id"] for entry in entries] == [1, 1]
    # The larger square first: columns 180 to 279, rows 40 to 119.
    np.testing.assert_allclose(entries[0]["bbox"], [180, 40, 100, 80], atol=1)
    assert Path(svg).read_text().count("<path") == 2


def test_an_unknown_export_lists_the_known_ones(handlers, two_photo):
    with pytest.raises(gr.Error, match=r"There is no export 'voc'\. Choose one of: coco, rle, svg\."):
        handlers.export(two_photo, INT8, "voc")


def test_each_pet_is_cut_out_apart(handlers, two_photo):
    (large, large_name), (small, small_name) = handlers.pets(two_photo)
    # 8000 and 6400 of 51200 pixels.
    assert large_name.startswith("Cat, 15.")
    assert small_name.startswith("Cat, 12.")
    assert pixels(large).shape == pytest.approx((80 + 4, 100 + 4, 4), abs=2)
    assert Path(small).name == "two-cat-2.png"


def test_without_a_pet_that_is_said_and_no_picture_is_written(handlers, wall_photo):
    assert handlers.pets(wall_photo) == []
    for handler in (handlers.cut_out, handlers.effect_file, handlers.sticker, handlers.export):
        with pytest.raises(gr.Error, match=r"No cat or dog found\. There is nothing to cut out"):
            handler(wall_photo)
    assert not pixels(handlers.mask(wall_photo)).any()  # a mask of a photo without a pet is one, too


def test_of_what_is_not_sure_everything_can_be_had(handlers, unsure_photo):
    assert pixels(handlers.cut_out(unsure_photo)).shape == (60, 80, 4)
    assert pixels(handlers.mask(unsure_photo))[30, 5] == 1
    assert len(json.loads(Path(handlers.export(unsure_photo)).read_text())["annotations"]) == 1
    assert len(handlers.pets(unsure_photo)) == 1


def test_a_bad_background_is_refused_in_the_engines_words(handlers, two_photo, tmp_path):
    bad = tmp_path / "beach.jpg"
    bad.write_text("sand")
    with pytest.raises(gr.Error, match=r"beach\.jpg is not a picture we can read"):
        handlers.effect_file(two_photo, effect="replace", background=str(bad))


def test_the_figures_are_written_as_they_are_shown(handlers, half_photo):
    path = handlers.figures(half_photo, {"agreement": 1.0})
    assert Path(path).name == "half-figures.json"
    assert json.loads(Path(path).read_text()) == {"agreement": 1.0}


@pytest.fixture
def strokes(tmp_path) -> str:
    """Not pet: the upper half of a photo of 60 x 80 px."""
    drawn = np.zeros((60, 80), np.uint8)
    drawn[:30] = NOT_PET
    return save_strokes(drawn, tmp_path)


def test_what_was_touched_up_is_in_every_file(handlers, half_photo, strokes):
    before, after = (pixels(handlers.mask(half_photo, INT8, strokes=each)) for each in (None, strokes))
    assert (before[10, 10], after[10, 10]) == (1, 0)
    assert (before[50, 10], after[50, 10]) == (1, 1)
    assert pixels(handlers.cut_out(half_photo, INT8, strokes))[10, 10, 3] == 0
    assert pixels(handlers.effect_file(half_photo, INT8, "transparent", strokes=strokes))[50, 10, 3] == 255
    box = json.loads(Path(handlers.export(half_photo, INT8, "coco", strokes)).read_text())["annotations"][0]["bbox"]
    assert box[1] > 20
    (_, said), *_ = handlers.pets(half_photo, INT8, strokes)
    assert said.startswith("Cat, 2")  # of 50 % a half


# --- What comes after what, as a viewer sees it ---


@dataclass(frozen=True)
class Viewer:
    """As much of a `gr.Request` as the tab looks at."""

    session_hash: str


ME, YOU = Viewer("me"), Viewer("you")
DEFAULT_STYLE = ("transparent", "#009E73", None, 2.0)


@pytest.fixture
def build(in_loop) -> Callable[[Lanes], PhotoTab]:
    """`build(lanes)` is the tab in a page of its own that nobody opens."""

    async def make(lanes: Lanes) -> PhotoTab:
        with gr.Blocks(analytics_enabled=False):
            return PhotoTab(lanes)

    return lambda lanes: in_loop(make(lanes))  # outside of a loop Gradio makes its own and leaves them open


@pytest.fixture
def tab(handlers, build) -> PhotoTab:
    return build(handlers.lanes)


@dataclass
class Answered:
    """The outputs of `PhotoTab._answer`, by name."""

    current: dict | None
    anyway: bool
    strokes: str | None
    verdict: str
    use_anyway: dict
    result: str
    is_shown: bool
    has_choice: bool
    is_empty: bool
    can_be_taken: list[bool]
    speed: str


def answer(tab: PhotoTab, photo: str | None, viewer: Viewer = ME, right: str = INT8) -> Answered:
    current, anyway, strokes, _, verdict, use_anyway, result, tools, more, empty, *rest = tab._answer(
        viewer, photo, right, *DEFAULT_STYLE
    )
    *offered, speed, _ = rest
    can_be_taken = [each["interactive"] for each in offered]
    assert len(can_be_taken) == len(tab.downloads.of_a_pet)
    return Answered(
        current, anyway, strokes, verdict, use_anyway, result, tools["visible"], more["visible"], empty["visible"],
        can_be_taken, speed,
    )  # fmt: skip


def test_an_answer_has_verdict_picture_and_files(tab, half_photo):
    shown = answer(tab, half_photo)
    assert shown.current["photo"] == half_photo
    assert tab.handlers.is_wanted("me", shown.current["number"])
    assert "A cat, found in" in shown.verdict
    assert "<img" in shown.result
    assert (shown.is_shown, shown.is_empty, shown.use_anyway["visible"]) == (True, False, False)
    assert all(shown.can_be_taken)
    assert shown.strokes is None


def test_what_is_not_sure_is_offered_all_the_same(tab, unsure_photo):
    shown = answer(tab, unsure_photo)
    assert "Perhaps a cat." in shown.verdict
    assert shown.use_anyway["visible"]
    assert all(shown.can_be_taken)


def test_where_nothing_is_found_there_is_nothing_to_take(tab, wall_photo):
    shown = answer(tab, wall_photo)
    assert "No cat or dog found." in shown.verdict
    assert "<img" in shown.result
    assert not shown.use_anyway["visible"]
    assert not any(shown.can_be_taken)


def test_a_best_guess_can_be_used(tab, saved):
    # Grey 115 on the INT8 lane: logits (115 - 128) / 16 + 0.5 = -0.3; 2 e^-0.3 / (2 e^-0.3 + 1) = 0.60, under 0.65.
    shown = answer(tab, saved(np.full((60, 80, 3), 115, np.uint8), "grey.png"))
    assert "Best guess: cat" in shown.verdict
    assert shown.use_anyway["visible"]
    assert not any(shown.can_be_taken)
    settings = (INT8, *DEFAULT_STYLE, False, None)
    anyway, button, result, *offered = tab._use_anyway(shown.current, *settings)
    assert (anyway, button["visible"]) == (True, False)
    assert "checkered" in result
    assert all(each["interactive"] for each in offered)


def test_a_refusal_stands_where_the_result_would_be(tab, tmp_path):
    bad = tmp_path / "holiday.jpg"
    bad.write_text("not a picture")
    shown = answer(tab, str(bad))
    assert "holiday.jpg is not a picture we can read" in shown.verdict
    assert 'class="trouble"' in shown.verdict
    assert (shown.current, shown.result, shown.is_shown, shown.is_empty) == (None, "", False, False)


def test_without_a_photo_the_tab_says_what_to_do(tab):
    shown = answer(tab, None)
    assert (shown.current, shown.verdict, shown.result, shown.is_shown) == (None, "", "", False)
    assert shown.is_empty


def is_skipped(outputs: tuple) -> bool:
    return all(each == gr.skip() for each in outputs)


def test_nothing_is_compared_timed_or_cut_apart_for_a_photo_that_is_gone(tab, half_photo, two_photo):
    gone = answer(tab, half_photo).current
    answer(tab, two_photo)
    for current in (gone, None):
        assert is_skipped(tab._compare(ME, current, FP32, INT8))
        (timed,) = tab._time(ME, current, FP32, INT8)
        assert is_skipped(timed)
        assert tab._pets(ME, current, INT8, None) == gr.skip()


def test_what_follows_an_answer_is_done_once(tab, half_photo):
    current = answer(tab, half_photo).current
    assert not is_skipped(tab._compare(ME, current, FP32, INT8))
    assert is_skipped(tab._compare(ME, current, FP32, INT8))
    assert len([*tab._time(ME, current, FP32, INT8)]) > 1
    (again,) = tab._time(ME, current, FP32, INT8)
    assert is_skipped(again)
    assert tab._pets(ME, current, INT8, None) != gr.skip()
    assert tab._pets(ME, current, INT8, None) == gr.skip()
    current = answer(tab, half_photo).current  # the same photo once more
    assert not is_skipped(tab._compare(ME, current, FP32, INT8))


def test_what_another_viewer_does_changes_nothing(tab, half_photo, two_photo):
    mine = answer(tab, half_photo).current
    answer(tab, two_photo, YOU)
    slider, difference, areas, numbers = tab._compare(ME, mine, FP32, INT8)
    assert "OpenVINO INT8 and OpenVINO FP32 agree on" in slider
    assert "differ on" in difference
    assert "<table" in areas
    assert numbers["size_hw"] == [60, 80]


def test_another_left_backend_makes_what_was_done_before_unwanted(tab, half_photo):
    before = answer(tab, half_photo).current
    after = tab._left_changed(ME, before)
    assert after["photo"] == half_photo
    assert is_skipped(tab._compare(ME, before, FP32, INT8))
    assert not is_skipped(tab._compare(ME, after, "torch", INT8))
    assert tab._left_changed(ME, None) is None


class HeldBackend(FakeBackend):
    """Answers once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.is_asked.set()
        assert self.may_answer.wait(SOON)
        return super().infer(batch)


def test_an_answer_that_was_overtaken_changes_nothing(build, spec, half_photo, two_photo):
    slow = HeldBackend()
    backends = {"torch": slow, INT8: FakeBackend()}
    tab = build(Lanes(spec, lambda name: Segmenter(spec, backends[name]), tuple(backends)))
    with ThreadPoolExecutor(1) as people:
        first = people.submit(tab._answer, ME, half_photo, "torch", *DEFAULT_STYLE)
        assert slow.is_asked.wait(SOON)
        second = answer(tab, two_photo)
        slow.may_answer.set()
        assert is_skipped(first.result(SOON))
    assert tab.handlers.is_wanted("me", second.current["number"])


def test_the_times_come_last_with_what_is_waited_for_before(tab, half_photo):
    current = answer(tab, half_photo).current
    *working, (speed, chart, numbers) = tab._time(ME, current, FP32, INT8)
    assert [re.sub("<[^>]*>", "", said) for said, *_ in working] == [
        "Getting the runtimes ready.",
        "Timing the runtimes.",
    ]
    assert 'class="speed-said"' in speed
    assert len(chart.data) == 3
    assert 0.9 < numbers["agreement"] <= 1
    assert numbers["rounds"] == 2


def test_a_timing_ends_when_another_photo_comes(tab, half_photo, two_photo):
    tab.handlers.lanes.rounds = 10**6
    steps = tab._time(ME, answer(tab, half_photo).current, FP32, INT8)
    assert "Getting the runtimes ready." in next(steps)[0]
    assert "Timing the runtimes." in next(steps)[0]
    answer(tab, two_photo)
    assert [is_skipped(rest) for rest in steps] == [True]
    assert not is_taken()


def test_a_lane_that_cannot_run_here_is_told_where_the_comparison_would_be(build, lanes_without_torch, half_photo):
    tab = build(lanes_without_torch)
    slider, difference, areas, numbers = tab._compare(ME, answer(tab, half_photo).current, "torch", INT8)
    assert "needs a package that is missing" in slider
    assert (difference, areas, numbers) == ("", "", None)
    refused = answer(tab, half_photo, right="torch")
    assert "needs a package that is missing" in refused.verdict
    assert (refused.is_shown, refused.has_choice) == (False, True)  # another backend can be chosen


def test_several_pets_are_shown_apart_and_one_is_not(tab, half_photo, two_photo):
    assert not tab._pets(ME, answer(tab, half_photo).current, INT8, None)["visible"]
    apart = tab._pets(ME, answer(tab, two_photo).current, INT8, None)
    assert apart["visible"]
    assert len(apart["value"]) == 2


def redraw(tab: PhotoTab, photo: str, *style: object, strokes: str | None = None) -> tuple:
    view, color, background, blur = style or DEFAULT_STYLE
    return tab._redraw({"photo": photo, "number": 0}, INT8, view, color, background, blur, False, strokes)


def test_another_view_draws_the_same_answer_anew(tab, half_photo, monkeypatch):
    first = answer(tab, half_photo).result
    monkeypatch.setattr("engine.segmenter.Segmenter.segment", lambda *_: pytest.fail("it was computed again"))
    result, note = redraw(tab, half_photo, "blur", "#009E73", None, 2.0)
    assert note == ""
    assert result != first
    assert "Blurred background. A cat covers" in result


def test_what_a_view_needs_is_said_beside_it_and_the_picture_stays(tab, half_photo):
    result, note = redraw(tab, half_photo, "replace", "#009E73", None, 2.0)
    assert result == gr.skip()
    assert NO_BACKGROUND in note
    assert tab._redraw(None, INT8, *DEFAULT_STYLE, False, None) == (gr.skip(), "")


def test_a_note_cannot_break_the_page(tab, half_photo, tmp_path):
    bad = tmp_path / "<img src=x>.jpg"
    bad.write_text("sand")
    _, note = redraw(tab, half_photo, "replace", "#009E73", str(bad), 2.0)
    assert "is not a picture we can read" in note
    assert "<img" not in note


def touched(tab: PhotoTab, current: dict | None, strokes: str | None, view: str = "transparent") -> tuple:
    verdict, use_anyway, result, pets, areas, *offered, note = tab._touched(
        FP32, current, INT8, view, *DEFAULT_STYLE[1:], False, strokes
    )
    assert len(offered) == len(tab.downloads.of_a_pet)
    assert current is None or "OpenVINO INT8" in areas
    return verdict, use_anyway, result, pets, offered, note


def test_touching_up_shows_the_answer_with_the_strokes_and_the_way_back(tab, two_photo, tmp_path):
    drawn = np.zeros((160, 320), np.uint8)
    drawn[:, :160] = NOT_PET  # the smaller of the two
    strokes = save_strokes(drawn, tmp_path, two_photo)
    current = answer(tab, two_photo).current
    verdict, _, result, pets, offered, note = touched(tab, current, strokes)
    assert "A cat, touched up by hand." in verdict
    assert "A cat covers 15." in verdict  # 8000 of 51200: 15.6 %
    assert "<img" in result
    assert not pets["visible"]
    assert all(each["interactive"] for each in offered)
    assert note == ""
    verdict, _, _, pets, *_ = touched(tab, current, None)
    assert "touched up" not in verdict
    assert len(pets["value"]) == 2


def test_where_a_person_has_decided_it_is_a_pet(tab, unsure_photo, tmp_path):
    current = answer(tab, unsure_photo).current
    drawn = np.zeros((60, 80), np.uint8)
    drawn[:30] = NOT_PET
    verdict, use_anyway, result, _, offered, _ = touched(tab, current, save_strokes(drawn, tmp_path, unsure_photo))
    assert "A cat, touched up by hand." in verdict
    assert not use_anyway["visible"]
    assert "checkered" in result
    assert all(each["interactive"] for each in offered)
    verdict, use_anyway, _, _, _, _ = touched(tab, current, None)
    assert "Perhaps a cat." in verdict
    assert use_anyway["visible"]


def test_touching_up_where_that_cannot_be_shown_says_why(tab, half_photo, strokes, tmp_path):
    assert is_skipped(tab._touched(FP32, None, INT8, *DEFAULT_STYLE, False, strokes))
    current = answer(tab, half_photo).current
    *kept, note = tab._touched(FP32, current, INT8, "replace", *DEFAULT_STYLE[1:], False, strokes)
    assert is_skipped(kept)
    assert NO_BACKGROUND in note
    *kept, note = tab._touched(FP32, current, INT8, *DEFAULT_STYLE, False, str(tmp_path / "gone.png"))
    assert is_skipped(kept)
    assert "The strokes cannot be read any more" in note


def test_longer_timing_keeps_the_other_figures(tab, half_photo, monkeypatch):
    monkeypatch.setattr("demo.photo_handlers.LONGER", Effort(rounds=5, seconds=60))
    current = answer(tab, half_photo).current
    *_, (_, _, numbers) = tab._time_longer(ME, current, FP32, INT8)
    assert (numbers["agreement"] > 0.9, numbers["rounds"]) == (True, 5)


def test_where_every_lane_fails_the_times_say_so(tab, half_photo, monkeypatch):
    current = answer(tab, half_photo).current
    for name in tab.lanes.names:
        tab.lanes.get(name).backend.failure = RuntimeError("no memory")
    *_, (speed, _, numbers) = tab._time(ME, current, FP32, INT8)
    assert "OpenVINO INT8 cannot answer here" in speed
    assert numbers["rounds"] == 0


def test_a_viewer_who_leaves_is_timed_no_longer(tab, half_photo):
    current = answer(tab, half_photo).current
    tab.leave(ME)
    (timed,) = tab._time(ME, current, FP32, INT8)
    assert is_skipped(timed)


def test_what_browsers_cannot_show_has_a_preview(tab, tmp_path, half_photo):
    with Image.open(half_photo) as file:
        file.save(tmp_path / "half.tiff")
    (preview,) = re.findall(r'data-preview="gradio_api/file=([^"]*)"', answer(tab, str(tmp_path / "half.tiff")).result)
    assert pixels(preview).shape == (60, 80, 3)
    assert "data-preview" not in answer(tab, half_photo).result


def test_over_other_lanes_the_first_and_the_last_are_chosen(build, spec):
    tab = build(Lanes(spec, lambda name: Segmenter(spec, FakeBackend()), ("torch", INT8)))
    assert (tab.left.value, tab.right.value) == ("torch", INT8)


def test_the_examples_are_there():
    assert all(path.is_file() for path in EXAMPLES)
