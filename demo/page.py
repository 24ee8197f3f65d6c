"""The page around the tabs: name, purpose, the machine it runs on."""

import contextlib
from html import escape
from pathlib import Path

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

from demo import lab, live, photo, video
from demo.lanes import Lanes
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
STYLES = [Path(__file__).parent / f"{name}.css" for name in ("style", "photo_effects", "live", "video")]


def build(lanes: Lanes) -> gr.Blocks:
    """The page over a set of lanes; the caller launches it."""
    with gr.Blocks(title="Whisker", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.HTML(header_html(lanes), elem_id="header", padding=False)
        with gr.Tabs():
            with gr.Tab("Photo", id="photo-tab") as photo_tab:
                photo.build(lanes)
            with gr.Tab("Live", id="live-tab"):
                live.build(lanes)
            with gr.Tab("Video", id="video-tab") as video_tab:
                video.build(lanes)
            with gr.Tab("Lab", id="lab-tab") as lab_tab:
                lab.build(lanes)
        # A chart that was drawn while its tab was hidden has no width yet.
        for tab in (photo_tab, video_tab, lab_tab):
            tab.select(None, js=SIZE_CHARTS, api_visibility="private")
    page.queue(max_size=32, default_concurrency_limit=4)
    return page


def header_html(lanes: Lanes) -> str:
    spec = lanes.spec
    parameters, (height, width) = spec.network["parameters"] / 1e6, spec.size_hw
    badges = {
        "The machine that answers": machine_in_words(describe_machine()),
        "The model that all run": f"{spec.name} {spec.version}, {parameters:.1f} M parameters, {width} x {height} px",
    }
    with contextlib.suppress(EngineError):  # the lane says why it does not run when it is chosen
        badges["What the INT8 model really executes"] = (
            f"INT8 model: executes {lanes.get(INT8_BACKEND).describe().precision}"
        )
    spans = "".join(f'<span class="badge" title="{title}">{escape(text)}</span>' for title, text in badges.items())
    return f"""<header>
<h1>Whisker</h1>
<p class="purpose">A photo, a camera or a clip, one small network, four runtimes:
see what optimising it buys on this very CPU.</p>
<p class="badges">{spans}</p>
</header>"""
