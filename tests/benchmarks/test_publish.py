"""The figures of README and docs/ are those of the kept results, and a goal counts as reached only where it is."""

import re
from types import SimpleNamespace

import pytest

from benchmarks import publish, tables
from engine.score_table import committed_models
from engine.spec import Model


def result(median: float, low: float, high: float, verdict: str = "faster") -> dict:
    return {"median": median, "ci95": [low, high], "verdict": verdict}


def kept(once: dict, again: dict, cost: float = 0.02) -> dict:
    """Results of which only what the goals look at is filled in; 101 and 99 masks a second."""
    pair = "openvino-fp32/openvino-int8"
    return {
        "benchmark": {"ratios": {pair: once}, "backends": {"openvino-int8": {"throughput_fps": 101.0}}},
        "repeated": {"ratios": {pair: again}, "backends": {"openvino-int8": {"throughput_fps": 99.0}}},
        "tuned": {"ratios": {"torch/openvino-int8": result(4.2, 4.0, 4.4)}},
        "rivals": {
            "benchmark_app": {"stream": {"cost": cost}},
            "module": {"ratio": result(1.0, 0.99, 1.01, "no significant difference")},
        },
    }


def goal(table: str, words: str) -> list[str]:
    """The cells of the goal that begins with these words."""
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {words}")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_goal_is_reached_where_the_lower_end_reaches_it_both_times():
    table = tables.goal_table(kept(result(1.8, 1.6, 2.0), result(1.7, 1.5, 1.9)))
    assert goal(table, "INT8 against OpenVINO FP32")[1:] == ["1.8x [1.6, 2.0]", "1.7x [1.5, 1.9]", "yes"]


def test_a_median_that_reaches_a_goal_is_not_enough():
    table = tables.goal_table(kept(result(1.8, 1.6, 2.0), result(1.6, 1.4, 1.8)))
    assert goal(table, "INT8 against OpenVINO FP32")[-1] == "**no**"


def test_a_noisy_ratio_reaches_no_goal():
    noisy = result(2.5, 1.6, 3.4, "too noisy: repeat")
    table = tables.goal_table(kept(noisy, noisy))
    assert goal(table, "INT8 against OpenVINO FP32")[1:] == [
        "2.5x [1.6, 3.4], too noisy: repeat",
        "2.5x [1.6, 3.4], too noisy: repeat",
        "**no**",
    ]


def test_a_backend_that_is_missing_is_said_to_be():
    table = tables.goal_table(kept(result(1.8, 1.6, 2.0), result(1.7, 1.5, 1.9)))
    assert goal(table, "INT8 against onnxruntime")[1] == "not measured here"


def test_the_worse_of_two_throughputs_counts():
    assert goal(tables.goal_table(kept(result(2, 2, 2), result(2, 2, 2))), "INT8, masks a second")[1:] == [
        "101",
        "99",
        "**no**",
    ]


@pytest.mark.parametrize(("fps", "reached"), [(20.0, "yes"), (19.9, "**no**")])
def test_the_larger_model_is_to_make_twenty_masks_a_second(fps, reached):
    results = kept(result(2, 2, 2), result(2, 2, 2))
    results["large"] = {"backends": {"openvino-int8": {"throughput_fps": fps}}}
    assert goal(tables.goal_table(results), "fastsegnet-large in INT8")[-1] == reached


def test_a_size_is_told_with_the_times_of_its_own_benchmark():
    small, large = (Model.open(name).spec for name in committed_models())

    def timed(name: str, ms: float) -> dict:
        backend = {"latency_ms": {"median": ms}, "throughput_fps": 1000 / ms}
        ratios = {"openvino-fp32/openvino-int8": result(1.5, 1.4, 1.6)}
        return {"model": {"name": name}, "backends": {"openvino-int8": backend}, "ratios": ratios}

    results = {"benchmark": timed(small.name, 5.0), "large": timed(large.name, 20.0)}
    rows = tables.size_table([small, large], results).splitlines()[2:]
    assert rows[0].startswith(f"| {small.name} | 2.49 M | ")
    assert rows[0].endswith("| 5.0 ms | 200 | 1.5x [1.4, 1.6] |")
    assert rows[1].endswith("| 20.0 ms | 50 | 1.5x [1.4, 1.6] |")
    del results["large"]
    assert "`make numbers`" in tables.size_table([small, large], results).splitlines()[3]


@pytest.mark.parametrize(("cost", "reached"), [(0.049, "yes"), (0.051, "**no**"), (-0.01, "yes")])
def test_the_engine_may_cost_five_percent(cost, reached):
    table = tables.goal_table(kept(result(2, 2, 2), result(2, 2, 2), cost))
    assert goal(table, "the engine's cost over benchmark_app, stream")[-1] == reached


