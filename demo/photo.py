"""The Photo tab: a picture on the left, what two backends see in it on the right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import plotly.graph_objects as go
from PIL import Image

from demo.charts import latency_chart
from demo.comparison import compare_lanes
from demo.downloads import new_folder
from demo.drawing import disagreement, fit_for_page, fit_mask
from demo.inputs import photo_input, plainly
from demo.lanes import Lanes
from demo.looks import label
from demo.markup import EMPTY, UNREADABLE, areas_html, captions_html, difference_text, verdict_html
from demo.photo_effects_layout import PhotoEffects
from demo.words import pets
from engine.backends import INT8_BACKEND
from engine.cutout import cut_out
from engine.drawing import overlay_mask
from engine.images import read_picture
from engine.postprocess import softmax

EXAMPLES = Path(__file__).parent / "examples"
LEFT, RIGHT = "openvino-fp32", INT8_BACKEND
CODE = """```bash
python -m engine predict cat.jpg --backend openvino-int8 --cutout
python -m engine predict cat.jpg --effect blur --export coco,rle,svg --instances
python -m engine benchmark --photo cat.jpg
```
```python
from engine import Segmenter

segmentation = Segmenter.open("fastsegnet", backend="openvino-int8").predict("cat.jpg")
segmentation.areas, segmentation.mask.shape

from engine.effects import apply_effect
from engine.images import read_picture
from engine.postprocess import softmax

image, probabilities = read_picture("cat.jpg").image, softmax(segmentation.logits)
blurred = apply_effect("blur", image, probabilities, segmentation.spec)
```
```python
from gradio_client import Client, handle_file

page = Client("http://127.0.0.1:7860")
overlay, numbers = page.predict(handle_file("cat.jpg"), "openvino-int8", api_name="/predict")
sticker = page.predict(handle_file("cat.jpg"), "openvino-int8", api_name="/sticker")
```"""

CompareResult = tuple[str, str, tuple[np.ndarray, np.ndarray] | None, go.Figure | None, dict, str, dict | None]


class PhotoHandlers:
    """What the tab does, as plain functions over the lanes."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes

    @plainly
    def compare(
        self,
        photo: str | None,
        left: str = LEFT,
        right: str = RIGHT,
        progress: Callable[[float, str], None] | None = None,
    ) -> CompareResult:
        """Segments a photo with two backends and times all of them.

        Args:
            photo: path of the photo; None clears the page.
            left: backend on the left of the slider, for example "openvino-fp32".
            right: backend on the right, for example "openvino-int8".

        Returns:
            The verdict (HTML), captions (HTML), the two overlays, the latency chart, the disagreement map,
            areas and confidence (HTML), and all figures as JSON.
        """
        if photo is None:
            return "", "", None, None, gr.update(value=None), "", None
        comparison = compare_lanes(self.lanes, photo, left, right, progress or (lambda share, what: None))
        image = fit_for_page(comparison.picture.image)
        masks = [fit_mask(comparison.segmentations[name].mask, image.shape[:2]) for name in (left, right)]
        spec = self.lanes.spec
        return (
            verdict_html(comparison),
            captions_html(comparison),
            (overlay_mask(image, masks[0], spec), overlay_mask(image, masks[1], spec)),
            latency_chart(comparison.samples, (left, right)),
            gr.update(value=disagreement(image, *masks), alt_text=difference_text(comparison)),
            areas_html(comparison),
            comparison.numbers(),
        )

    @plainly
    def predict(self, photo: str, backend: str = RIGHT) -> tuple[np.ndarray, dict]:
        """Segments a photo with one backend.

        Args:
            photo: path of the photo.
            backend: for example "openvino-int8".

        Returns:
            The overlay, and areas (shares of the picture), confidence, size and timings as JSON.
        """
        segmentation = self.lanes.get(backend).predict(photo)
        image = fit_for_page(read_picture(photo).image)
        mask = fit_mask(segmentation.mask, image.shape[:2])
        return overlay_mask(image, mask, self.lanes.spec), {
            "backend": backend,
            "size_hw": list(segmentation.size_hw),
            "areas": segmentation.areas,
            "confidence": segmentation.confidence,
            "timings_ms": segmentation.timings,
        }

    @plainly
    def cut_out(self, photo: str | None, backend: str, numbers: dict | None) -> tuple[str | None, ...]:
        """Writes the files to download, at the photo's own size.

        Args:
            photo: path of the photo.
            backend: whose mask to use.
            numbers: what `/compare` gave as JSON.

        Returns:
            Paths of the cut-out (RGBA PNG; none where no pet was found), the mask (PNG of class ids) and the figures
            (JSON).
        """
        if photo is None:
            return None, None, None
        segmentation = self.lanes.get(backend).predict(photo)
        folder = new_folder()
        stem = Path(photo).stem
        paths = [folder / f"{stem}-{suffix}" for suffix in ("cutout.png", "mask.png", "figures.json")]
        if pets(segmentation):
            rgba = cut_out(read_picture(photo).image, softmax(segmentation.logits), self.lanes.spec)
            Image.fromarray(rgba).save(paths[0], compress_level=3)
        Image.fromarray(segmentation.mask).save(paths[1], compress_level=3)
        paths[2].write_text(json.dumps(numbers, indent=2) + "\n")
        return tuple(str(path) if path.exists() else None for path in paths)


