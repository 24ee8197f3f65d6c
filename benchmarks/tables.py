"""The figures of the README and of docs/ as Markdown: results in, text out."""

from typing import Any

from benchmarks.accuracy_goals import accuracy_goal_table, yes
from engine.backends import FP32_BACKEND, INT8_BACKEND
from engine.score_table import INT8_IR
from engine.spec import ModelSpec
from engine.video.smoothing import STRENGTH
from train.cards.score_text import COLUMNS, MEANS, UNKNOWN, score_table

NAMES = {
    "torch": "PyTorch, eager",
    "torch-compile": "PyTorch, torch.compile",
    "torch-bf16": "PyTorch, bfloat16 autocast",
    "torchscript": "TorchScript, frozen",
    "onnxruntime": "onnxruntime",
    "openvino-fp32": "OpenVINO FP32",
    "openvino-int8": "OpenVINO INT8",
}
# Model -> the benchmark of a machine's results that timed it.
TIMED_BY = {"fastsegnet": "benchmark", "fastsegnet-large": "large"}
SAME_MASKS = 0.98  # share of the pixels; ModelAPI takes the likeliest of four classes, and the nearest pixel


def blocks(
    specs: list[ModelSpec], result: dict, others: list[dict], smoothing: list[dict], elsewhere: dict[str, dict]
) -> dict[str, str]:
    """The text of each block of the README and of docs/, by name.

    Args:
        specs: of the models, for their scores.
        result: what `benchmarks/publish.py` keeps of the machine that was measured last.
        others: of other machines.
        smoothing: what `benchmarks/smoothing.py` keeps.
        elsewhere: what `benchmarks/elsewhere.py` keeps.
    """
    return {
        "headline": headline_block(specs, result),
        "machine": machine_block(result),
        "scores": score_table(specs, {**COLUMNS, **MEANS}),
        "accuracy_goals": accuracy_goal_table(specs),
        "elsewhere": elsewhere_table(specs, elsewhere),
        "sizes": size_table(specs, result),
        "backends": backend_table(result["benchmark"]),
        "goals": goal_table(result),
        "startup": startup_table(result["benchmark"]),
        "layers": layer_block(result["benchmark"]),
        "picture_size": picture_table(result["picture_size"]),
        "machines": machines_table([result, *others]),
        "live": live_table(result),
        "smoothing": smoothing_table(smoothing),
        "video": video_table(result),
        "page": page_table(result),
    }


def shown(command: str) -> str:
    """A command as a reader types it."""
    return f"python {command}"


def machine_words(machine: dict) -> str:
    """ "AMD EPYC (family 25, model 17), 2 cores, AVX2, AVX-512, AVX-512 VNNI, BF16"."""
    cpu = f"{machine['cpu']} ({machine['cpu_id']})" if machine["cpu_id"] else machine["cpu"]
    cores = f"{machine['cores']} core{'s' if machine['cores'] > 1 else ''}"
    return ", ".join([cpu, cores, *machine["instruction_sets"]])


def machine_block(result: dict) -> str:
    benchmark = result["benchmark"]
    height, width = benchmark["picture"]["size_hw"]
    model_h, model_w = benchmark["model"]["size_hw"]
    versions = benchmark["machine"]["versions"]
    packages = ", ".join(
        f"{name} {versions[name]}" for name in ("torch", "openvino", "onnxruntime") if name in versions
    )
    return (
        f"Measured on {machine_words(result['machine'])} (a virtual machine; {packages}; {benchmark['rounds']} rounds, "
        f"others took {benchmark['machine']['other_load'] or 0:.0%} of the cores before), "
        f"{benchmark['model']['name']} {benchmark['model']['version']} at {model_w} x {model_h} px, from a decoded "
        f"picture of {width} x {height} px to its mask, PyTorch with glibc's allocator as it comes, by\n"
        f"`{benchmark['command']}`."
    )


def ratio_text(ratio: dict) -> str:
    """ "4.8x [4.6, 4.9]", and the verdict where it is not "faster"."""
    low, high = ratio["ci95"]
    text = f"{ratio['median']:.1f}x [{low:.1f}, {high:.1f}]"
    return text if ratio["verdict"] == "faster" else f"{text}, {ratio['verdict']}"