def test_blocks_are_replaced_in_any_text_and_the_rest_is_kept(tmp_path):
    readme, speed = tmp_path / "README.md", tmp_path / "speed.md"
    readme.write_text("before\n<!-- numbers:short -->\nold\n<!-- /numbers:short -->\nafter\n")
    speed.write_text("<!-- numbers:long -->\n<!-- /numbers:long -->\n<!-- numbers:short -->\n<!-- /numbers:short -->\n")
    publish.write([readme, speed], {"short": "1 ms", "long": "1 ms\n2 ms"})
    assert readme.read_text() == "before\n<!-- numbers:short -->\n1 ms\n<!-- /numbers:short -->\nafter\n"
    assert speed.read_text() == (
        "<!-- numbers:long -->\n1 ms\n2 ms\n<!-- /numbers:long -->\n"
        "<!-- numbers:short -->\n1 ms\n<!-- /numbers:short -->\n"
    )


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("nothing to fill", "no text has a block speed"),
        ("<!-- numbers:speed -->\nwithout an end", "no text has a block speed"),
        (
            "<!-- numbers:speed -->\n<!-- /numbers:speed -->\n<!-- numbers:sped -->\n<!-- /numbers:sped -->\n",
            "README.md has a block sped, which nothing fills. Known: speed.",
        ),
    ],
)
def test_a_block_without_a_place_or_a_place_without_a_block_is_refused_and_nothing_is_written(tmp_path, text, trouble):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(SystemExit, match=re.escape(trouble)):
        publish.write([path], {"speed": "new"})
    assert path.read_text() == text


def test_a_machine_has_a_file_of_its_own():
    epyc = {"cpu": "AMD EPYC", "cpu_id": "family 25, model 17", "cores": 2}
    assert publish.slug(epyc) == "amd-epyc-family-25-model-17-2-cores"
    assert publish.slug({"cpu": "Drawn (R) CPU", "cpu_id": None, "cores": 1}) == "drawn-r-cpu-1-cores"


def test_the_texts_hold_the_figures_of_the_kept_results():
    blocks = publish.blocks(*publish.kept_results())
    assert {name for path in publish.TEXTS for name in publish.BLOCK.findall(path.read_text())} == set(blocks)
    for path in publish.TEXTS:
        text = path.read_text()
        assert publish.fill(text, blocks) == text, f"{path.name} is stale: python benchmarks/publish.py --render"


def test_the_headline_says_what_int8_buys_and_what_it_costs():
    def spec(name: str, version: str, iou: float, difference: float, low: float, high: float):
        metrics = {"outline": {"dataset_iou": iou - 0.01}, "binary": {"dataset_iou": iou}}
        return SimpleNamespace(
            name=name,
            version=version,
            size_hw=(96, 128),
            network={"parameters": 1000, "gmacs": 0.5},
            artefacts={"openvino-int8.xml": SimpleNamespace(metrics=metrics)},
            evaluation={"int8_minus_fp32": {"binary.dataset_iou": {"difference": difference, "ci95": [low, high]}}},
        )

    timed = {
        "model": {"version": "1.0.0", "size_hw": [96, 128], "parameters": 1000, "gmacs": 0.5},
        "backends": {"openvino-int8": {"latency_ms": {"median": 5.04}, "throughput_fps": 201.4}},
        "ratios": {
            "torch/openvino-int8": result(4.2, 4.0, 4.4),
            "openvino-fp32/openvino-int8": result(1.06, 0.9, 1.2, "no significant difference"),
        },
    }
    machine = {"cpu": "Drawn CPU", "cpu_id": None, "cores": 1, "instruction_sets": ["AVX2"]}
    specs = [
        # -0.0003 of a share are 0.03 points lost; the ends of the interval change places: -0.0007 is the most lost.
        spec("fastsegnet", "1.0.0", 0.9, -0.0003, -0.0007, 0.0002),
        # A gain of 0.00004 rounds to nothing lost, without a sign.
        spec("fastsegnet-large", "1.1.0", 0.92346, 0.00004, -0.0001, 0.001),
    ]
    # Another version was timed, of the same size, parameters and multiply-adds.
    block = tables.headline_block(specs, {"machine": machine, "benchmark": timed, "large": timed})
    assert block.splitlines() == [
        "| model | INT8 | masks a second | against eager PyTorch | against OpenVINO FP32 | outline IoU "
        "| binary IoU | INT8 costs, points |",
        "|---|---|---|---|---|---|---|---|",
        "| fastsegnet 1.0.0 | 5.0 ms | 201 | 4.2x [4.0, 4.4] | 1.1x [0.9, 1.2], no significant difference | 0.8900 "
        "| 0.9000 | 0.03 [-0.02, 0.07] |",
        "| fastsegnet-large 1.1.0 | 5.0 ms | 201 | 4.2x [4.0, 4.4] | 1.1x [0.9, 1.2], no significant difference "
        "| 0.9135 | 0.9235 | 0.00 [-0.10, 0.01] |",
        "",
        "On Drawn CPU, 1 core, AVX2; in brackets 95 % intervals. Scores are of the test split of Oxford-IIIT Pet: "
        "outline is the mask that a user gets, binary the published protocol, in which the trimap's border counts as "
        "pet; what INT8 costs is binary IoU against FP32. fastsegnet-large was timed as 1.0.0, the same network with "
        "other weights.",
    ]
    specs[1].network["parameters"] = 1001
    assert "timed as 1.0.0, another network" in tables.headline_block(
        specs, {"machine": machine, "benchmark": timed, "large": timed}
    )
    missing = tables.headline_block(specs, {"machine": machine, "benchmark": timed})
    assert (
        "| fastsegnet-large 1.1.0 | not measured on this machine yet: `make numbers` | | | | 0.9135 | 0.9235 |"
        in missing
    )


