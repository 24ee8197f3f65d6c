"""The canvas's values and the strokes' files, without a browser."""

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo import touch_up
from demo.touch_up import (
    CANVAS_SIDE,
    COLORS,
    belong,
    canvas,
    read_strokes,
    save_strokes,
    show_photo,
    start_over,
    strokes_of,
    use,
)
from engine.drawing import rgb
from engine.edge_fit import NOT_PET, PET
from engine.errors import InputError

GREEN, VERMILION = (*rgb(COLORS[PET]), 255), (*rgb(COLORS[NOT_PET]), 255)


def layer(*dots: tuple[int, tuple[int, ...]], size_hw: tuple[int, int] = (1, 8)) -> np.ndarray:
    """A row of transparent pixels with dots (x, RGBA) in it."""
    drawn = np.zeros((*size_hw, 4), np.uint8)
    for x, color in dots:
        drawn[0, x] = color
    return drawn


def value(*layers: np.ndarray) -> dict:
    return {"background": None, "layers": list(layers), "composite": None}


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "tom.png"
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(path)
    return str(path)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setattr(touch_up, "new_folder", lambda: made)
    return made


# What is drawn.


def test_the_two_colours_are_the_two_strokes():
    assert strokes_of(value(layer((0, GREEN), (3, VERMILION)))).tolist() == [[PET, 0, 0, NOT_PET, 0, 0, 0, 0]]


def test_the_edge_of_a_stroke_takes_the_nearer_colour_where_it_is_more_than_half_opaque():
    dots = [(0, (20, 150, 100, 128)), (1, (20, 150, 100, 127)), (2, (200, 100, 20, 200)), (3, (0, 0, 0, 0))]
    assert strokes_of(value(layer(*dots)))[0, :4].tolist() == [PET, 0, NOT_PET, 0]


def test_a_later_layer_lies_over_an_earlier_one():
    below, above = layer((0, GREEN), (1, GREEN)), layer((1, VERMILION), (2, VERMILION))
    assert strokes_of(value(below, above))[0, :4].tolist() == [PET, NOT_PET, NOT_PET, 0]


@pytest.mark.parametrize("empty", [None, {}, value(), {"background": None, "layers": None, "composite": None}])
def test_nothing_drawn_is_no_stroke(empty):
    assert not strokes_of(empty).any()


@pytest.mark.parametrize(
    "wrong",
    [
        [np.zeros((4, 4, 3), np.uint8)],
        [np.zeros((4, 4, 4), np.float32)],
        [np.zeros((4, 4, 4), np.uint8), np.zeros((5, 4, 4), np.uint8)],
        [np.zeros((3000, 3000, 4), np.uint8)],
    ],
)
def test_layers_of_no_use_are_refused(wrong):
    with pytest.raises(InputError, match=r"What is drawn came as .* Load the page again"):
        strokes_of(value(*wrong))


# The file that strokes are kept in.


def test_strokes_come_back_from_their_file(tmp_path):
    strokes = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    path = save_strokes(strokes, tmp_path)
    np.testing.assert_array_equal(read_strokes(path), strokes)
    with Image.open(path) as file:  # and a viewer sees the brush's colours on nothing
        seen = file.convert("RGBA")
    assert [seen.getpixel((x, 0)) for x in range(3)] == [
        (0, 0, 0, 0),
        (*rgb(COLORS[PET]), 255),
        (*rgb(COLORS[NOT_PET]), 255),
    ]


def test_strokes_without_one_of_the_kinds_come_back_too(tmp_path):
    strokes = np.full((2, 2), NOT_PET, np.uint8)
    np.testing.assert_array_equal(read_strokes(save_strokes(strokes, tmp_path)), strokes)


def test_strokes_belong_to_the_photo_they_were_drawn_on(tmp_path):
    photo, other = (tmp_path / name for name in ("tom.png", "other.png"))
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(photo)
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(other)
    path = save_strokes(np.ones((3, 4), np.uint8), tmp_path, photo)
    assert belong(path, photo)
    assert not belong(path, other)
    assert not belong(path, None)
    assert not belong(None, photo)
    assert not belong(save_strokes(np.ones((3, 4), np.uint8), tmp_path), photo)


def test_files_that_are_no_strokes_are_refused(tmp_path):
    photo, wrong = tmp_path / "tom.png", tmp_path / "mask.png"
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(photo)
    with pytest.raises(InputError, match=r"tom.png is a picture of mode RGB, 40 x 30 px; strokes are a PNG"):
        read_strokes(photo)
    Image.fromarray(np.full((2, 2), 3, np.uint8)).save(wrong)
    with pytest.raises(InputError, match=r"mask.png holds the value 3; strokes are 0, 1 and 2"):
        read_strokes(wrong)
    with pytest.raises(InputError, match="The strokes cannot be read any more"):
        read_strokes(tmp_path / "gone.png")
    wrong.write_bytes(b"no PNG")
    with pytest.raises(InputError, match="The strokes cannot be read any more"):
        read_strokes(wrong)


# The handlers.


def test_strokes_in_use_are_written_with_their_photo(photo):
    path = use(photo, value(layer((2, VERMILION))))
    assert read_strokes(path).tolist() == [[0, 0, NOT_PET, 0, 0, 0, 0, 0]]
    assert belong(path, photo)


@pytest.mark.parametrize("drawn", [None, value(layer())])
def test_without_a_stroke_the_answer_stays_untouched_and_it_is_said(photo, drawn, monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Info", said.append)
    assert use(photo, drawn) is None
    assert said == [touch_up.NOTHING_DRAWN]


def test_starting_over_shows_the_photo_alone_and_forgets_the_strokes(photo):
    shown, strokes = start_over(photo)
    assert strokes is None
    assert shown["layers"] == []
    assert shown["background"].shape == (CANVAS_SIDE * 3 // 4, CANVAS_SIDE, 3)  # of 40 x 30 px
    assert start_over(None) == (None, None)


def test_a_photo_that_is_on_the_canvas_keeps_its_strokes_when_the_section_is_opened_again(photo):
    value, shown = show_photo(photo, None)
    assert value["layers"] == []
    assert shown == photo
    assert show_photo(photo, shown) == (gr.skip(), gr.skip())
    assert show_photo(None, shown) == (None, None)


def test_a_photo_that_cannot_be_read_is_refused_in_words(tmp_path):
    with pytest.raises(gr.Error, match="cannot be opened"):
        start_over(str(tmp_path / "gone.jpg"))


def test_the_canvas_offers_two_colours_and_nothing_but_painting():
    editor = canvas()
    assert editor.brush.colors == ["#009E73", "#D55E00"]
    assert editor.brush.color_mode == "fixed"
    assert (list(editor.sources), list(editor.transforms), editor.layers.disabled) == ([], [], True)
    assert editor.format == "png"  # the default, webp, would blur the colours of strokes
    assert editor.elem_id == "touch-editor"
