"""Takes the pictures in docs/ anew, of the page as it is: `make pictures`.

    python -m tools.pictures                      all of them: two minutes, on a machine that does nothing else
    python -m tools.pictures --only page --out /tmp

Starts the page on a free port of the loopback interface and headless Chromium, whose camera plays a clip of the example
cat. Each picture waits for what it is to show. What is started is stopped, also on Ctrl-C. Exit status 0; 2 where
something that it needs is missing; 130 where it was interrupted.

page.png       the Photo tab: the example cat, two backends and what they cost
live.png       the Live tab: two backends on the same frame
lab.png        the Lab tab: a short benchmark
samples.jpg    what the committed models make of a few pictures (benchmarks/samples.py)
"""

import argparse
import contextlib
import io
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor

from demo.looks import LOOKS
from engine.files import write_aside
from tools.chromium import CHROMIUM, camera_flags
from tools.running_page import ROOT, running_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTH, HEIGHT = 1400, 900  # px of the window; a picture has the same width, and the height of what it shows
MARGIN = 24  # px below the last thing shown
COLORS = 256
WAITS_MS = 120_000
SETTLES_MS = 2000  # until charts and pictures are drawn, once they are there
LIVE_S = 30  # of the Live tab, so that its charts have something to show
LAB_S = 10  # of timing
CAT = ROOT / "demo" / "examples" / "cat.jpg"


def show_photo(tab: "Page") -> str:
    """The answer to a photo, from the sentence to the map of differences; the element that it ends with."""
    tab.set_input_files("#photo input[type=file]", CAT)
    for shown in ("#result img", ".speed-said", "#slider img >> nth=1", "#chart .js-plotly-plot .bars"):
        tab.wait_for_selector(shown)
    tab.wait_for_selector("#difference img")
    return "#chart"


def show_live(tab: "Page") -> str:
    """Two backends on the same frames, after `LIVE_S` seconds; the element that it ends with."""
    open_tab(tab, "Live")
    tab.click("#live-right input")
    tab.click("ul[role=listbox] li:has-text('OpenVINO FP32')")
    tab.click("[data-live=start]")
    tab.wait_for_selector("[data-live=sentence]:has-text('of the pixels agree')")
    tab.wait_for_timeout(LIVE_S * 1000)
    return ".live-tiles"


def show_lab(tab: "Page") -> str:
    """What a benchmark of the backends that are ticked says; the element that it ends with."""
    open_tab(tab, "Lab")
    tab.fill("#lab-seconds input[type=number]", str(LAB_S))
    tab.press("#lab-seconds input[type=number]", "Enter")
    tab.wait_for_timeout(500)
    tab.click("#lab-run")
    tab.wait_for_selector("#lab-verdict .verdict-same")
    for chart in ("distribution", "speed-up", "stages", "pareto"):
        tab.wait_for_selector(f"#lab-{chart} .js-plotly-plot .infolayer", state="attached")
    return "#lab-pareto"


# File -> what is done before its picture is taken.
SCENES: Mapping[str, Callable[["Page"], str]] = {"page.png": show_photo, "lab.png": show_lab, "live.png": show_live}
SAMPLES = "samples.jpg"
NAMES = (*(name.partition(".")[0] for name in SCENES), SAMPLES.partition(".")[0])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs", metavar="DIR", help="where they go (docs)")
    parser.add_argument("--only", choices=NAMES, action="append", help="take these alone")
    args = parser.parse_args(argv)
    only = args.only or NAMES
    scenes = {name: show for name, show in SCENES.items() if name.partition(".")[0] in only}
    if scenes and (missing := what_is_missing()):
        print(f"error: {missing}", file=sys.stderr)
        return 2
    try:
        with ended_like_ctrl_c():
            for name, picture in take(scenes):
                write(args.out / name, picture)
            if "samples" in only:
                from benchmarks import samples  # opens no model before it is needed

                samples.write(args.out / SAMPLES)
    except KeyboardInterrupt:
        print("error: stopped before all pictures were taken.", file=sys.stderr)
        return 130
    return 0


def what_is_missing() -> str | None:
    """What has to be installed before a picture can be taken, in a sentence; None where all is there."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "The Python package playwright is missing. Install it: pip install -r requirements-dev.txt."
    if CHROMIUM is None:
        return "The browser chromium is missing. Install Debian's: apt-get install chromium."
    return None


@contextlib.contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """SIGTERM and Ctrl-C both raise KeyboardInterrupt, also where a shell has it run in the background."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def take(scenes: Mapping[str, Callable[["Page"], str]]) -> Iterator[tuple[str, bytes]]:
    """The PNG of each scene, by its name, all from one page."""
    if not scenes:
        return
    from playwright.sync_api import sync_playwright

    from tools.camera_clip import write_clip

    with TemporaryDirectory(prefix="whisker-pictures-") as name:
        folder = Path(name)
        clip = write_clip(folder / "clip.mjpeg", coded=False)
        with running_page(folder) as page, sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=CHROMIUM, args=camera_flags(clip), handle_sigint=False, handle_sigterm=False
            )
            try:
                for file, show in scenes.items():
                    print(f"{file} ...", flush=True)
                    yield file, picture_of(browser, page.url, show)
            finally:
                with contextlib.suppress(Exception):  # Ctrl-C may have reached it as well
                    browser.close()


def picture_of(browser: "Browser", url: str, show: Callable[["Page"], str]) -> bytes:
    """The PNG of a scene in a window of its own, from the top of the page to the end of what it shows."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, permissions=["camera"])
    context.set_default_timeout(WAITS_MS)
    tab = context.new_page()
    tab.goto(url)
    tab.wait_for_selector("#photo input[type=file]", state="attached")
    last = show(tab)
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(SETTLES_MS)
    box = tab.locator(last).bounding_box()
    assert box is not None  # it was shown
    height = round(box["y"] + box["height"] + tab.evaluate("window.scrollY")) + MARGIN
    png = tab.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    context.close()
    return png


def open_tab(tab: "Page", name: str) -> None:
    tab.click(f"button[role=tab]:has-text('{name}')")


def write(path: Path, png: bytes) -> None:
    """Writes a screenshot with a palette of `COLORS` colours, which takes half of its bytes."""
    with write_aside(path) as partial, Image.open(io.BytesIO(png)) as picture:
        with_palette(picture.convert("RGB")).save(partial, "PNG", optimize=True)
    print(f"wrote {path}, {path.stat().st_size / 1e3:.0f} kB")


def with_palette(picture: Image.Image) -> Image.Image:
    """An RGB picture with `COLORS` colours, dithered. White and the backends' colours stay exactly what they are."""
    kept = [ImageColor.getrgb(color) for color in ("#FFFFFF", *(color for _, color in LOOKS.values()))]
    common = picture.quantize(COLORS - len(kept), kmeans=1).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for color in kept for channel in color] + common)
    small = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    # Pillow looks a colour up coarsely: of two that are nearly the same it may take the other one.
    indices, pixels = np.array(small), np.asarray(picture)
    for index, color in enumerate(kept):
        indices[(pixels == color).all(axis=2)] = index
    exact = Image.fromarray(indices, "P")
    exact.putpalette(small.getpalette() or [])
    return exact


if __name__ == "__main__":
    sys.exit(main())
