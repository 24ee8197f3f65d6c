"""Touching up an answer by hand: a canvas with the photo, a brush that says "pet" or "not pet", and the way back.

The strokes travel through the page as the path of a small file, which knows the photo that it was drawn on.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
from PIL import Image, PngImagePlugin

from demo.downloads import new_folder
from demo.inputs import plainly
from engine.drawing import rgb
from engine.edge_fit import NOT_PET, PET, UNTOUCHED
from engine.errors import InputError
from engine.images import read_picture

# Okabe and Ito's bluish green and vermilion, on the canvas and in files.
COLORS = {PET: "#009E73", NOT_PET: "#D55E00"}
# The choice of the brush is its legend: demo/touch_up.css paints a dot of the colour beside each word.
CHOICES = [("pet", PET), ("not pet", NOT_PET)]
CANVAS_SIDE = 1024  # px of the longer side of what is drawn on
MOST_PIXELS = 4 * CANVAS_SIDE**2  # of strokes that come back: a canvas has a quarter of them at the most
PHOTO = "photo"  # the key, within a file of strokes, of what says which photo they belong to
BRUSH, RADII = 16, (3, 80)  # px of the canvas: the brush's radius at first, and the least and most of it
OPAQUE = 127  # alpha above which a pixel is drawn on
NOTHING_DRAWN = "Nothing is drawn yet. Paint over what is missing or too much, then press the button again."
HELP = "Paint over what the answer misses or takes too much; roughly is enough, the edge is found again around it."
Background = Callable[[str], np.ndarray]
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

# What the choice and the slider say goes to the canvas in the browser, together: the editor takes each new brush as a
# whole. It takes no colour while the eraser is in use, so a choice of "pet" or "not pet" puts that down first.
PICK = f"""async (kind, radius) => {{
    if (document.querySelector("#touch-editor button.highlight[aria-label=Erase]")) {{
        document.querySelector("#touch-editor button[aria-label=Brush]").click();
        await new Promise(done => setTimeout(done, 150));
    }}
    return {{"__type__": "update", "eraser": {{"default_size": radius}}, "brush": {{"default_size": radius,
        "colors": {list(COLORS.values())}, "color_mode": "fixed",
        "default_color": kind === {PET} ? "{COLORS[PET]}" : "{COLORS[NOT_PET]}"}}}};
}}"""


class TouchUp:
    """The section with the canvas.

    Attributes:
        editor: the canvas.
        strokes: path of the strokes in use, or None: an input for whatever makes something from an answer. It changes
            when "Use these strokes" or "Back to the untouched answer" is pressed, and with another photo.
    """

    def __init__(self) -> None:
        self.strokes = gr.State(None)

    def build(self, picture: gr.Image, section: gr.Accordion, background: Background | None = None) -> None:
        """Lays it out inside the current column and connects it.

        Args:
            picture: the photo, whose value is a path.
            section: what it is laid out in; the photo goes to the canvas when it is opened, and not before.
            background: what is painted on, from the photo's path: uint8 (h, w, 3); without it, the photo itself.
        """
        background = background or photo_alone
        with gr.Row():
            kind = gr.Radio(
                CHOICES, value=PET, label="The brush says", info=HELP, elem_id="touch-kind", scale=2, min_width=280
            )
            radius = gr.Slider(
                *RADII, BRUSH, step=1, label="Size of brush and eraser", elem_id="touch-size", min_width=280
            )
        self.editor = canvas()
        with gr.Row():
            apply = gr.Button("Use these strokes", variant="primary", elem_id="touch-apply")
            reset = gr.Button("Back to the untouched answer", elem_id="touch-reset")
        # Of two quick choices the later must win, or the brush would not do what is chosen.
        pick: dict[str, Any] = {"inputs": [kind, radius], "outputs": [self.editor], "js": PICK, **QUIET}
        gr.on([kind.change, radius.change], None, trigger_mode="always_last", **pick)
        apply.click(use, [picture, self.editor], [self.strokes], api_visibility="private")
        shown = gr.State(None)
        show, restart = (partial(each, background=background) for each in (show_photo, start_over))
        section.expand(show, [picture, shown], [self.editor, shown], **QUIET)
        gr.on([reset.click, self.editor.clear], restart, [picture], [self.editor, self.strokes], **QUIET)


def canvas() -> gr.ImageEditor:
    """An editor with a brush of two colours, an eraser, undo and redo, and nothing else."""
    return gr.ImageEditor(
        label="Paint here",
        elem_id="touch-editor",
        type="numpy",
        image_mode="RGBA",
        format="png",
        height=520,
        sources=[],
        transforms=[],
        layers=False,
        buttons=[],
        brush=gr.Brush(BRUSH, colors=list(COLORS.values()), default_color=COLORS[PET], color_mode="fixed"),
        eraser=gr.Eraser(BRUSH),
        placeholder="Choose a photo first",
    )


def photo_alone(photo: str) -> np.ndarray:
    """The photo, large enough for the canvas: uint8 (h, w, 3)."""
    return read_picture(photo, needed_hw=(CANVAS_SIDE, CANVAS_SIDE)).image


@plainly
def show_photo(photo: str | None, shown: str | None, background: Background = photo_alone) -> tuple[Any, Any]:
    """The photo with nothing drawn on it, as the editor's value, and its path; neither where it is shown already.

    Args:
        photo: path of the photo; None empties the canvas.
        shown: path of the photo on the canvas, whose strokes stay when the section is closed and opened again.
        background: what is painted on.
    """
    if photo is not None and photo == shown:
        return gr.skip(), gr.skip()
    return start_over(photo, background)[0], photo


@plainly
def start_over(photo: str | None, background: Background = photo_alone) -> tuple[dict | None, None]:
    """The photo with nothing drawn on it, as the editor's value; and no strokes.

    Args:
        photo: path of the photo; None empties the canvas.
        background: what is painted on.
    """
    if photo is None:
        return None, None
    return {"background": fit_canvas(background(photo)), "layers": [], "composite": None}, None


def fit_canvas(image: np.ndarray) -> np.ndarray:
    """The picture at `CANVAS_SIDE`, so that the same brush is as wide on every photo: uint8 (h, w, 3)."""
    height, width = image.shape[:2]
    scale = CANVAS_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


@plainly
def use(photo: str | None, value: dict | None) -> str | None:
    """Writes what is drawn; the path of the strokes, None where nothing is.

    Args:
        photo: path of the photo.
        value: of the editor.
    """
    strokes = strokes_of(value)
    if photo is None or not strokes.any():
        gr.Info(NOTHING_DRAWN)
        return None
    return save_strokes(strokes, new_folder(), photo)


def strokes_of(value: dict | None) -> np.ndarray:
    """What is drawn on the editor's layers: uint8 (h, w), 0 = untouched, 1 = pet, 2 = not pet; (1, 1) without layers.

    A pixel is drawn on where it is more than half opaque, with the nearer of the two colours; a later layer lies over
    an earlier one.

    Args:
        value: of the editor, whose layers are uint8 (h, w, 4) RGBA.

    Raises:
        InputError: layers of no use.
    """
    layers = (value or {}).get("layers") or [np.zeros((1, 1, 4), np.uint8)]
    strokes = np.full(layers[0].shape[:2], UNTOUCHED, np.uint8)
    for layer in layers:
        if layer.dtype != np.uint8 or layer.shape != (*strokes.shape, 4) or strokes.size > MOST_PIXELS:
            raise InputError(
                f"What is drawn came as {layer.dtype} {layer.shape}; expected layers of one size, uint8 "
                f"(height, width, 4), with {MOST_PIXELS / 1e6:.1f} megapixels at the most. Load the page again."
            )
        drawn = layer[..., 3] > OPAQUE
        is_pet = distance(layer, COLORS[PET]) <= distance(layer, COLORS[NOT_PET])
        strokes[drawn] = np.where(is_pet, np.uint8(PET), np.uint8(NOT_PET))[drawn]
    return strokes


def distance(layer: np.ndarray, color: str) -> np.ndarray:
    """Squared distance of each pixel's RGB to a colour: int32 (h, w)."""
    return np.square(layer[..., :3].astype(np.int32) - rgb(color)).sum(axis=2, dtype=np.int32)


