"""What one viewer of the Live tab gets to see: a camera's frame in, what each chosen backend sees in it out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from demo.lanes import Lanes
from demo.looks import label
from engine.effects import EFFECTS, EffectOptions, apply_effect
from engine.errors import InputError, unknown_name
from engine.images import read_picture
from engine.video.segmenter import SegmentedFrame, VideoSegmenter
from engine.video.smoothing import STRENGTH

MAX_MEGAPIXELS = 1.6  # of a frame; the page sends 640 px on the longer side at the most
BACKGROUND_SIDE = 1280  # px
JPEG_QUALITY = 82
LANES_AT_ONCE = 2


@dataclass(frozen=True)
class LiveSettings:
    """What a viewer chose.

    Attributes:
        backends: one, or two on the same frame.
        effect: a name of `engine.effects.EFFECTS`.
        color: ground of a cut-out, "#RRGGBB".
        steady: whether edges are smoothed over time.
    """

    backends: tuple[str, ...] = ("openvino-int8",)
    effect: str = "overlay"
    color: str = EffectOptions.color
    steady: bool = True

    @classmethod
    def from_json(cls, said: Mapping, known_backends: tuple[str, ...]) -> "LiveSettings":
        """Reads what the page sent.

        Raises:
            InputError: an unknown backend or effect, or a value of another type.
        """
        backends = said.get("backends")
        if not isinstance(backends, list) or not 1 <= len(backends) <= LANES_AT_ONCE:
            raise InputError(f"The backends are {backends!r}; expected a list of one or two names.")
        for name in backends:
            if name not in known_backends:
                raise unknown_name("backend", str(name), known_backends)
        effect, color, steady = said.get("effect"), said.get("color"), said.get("steady")
        if not isinstance(effect, str) or effect not in EFFECTS:
            raise unknown_name("effect", str(effect), EFFECTS)
        if not isinstance(color, str) or not isinstance(steady, bool):
            raise InputError(f"The colour is {color!r} and steady is {steady!r}; expected a text and true or false.")
        return cls(tuple(dict.fromkeys(backends)), effect, color, steady)


@dataclass(frozen=True)
class LiveAnswer:
    """One frame, answered.

    Attributes:
        number: the page's own, of the frame.
        pictures: JPEG files, one for each backend, in the order of the settings.
        figures: of the frame, for the page: see `LiveFrames.answer`.
    """

    number: int
    pictures: list[bytes]
    figures: dict = field(default_factory=dict)


class LiveFrames:
    """Answers the frames of one viewer, one after another; for one thread at a time.

    Args:
        lanes: the backends of the page, which all viewers share.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._background = studio()
        self.choose(LiveSettings())

    def choose(self, settings: LiveSettings) -> None:
        """Takes what the viewer chose, from the next frame on; what the edges were averaged with is forgotten."""
        videos: dict[str, VideoSegmenter] = {}
        self._chosen = settings, videos  # at once: another thread may be answering a frame

    def set_background(self, file: bytes) -> None:
        """The picture behind the pet of the effect "replace".

        Raises:
            InputError: it is no picture.
        """
        image = read_picture(file).image
        scale = min(1.0, BACKGROUND_SIDE / max(image.shape[:2]))
        size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        self._background = cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def answer(self, number: int, file: bytes) -> LiveAnswer:
        """Segments a frame with each backend and draws the effect.

        Args:
            number: of the frame, given back.
            file: a JPEG of at most `MAX_MEGAPIXELS`.

        Returns:
            The pictures; the figures say `lanes`, a list of `backend`, `infer_ms`, `found` ("found", "unsure" or
            "nothing", steady over time) and `areas` (shares of the frame by object, none where nothing is found),
            `agreement` (of two lanes: the share of pixels with the same class, else None), `is_cut`, and
            `server_ms`, all of it from JPEG to JPEG.

        Raises:
            InputError: the frame is no picture or too large, or the colour is none.
            EngineError: a backend cannot run here, or failed.
        """
        started = time.perf_counter()
        image = read_picture(file, max_megapixels=MAX_MEGAPIXELS).image
        settings, videos = self._chosen
        for name in settings.backends:
            if name not in videos:
                videos[name] = VideoSegmenter(self._lanes.get(name), STRENGTH if settings.steady else 0.0)
        frames = {name: videos[name].step(image) for name in settings.backends}
        options = EffectOptions(color=settings.color, background=self._background, edge="fast")
        pictures = [encoded(drawn(frame, settings.effect, options)) for frame in frames.values()]
        lanes = [
            {
                "backend": name,
                "label": label(name),
                "infer_ms": frame.timings["infer"],
                "found": frame.found,
                "areas": frame.areas,
            }
            for name, frame in frames.items()
        ]
        agreements = [float(np.mean(a.labels == b.labels)) for a, b in pairwise(frames.values())]
        figures = {
            "lanes": lanes,
            "agreement": agreements[0] if agreements else None,
            "is_cut": any(frame.is_cut for frame in frames.values()),
            "server_ms": (time.perf_counter() - started) * 1e3,
        }
        return LiveAnswer(number, pictures, figures)


def drawn(frame: SegmentedFrame, effect: str, options: EffectOptions) -> np.ndarray:
    """The frame with an effect: uint8 (H, W, 3)."""
    return apply_effect(effect, frame.image, frame.probabilities, frame.spec, options)


def encoded(image: np.ndarray) -> bytes:
    """A JPEG file of a picture, uint8 (H, W, 3) RGB."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def studio() -> np.ndarray:
    """The background until a viewer chooses his own: a grey wall, lighter below. uint8 (240, 320, 3)."""
    wall = np.linspace(70, 190, 240, dtype=np.float32)[:, None, None]
    return np.broadcast_to(wall, (240, 320, 3)).astype(np.uint8)
