"""Many photos at once, by handlers alone: four lanes by brightness, photos whose left half is a cat."""

import csv
import io
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo.lanes import Lanes
from demo.many import ManyHandlers, troubles_html
from demo.many_run import Trouble, caption, figures, why
from engine.backends.fake import FakeBackend
from engine.segmenter import Segmenter
from engine.spec import Finding

BRIGHT, DARK, BLUE = (250, 250, 250), (5, 5, 5), (150, 150, 250)
SIZE = (80, 60)


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch) -> Path:
    """Where the files to download are, for this test alone."""
    folder = tmp_path / "downloads"
    monkeypatch.setattr("demo.downloads.get_upload_folder", lambda: str(folder))
    return folder


def draw(path: Path, color: tuple[int, int, int] = BRIGHT, size: tuple[int, int] = SIZE) -> str:
    """A dark picture whose left half has a colour."""
    path.parent.mkdir(exist_ok=True)
    image = Image.new("RGB", size, DARK)
    image.paste(color, (0, 0, size[0] // 2, size[1]))
    image.save(path)
    return str(path)


@pytest.fixture
def paths(tmp_path) -> list[str]:
    """A cat, a dog, a wall, a text, and another cat of the first one's name."""
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")
    cat, dog, wall = (tmp_path / f"{name}.png" for name in ("cat", "dog", "wall"))
    return [draw(cat), draw(dog, BLUE), draw(wall, DARK), str(notes), draw(tmp_path / "more" / "cat.png")]


def answer(lanes, paths, viewer: str = "me") -> list:
    return list(ManyHandlers(lanes).answer_all(viewer, paths, "openvino-fp32"))


def opened(path: str) -> tuple[list[str], list[dict], zipfile.ZipFile]:
    """What is in a ZIP, its table, and itself."""
    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None
    return archive.namelist(), list(csv.DictReader(io.StringIO(archive.read("whisker.csv").decode()))), archive


def test_it_says_after_each_photo_how_far_it_is_and_shows_what_is_done(fake_lanes, paths):
    *during, (_, _, written) = answer(fake_lanes, paths)
    assert [len(thumbnails) for _, thumbnails, _ in during] == [0, 1, 2, 3, 3, 4]
    assert "<b>0 of 5 photos</b>" in during[0][0]
    assert "<b>2 of 5 photos</b> · 40 %" in during[2][0]
    assert 'aria-valuenow="40"' in during[2][0]
    assert [path for *_, path in during] == [None] * 6
    assert Path(written).name == "whisker-photos.zip"


def test_at_the_end_it_says_how_many_show_a_pet_and_names_what_could_not_be_read(fake_lanes, paths):
    html, thumbnails, _ = answer(fake_lanes, paths)[-1]
    assert "4 photos, 3 with a pet; 1 file could not be read." in html
    assert "<li><b>notes.txt</b> is not a picture we can read. Expected JPEG" in html
    assert [said for _, said in thumbnails] == [
        "Cat · cat.png",
        "Dog · dog.png",
        "No cat or dog · wall.png",
        "Cat · cat.png",
    ]


def test_the_zip_has_cut_outs_and_masks_by_name_and_names_that_occur_twice_get_numbers(fake_lanes, paths):
    names, _, archive = opened(answer(fake_lanes, paths)[-1][-1])
    stems = ("cat", "dog", "cat-2")
    assert set(names) == {
        *(f"cutouts/{stem}-cutout.png" for stem in stems),
        *(f"masks/{stem}-mask.png" for stem in (*stems, "wall")),
        "whisker.csv",
    }
    assert archive.getinfo("cutouts/cat-cutout.png").compress_type == zipfile.ZIP_STORED
    with (
        Image.open(archive.open("cutouts/cat-cutout.png")) as cutout,
        Image.open(archive.open("masks/dog-mask.png")) as ids,
    ):
        assert (cutout.size, cutout.mode, ids.size, ids.mode) == (SIZE, "RGBA", SIZE, "P")
        assert np.asarray(cutout)[30, 5].tolist() == [*BRIGHT, 255]
        assert np.asarray(cutout)[30, 75].tolist() == [0, 0, 0, 0]
        assert np.unique(np.asarray(ids)).tolist() == [0, 2]


def test_the_table_has_a_line_for_each_file(fake_lanes, paths):
    _, lines, _ = opened(answer(fake_lanes, paths)[-1][-1])
    assert list(lines[0]) == [
        *("photo", "found", "species", "pets", "cat_share", "dog_share", "confidence", "ms", "width", "height"),
        *("error", "cutout", "mask"),
    ]
    assert [line["photo"] for line in lines] == ["cat.png", "dog.png", "wall.png", "notes.txt", "cat.png"]
    assert [line["found"] for line in lines] == ["found", "found", "nothing", "", "found"]
    assert [line["species"] for line in lines] == ["cat", "dog", "", "", "cat"]
    assert [line["pets"] for line in lines] == ["1", "1", "0", "", "1"]
    assert [(line["width"], line["height"]) for line in lines[:3]] == [("80", "60")] * 3
    assert float(lines[0]["cat_share"]) == pytest.approx(0.5, abs=0.02)
    assert float(lines[0]["ms"]) > 0
    assert lines[2]["confidence"] == ""
    assert lines[3]["error"].startswith("notes.txt is not a picture")
    assert lines[4]["cutout"] == "cutouts/cat-2-cutout.png"


def test_a_thumbnail_is_the_pet_with_a_little_room_and_a_photo_without_one_is_whole(fake_lanes, tmp_path):
    pet, wall = draw(tmp_path / "pet.png", size=(1600, 800)), draw(tmp_path / "wall.png", DARK, size=(1600, 800))
    (shown_pet, _), (shown_wall, _) = answer(fake_lanes, [pet, wall])[-1][1]
    with Image.open(shown_pet) as thumbnail:
        # The pet is 800 x 800 px, the room beside it 1600 / 16 / 2 = 50 px: 850 x 800, shrunk to 320 x 301.
        assert thumbnail.mode == "RGBA"
        assert thumbnail.size == pytest.approx((320, 301), abs=4)
    with Image.open(shown_wall) as thumbnail:
        assert (thumbnail.mode, thumbnail.size) == ("RGB", (320, 160))


def test_cancelling_keeps_what_is_done(fake_lanes, paths):
    handlers = ManyHandlers(fake_lanes)
    answering = handlers.answer_all("me", paths, "openvino-fp32")
    for _ in range(3):
        next(answering)
    handlers.cancel("someone else")
    next(answering)
    handlers.cancel("me")
    (html, thumbnails, written) = list(answering)[-1]
    assert "Cancelled after 3 of 5: 3 photos, 2 with a pet." in html
    assert len(thumbnails) == 3
    names, lines, _ = opened(written)
    assert len(lines) == 3
    assert "masks/wall-mask.png" in names


def test_cancelled_in_the_line_or_before_the_first_photo_nothing_is_left(fake_lanes, paths, downloads):
    handlers = ManyHandlers(fake_lanes)
    handlers.take("me", paths)
    handlers.cancel("me")
    assert [written for *_, written in handlers.answer_all("me", paths)] == [None]
    handlers.take("me", paths)
    answering = handlers.answer_all("me", paths)
    next(answering)
    handlers.cancel("me")
    ((html, thumbnails, written),) = answering
    assert "Cancelled before the first photo." in html
    assert (thumbnails, written) == ([], None)
    assert list(downloads.iterdir()) == []


def test_a_viewer_who_leaves_leaves_nothing(fake_lanes, paths, downloads):
    handlers = ManyHandlers(fake_lanes)
    answering = handlers.answer_all("me", paths)
    for _ in range(3):
        next(answering)
    answering.close()
    assert list(downloads.iterdir()) == []
    handlers.take("me", paths)  # and is no longer busy


def test_two_viewers_have_a_run_and_a_folder_each(fake_lanes, paths):
    handlers = ManyHandlers(fake_lanes)
    anna, berta = (handlers.answer_all(viewer, paths[:3], "openvino-fp32") for viewer in ("anna", "berta"))
    for _ in range(2):
        next(anna), next(berta)
    handlers.cancel("anna")
    (*_, (said_to_anna, _, of_anna)), (*_, (said_to_berta, _, of_berta)) = list(anna), list(berta)
    assert "Cancelled after 1 of 3" in said_to_anna
    assert "3 photos, 2 with a pet." in said_to_berta
    assert Path(of_anna).parent != Path(of_berta).parent


def test_too_many_photos_are_refused_before_anything_starts(fake_lanes, paths):
    handlers = ManyHandlers(fake_lanes)
    with pytest.raises(gr.Error, match=r"101 photos came; at most 100 are taken at once\. Drop fewer\."):
        handlers.take("me", paths[:1] * 101)
    with pytest.raises(gr.Error, match="at most 100"):
        next(handlers.answer_all("me", paths[:1] * 101))
    with pytest.raises(gr.Error, match="No photos came"):
        handlers.take("me", [])
    handlers.take("me", paths[:1] * 100)


def test_more_photos_while_some_are_answered_wait_for_a_new_drop(fake_lanes, paths):
    handlers = ManyHandlers(fake_lanes)
    answering = handlers.answer_all("me", paths)
    next(answering), next(answering)
    with pytest.raises(gr.Error, match=r"4 photos before these are still to do\. Wait for them or cancel"):
        handlers.take("me", paths)
    handlers.take("you", paths)
    handlers.cancel("me")
    handlers.take("me", paths)  # the cancelled ones end soon, and these come after


def test_a_backend_that_cannot_run_is_an_error_in_plain_words(lanes_without_torch, paths, downloads):
    with pytest.raises(gr.Error, match="needs a package that is missing"):
        list(ManyHandlers(lanes_without_torch).answer_all("me", paths, "torch"))
    assert list(downloads.iterdir()) == []


def test_a_photo_on_which_the_runtime_fails_is_named(spec, paths):
    lanes = Lanes(spec, lambda name: Segmenter(spec, FakeBackend(failure=RuntimeError("no memory"))))
    html, thumbnails, written = answer(lanes, paths[:1])[-1]
    assert "<b>cat.png</b> could not be answered: The fake backend failed (no memory)." in html
    assert thumbnails == []
    assert opened(written)[0] == ["whisker.csv"]


def test_nothing_is_answered_while_something_is_timed(fake_lanes, paths):
    answering = ManyHandlers(fake_lanes).answer_all("me", paths, "openvino-fp32")
    next(answering)
    with fake_lanes.quiet.measuring():
        thread = threading.Thread(target=next, args=[answering])
        thread.start()
        time.sleep(0.2)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()
    answering.close()


def test_an_unsure_pet_is_called_so_and_cut_out(spec, paths):
    hesitant = replace(spec, finding=Finding(found=1.1, unsure=0.1))
    lanes = Lanes(hesitant, lambda name: Segmenter(hesitant, FakeBackend()))
    html, thumbnails, written = answer(lanes, paths[1:2])[-1]
    assert "1 photo, 0 with a pet, 1 perhaps." in html
    assert thumbnails[0][1] == "Perhaps a dog · dog.png"
    names, ((line),), _ = opened(written)
    assert "cutouts/dog-cutout.png" in names
    assert (line["found"], line["species"], line["pets"]) == ("unsure", "dog", "1")


def test_figures_and_caption_are_of_one_segmentation(fake_lanes, paths):
    segmentation = fake_lanes.get("openvino-fp32").predict(paths[0])
    assert figures("a.png", segmentation)["species"] == "cat"
    assert caption("a.png", segmentation) == "Cat · a.png"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a.jpg is empty (0 bytes).", "is empty (0 bytes)."),
        ("/tmp/secret/a.jpg cannot be opened.", "cannot be opened."),
        ("No memory.", "could not be answered: No memory."),
    ],
)
def test_why_is_the_rest_of_a_sentence_that_begins_with_the_name(text, rest):
    assert why(ValueError(text), Path("/tmp/secret/a.jpg")) == rest


def test_names_of_files_are_text_not_html():
    assert "<b>&lt;img&gt;.jpg</b> is &lt;odd&gt;" in troubles_html([Trouble("<img>.jpg", "is <odd>")])
