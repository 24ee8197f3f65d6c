"""What really ran: each layer of the compiled model with its time and the precision it executes in.

From OpenVINO's runtime model, which is the network after fusing: batch norms, activations and additions have gone into
the convolutions before them. Constants and layers that cost nothing are left out.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import openvino as ov

from engine.backends import BACKENDS, PROFILED
from engine.backends.openvino import COMPILE_OPTIONS, precision_of
from engine.errors import InputError
from engine.spec import Model

CALLS = 40
DEAREST = 10
INT8_PRECISION = "INT8"


@dataclass(frozen=True)
class Layer:
    """One layer of a compiled model.

    Attributes:
        name: in the model.
        type: as the runtime calls it, "Convolution".
        what: for a reader, "3x3 convolution, 88 to 48 channels, 80 x 80".
        precision: what it executes in, "INT8".
        ms: median milliseconds.
        inputs: names of the layers it takes from, constants left out.
    """

    name: str
    type: str
    what: str
    precision: str
    ms: float
    inputs: tuple[str, ...] = ()


def profile(model: Model, backends: tuple[str, ...] = PROFILED, calls: int = CALLS) -> dict:
    """Layers of one or two OpenVINO backends, as in `layers --json`.

    Returns:
        "backends": by name "total_ms", "int8_share" (of the time), "precision_changes" (a count; "changes" lists
        them) and "by_type"; "dearest": the ten layers that cost most in the last backend, each beside the others.

    Raises:
        InputError: a backend is not one of OpenVINO.
        ArtefactError: its artefact is missing or changed.
    """
    for name in backends or ("nothing",):
        if name not in PROFILED:
            raise InputError(f"The layers of {name} cannot be told apart; those of {', '.join(PROFILED)} can.")
    layers = {name: profile_backend(model, name, calls) for name in backends}
    return {"backends": {name: summarise(each) for name, each in layers.items()}, "dearest": dearest(layers)}


def profile_backend(model: Model, backend: str, calls: int = CALLS) -> list[Layer]:
    """The layers of one backend of OpenVINO, in the order in which they run."""
    core = ov.Core()
    loaded = core.read_model(model.artefact(BACKENDS[backend][1]))
    loaded.reshape([1, *model.spec.size_hw, 3])
    compiled = core.compile_model(loaded, "CPU", COMPILE_OPTIONS | {"PERF_COUNT": True})
    request = compiled.create_infer_request()
    batch = np.random.default_rng(0).integers(0, 256, (1, *model.spec.size_hw, 3), dtype=np.uint8)
    times: dict[str, list[float]] = defaultdict(list)
    for call in range(calls + 5):
        request.infer([batch])
        for each in request.profiling_info if call >= 5 else ():
            times[each.node_name].append(each.real_time.total_seconds() * 1e3)
    return [
        layer(node, float(np.median(times[node.get_friendly_name()])))
        for node in compiled.get_runtime_model().get_ordered_ops()
        if is_layer(node) and times.get(node.get_friendly_name())
    ]


def is_layer(node: ov.Node) -> bool:
    """Whether a node of the runtime model does something at run time."""
    return text(node, "layerType") not in ("Const", "Input", "Output") and node.get_output_size() > 0


def text(node: ov.Node, key: str) -> str:
    return node.get_rt_info()[key].astype(str)


def layer(node: ov.Node, ms: float) -> Layer:
    sources = [node.input_value(i).get_node() for i in range(node.get_input_size())]
    return Layer(
        name=node.get_friendly_name(),
        type=text(node, "layerType"),
        what=layer_in_words(
            text(node, "layerType"),
            [tuple(node.get_input_shape(i)) for i in range(node.get_input_size())],
            tuple(node.get_output_shape(0)),
        ),
        precision=precision_of(node),
        ms=ms,
        inputs=tuple(source.get_friendly_name() for source in sources if is_layer(source)),
    )


def layer_in_words(layer_type: str, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> str:
    """A layer in words, from its shapes.

    Example:
        A Convolution of (1, 88, 80, 80) with weights (48, 88, 3, 3) to (1, 48, 80, 80) is
        "3x3 convolution, 88 to 48 channels, 80 x 80". A Subgraph of queries (1, 3, 401, 64), keys (1, 3, 64, 401) and
        values like the queries is "attention, 3 heads, 401 tokens".
    """
    place = f", {output[2]} x {output[3]}" if len(output) == 4 else ""
    if layer_type == "Convolution" and len(inputs) > 1 and len(inputs[1]) in (4, 5):
        weights = inputs[1]
        kernel = f"{weights[-2]}x{weights[-1]}"
        if len(weights) == 5:
            return f"depthwise {kernel} convolution, {output[1]} channels{place}"
        return f"{kernel} convolution, {weights[1]} to {weights[0]} channels{place}"
    if layer_type.startswith("FullyConnected") and len(inputs) > 1 and len(inputs[1]) == 2:
        tokens = f", {output[1]} tokens" if len(output) == 3 else ""
        return f"matrix product, {inputs[1][1]} to {inputs[1][0]} channels{tokens}"
    if layer_type == "Subgraph" and is_attention(inputs):
        return f"attention, {inputs[0][1]} heads, {inputs[0][2]} tokens"
    channels = f", {output[1]} channels" if len(output) == 4 else ""
    return f"{layer_type}{channels}{place}"


def is_attention(inputs: list[tuple[int, ...]]) -> bool:
    """Whether a fused layer takes queries, transposed keys and values, all of the same heads."""
    if len(inputs) < 3 or any(len(shape) != 4 for shape in inputs[:3]):
        return False
    queries, keys, values = inputs[:3]
    # Of as many tokens as channels, keys look like the queries: three sums of square features would too.
    return queries == values != keys == (*queries[:2], queries[3], queries[2])


def summarise(layers: list[Layer]) -> dict:
    """One backend's entry: total time, share in INT8, changes of precision, time by type and precision."""
    total = sum(each.ms for each in layers)
    changes = precision_changes(layers)
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in layers:
        groups[each.type, each.precision].append(each.ms)
    by_type = [
        {"type": kind, "precision": precision, "count": len(ms), "ms": sum(ms), "share": sum(ms) / total}
        for (kind, precision), ms in sorted(groups.items(), key=lambda group: -sum(group[1]))
    ]
    return {
        "total_ms": total,
        "int8_share": sum(each.ms for each in layers if each.precision == INT8_PRECISION) / total,
        "precision_changes": len(changes),
        "changes": changes,
        "by_type": by_type,
    }


def precision_changes(layers: list[Layer]) -> list[dict[str, str]]:
    """Where precision changes hands: each connection between two layers that execute in different ones."""
    by_name = {each.name: each for each in layers}
    return [
        {"after": by_name[source].what, "before": each.what, "from": by_name[source].precision, "to": each.precision}
        for each in layers
        for source in each.inputs
        if source in by_name and by_name[source].precision != each.precision
    ]


def dearest(layers: Mapping[str, list[Layer]], count: int = DEAREST) -> list[dict]:
    """The layers that cost most in the last backend, with what the same ones cost in the others."""
    by_name = {backend: {each.name: each for each in these} for backend, these in layers.items()}
    last = list(layers)[-1]
    total = sum(each.ms for each in layers[last])
    rows = []
    for each in sorted(layers[last], key=lambda one: -one.ms)[:count]:
        found = {backend: known[each.name] for backend, known in by_name.items() if each.name in known}
        rows.append(
            {
                "name": each.name,
                "what": each.what,
                "share": each.ms / total,
                "ms": {backend: one.ms for backend, one in found.items()},
                "precision": {backend: one.precision for backend, one in found.items()},
            }
        )
    return rows
