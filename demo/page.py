"""The page around the tabs: name, purpose, the machine it runs on."""

import contextlib
from html import escape
from pathlib import Path

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

from demo import lab, live, photo, video
from demo.document import TITLE
from demo.lanes import Lanes
from demo.photo_code import NAME_SERVER
from engine.backends import INT8_BACKEND
from engine.errors import EngineError
from engine.machine import describe_machine, machine_in_words

# Bluish green of Okabe and Ito, from faint to dark.
ACCENT = gr.themes.Color(
    *("#e6f6f1", "#c5ebdf", "#94dac4", "#5cc4a4", "#27ab84", "#009e73"),
    *("#007f5c", "#00664b", "#00513c", "#00402f", "#00271d"),
    name="bluish-green",
)
THEME = gr.themes.Base(
    primary_hue=ACCENT,
    secondary_hue=ACCENT,
    neutral_hue="slate",
    font=[LocalFont("IBM Plex Sans", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"],
).set(
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_dark="*primary_600",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*neutral_600",
    block_label_text_color_dark="*neutral_300",
)
SIZE_CHARTS = "() => { requestAnimationFrame(() => window.dispatchEvent(new Event('resize'))); }"
ACCESS = (Path(__file__).parent / "access.js").read_text()
STYLES = [Path(__file__).parent / f"{name}.css" for name in ("style", "photo", "many", "touch_up", "live", "video")]


def build(lanes: Lanes) -> gr.Blocks:
    """The page over a set of lanes; the caller launches it."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.HTML(header_html(lanes), elem_id="header", padding=False)
        gr.HTML("", js_on_load=ACCESS, elem_id="access-script", padding=False)
        with gr.Tabs():
            with gr.Tab("Photo", id="photo-tab") as photo_tab:
                photos = photo.build(lanes)
            with gr.Tab("Live", id="live-tab"):
                live.build(lanes)
            with gr.Tab("Video", id="video-tab") as video_tab:
                video.build(lanes)
            with gr.Tab("Lab", id="lab-tab") as lab_tab:
                lab.build(lanes)
        # A chart that was drawn while its tab was hidden has no width yet.
        page.load(None, None, [photos.code], js=NAME_SERVER, api_visibility="private")
        page.unload(photos.leave)
        for tab in (photo_tab, video_tab, lab_tab):
            tab.select(None, js=SIZE_CHARTS, api_visibility="private")
    page.queue(max_size=32, default_concurrency_limit=4)
    return page


def header_html(lanes: Lanes) -> str:
    """Name and purpose, and folded away what runs, where."""
    spec = lanes.spec
    parameters, (height, width) = spec.network["parameters"] / 1e6, spec.size_hw
    facts = {
        "Machine": machine_in_words(describe_machine()),
        "Model": f"{spec.name} {spec.version}, {parameters:.1f} M parameters, {width} x {height} px",
    }
    with contextlib.suppress(EngineError):  # the lane says why it does not run when it is chosen
        facts["INT8 executes"] = lanes.get(INT8_BACKEND).describe().precision
    rows = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f"""<header>
<h1>Whisker</h1>
<p class="purpose">Cut out your cat or dog, and see what INT8 buys on this CPU.</p>
<details class="facts"><summary>{escape(spec.name)} on {escape(short(facts["Machine"]))}</summary>
<dl>{rows}</dl></details>
</header>"""


def short(machine: str) -> str:
    """The first part of a machine in words: the processor's name and its cores."""
    return ", ".join(machine.split(", ")[:2])
