"""The pictures in docs/: what they need, and one of them, taken."""

import io
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from demo.looks import color
from tools import pictures


def test_a_missing_browser_is_said_in_one_line_with_what_to_do(monkeypatch, capsys, tmp_path):
    pytest.importorskip("playwright")
    monkeypatch.setattr(pictures, "CHROMIUM", None)
    assert pictures.main(["--only", "page", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "error: The browser chromium is missing. Install Debian's: apt-get install chromium.\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_said_in_one_line_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright", None)  # its import fails
    assert pictures.what_is_missing() == (
        "The Python package playwright is missing. Install it: pip install -r requirements-dev.txt."
    )


def test_a_picture_of_many_colours_keeps_white_and_the_thin_line_of_a_backend(tmp_path):
    # The upper half has more colours than a palette holds; the lower one is white, with lines that are nearly so.
    picture = Image.new("RGB", (256, 256), "white")
    red, green, blue = (
        Image.linear_gradient("L").rotate(90),
        Image.radial_gradient("L"),
        Image.new("L", (256, 256), 128),
    )
    picture.paste(Image.merge("RGB", (red, green, blue)).crop((0, 0, 256, 128)))
    draw = ImageDraw.Draw(picture)
    draw.line([(0, 100), (255, 100)], fill=color("openvino-fp32"), width=2)
    for shade in range(250, 255):
        draw.line([(0, shade), (255, shade)], fill=(shade, shade, shade))
    png = io.BytesIO()
    picture.save(png, "PNG")
    pictures.write(tmp_path / "small.png", png.getvalue())
    with Image.open(tmp_path / "small.png") as small:
        assert small.mode == "P"
        seen = small.convert("RGB")
    assert seen.getpixel((128, 200)) == (255, 255, 255)
    assert seen.getpixel((128, 100)) == (0x56, 0xB4, 0xE9)


@pytest.mark.browser
def test_the_page_is_taken_with_a_photo_answered(tmp_path):
    if trouble := pictures.what_is_missing():
        pytest.skip(trouble)
    # In a process of its own: one has one driver of browsers.
    command = [sys.executable, "-m", "tools.pictures", "--only", "page", "--out", str(tmp_path)]
    subprocess.run(command, cwd=pictures.ROOT, check=True, timeout=180)
    assert [path.name for path in tmp_path.iterdir()] == ["page.png"]
    with Image.open(tmp_path / "page.png") as picture:
        width, height = picture.size
        colors = {rgb for _, rgb in picture.convert("RGB").getcolors(maxcolors=1 << 20)}
    assert width == pictures.WIDTH
    assert height > pictures.HEIGHT  # to the end of the chart
    assert (0x00, 0x9E, 0x73) in colors  # OpenVINO INT8's bar is there
