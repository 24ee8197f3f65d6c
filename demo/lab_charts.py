"""Charts of a benchmark and of a sweep, in the template of `demo.charts`.

Where a row belongs to one backend its name and numbers stand above its mark, so that a phone keeps the whole width for
the marks.
"""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from demo.charts import INK, TEMPLATE
from demo.lab_words import NOISY, interval, ratio
from demo.looks import color, label
from demo.words import milliseconds, percent

ROW = 62  # px of one backend
LOG_SPREAD = 6  # a larger spread than this needs a logarithmic axis
NICE = (1, 2, 5)  # ticks of a logarithmic axis, times powers of ten
MARK = 8  # px across of an artefact of 1 MB
FIRST_RISE, RISE = 40, 36  # px from a mark to the words on it, and between two layers of words
LEAST_IOU_RANGE = 0.02  # so that a difference nobody would see looks as small as it is


def distribution_chart(backends: Mapping[str, Mapping]) -> go.Figure:
    """A box a backend over all its calls: quartiles, whiskers, and the calls outside them.

    Args:
        backends: entries of `benchmark --json`, by backend.
    """
    figure = go.Figure()
    totals = {name: [sum(row) for row in entry["samples_ms"]] for name, entry in backends.items()}
    for place, (name, times_ms) in enumerate(totals.items()):
        figure.add_box(
            name=label(name),
            x=times_ms,
            y=[-place] * len(times_ms),
            orientation="h",
            width=0.34,
            boxpoints="outliers",
            marker={"color": color(name), "size": 4, "opacity": 0.6},
            line={"width": 2},
            hoverinfo="x",
        )
    latency = {name: entry["latency_ms"] for name, entry in backends.items()}
    rows = {
        name: f"{milliseconds(each['median'])}, 1 in 100 over {milliseconds(each['p99'])}"
        for name, each in latency.items()
    }
    low, high = min(map(min, totals.values())), max(map(max, totals.values()))
    return _rows(figure, rows, _axis(low, high, "milliseconds a picture"))


def speed_up_chart(backends: Sequence[str], ratios: Mapping[str, Mapping]) -> go.Figure:
    """How many times faster than the first backend each one is, with its 95 % interval.

    Args:
        backends: in the order of the benchmark.
        ratios: of `benchmark --json`, by "A/B".
    """
    first = backends[0]
    compared = {name: ratio(ratios, first, name) for name in backends[1:]}
    rows = {first: "1x, the others are held against it"}
    figure = go.Figure()
    figure.add_scatter(
        x=[1], y=[0], mode="markers", marker={"color": color(first), "size": 12}, hoverinfo="skip", name=label(first)
    )
    for place, (name, each) in enumerate(compared.items(), start=1):
        low, high = each["ci95"]
        is_noisy = each["verdict"].startswith(NOISY)
        rows[name] = f"{interval(each)}, {each['verdict']}"
        figure.add_scatter(
            name=label(name),
            x=[each["median"]],
            y=[-place],
            mode="markers",
            marker={"color": color(name), "size": 12, "symbol": "circle-open" if is_noisy else "circle"},
            error_x={
                "array": [high - each["median"]],
                "arrayminus": [each["median"] - low],
                "color": color(name),
                "thickness": 2.5,
                "width": 6,
            },
            hovertemplate=f"{label(name)} {interval(each)}<extra></extra>",
        )
    for place in range(len(rows)):  # not one line through all rows: it would cross their words
        line = {"color": INK, "width": 2, "dash": "dot"}
        figure.add_shape(type="line", x0=1, x1=1, y0=-place - 0.2, y1=-place + 0.2, layer="below", line=line)
    ends = [1.0, *(end for each in compared.values() for end in each["ci95"])]
    axis = _axis(min(ends), max(ends), f"times faster than {label(first)}, with the 95 % interval")
    return _rows(figure, rows, axis)


