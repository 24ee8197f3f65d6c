"""Plotly charts, all in one template: the page's font, no ground of their own, readable in light and dark."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from demo.lanes import BASELINE
from demo.looks import color, label
from demo.words import is_wide, milliseconds, times
from engine.latency import STAGES, Samples, compare

# Stages of one bar keep the backend's colour: the network is solid, what goes on around it is hatched.
STAGE_PATTERN = {"preprocess": "/", "infer": "", "postprocess": "\\"}
FONT = "'IBM Plex Sans', ui-sans-serif, system-ui, sans-serif"
INK = "#6f7680"  # replaced by the page's own text colour in style.css
# Of the width of the latency chart, on a phone: what the text after a bar takes, milliseconds alone or with a ratio.
MILLISECONDS_WIDTH, RATIO_WIDTH = 0.30, 0.44

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 34, "b": 8},
        "xaxis": {"gridcolor": "rgba(128,128,128,0.22)", "zeroline": False, "automargin": True},
        "yaxis": {"showgrid": False, "zeroline": False, "automargin": True, "ticksuffix": "  "},
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT}},
        "dragmode": False,  # a finger on a chart scrolls the page
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "remove": ["zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "resetScale"],
        },
    }
)


def latency_chart(samples: Mapping[str, Samples], chosen: tuple[str, ...], with_ratios: bool = True) -> go.Figure:
    """One bar a backend, stacked by stage, each the median of warm rounds; the chosen ones are marked.

    Args:
        samples: milliseconds by backend, as `engine.latency.measure` gives them.
        chosen: the backends compared above the chart.
        with_ratios: whether the bars say how many times faster than PyTorch they are.
    """
    totals = {name: float(np.median(rows.sum(axis=1))) for name, rows in samples.items()}
    names = list(samples)[::-1]
    ticks = [f"<b>{label(name)} ◂</b>" if name in chosen else label(name) for name in names]
    figure = go.Figure()
    for column, stage in enumerate(STAGES):
        stage_ms = [float(np.median(samples[name][:, column])) for name in names]
        figure.add_bar(
            name=stage,
            y=ticks,
            x=stage_ms,
            orientation="h",
            marker={
                "color": [color(name) for name in names],
                "pattern": {"shape": STAGE_PATTERN[stage], "fillmode": "replace", "solidity": 0.45, "size": 5},
                "line": {"width": 0},
            },
            hovertemplate="%{y}<br>" + stage + " %{x:.2f} ms<extra></extra>",
        )
    ends_ms = []
    for name, tick in zip(names, ticks, strict=True):
        bar_ms = float(np.median(samples[name], axis=0).sum())
        text, width = f"<b>{milliseconds(totals[name])}</b>", MILLISECONDS_WIDTH
        if with_ratios and name != BASELINE and BASELINE in totals and is_sure(samples[BASELINE], samples[name]):
            text, width = f"{text}  {times(totals[BASELINE] / totals[name])}", RATIO_WIDTH
        ends_ms.append(bar_ms / (1 - width))
        figure.add_annotation(
            x=bar_ms,
            y=tick,
            text=text,
            showarrow=False,
            xanchor="left",
            xshift=6,
        )
    figure.update_layout(
        template=TEMPLATE,
        barmode="stack",
        bargap=0.35,
        height=90 + 44 * len(names),
        xaxis={
            "title": {"text": "milliseconds (solid: the network)", "font": {"size": 12}},
            "range": [0, max(ends_ms)],
        },
    )
    return figure


def is_sure(slow: Samples, fast: Samples) -> bool:
    """Whether so many rounds tell how many times faster one is: its bar says so only then."""
    return not is_wide(compare(slow, fast))
