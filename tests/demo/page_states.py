"""Every state of the page that a person meets, and how a browser gets there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

ANSWER_MS = 60_000
RUN_MS = 180_000
FADED, BLUR_PX = 0.15, 3  # contrast and blur at which the network is no longer sure of the cat


def photos_for_states(folder: Path, cat: Path) -> dict[str, Path]:
    """The files that the states need, by name.

    Args:
        folder: they are written there.
        cat: a photo of a cat, of which the network is sure.
    """
    with Image.open(cat) as file:
        image = np.asarray(file.convert("RGB")).astype(np.float32)
        small = file.convert("RGB").resize((226, 150))
    faded, wall = folder / "faded.png", folder / "wall.png"
    pale = Image.fromarray((128 + (image - 128) * FADED).astype(np.uint8))
    pale.filter(ImageFilter.GaussianBlur(BLUR_PX)).save(faded)
    Image.new("RGB", (80, 60), (90, 90, 90)).save(wall)
    two = Image.new("RGB", (1200, 500), (40, 60, 40))
    for left in (40, 700):
        with Image.open(cat) as file:
            two.paste(file, (left, 100))
    two.save(folder / "two.png")
    small.save(folder / "small.png")
    (folder / "holiday.jpg").write_bytes(cat.read_bytes()[:5000])
    return {"cat": cat} | {path.stem: path for path in sorted(folder.iterdir())}


def drop(tab: Any, photo: Path) -> None:
    tab.set_input_files("#photo input[type=file]", photo)


def tab_of(tab: Any, name: str) -> None:
    tab.click(f"button[role=tab]:has-text('{name}')")


def empty(tab: Any, photos: dict[str, Path]) -> None:
    tab.wait_for_selector(".empty-title", timeout=ANSWER_MS)


def found(tab: Any, photos: dict[str, Path]) -> None:
    drop(tab, photos["cat"])
    tab.wait_for_selector(".verdict.found", timeout=ANSWER_MS)
    settled(tab)


def settled(tab: Any) -> None:
    """Everything that follows an answer is there."""
    tab.wait_for_selector("#slider img >> nth=1", timeout=ANSWER_MS)
    tab.wait_for_selector("#speed .speed-said", timeout=ANSWER_MS)
    tab.wait_for_selector("#chart .js-plotly-plot .infolayer", state="attached", timeout=ANSWER_MS)


def two_pets(tab: Any, photos: dict[str, Path]) -> None:
    drop(tab, photos["two"])
    settled(tab)
    tab.wait_for_selector("#pets img >> nth=1", state="attached", timeout=ANSWER_MS)


def unsure(tab: Any, photos: dict[str, Path]) -> None:
    drop(tab, photos["faded"])
    tab.wait_for_selector(".verdict.unsure", timeout=ANSWER_MS)
    settled(tab)


def nothing(tab: Any, photos: dict[str, Path]) -> None:
    drop(tab, photos["wall"])
    tab.wait_for_selector(".verdict.nothing", timeout=ANSWER_MS)
    settled(tab)


def error(tab: Any, photos: dict[str, Path]) -> None:
    drop(tab, photos["holiday"])
    tab.wait_for_selector("text=holiday.jpg is damaged or cut short", timeout=ANSWER_MS)


def many_photos(tab: Any, photos: dict[str, Path]) -> None:
    tab.set_input_files("#many input[type=file]", [photos["cat"], photos["wall"], photos["holiday"], photos["small"]])
    tab.wait_for_selector("#many-progress .verdict", timeout=ANSWER_MS)
    tab.wait_for_selector("#many-gallery img >> nth=2", timeout=ANSWER_MS)
    tab.wait_for_selector("#many-zip", timeout=ANSWER_MS)


def unfolded(tab: Any, photos: dict[str, Path]) -> None:
    """All that is folded away is open: the canvas, tables, figures, code, the header's details."""
    found(tab, photos)
    tab.click(".facts summary")
    for section in ("Touch up by hand", "Areas and confidence", "All figures", "The same from code"):
        tab.click(f"button:has-text('{section}')")
    tab.wait_for_selector("text=gradio_client", timeout=ANSWER_MS)
    tab.wait_for_selector("#touch-editor canvas", timeout=ANSWER_MS)


def blurred(tab: Any, photos: dict[str, Path]) -> None:
    found(tab, photos)
    tab.click("#effect label:has-text('Blur')")
    tab.wait_for_selector("#effect-blur", timeout=ANSWER_MS)


def colored(tab: Any, photos: dict[str, Path]) -> None:
    found(tab, photos)
    tab.click("#effect label:has-text('colour')")
    tab.wait_for_selector("#effect-color", timeout=ANSWER_MS)


def replaced(tab: Any, photos: dict[str, Path]) -> None:
    found(tab, photos)
    tab.click("#effect label:has-text('Another background')")
    tab.wait_for_selector("#effect-background", timeout=ANSWER_MS)


def live(tab: Any, photos: dict[str, Path]) -> None:
    tab_of(tab, "Live")
    tab.wait_for_selector("[data-live=start]", timeout=ANSWER_MS)


def live_running(tab: Any, photos: dict[str, Path]) -> None:
    live(tab, photos)
    tab.click("[data-live=start]")
    tab.wait_for_function("Number(document.querySelector('.live').dataset.shown) > 5", timeout=ANSWER_MS)


def video(tab: Any, photos: dict[str, Path]) -> None:
    tab_of(tab, "Video")
    tab.wait_for_selector("#video-run", timeout=ANSWER_MS)


def video_rendered(tab: Any, photos: dict[str, Path]) -> None:
    video(tab, photos)
    tab.click("#video-example")
    tab.wait_for_selector("#video-run:not([disabled])", timeout=ANSWER_MS)
    tab.click("#video-effect label:has-text('Cut-out')")
    tab.click("#video-run")
    tab.wait_for_selector("#video-verdict .verdict-same", timeout=RUN_MS)
    tab.wait_for_selector("#video-chart .js-plotly-plot .infolayer", state="attached", timeout=ANSWER_MS)


def lab(tab: Any, photos: dict[str, Path]) -> None:
    tab_of(tab, "Lab")
    tab.wait_for_selector("#lab-run", timeout=ANSWER_MS)


def lab_result(tab: Any, photos: dict[str, Path]) -> None:
    lab(tab, photos)
    for backend in ("PyTorch", "TorchScript"):
        tab.click(f"#lab-backends label:has-text('{backend}')")
    tab.fill("#lab-seconds input[type=number]", "2")
    tab.press("#lab-seconds input[type=number]", "Enter")
    tab.wait_for_timeout(500)
    tab.click("#lab-run")
    tab.wait_for_selector("#lab-verdict .verdict-same", timeout=RUN_MS)
    tab.wait_for_selector("#lab-pareto .js-plotly-plot .infolayer", state="attached", timeout=ANSWER_MS)


STATES: dict[str, Callable[[Any, dict[str, Path]], None]] = {
    state.__name__: state
    for state in (
        *(empty, found, two_pets, unsure, nothing, error, many_photos, unfolded, blurred, colored, replaced),
        *(live, live_running, video, video_rendered, lab, lab_result),
    )
}
"""By name, in the order of the tabs."""