def backend_table(benchmark: dict) -> str:
    rows = [
        "| backend | median | p99 | from the file's bytes | of it the network | against PyTorch | share of its peak |",
        "|---|---|---|---|---|---|---|",
    ]
    first = next(iter(benchmark["backends"]))
    for name, entry in benchmark["backends"].items():
        against = "1" if name == first else ratio_text(benchmark["ratios"][f"{first}/{name}"])
        share = benchmark["roofline"]["backends"][name]["share_of_peak"]
        rows.append(
            f"| {NAMES[name]} | {entry['latency_ms']['median']:.1f} ms | {entry['latency_ms']['p99']:.1f} ms "
            f"| {entry['encoded_ms']['median']:.1f} ms | {entry['network_ms']['median']:.1f} ms | {against} "
            f"| {share:.0%} |"
        )
    for name, reason in {**benchmark["unavailable"], **benchmark["failed"]}.items():
        rows.append(f"| {NAMES.get(name, name)} | not here: {reason} | | | | | |")
    peaks = benchmark["roofline"]
    bfloat16 = f", {peaks['bf16_gflops']:.0f} GFLOP/s in BF16" if "bf16_gflops" in peaks else ""
    rows += [
        "",
        f"The peaks that were measured here: {peaks['fp32_gflops']:.0f} GFLOP/s in FP32{bfloat16}, "
        f"{peaks['int8_gops']:.0f} Gop/s in INT8, {peaks['bandwidth_gbs']:.0f} GB/s of memory "
        f"({benchmark['model']['gmacs']:.2f} G multiply-adds a picture).",
    ]
    return "\n".join(rows)


def headline_block(specs: list[ModelSpec], result: dict) -> str:
    """What somebody with a minute wants to know: what INT8 buys and what it costs, a row a model."""
    rows = [
        "| model | INT8 | masks a second | against eager PyTorch | against OpenVINO FP32 | outline IoU "
        "| binary IoU | INT8 costs, points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    notes = [
        f"On {machine_words(result['machine'])}; in brackets 95 % intervals. Scores are of the test split of "
        "Oxford-IIIT Pet: outline is the mask that a user gets, binary the published protocol, in which the trimap's "
        "border counts as pet; what INT8 costs is binary IoU against FP32."
    ]
    for spec in specs:
        times = result.get(TIMED_BY.get(spec.name))
        speed = "not measured on this machine yet: `make numbers` | | |"
        if times:
            entry = times["backends"][INT8_BACKEND]
            ratios = [ratio_text(times["ratios"][f"{name}/{INT8_BACKEND}"]) for name in ("torch", FP32_BACKEND)]
            speed = f"{entry['latency_ms']['median']:.1f} ms | {entry['throughput_fps']:.0f} | {' | '.join(ratios)}"
            notes += timed_before(times["model"], spec)
        rows.append(f"| {spec.name} {spec.version} | {speed} | {' | '.join(ious(spec))} | {cost_text(spec)} |")
    return "\n".join([*rows, "", " ".join(notes)])


def ious(spec: ModelSpec) -> list[str]:
    """Outline and binary IoU of INT8."""
    metrics = spec.artefacts[INT8_IR].metrics
    return [f"{metrics[name]['dataset_iou']:.4f}" if name in metrics else UNKNOWN for name in ("outline", "binary")]


def elsewhere_table(specs: list[ModelSpec], elsewhere: dict[str, dict]) -> str:
    """What users get and are told, in INT8, on the test split and on photos from elsewhere."""
    if not {spec.name for spec in specs} <= elsewhere.keys():
        return "Not measured yet: `python benchmarks/elsewhere.py`."
    rows = [
        "| photos | model | outline IoU | outline, mean image | found | perhaps | nothing | right species |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for words, key in (
        ("Oxford-IIIT Pet, test", ""),
        ("everyday, with a pet", "everyday"),
        ("cats outdoors", "outdoor"),
    ):
        for spec in specs:
            metrics = spec.artefacts[INT8_IR].metrics
            if not key and "outline" not in metrics:  # scored before there was one
                continue
            own = metrics | {"outline_ci95": metrics["ci95"]["outline.dataset_iou"], "one_species": metrics["images"]}
            seen = elsewhere[spec.name][key] if key else own
            found, (low, high) = seen["found"], seen["outline_ci95"]
            told = [f"{found[state] / found['photos']:.1%}" for state in ("found", "unsure", "nothing")]
            rows.append(
                f"| {words}: {found['photos']:,} | {spec.name} "
                f"| {seen['outline']['dataset_iou']:.4f} [{low:.3f}, {high:.3f}] "
                f"| {seen['outline']['mean_image_iou']:.4f} | {' | '.join(told)} "
                f"| {found['right_species'] / seen['one_species']:.1%} |"
            )
    for spec in specs:
        alarms = elsewhere[spec.name]["everyday"]["false_alarms"]
        nothing = alarms["photos"] - alarms["found"] - alarms["unsure"]
        told = [f"{count / alarms['photos']:.1%}" for count in (alarms["found"], alarms["unsure"], nothing)]
        rows.append(f"| without a pet: {alarms['photos']:,} | {spec.name} | | | {' | '.join(told)} | |")
    return "\n".join(rows)