def build(lanes: Lanes) -> None:
    """Lays the tab out inside the current `gr.Blocks` and connects it."""
    handlers, effects = PhotoHandlers(lanes), PhotoEffects(lanes)
    choices = [(label(name), name) for name in lanes.names]
    with gr.Row(elem_classes="photo"):
        with gr.Column(scale=2, min_width=320, elem_classes="photo-input"):
            picture = photo_input(
                label="Photo",
                sources=["upload", "clipboard", "webcam"],
                height=340,
                elem_id="photo",
                placeholder="Drop a photo of a cat or a dog here\nor click to choose one",
            )
            gr.Examples(
                [[str(path)] for path in sorted(EXAMPLES.glob("*.jpg"))],
                inputs=[picture],
                label="Examples",
                api_visibility="private",
            )
            with gr.Row():
                left = gr.Dropdown(choices, value=LEFT, label="Left", min_width=200, elem_id="left")
                right = gr.Dropdown(choices, value=RIGHT, label="Right", min_width=200, elem_id="right")
        with gr.Column(scale=3, min_width=320):
            empty = gr.HTML(EMPTY, padding=False)
            with gr.Column(visible=False) as results:
                verdict = gr.HTML(elem_id="verdict", padding=False)
                with gr.Group():
                    captions = gr.HTML(elem_id="captions", padding=False)
                    slider = gr.ImageSlider(
                        show_label=False, format="jpeg", interactive=False, elem_id="slider", max_height=480,
                        buttons=["fullscreen"],
                    )  # fmt: skip
                with gr.Row():
                    chart = gr.Plot(label="Latency, median of warm rounds", elem_id="chart", scale=3, min_width=320)
                    difference = gr.Image(
                        label="Where they disagree", format="png", interactive=False, elem_id="difference", scale=2,
                        min_width=220, buttons=["fullscreen"],
                    )  # fmt: skip
                effects.build(picture, right)
                with gr.Accordion("Areas and confidence", open=False):
                    areas = gr.HTML(elem_id="areas")
                with gr.Accordion("All figures", open=False):
                    numbers = gr.JSON(show_label=False, elem_id="numbers")
            with gr.Accordion("The same from code", open=False):
                gr.Markdown(CODE)

    def compare(
        photo: str | None,
        left: str,
        right: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio finds it by its default)
    ) -> CompareResult:
        return handlers.compare(photo, left, right, lambda share, what: progress(share, desc=what))

    compare.__doc__ = PhotoHandlers.compare.__doc__
    one_at_a_time: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "cpu"}
    compared = gr.on(
        [picture.change, left.change, right.change],
        compare,
        [picture, left, right],
        [verdict, captions, slider, chart, difference, areas, numbers],
        api_name="compare",
        trigger_mode="always_last",
        show_progress_on=[verdict, empty],
        **one_at_a_time,
    )
    compared.success(show_results, [picture], [empty, results], api_visibility="private", show_progress="hidden")
    effects.follow(
        compared.success(
            handlers.cut_out,
            [picture, right, numbers],
            [effects.cutout, effects.mask, effects.figures],
            api_name="cut_out",
            show_progress="hidden",
            **one_at_a_time,
        )
    )
    compared.failure(hide_results, None, [empty, results], api_visibility="private", show_progress="hidden")

    with gr.Column(visible=False):
        shown, said = gr.Image(format="png"), gr.JSON()
        gr.Button().click(handlers.predict, [picture, right], [shown, said], api_name="predict", **one_at_a_time)


def show_results(photo: str | None) -> tuple[dict, dict]:
    return gr.update(value=EMPTY, visible=photo is None), gr.update(visible=photo is not None)


def hide_results() -> tuple[dict, dict]:
    return gr.update(value=UNREADABLE, visible=True), gr.update(visible=False)
