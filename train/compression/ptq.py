"""Post-training quantization of an IR with NNCF: the options that can be chosen, by names a person can type."""

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import openvino as ov

from engine.errors import InferenceError, InputError, unknown_name
from train.compression.calibration_pictures import KINDS as CALIBRATION_KINDS
from train.compression.calibration_pictures import calibration_pictures
from train.compression.folding import fold_weights
from train.compression.logit_correction import correct_logits
from train.data import CALIBRATION_IMAGES, HashedSample

# The values of each option; the first is the default.
KNOWN = {
    "preset": ("mixed", "performance"),
    "range_estimator": (
        "default", "minmax", "mean-minmax", "median-minmax", "mean-no-outliers", "quantile", "mean-quantile",
        "histogram",
    ),
    "weight_range": ("default", "quantile"),
    "bias_correction": ("accurate", "fast", "none"),
    "overflow_fix": ("first-layer", "all-layers", "off"),
    "channel_alignment": ("off", "on"),
    "smooth_quant": ("default", "off"),
    "model_type": ("convolutional", "transformer"),
    "calibration": CALIBRATION_KINDS,
    "logit_correction": ("off", "on"),
}  # fmt: skip


@dataclass(frozen=True)
class QuantizationOptions:
    """How an IR is quantized.

    Attributes:
        preset: "mixed": weights symmetric, activations asymmetric where they need it; "performance": all symmetric.
        range_estimator: of activations. NNCF's default: the mean over pictures of the smallest and the largest value,
            and where each channel has a range of its own the smallest and largest of all pictures.
        weight_range: of weights; default: smallest and largest.
        bias_correction: "accurate" runs the network layer after layer, "fast" does not, "none" leaves the biases.
        overflow_fix: which weights use half of their range, so that CPUs without VNNI do not overflow.
        channel_alignment: evens out the ranges of the channels of neighbouring convolutions first.
        smooth_quant: of the matrix products of a transformer; of nothing else, so it is only there to be switched off.
        subset_size: calibration pictures, the first so many by hash; accurate bias correction uses a fifth of them.
        model_type: "transformer" where the network has attention blocks.
        calibration: "half-scenes": every second calibration picture is a scene composed of the photos.
        logit_correction: of the last bias, by the pixels that are in doubt, after NNCF is done.
    """

    preset: str = "mixed"
    range_estimator: str = "default"
    weight_range: str = "default"
    bias_correction: str = "accurate"
    overflow_fix: str = "first-layer"
    channel_alignment: str = "off"
    smooth_quant: str = "default"
    model_type: str = "convolutional"
    calibration: str = "photos"
    logit_correction: str = "off"
    subset_size: int = CALIBRATION_IMAGES

    def check(self, pictures: int) -> None:
        """Refuses what NNCF does not know, or more calibration pictures than there are.

        Raises:
            InputError: says which option and what is known.
        """
        for name, known in KNOWN.items():
            if getattr(self, name) not in known:
                raise unknown_name(name.replace("_", " "), getattr(self, name), known)
        if not 1 <= self.subset_size <= pictures:
            raise InputError(
                f"--subset-size is {self.subset_size}; expected 1 to {pictures}, the calibration pictures there are."
            )

    def changed(self, base: "QuantizationOptions | None" = None) -> dict[str, str | int]:
        """The options that differ from those of `base` (from the defaults)."""
        base = base or QuantizationOptions()
        names = (field.name for field in fields(self))
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(base, name)}