def sweep_chart(sweep: Mapping, limit_ms: float | None, spot: Mapping | None) -> go.Figure:
    """Throughput against latency, a mark a setting; those over the limit are faint, the best within it is ringed.

    Args:
        sweep: the fields of `sweep --json`.
        limit_ms: of p90 latency, drawn as a line.
        spot: the point to mark.
    """
    points, tint = sweep["points"], color(sweep["backend"])
    fits = [limit_ms is None or point["latency_ms"]["p90"] <= limit_ms for point in points]
    x, y = [point["latency_ms"]["p90"] for point in points], [point["throughput_fps"] for point in points]
    figure = go.Figure()
    if spot is not None:
        figure.add_scatter(
            name="sweet spot",
            x=[spot["latency_ms"]["p90"]],
            y=[spot["throughput_fps"]],
            mode="markers+text",
            text=[f"<b>{setting(spot)}</b>"],
            textposition="top center",
            textfont={"size": 12},
            cliponaxis=False,
            marker={"symbol": "circle-open", "size": 22, "color": tint, "line": {"width": 3}},
            hoverinfo="skip",
        )
    figure.add_scatter(
        name="settings",
        x=x,
        y=y,
        mode="markers+text",
        text=["" if point == spot else setting(point) for point in points],
        textposition=text_places(x, y),
        textfont={"size": 11},
        cliponaxis=False,
        marker={
            "color": tint,
            "size": 10,
            "symbol": ["circle" if point["mode"] == "synchronous" else "diamond" for point in points],
            "opacity": [1.0 if fit else 0.35 for fit in fits],
        },
        customdata=[[point["latency_ms"]["median"], setting(point)] for point in points],
        hovertemplate="%{customdata[1]}<br>%{y:.1f} pictures/s<br>p90 %{x:.1f} ms, median %{customdata[0]:.1f} ms"
        "<extra></extra>",
    )
    axis = _axis(min([*x, limit_ms or x[0]]), max([*x, limit_ms or 0]), "p90 latency of a call, milliseconds", pad=1.3)
    if limit_ms is not None:
        figure.add_vline(x=limit_ms, line={"color": INK, "width": 1.5, "dash": "dash"})
        figure.add_annotation(
            x=math.log10(limit_ms) if axis.get("type") == "log" else limit_ms,
            y=0, yref="paper", yanchor="bottom", xanchor="right", xshift=-4,
            text=f"limit {milliseconds(limit_ms)}", showarrow=False,
        )  # fmt: skip
    return _plane(figure, axis, "pictures a second", [0, max(y) * 1.22])


def pareto_chart(backends: Mapping[str, Mapping], accuracy: Mapping[str, float]) -> go.Figure:
    """Accuracy against latency, the area of a mark the size of the artefact; best is up and to the left.

    Args:
        backends: entries of `benchmark --json`, by backend.
        accuracy: binary IoU of the test split, 0 to 1, by artefact; a backend whose artefact was not scored is left
            out.
    """
    scored = {name: entry for name, entry in backends.items() if entry["artefact"] in accuracy}
    ranked = sorted(scored, key=lambda name: scored[name]["latency_ms"]["median"])
    x = [scored[name]["latency_ms"]["median"] for name in ranked]
    y = [accuracy[scored[name]["artefact"]] * 100 for name in ranked]
    sizes_mb = [scored[name]["artefact_mb"] for name in ranked]
    figure = go.Figure()
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        cliponaxis=False,
        marker={
            "color": [color(name) for name in ranked],
            "size": [MARK * math.sqrt(size_mb) for size_mb in sizes_mb],
            "opacity": 0.85,
            "line": {"width": 0},
        },
        customdata=[[label(name), size_mb] for name, size_mb in zip(ranked, sizes_mb, strict=True)],
        hovertemplate="%{customdata[0]}, %{customdata[1]:.1f} MB<br>%{x:.1f} ms, binary IoU %{y:.2f} %<extra></extra>",
    )
    axis = _axis(min(x), max(x), "milliseconds a picture (area: size of the file)", pad=1.2)
    places = [math.log10(value) if axis.get("type") == "log" else value for value in x]
    low, high = axis["range"]
    shares = [(place - low) / (high - low) for place in places]
    for name, place, at_y, size_mb, share, rise in zip(ranked, places, y, sizes_mb, shares, rises(shares), strict=True):
        figure.add_annotation(
            x=place, y=at_y, ax=0, ay=rise, arrowhead=0, arrowwidth=1, arrowcolor=INK, standoff=4,
            xanchor="left" if share < 0.5 else "right",
            align="left" if share < 0.5 else "right",
            text=f"<b>{label(name)}</b><br>{percent(at_y / 100)}, {size_mb:.1f} MB", font={"size": 12},
        )  # fmt: skip
    middle, half = (max(y) + min(y)) / 2, max((max(y) - min(y)) * 0.8, LEAST_IOU_RANGE * 50)
    height = 164 + 2 * RISE * max(2, math.ceil(len(ranked) / 2))  # room for the words above and below
    return _plane(figure, axis, "binary IoU of the test split, %", [middle - half, middle + half], height)


