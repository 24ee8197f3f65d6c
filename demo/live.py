"""The Live tab: the camera's picture as one backend sees it, or two side by side, with what it costs on screen.

Frames do not pass through Gradio: live.js sends them over a WebSocket of its own (live_socket.py), so that what is
measured is the way from the camera to the screen.
"""

import json
from dataclasses import asdict
from html import escape
from pathlib import Path

import gradio as gr

from demo.lanes import Lanes
from demo.live_frames import LiveSettings
from demo.looks import LOOKS, label
from engine.effects import EFFECTS

FOLDER = Path(__file__).parent
ALONE = ""  # no second backend
TILES = (
    ("fps", "Frames a second", "that you really see"),
    ("latency", "From camera to screen", "median of each second"),
    ("network", "The network", ""),
    ("dropped", "Dropped", ""),
)
CHOOSE = "(...chosen) => { window.whiskerLive?.choose(...chosen); }"
SET_BACKGROUND = "(file) => { window.whiskerLive?.setBackground(file); }"
SHOW_WHAT_APPLIES = """(effect) => {
  document.querySelector("#live-color").classList.toggle("unused", !["cutout", "sticker"].includes(effect));
  document.querySelector("#live-background").classList.toggle("unused", effect !== "replace");
}"""


def build(lanes: Lanes) -> None:
    """Lays the tab out inside the current `gr.Blocks` and connects it."""
    choices = [(label(name), name) for name in lanes.names]
    settings = LiveSettings()
    with gr.Row(elem_classes="live-row"):
        with gr.Column(scale=1, min_width=240, elem_classes="live-choices"):
            left = gr.Dropdown(choices, value=settings.backends[0], label="Backend", elem_id="live-left")
            right = gr.Dropdown(
                [("None: one picture", ALONE), *choices], value=ALONE, label="Beside it, on the same frame",
                elem_id="live-right",
            )  # fmt: skip
            effect = gr.Dropdown(
                [(each.label, name) for name, each in EFFECTS.items()], value=settings.effect, label="Effect",
                elem_id="live-effect",
            )  # fmt: skip
            color = gr.ColorPicker(settings.color, label="Colour", elem_id="live-color", elem_classes="unused")
            background = gr.Image(
                label="Background", type="filepath", sources=["upload", "clipboard"], height=160,
                elem_id="live-background", elem_classes="unused",
                placeholder="Drop a picture here\nor click to choose one",
            )  # fmt: skip
            steady = gr.Checkbox(settings.steady, label="Steady edges (average over time)", elem_id="live-steady")
        with gr.Column(scale=4, min_width=320):
            gr.HTML(
                markup(lanes, settings), js_on_load=(FOLDER / "live.js").read_text(), elem_id="live", padding=False,
                apply_default_css=False,
            )  # fmt: skip
    chosen = [left, right, effect, color, steady]
    changes = [left.change, right.change, effect.change, color.change, steady.change]
    gr.on(changes, None, chosen, js=CHOOSE, api_visibility="private")
    effect.change(None, effect, js=SHOW_WHAT_APPLIES, api_visibility="private")
    background.change(None, background, js=SET_BACKGROUND, api_visibility="private")


def markup(lanes: Lanes, settings: LiveSettings) -> str:
    """The stage, its buttons and the figures; live.js finds each by its `data-live`."""
    looks = {name: LOOKS[name] for name in lanes.names}
    said = asdict(settings)
    pictures = "".join(
        f'<figure class="live-lane"><canvas data-live="canvas{index}" width="640" height="480" role="img" '
        f'aria-label="Live picture"></canvas><figcaption data-live="name{index}"></figcaption></figure>'
        for index in range(2)
    )
    tiles = "".join(
        f'<div class="live-tile"><p class="live-title">{title}</p><p class="live-value" data-live="{name}">...</p>'
        f'<p class="live-note" data-live="{name}-note">{note}</p>'
        f'<canvas class="live-chart" data-live="{name}-chart" role="img" '
        f'aria-label="{title} over the last minute"></canvas></div>'
        for name, title, note in TILES
    )
    return f"""<div class="live" data-looks="{escape(json.dumps(looks))}" data-settings="{escape(json.dumps(said))}">
<p class="live-sentence" data-live="sentence"></p>
<div class="live-stage" data-live="stage" data-lanes="1">
<div class="live-empty"><h2 class="empty-title">Your pet, live</h2>
<p>The camera's picture stays between this browser and the machine that serves the page: nothing is kept.</p>
<p class="live-buttons"><button type="button" class="live-primary" data-live="start">Start the camera</button>
<button type="button" data-live="example">Try it without a camera</button></p></div>
{pictures}
</div>
<p class="live-notice" data-live="notice" role="status" aria-live="polite" hidden></p>
<div class="live-buttons live-while-on">
<button type="button" data-live="pause" aria-pressed="false">Pause</button>
<button type="button" data-live="snapshot">Snapshot</button>
<button type="button" data-live="mirror" aria-pressed="false">Mirror</button>
<button type="button" data-live="stop">Stop</button>
<label data-live="cameras" hidden>Camera <select data-live="camera"></select></label>
</div>
<p class="live-note" data-live="viewers"></p>
<div class="live-tiles live-while-on">{tiles}</div>
</div>"""