def options_in_words(changed: dict[str, str | int]) -> str:
    """Options in words: {"preset": "performance", "subset_size": 50} is "preset performance, subset size 50"."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in changed.items()) or "the defaults"


def quantize_ir(
    source: Path,
    calibration: list[HashedSample],
    size_hw: tuple[int, int],
    choices: QuantizationOptions,
    show: bool = True,
) -> ov.Model:
    """The INT8 model.

    Args:
        source: the FP32 IR.
        calibration: the calibration pictures; the first `choices.subset_size` are used.
        size_hw: of the model's input, px.
        choices: checked already.
        show: NNCF's own progress bars.

    Raises:
        InferenceError: NNCF failed.
    """
    with quiet(show) as nncf:
        model = read_folded(source)
        pictures = calibration_dataset(calibration, size_hw, choices)
        try:
            quantized = nncf.quantize(model, pictures, **nncf_arguments(choices))
        except Exception as exc:  # NNCF raises errors of many types
            raise InferenceError(
                f"NNCF failed with {options_in_words(choices.changed())} ({type(exc).__name__}: {exc}). "
                "Choose otherwise."
            ) from exc
    return corrected(quantized, source, pictures, choices)


def corrected(quantized: ov.Model, source: Path, pictures: Any, choices: QuantizationOptions) -> ov.Model:
    """What NNCF made of `source` by the `calibration_dataset`, its logits corrected where that is chosen.

    Raises:
        InferenceError: the model does not end in a bias.
    """
    if choices.logit_correction == "on":
        correct_logits(quantized, ov.Core().read_model(source), pictures.get_inference_data())
    return quantized


def read_folded(source: Path) -> ov.Model:
    """The FP32 IR, every convolution's weights one constant."""
    model = ov.Core().read_model(source)
    fold_weights(model)
    return model


def calibration_dataset(calibration: list[HashedSample], size_hw: tuple[int, int], choices: QuantizationOptions) -> Any:
    """The pictures as NNCF reads them (an `nncf.Dataset`): uint8 (1, h, w, 3) each."""
    import nncf

    photos = calibration[: choices.subset_size]
    return nncf.Dataset(range(len(photos)), calibration_pictures(photos, size_hw, choices.calibration))


def nncf_arguments(choices: QuantizationOptions) -> dict:
    """What `nncf.quantize` takes; nothing advanced is named where nothing advanced is chosen."""
    import nncf
    from nncf.quantization.range_estimator import AggregatorType, RangeEstimatorParametersSet, StatisticsType
    from nncf.quantization.range_estimator import RangeEstimatorParameters as Ranges
    from nncf.quantization.range_estimator import StatisticsCollectorParameters as Statistics

    quantiles = Ranges(
        Statistics(StatisticsType.QUANTILE, AggregatorType.MIN), Statistics(StatisticsType.QUANTILE, AggregatorType.MAX)
    )
    ranges = {
        "minmax": RangeEstimatorParametersSet.MINMAX,
        "mean-minmax": RangeEstimatorParametersSet.MEAN_MINMAX,
        "median-minmax": RangeEstimatorParametersSet.MEDIAN_MINMAX,
        "mean-no-outliers": RangeEstimatorParametersSet.MEAN_NO_OUTLIERS_MINMAX,
        "quantile": quantiles,
        "mean-quantile": RangeEstimatorParametersSet.MEAN_QUANTILE,
        "histogram": RangeEstimatorParametersSet.HISTOGRAM,
    }
    advanced: dict = {}
    if choices.range_estimator != "default":
        advanced["activations_range_estimator_params"] = ranges[choices.range_estimator]
    if choices.weight_range != "default":
        advanced["weights_range_estimator_params"] = ranges[choices.weight_range]
    if choices.bias_correction == "none":
        advanced["disable_bias_correction"] = True
    if choices.overflow_fix != "first-layer":
        all_layers = choices.overflow_fix == "all-layers"
        advanced["overflow_fix"] = nncf.OverflowFix.ENABLE if all_layers else nncf.OverflowFix.DISABLE
    if choices.channel_alignment == "on":
        advanced["disable_channel_alignment"] = False
    if choices.smooth_quant == "off":
        advanced["smooth_quant_alphas"] = nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
    return {
        "preset": nncf.QuantizationPreset(choices.preset),
        "subset_size": choices.subset_size,
        "fast_bias_correction": choices.bias_correction != "accurate",
        "model_type": nncf.ModelType.TRANSFORMER if choices.model_type == "transformer" else None,
        "advanced_parameters": nncf.AdvancedQuantizationParameters(**advanced) if advanced else None,
    }


@contextlib.contextmanager
def quiet(show_bars: bool) -> Iterator:
    """NNCF, imported, without telemetry and without its log; its progress bars only where they are wanted."""
    os.environ["NNCF_CI"] = "1"  # NNCF's switch for "no telemetry"
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses CUDA, which nothing here needs
    import nncf

    level = nncf.nncf_logger.level
    nncf.set_log_level(logging.ERROR)
    try:
        with contextlib.nullcontext() if show_bars else contextlib.redirect_stdout(io.StringIO()):
            yield nncf
    finally:
        nncf.set_log_level(level)
