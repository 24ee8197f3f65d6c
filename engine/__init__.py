"""Picture in, segmentation out, on any runtime. Start at `engine.segmenter.Segmenter`."""

import sys

# No library reports on a user: OpenVINO uses a stub where its telemetry package cannot be imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

from engine.segmenter import Segmentation, Segmenter  # noqa: E402

__all__ = ["Segmentation", "Segmenter"]