def test_a_table_tells_what_users_get_on_photos_from_elsewhere():
    def seen(iou: float, found: int, unsure: int, nothing: int, right: int) -> dict:
        counts = {"photos": found + unsure + nothing, "found": found, "unsure": unsure, "nothing": nothing}
        return {
            "images": counts["photos"],
            "outline": {"dataset_iou": iou, "mean_image_iou": iou - 0.01},
            "found": counts | {"right_species": right},
            "outline_ci95": [iou - 0.02, iou + 0.02],
            "ci95": {"outline.dataset_iou": [iou - 0.02, iou + 0.02]},
            "one_species": counts["photos"] - 1,
        }

    metrics = seen(0.95, 198, 1, 1, 196)
    spec = SimpleNamespace(name="drawn", artefacts={"openvino-int8.xml": SimpleNamespace(metrics=metrics)})
    # Right: 160 of the 199 that show one species. Without a pet: 30 and 20 of 100 are alarms, 50 are not.
    everyday = seen(0.75, 170, 26, 4, 160) | {"false_alarms": {"photos": 100, "found": 30, "unsure": 20}}
    table = tables.elsewhere_table([spec], {"drawn": {"everyday": everyday, "outdoor": seen(0.8, 5, 3, 2, 6)}})
    assert table.splitlines()[2:] == [
        "| Oxford-IIIT Pet, test: 200 | drawn | 0.9500 [0.930, 0.970] | 0.9400 | 99.0% | 0.5% | 0.5% | 98.0% |",
        "| everyday, with a pet: 200 | drawn | 0.7500 [0.730, 0.770] | 0.7400 | 85.0% | 13.0% | 2.0% | 80.4% |",
        "| cats outdoors: 10 | drawn | 0.8000 [0.780, 0.820] | 0.7900 | 50.0% | 30.0% | 20.0% | 66.7% |",
        "| without a pet: 100 | drawn | | | 30.0% | 20.0% | 50.0% | |",
    ]
    assert "`python benchmarks/elsewhere.py`" in tables.elsewhere_table([spec], {})


def test_a_live_table_tells_both_runs_and_what_was_missed():
    def run(fps: float, reached: bool) -> dict:
        summary = {
            "frames a second": fps,
            "median latency, ms": 51.4,
            "p95 of seconds, ms": 70.6,
            "latency, last to first": 1.04,
            "memory growth, %": -0.26,
        }
        return {"model": "fastsegnet 1.1.0", "summary": summary, "goals": {"at least 15 frames a second seen": reached}}

    table = tables.live_table({"soak": run(14.96, False), "soak_two": run(12.0, True)})
    assert "| one viewer | 15.0 | 51 ms | 71 ms | 1.04x | -0.3 % |" in table
    assert "Ten minutes each with fastsegnet 1.1.0, by" in table
    assert "at least 15 frames a second seen: **no**" in table
    assert "`make soak`" in tables.live_table({})


def test_a_smoothing_table_sets_each_frame_by_itself_beside_what_users_get():
    rows = [
        {"px_a_frame": 0, "strength": 0.0, "flicker": 0.0078, "iou": 0.91316},
        {"px_a_frame": 0, "strength": 0.85, "flicker": 0.0012, "iou": 0.9011},
        {"px_a_frame": 0, "strength": 0.7, "flicker": 0.0019, "iou": 0.9139},
    ]
    assert "| at rest | 0.78% | 0.19% | 0.9132 | 0.9139 |" in tables.smoothing_table(rows)


def test_a_video_table_says_whether_the_goal_is_reached():
    part = {"throughput_fps": 180.4, "of_network": 0.896, "core_ms_a_frame": 11.0}
    video = {"parts": {"stream": part}, "rounds": 10, "goal": {"of_network": 0.9, "reached": False}}
    table = tables.video_table({"video": video, "commands": {"video": "python benchmarks/video.py"}})
    assert "| decoded frames through `VideoSegmenter.stream` | 180 | 0.896 | 11.00 |" in table
    assert table.endswith("for frames that are there already: **no**.")
