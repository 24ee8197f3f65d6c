"""How near a network comes to the limit of this machine: measured peaks of arithmetic and memory.

The peak of a precision is the best that was measured of several programs which do little but multiply and add: a large
matrix product, and a stack of dense 3x3 convolutions at a size that suits the runtime. It is what software reaches, not
what a data sheet says.

Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore Architectures",
Communications of the ACM, 2009.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openvino as ov
from openvino import opset13 as opset

from engine.machine import usable_cores

MATRIX = 1536  # rows and columns of the matrix product
CHANNELS, SIDE, STACK = 256, 40, 4  # of the convolutions
SECONDS = 1.0  # of repeating each program; its best time counts
COPIED_MB = 128


def measure_peaks(has_bfloat16: bool = False, on_progress: Callable[[float], None] = lambda share: None) -> dict:
    """What this machine reaches at most.

    Returns:
        "fp32_gflops", "int8_gops" and, where it has the arithmetic, "bf16_gflops": 1e9 multiplications and additions a
        second, either counted; "bandwidth_gbs": 1e9 bytes a second, read and written, of a copy that no cache holds.
    """
    on_progress(0.0)
    product = matrix_product_gflops()
    on_progress(0.3)
    peaks = {"fp32_gflops": max(product, convolution_gops("FP32"))}
    on_progress(0.5)
    peaks["int8_gops"] = convolution_gops("INT8")
    if has_bfloat16:
        on_progress(0.7)
        peaks["bf16_gflops"] = convolution_gops("BF16")
    on_progress(0.85)
    peaks["bandwidth_gbs"] = bandwidth_gbs()
    on_progress(1.0)
    return peaks


def shares(peaks: Mapping[str, float], gmacs: float, networks: Mapping[str, tuple[float, str]]) -> dict[str, dict]:
    """What share of the peak of its precision each backend reaches.

    Args:
        peaks: as `measure_peaks` gives them.
        gmacs: 1e9 multiply-adds of the network for one picture.
        networks: milliseconds of the network alone and the precision that executes, by backend.

    Example:
        1 G multiply-adds in 20 ms are 100 Gop/s; of a peak of 200 that is 0.5, and 10 ms is the least possible.
    """
    table = {}
    for name, (network_ms, precision) in networks.items():
        peak = peaks[peak_name(precision, peaks)]
        achieved = 2 * gmacs / network_ms * 1e3
        table[name] = {
            "network_ms": network_ms,
            "achieved_gops": achieved,
            "peak_gops": peak,
            "share_of_peak": achieved / peak,
            "least_ms": 2 * gmacs / peak * 1e3,
        }
    return table


def peak_name(precision: str, peaks: Mapping[str, float]) -> str:
    """The peak to hold a backend against, by the precision that most of its layers execute in."""
    wanted = {"INT8": "int8_gops", "BF16": "bf16_gflops"}.get(precision.split()[0].rstrip(","), "fp32_gflops")
    return wanted if wanted in peaks else "fp32_gflops"


def best_seconds(program: Callable[[], object], seconds: float = SECONDS) -> float:
    """The shortest run of a program, repeated for a while; three times at least."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        started = time.perf_counter()
        program()
        times.append(time.perf_counter() - started)
    return min(times)


def matrix_product_gflops() -> float:
    """FP32 product of two square matrices, by the BLAS that numpy was built with."""
    rng = np.random.default_rng(0)
    left, right = rng.random((2, MATRIX, MATRIX), dtype=np.float32)
    out = np.empty_like(left)
    return 2 * MATRIX**3 / best_seconds(lambda: np.matmul(left, right, out=out)) / 1e9


def convolution_gops(precision: str) -> float:
    """A stack of dense 3x3 convolutions in OpenVINO, in FP32, BF16 or INT8."""
    hint = "bf16" if precision == "BF16" else "f32"
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
    request = ov.Core().compile_model(convolution_stack(precision == "INT8"), "CPU", options).create_infer_request()
    picture = np.random.default_rng(0).random((1, CHANNELS, SIDE, SIDE), dtype=np.float32)
    operations = 2 * STACK * SIDE**2 * CHANNELS**2 * 9
    return operations / best_seconds(lambda: request.infer([picture], share_inputs=True)) / 1e9


def convolution_stack(is_quantized: bool) -> ov.Model:
    """The network whose speed is the peak; quantized as NNCF does it, by ranges around activations and weights."""
    rng = np.random.default_rng(0)
    picture = opset.parameter([1, CHANNELS, SIDE, SIDE], np.float32)
    features = picture
    for _ in range(STACK):
        kernel = opset.constant(rng.uniform(-0.02, 0.02, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32))
        if is_quantized:
            features = opset.fake_quantize(features, *(np.float32(x) for x in (0, 2.55, 0, 2.55)), 256)
            kernel = opset.fake_quantize(kernel, *(np.float32(x) for x in (-0.02, 0.02, -0.02, 0.02)), 255)
        features = opset.relu(opset.convolution(features, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([opset.result(features)], [picture], "peak")


def bandwidth_gbs() -> float:
    """A copy of memory by all cores at once: bytes read plus bytes written."""
    cores = usable_cores()
    source = np.ones(COPIED_MB * 2**20, np.uint8)
    target = np.empty_like(source)
    pieces = list(zip(np.array_split(source, cores), np.array_split(target, cores), strict=True))
    with ThreadPoolExecutor(cores) as pool:
        seconds = best_seconds(lambda: list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pieces)))
    return 2 * source.nbytes / seconds / 1e9
