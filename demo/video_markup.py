"""The pieces of HTML of the Video tab, and its chart; their looks are in video.css and style.css."""

from collections.abc import Mapping
from html import escape

import plotly.graph_objects as go

from demo import lab_markup, video_words
from demo.charts import TEMPLATE
from demo.looks import color, label
from demo.words import milliseconds
from engine.progress import Step
from engine.video.clip import MAX_SECONDS, MAX_SIDE, clock
from engine.video.container import KINDS, MAX_MEGABYTES

EMPTY = """<div class="empty"><h2 class="empty-title">The clip with its effect appears here</h2>
<p>Drop a clip of a cat or a dog, or press “Try it with the example cat”, choose an effect and render. The sound stays,
and so does every frame's moment.</p></div>"""
LIMITS = (
    f"{KINDS}; at most {clock(MAX_SECONDS)}, {MAX_SIDE} px on a side, {MAX_MEGABYTES:.0f} MB. It stays on this machine."
)
WAITING = '<div class="working"><p>In line: one clip is rendered at a time. Your place is shown on the right.</p></div>'
FAILED = """<div class="empty"><h2 class="empty-title">The clip could not be rendered</h2>
<p>The message says why. Choose another clip or another backend.</p></div>"""


def limits_html() -> str:
    """What is taken, before there is a clip."""
    return f'<p class="clip-words">{escape(LIMITS)}</p>'


def clip_html(words: str, is_cut_short: bool) -> str:
    """What a clip is."""
    note = " The file breaks off before its end: what is there will be rendered." if is_cut_short else ""
    return f'<p class="clip-words" role="status">{escape(words)}.{note}</p>'


def refused_html(reason: str) -> str:
    """Why a clip is not taken."""
    return f'<p class="clip-words refused" role="alert"><b>Not this one.</b> {escape(reason)}</p>'


def working_html(step: Step) -> str:
    """How far it is, as a bar and in words."""
    return lab_markup.working_html(step, "Rendering")


def verdict_html(result: Mapping) -> str:
    """The sentence, the race where there was one, what is missing, where the time went."""
    lines = [f'<h2 class="verdict-same">{escape(video_words.headline(result))}</h2>']
    if result["cancelled"]:
        lines.append('<p class="verdict-fast">Cancelled: this is what was rendered until then.</p>')
    if race := video_words.race(result):
        lines.append(f'<p class="verdict-fast">{escape(race)}</p>')
    lines += [f'<p class="verdict-fast">{escape(note)}</p>' for note in result["notes"]]
    lines.append(f'<p class="verdict-note">{escape(video_words.circumstances(result))}</p>')
    return f'<div class="verdict" role="status" aria-live="polite">{"".join(lines)}</div>'


def latency_chart(result: Mapping) -> go.Figure:
    """Latency of the frames along the clip, a line a backend; faint where several frames share a point: the slowest."""
    over_time, figure = result["over_time"], go.Figure()
    seconds, each = over_time["seconds"], over_time["frames_a_point"]
    lines = over_time["backends"]
    for name, line in lines.items():
        if each > 1:
            figure.add_scatter(
                x=seconds, y=line["max_ms"], mode="lines", line={"color": color(name), "width": 1}, opacity=0.35,
                hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            name=label(name), x=seconds, y=line["median_ms"], mode="lines", line={"color": color(name), "width": 2},
            hovertemplate="%{x:.1f} s: %{y:.1f} ms<extra>" + label(name) + "</extra>",
        )  # fmt: skip
    titles = "<br>".join(  # one below the other: a phone is narrow
        f'<span style="color:{color(name)}">■</span> <b>{label(name)}</b> median '
        f"{milliseconds(result['latency_ms'][name]['median'])}"
        for name in lines
    )
    figure.add_annotation(
        text=titles,
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        yshift=4,
        showarrow=False,
        align="left",
    )
    high = max(max(line["max_ms" if each > 1 else "median_ms"]) for line in lines.values())
    points = f", {each} frames a point (faint: the slowest of them)" if each > 1 else ""
    return figure.update_layout(
        template=TEMPLATE,
        height=300,
        margin={"t": 46 + 18 * len(lines)},  # room for the names under the label of the plot
        xaxis={"title": {"text": f"seconds of the clip{points}", "font": {"size": 12}}},
        yaxis={
            "title": {"text": "milliseconds a frame", "font": {"size": 12}, "standoff": 4},
            "range": [0, high * 1.1],
            "showgrid": True,
            "gridcolor": TEMPLATE.layout.xaxis.gridcolor,
        },
    )