def timed_before(timed: dict, spec: ModelSpec) -> list[str]:
    """A sentence where another version of the model was timed than the one that is committed."""
    if timed["version"] == spec.version:
        return []
    then = (list(timed["size_hw"]), timed["parameters"], timed["gmacs"])
    now = (list(spec.size_hw), spec.network["parameters"], spec.network["gmacs"])
    network = "the same network with other weights" if then == now else "another network: `make numbers`"
    return [f"{spec.name} was timed as {timed['version']}, {network}."]


def cost_text(spec: ModelSpec) -> str:
    """ "0.03 [-0.02, 0.07]": the points of binary IoU that INT8 loses against FP32; below 0 where it gains."""
    change = spec.evaluation["int8_minus_fp32"]["binary.dataset_iou"]
    low, high = sorted(-100 * end for end in change["ci95"])
    return f"{plain(-100 * change['difference'])} [{plain(low)}, {plain(high)}]"


def plain(points: float) -> str:
    """Two decimals, and 0.00 without a sign."""
    return f"{round(points, 2) + 0.0:.2f}"


def size_table(specs: list[ModelSpec], result: dict) -> str:
    """What a model costs beside what it gets right, in INT8."""
    rows = [
        "| model | parameters | multiply-adds | outline IoU | binary IoU | INT8 | masks a second "
        "| against its OpenVINO FP32 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for spec in specs:
        times = result.get(TIMED_BY.get(spec.name))
        cost = "| not measured on this machine yet: `make numbers` | | |"
        if times:
            entry = times["backends"][INT8_BACKEND]
            ratio = ratio_text(times["ratios"][f"{FP32_BACKEND}/{INT8_BACKEND}"])
            cost = f"| {entry['latency_ms']['median']:.1f} ms | {entry['throughput_fps']:.0f} | {ratio} |"
        millions, gmacs = spec.network["parameters"] / 1e6, spec.network["gmacs"]
        rows.append(f"| {spec.name} | {millions:.2f} M | {gmacs:.2f} G | {' | '.join(ious(spec))} {cost}")
    return "\n".join(rows)


def startup_table(benchmark: dict) -> str:
    rows = [
        "| backend | import | load | compile | first call | memory after it | peak | file |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, entry in benchmark["backends"].items():
        if "startup" in entry:
            s = entry["startup"]
            rows.append(
                f"| {NAMES[name]} | {s['import_ms']:.0f} ms | {s['load_ms']:.0f} ms | {s['compile_ms']:.0f} ms "
                f"| {s['first_inference_ms']:.0f} ms | {s['resident_mb']:.0f} MB | {s['peak_mb']:.0f} MB "
                f"| {entry['artefact_mb']:.1f} MB |"
            )
    return "\n".join(rows)


def goal_table(result: dict) -> str:
    """What this project set itself, what was measured, and whether that is enough: the interval's lower end counts."""
    rows = ["| goal | measured | again | reached |", "|---|---|---|---|"]
    once, again = result["benchmark"], result["repeated"]

    def ratio_goal(words: str, pair: str, least: float) -> None:
        first, second = once["ratios"].get(pair), again["ratios"].get(pair)
        if first is None or second is None:
            rows.append(f"| {words} | not measured here | | |")
            return
        reached = min(first["ci95"][0], second["ci95"][0]) >= least and first["verdict"] == "faster"
        rows.append(f"| {words} | {ratio_text(first)} | {ratio_text(second)} | {yes(reached)} |")

    ratio_goal("INT8 against eager PyTorch: 6.25x", f"torch/{INT8_BACKEND}", 6.25)
    tuned = result["tuned"]["ratios"][f"torch/{INT8_BACKEND}"]
    rows.append(
        f"| INT8 against PyTorch with its tuned allocator: 4x | {ratio_text(tuned)} | | {yes(tuned['ci95'][0] >= 4)} |"
    )
    ratio_goal("INT8 against OpenVINO FP32: 1.5x", f"{FP32_BACKEND}/{INT8_BACKEND}", 1.5)
    ratio_goal("INT8 against onnxruntime: 1.5x", f"onnxruntime/{INT8_BACKEND}", 1.5)
    ratio_goal("INT8 against torch.compile: 1.5x", f"torch-compile/{INT8_BACKEND}", 1.5)
    fps = [run["backends"][INT8_BACKEND]["throughput_fps"] for run in (once, again)]
    rows.append(f"| INT8, masks a second: 100 | {fps[0]:.0f} | {fps[1]:.0f} | {yes(min(fps) >= 100)} |")
    if "large" in result:
        fps = result["large"]["backends"][INT8_BACKEND]["throughput_fps"]
        rows.append(f"| fastsegnet-large in INT8, masks a second: 20 | {fps:.0f} | | {yes(fps >= 20)} |")
    for mode, entry in result["rivals"]["benchmark_app"].items():
        rows.append(
            f"| the engine's cost over benchmark_app, {mode}: at most 5 % | {entry['cost']:.1%} | | "
            f"{yes(entry['cost'] <= 0.05)} |"
        )
    if "model_api" in result["rivals"]:
        entry = result["rivals"]["model_api"]
        rows.append(
            f"| against Intel's ModelAPI: faster, same masks | {ratio_text(entry['ratio'])}, "
            f"{entry['agreement']:.1%} of the pixels agree | | "
            f"{yes(entry['ratio']['verdict'] == 'faster' and entry['agreement'] >= SAME_MASKS)} |"
        )
    module = result["rivals"]["module"]
    rows.append(
        f"| the `torch` lane against the `nn.Module` itself: no slower | {module['ratio']['median']:.2f}x "
        f"[{module['ratio']['ci95'][0]:.2f}, {module['ratio']['ci95'][1]:.2f}] | | "
        f"{yes(module['ratio']['verdict'] != 'slower')} |"
    )
    return "\n".join(rows)


def layer_block(benchmark: dict) -> str:
    entry = benchmark["layers"]["backends"][INT8_BACKEND]
    rows = ["| layer | share of the INT8 network | INT8 | FP32 |", "|---|---|---|---|"]
    for row in benchmark["layers"]["dearest"][:5]:
        costs = [
            f"{row['ms'][name]:.2f} ms ({row['precision'][name]})" if name in row["ms"] else "-"
            for name in (INT8_BACKEND, FP32_BACKEND)
        ]
        rows.append(f"| {row['what']} | {row['share']:.0%} | {costs[0]} | {costs[1]} |")
    rows += ["", f"{entry['int8_share']:.0%} of the INT8 network's time is in INT8; precision changes hands "
             f"{entry['precision_changes']} times."]  # fmt: skip
    rows += ["", "What the lab advises here:", ""]
    rows += [f"- {advice['text']}" for advice in benchmark["advice"]]
    return "\n".join(rows)


def picture_table(result: dict) -> str:
    rows = ["| JPEG | read | preprocess | infer | postprocess | all |", "|---|---|---|---|---|---|"]
    for name, entry in result["photos"].items():
        stages = " | ".join(f"{ms:.2f}" for ms in entry["stages_ms"].values())
        rows.append(f"| {name}, {entry['megabytes']:.2f} MB | {stages} | {entry['total_ms']:.2f} |")
    small = next(iter(result["photos"].values()))
    rows += [
        "",
        f"Resizing and the mask together cost {small['around']:.2f} of the network; a photo of 12 megapixels costs "
        f"{result['ratio']:.1f} times a small one, most of it for decoding.",
    ]
    return "\n".join(rows)


def machines_table(results: list[dict]) -> str:
    rows = ["| machine | model | FP32 | INT8 | INT8 against FP32 | against eager PyTorch |", f"|{6 * '---|'}"]
    for result in results:
        once = result["benchmark"]
        model = f"{once['model']['name']} {once['model']['version']}"
        fp32, int8 = (once["backends"][name]["latency_ms"]["median"] for name in (FP32_BACKEND, INT8_BACKEND))
        ratios = (ratio_text(once["ratios"][f"{name}/{INT8_BACKEND}"]) for name in (FP32_BACKEND, "torch"))
        rows.append(
            f"| {machine_words(result['machine'])} | {model} | {fp32:.1f} ms | {int8:.1f} ms | {' | '.join(ratios)} |"
        )
    return "\n".join(rows)


def live_table(result: dict) -> str:
    """What viewers of the Live tab got over ten minutes."""
    runs: dict[str, Any] = {"one viewer": result.get("soak"), "two at once, the worse off": result.get("soak_two")}
    if None in runs.values():
        return "Not measured on this machine yet: `make soak`."
    rows = [
        "| 640 x 480 camera, browser and server on one machine | frames a second seen | camera to screen, median | p95 "
        "| latency, end to begin | memory of the server, end to begin |",
        "|---|---|---|---|---|---|",
    ]
    for words, run in runs.items():
        each = run["summary"]
        rows.append(
            f"| {words} | {each['frames a second']:.1f} | {each['median latency, ms']:.0f} ms "
            f"| {each['p95 of seconds, ms']:.0f} ms | {each['latency, last to first']:.2f}x "
            f"| {each['memory growth, %']:+.1f} % |"
        )
    goals = [f"{goal}: {yes(reached)}" for goal, reached in runs["one viewer"]["goals"].items()]
    models = " and ".join(dict.fromkeys(run["model"] for run in runs.values()))
    rows += ["", f"Ten minutes each with {models}, by `make soak`. The goals of one viewer: {'; '.join(goals)}."]
    return "\n".join(rows)


def smoothing_table(rows: list[dict]) -> str:
    by_speed: dict[int, dict[float, dict]] = {}
    for row in rows:
        by_speed.setdefault(row["px_a_frame"], {})[row["strength"]] = row
    lines = [
        "| camera of 640 x 480 px | pixels that change from a frame to the next, each by itself | steadied "
        "| IoU with the truth, each by itself | steadied |",
        "|---|---|---|---|---|",
    ]
    for speed, strengths in by_speed.items():
        alone, steadied = strengths[0.0], strengths[STRENGTH]
        words = "at rest" if speed == 0 else f"pans {speed} px a frame"
        lines.append(
            f"| {words} | {alone['flicker']:.2%} | {steadied['flicker']:.2%} | {alone['iou']:.4f} "
            f"| {steadied['iou']:.4f} |"
        )
    return "\n".join(lines)


PARTS = {
    "network": "the network alone, as the sweep measures it",
    "stream": "decoded frames through `VideoSegmenter.stream`",
    "decode": "decoding alone",
    "encode": "encoding alone",
    "render": "all of it, with the overlay",
}


def video_table(result: dict) -> str:
    if "video" not in result:
        return "Not measured on this machine yet: `make numbers`."
    video = result["video"]
    rows = ["| 640 x 360 | frames a second | of the network alone | ms of a core a frame |", "|---|---|---|---|"]
    for name, each in video["parts"].items():
        rows.append(
            f"| {PARTS[name]} | {each['throughput_fps']:.0f} | {each['of_network']:.3f} "
            f"| {each['core_ms_a_frame']:.2f} |"
        )
    goal = video["goal"]
    rows += [
        "",
        f"By `{result['commands']['video']}`, {video['rounds']} rounds in random order. The goal, "
        f"{goal['of_network']:g} of the network alone for frames that are there already: {yes(goal['reached'])}.",
    ]
    return "\n".join(rows)


def page_table(result: dict) -> str:
    """How long a visitor waits for each part of an answer, beside what was set as a goal: medians count."""
    if "page" not in result:
        return (
            "Not measured on this machine yet: `make numbers`, with Debian's chromium and the packages of "
            "requirements-dev.txt."
        )
    page = result["page"]
    most = page["goals"]["timings_after_mask_s"]
    rows = [
        "| photo | viewer | first mask | goal | sentence | second lane | timings | of it after the mask | goal |",
        f"|{9 * '---|'}",
    ]
    for viewer, of_kind in page["viewers"].items():
        for name, waits in of_kind.items():
            goal = page["photos"][name]["mask_goal_s"]
            mask, after = waits["mask"], waits["timings after the mask"]
            rows.append(
                f"| {name}, {page['photos'][name]['megabytes']:.2f} MB | {viewer} "
                f"| {wait_text(mask)} | {goal:g} s: {yes(mask['median'] <= goal)} "
                f"| {wait_text(waits['sentence'])} | {wait_text(waits['second lane'])} | {wait_text(waits['timings'])} "
                f"| {wait_text(after)} | {most:g} s: {yes(after['median'] <= most)} |"
            )
    rows += [f"| {name} | | not here: {reason} | | | | | | |" for name, reason in page["skipped"].items()]
    rows += [
        "",
        f"By `python benchmarks/page.py`, {page['model']}, {page['rounds']} photos of each kind in random order: "
        f"medians, the slowest in brackets. On {machine_words(page['machine'])}.",
    ]
    return "\n".join(rows)


def wait_text(seconds: dict) -> str:
    """ "0.41 s (0.52)": the median and the slowest."""
    return f"{seconds['median']:.2f} s ({seconds['max']:.2f})"