def rises(shares: Sequence[float]) -> list[int]:
    """How far above (negative) or below marks that lie side by side their words go, px: each in a layer of its own.

    Words reach from their mark to the middle, so the outermost mark's lie farthest away and cross no other's line.

    Args:
        shares: of the chart's width where the marks are, from left to right.

    Example:
        Marks at 0.1, 0.4 and 0.9: the outer two above, at -40 and -76, the middle one below, at 40.
    """
    far = [0] * len(shares)
    for side in (0, 1):
        inner_first = sorted(range(side, len(shares), 2), key=lambda place: abs(shares[place] - 0.5))
        for layer, place in enumerate(inner_first):
            far[place] = (FIRST_RISE + RISE * layer) * (1 if side else -1)
    return far


def setting(point: Mapping) -> str:
    """ "2x1x4": requests, threads, batch."""
    return f"{point['requests']}x{point['threads']}x{point['batch']}"


def text_places(x: Sequence[float], y: Sequence[float]) -> list[str]:
    """Where each mark's text goes so that it covers no other mark or text, as far as that can be.

    Args:
        x, y: of the marks; x is thought of as logarithmic.
    """

    def scaled(values: Sequence[float]) -> list[float]:
        low, high = min(values), max(values)
        return [(value - low) / ((high - low) or 1) for value in values]

    xs, ys = scaled([math.log(value) for value in x]), scaled(y)
    text_width, height, gap = 0.14, 0.06, 0.05  # shares of the chart
    offsets = {
        "top center": (0.0, gap),
        "bottom center": (0.0, -gap),
        "middle right": (text_width / 2 + 0.03, 0.0),
        "middle left": (-text_width / 2 - 0.03, 0.0),
        "top right": (text_width / 2 + 0.02, gap),
        "bottom right": (text_width / 2 + 0.02, -gap),
        "top left": (-text_width / 2 - 0.02, gap),
        "bottom left": (-text_width / 2 - 0.02, -gap),
    }
    places: list[str] = []
    taken: list[tuple[float, float]] = []
    for at_x, at_y in zip(xs, ys, strict=True):

        def trouble(place: str, at_x: float = at_x, at_y: float = at_y) -> float:
            dx, dy = offsets[place]
            left, up = at_x + dx, at_y + dy
            texts = sum(abs(left - a) < text_width and abs(up - b) < height for a, b in taken)
            marks = sum(
                abs(left - a) < text_width / 2 and abs(up - b) < height
                for a, b in zip(xs, ys, strict=True)
                if (a, b) != (at_x, at_y)
            )
            outside = max(0.0, left + text_width / 2 - 1.1) + max(0.0, -0.1 - (left - text_width / 2))
            return texts + marks + outside

        best = min(offsets, key=trouble)
        places.append(best)
        taken.append((at_x + offsets[best][0], at_y + offsets[best][1]))
    return places


def _rows(figure: go.Figure, rows: Mapping[str, str], axis: dict) -> go.Figure:
    """A chart of rows, each with its backend and numbers above its mark."""
    for place, (name, text) in enumerate(rows.items()):
        figure.add_annotation(
            x=0, xref="paper", xanchor="left", y=-place, yanchor="bottom", yshift=13,
            text=f"<b>{label(name)}</b>  {text}", showarrow=False,
        )  # fmt: skip
    return figure.update_layout(
        template=TEMPLATE,
        height=80 + ROW * len(rows),
        xaxis=axis,
        yaxis={"visible": False, "range": [-len(rows) + 0.55, 0.75]},
    )


def _plane(figure: go.Figure, axis: dict, y_title: str, y_range: list[float], height: int = 380) -> go.Figure:
    """A chart of two quantities."""
    return figure.update_layout(
        template=TEMPLATE,
        height=height,
        xaxis=axis,
        yaxis={
            "title": {"text": y_title, "font": {"size": 12}, "standoff": 4},
            "range": y_range,
            "showgrid": True,
            "gridcolor": TEMPLATE.layout.xaxis.gridcolor,
        },
    )


def _axis(low: float, high: float, title: str, pad: float = 1.12) -> dict:
    """From zero, or logarithmic where the spread needs it."""
    words = {"title": {"text": title, "font": {"size": 12}}}
    if high <= LOG_SPREAD * low:
        return words | {"range": [0, high * pad]}
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in NICE]
    return words | {
        "type": "log",
        "range": [math.log10(low / pad), math.log10(high * pad)],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }
