"""What a program may ask of the page: the Photo tab's handlers by name, over a photo and a backend."""

import gradio as gr
from PIL import Image

from demo.downloads import new_folder
from demo.inputs import photo_input
from demo.photo_handlers import COMPRESSION, LEFT, RIGHT, PhotoHandlers, Style


def serve(handlers: PhotoHandlers) -> None:
    """Gives them their names, inside the current `gr.Blocks` and out of sight."""

    def predict(photo: str, backend: str) -> tuple[str, dict]:
        # A file of its own: Gradio gives equal pictures one file, and writes it again while another caller reads it.
        overlay, said = handlers.predict(photo, backend)
        path = new_folder() / "overlay.png"
        Image.fromarray(overlay).save(path, compress_level=COMPRESSION)
        return str(path), said

    predict.__doc__ = handlers.predict.__doc__
    with gr.Column(visible=False):
        photo, background = photo_input(label="Photo"), photo_input(label="Background")
        backend, left = gr.Textbox(RIGHT, label="Backend"), gr.Textbox(LEFT, label="Left backend")
        effect, name = gr.Textbox("blur", label="Effect"), gr.Textbox("coco", label="Export")
        color, blur = gr.Textbox(Style.color, label="Colour"), gr.Number(Style.blur_percent, label="Blur, %")
        file, said = gr.File(), gr.JSON()
        for handler, inputs, outputs in (
            (predict, [photo, backend], [gr.Image(format="png"), said]),
            (handlers.compare, [photo, left, backend], [gr.Textbox(), said]),
            (handlers.cut_out, [photo, backend], [file]),
            (handlers.effect_file, [photo, backend, effect, color, background, blur], [file]),
            (handlers.sticker, [photo, backend], [file]),
            (handlers.mask, [photo, backend], [file]),
            (handlers.export, [photo, backend, name], [file]),
            (handlers.pets, [photo, backend], [gr.Gallery()]),
        ):
            gr.Button().click(
                handler, inputs, outputs, api_name=handler.__name__, concurrency_limit=1, concurrency_id="programs"
            )
