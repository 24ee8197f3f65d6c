"""What the Lab shows of a run: the sentence, the charts, the tables, what can be taken away."""

from collections.abc import Mapping
from pathlib import Path

import gradio as gr
import numpy as np

from demo import lab_charts, lab_exports, lab_markup, lab_words
from demo.charts import latency_chart
from demo.lab_run import LabResult
from engine.spec import ModelSpec
from engine.sweep import sweet_spot

PNG = (Path(__file__).parent / "lab_png.js").read_text()
USE = "python -m engine predict cat.jpg --config whisker-sweep.json"
CHARTS = {
    "distribution": "Latency of each call",
    "speed-up": "Speed-up, with its 95 % interval",
    "stages": "Where the time goes, medians",
    "pareto": "Accuracy against latency",
}

TABLES = ("layers", "startup", "roofline")


class LabResults:
    """The lower part of the tab; empty until there is a result.

    Args:
        spec: of the model, for the accuracy of its artefacts.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._accuracy = {
            name: artefact.metrics["binary"]["dataset_iou"]
            for name, artefact in spec.artefacts.items()
            if artefact.metrics
        }
        self.outputs: dict[str, gr.blocks.Block] = {}

    def build(self, result: gr.State) -> None:
        """Lays it out; `outputs` are then what `show` fills."""
        with gr.Column(visible=False, elem_id="lab-results") as everything:
            verdict = gr.HTML(elem_id="lab-verdict", padding=False)
            with gr.Row():
                plots = {name: self._plot(name) for name in ("distribution", "speed-up")}
            with gr.Row():
                plots |= {name: self._plot(name) for name in ("stages", "pareto")}
            with gr.Column(visible=False, elem_id="lab-sweep") as sweep:
                words = gr.HTML(elem_id="lab-sweep-words", padding=False)
                with gr.Row():
                    with gr.Column(scale=3, min_width=320):
                        sweep_plot = gr.Plot(
                            label="Sweep: each setting is requests x threads x batch", elem_id="lab-sweep-chart"
                        )
                    with gr.Column(scale=2, min_width=320):
                        limit = gr.Slider(
                            0, 100, 100, label="Nine calls in ten must answer within, milliseconds", elem_id="lab-limit"
                        )
                        configuration = gr.DownloadButton("Configuration (JSON)", elem_id="lab-configuration")
                        gr.Code(
                            USE,
                            language="shell",
                            label="Use it: download the configuration, then",
                            lines=1,
                            wrap_lines=True,
                        )
                        sweep_command = gr.Code(language="shell", label="Repeat the sweep", lines=1, wrap_lines=True)
            tables = {name: gr.HTML(elem_id=f"lab-{name}", padding=False) for name in TABLES}
            command = gr.Code(
                language="shell",
                label="Repeat it from the command line",
                lines=1,
                wrap_lines=True,
                elem_id="lab-command",
            )
            with gr.Row():
                samples = gr.DownloadButton("Samples (CSV)", elem_id="lab-csv", min_width=120)
                figures = gr.DownloadButton("Result (JSON)", elem_id="lab-json", min_width=120)
                gr.Button("Charts (PNG)", elem_id="lab-png", min_width=120).click(
                    None, js=PNG, api_visibility="private"
                )
        self.outputs = {
            "everything": everything, "verdict": verdict, **plots, "sweep": sweep, "sweep_command": sweep_command,
            "limit": limit, "sweep_words": words, "sweep_chart": sweep_plot, "configuration": configuration,
            **tables, "command": command, "samples": samples, "figures": figures,
        }  # fmt: skip
        limit.input(
            self.move_limit, [result, limit], [words, sweep_plot, configuration],
            trigger_mode="always_last", show_progress="hidden", api_visibility="private",
        )  # fmt: skip

    def _plot(self, name: str) -> gr.Plot:
        return gr.Plot(label=CHARTS[name], elem_id=f"lab-{name}", min_width=320)

    def show(self, result: LabResult | None) -> dict:
        """Fills the tab; without a result it stays as it was."""
        if result is None:
            return {block: gr.skip() for block in self.outputs.values()}
        return {self.outputs[name]: value for name, value in self.contents(result).items()}

    def contents(self, result: LabResult) -> dict[str, object]:
        """What each of `outputs` shows, by its name."""
        benchmark, sweep = result.benchmark, result.sweep
        assert benchmark is not None  # a run without one has no result to show
        backends = benchmark["backends"]
        starts = {name: entry for name, entry in backends.items() if "startup" in entry}
        contents = {
            "everything": gr.update(visible=True),
            "verdict": lab_markup.verdict_html(result),
            "sweep": gr.update(visible=sweep is not None),
            "command": benchmark["command"],
            "samples": str(lab_exports.samples_csv(benchmark)),
            "figures": str(lab_exports.result_json("whisker-benchmark.json", benchmark)),
        }
        tables = (
            lab_markup.layers_html(benchmark["layers"]) if "layers" in benchmark else None,
            lab_markup.startup_html(starts) if starts else None,
            lab_markup.roofline_html(benchmark["roofline"]) if "roofline" in benchmark else None,
        )
        for name, table in zip(TABLES, tables, strict=True):
            contents[name] = gr.update(value=table, visible=table is not None)
        for name, figure in zip(CHARTS, self.charts(benchmark), strict=True):
            contents[name] = gr.update(value=figure, visible=figure is not None)
        if sweep is not None:
            top = float(np.ceil(max(point["latency_ms"]["p90"] for point in sweep["points"]) * 1.1))
            contents["limit"] = gr.update(maximum=top, value=top, step=0.1 if top < 100 else 1)
            contents["sweep_command"] = sweep["command"]
            moved = self.move_limit(result, top)
            contents |= zip(("sweep_words", "sweep_chart", "configuration"), moved, strict=True)
        return contents

    def charts(self, benchmark: Mapping) -> list:
        """Distributions, speed-up, stages, accuracy against latency; None where there is nothing to draw."""
        backends = benchmark["backends"]
        samples = {name: np.array(entry["samples_ms"]) for name, entry in backends.items()}
        scored = any(entry["artefact"] in self._accuracy for entry in backends.values())
        return [
            lab_charts.distribution_chart(backends) if backends else None,
            lab_charts.speed_up_chart(list(backends), benchmark["ratios"]) if len(backends) > 1 else None,
            latency_chart(samples, (), with_ratios=False) if backends else None,
            lab_charts.pareto_chart(backends, self._accuracy) if scored else None,
        ]

    def move_limit(self, result: LabResult, limit_ms: float) -> tuple:
        """The sweet spot within another limit, nothing measured again.

        Returns:
            The sentence (HTML), the chart, and the path of the configuration for `--config`; no path where no setting
            keeps the limit.
        """
        sweep = result.sweep
        assert sweep is not None  # only a sweep shows the limit
        spot = sweet_spot(sweep["points"], limit_ms)
        sentence = lab_words.sweep_sentence(sweep, limit_ms, spot)
        configuration = sweep | {"max_latency_ms": limit_ms, "sweet_spot": spot}
        path = str(lab_exports.result_json("whisker-sweep.json", configuration)) if spot else None
        return (
            lab_markup.sweep_html(sentence, sweep["cancelled"]),
            lab_charts.sweep_chart(sweep, limit_ms, spot),
            gr.update(value=path, interactive=spot is not None),
        )