def save_strokes(strokes: np.ndarray, folder: str | Path, photo: str | Path | None = None) -> str:
    """Writes strokes as a PNG with a palette, whose values are 0, 1 and 2; the path.

    Args:
        strokes: uint8 (h, w).
        folder: that exists.
        photo: path of the photo they were drawn on, for `belong`.
    """
    file = Image.fromarray(strokes)
    file.putpalette([0, 0, 0, *rgb(COLORS[PET]), *rgb(COLORS[NOT_PET])])
    notes = PngImagePlugin.PngInfo()
    if photo is not None:
        notes.add_text(PHOTO, digest(photo))
    path = Path(folder) / "strokes.png"
    file.save(path, transparency=UNTOUCHED, pnginfo=notes)
    return str(path)


def read_strokes(path: str | Path) -> np.ndarray:
    """Strokes out of a file that `save_strokes` wrote: uint8 (h, w), 0 = untouched, 1 = pet, 2 = not pet.

    Raises:
        InputError: there is no such file any more, or it is another.
    """
    with opened(path) as file:
        if file.mode not in ("P", "L") or file.width * file.height > MOST_PIXELS:
            raise InputError(
                f"{Path(path).name} is a picture of mode {file.mode}, {file.width} x {file.height} px; strokes are a "
                "PNG with a palette. Draw them again."
            )
        strokes = np.array(file)
    if strokes.max() > NOT_PET:
        raise InputError(f"{Path(path).name} holds the value {strokes.max()}; strokes are 0, 1 and 2. Draw them again.")
    return strokes


def belong(strokes_path: str | Path | None, photo: str | Path | None) -> bool:
    """Whether strokes were drawn on this very photo.

    When the photo changes, handlers may be called with the new photo and the old strokes.
    """
    if strokes_path is None or photo is None:
        return False
    with opened(strokes_path) as file:
        return file.info.get(PHOTO) == digest(photo)


def digest(photo: str | Path) -> str:
    """What tells a photo's file from any other."""
    try:
        return sha256(Path(photo).read_bytes()).hexdigest()
    except OSError as exc:
        raise InputError(f"{Path(photo).name} cannot be opened ({exc.strerror}). Choose the photo again.") from exc


def opened(path: str | Path) -> Image.Image:
    """The file of strokes, not decoded yet."""
    try:
        return Image.open(path, formats=["PNG"])
    except (OSError, SyntaxError, ValueError) as exc:
        raise InputError(f"The strokes cannot be read any more ({exc}). Draw them again.") from exc
