"""What a picture that is handed out says of itself."""

from datetime import UTC, datetime
from io import BytesIO

from PIL import Image

from engine.metadata import png_notes

WHEN = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


def told(notes) -> dict[str, str]:
    """The text chunks of a PNG with these notes, as another program reads them."""
    file = BytesIO()
    Image.new("RGBA", (2, 2)).save(file, "PNG", pnginfo=notes)
    with Image.open(file) as picture:
        picture.load()
        return picture.text


def test_a_picture_says_software_model_lane_machine_and_date(model):
    assert told(png_notes(model.spec, "openvino-int8", "Drawn CPU, 2 cores", WHEN)) == {
        "Software": "Whisker",
        "Model": f"fastsegnet {model.spec.version}",
        "Lane": "fastsegnet:openvino-int8",
        "Machine": "Drawn CPU, 2 cores",
        "Creation Time": "2026-02-03T04:05:06+00:00",
    }


def test_without_a_date_it_is_now(model):
    before = datetime.now(UTC).replace(microsecond=0)
    made = datetime.fromisoformat(told(png_notes(model.spec, "torch", "Drawn CPU"))["Creation Time"])
    assert before <= made <= datetime.now(UTC)


def test_words_that_are_not_latin_survive(model):
    assert told(png_notes(model.spec, "torch", "CPU ✓ 猫", WHEN))["Machine"] == "CPU ✓ 猫"
