"""What the backends see in the photos of the page: each photo is read once and segmented once by each backend.

Everything under a photo (sentence, picture, comparison, effects, files) asks here, so nothing is computed twice, and
what an API client asks for is the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from demo.drawing import MAX_SIDE, fit_for_page
from demo.lanes import Lanes
from demo.touch_up import read_strokes
from engine.errors import InputError
from engine.images import Picture, read_picture
from engine.instances import Instance, instances_of
from engine.matte import opacity
from engine.postprocess import softmax
from engine.segmenter import NOTHING, Segmentation
from engine.touch_up import touch_up

NO_PHOTO = "There is no photo yet. Drop one in first."
MAX_MEGAPIXELS = 120  # of the photos that are kept, all together; three bytes a pixel, and one for each mask


class Photo:
    """A photo of the page: as the network needs it, as the page shows it, and with all its pixels once they are wanted.

    Args:
        path: of the file.
        needed_hw: what the network takes, height and width.

    Raises:
        InputError: it is no picture that we can read.
    """

    def __init__(self, path: Path, needed_hw: tuple[int, int]) -> None:
        self.path = path
        self.needed: Picture = read_picture(path, needed_hw=needed_hw)
        self._lock = threading.RLock()
        is_whole = self.needed.image.shape[:2] == self.size_hw  # it was decoded with all its pixels
        self._image = self.needed.image if is_whole else None
        self._small: np.ndarray | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """The photo's own height and width, px."""
        return self.needed.size_hw

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.size_hw[0] * self.size_hw[1] / 1e6

    @property
    def image(self) -> np.ndarray:
        """uint8 (H, W, 3) RGB, all its pixels."""
        with self._lock:
            if self._image is None:
                self._image = read_picture(self.path).image
            return self._image

    @property
    def small(self) -> np.ndarray:
        """uint8 (h, w, 3) RGB, as large as the page shows it; a large JPEG is decoded at a reduced scale."""
        with self._lock:
            if self._small is None:
                large = read_picture(self.path, (MAX_SIDE, MAX_SIDE)).image if self._image is None else self._image
                if large.shape[:2] == self.size_hw:
                    self._image = large
                self._small = fit_for_page(large)
            return self._small


class Seen:
    """A photo, and what a backend sees in it.

    Args:
        photo: the photo.
        backend: its name.
        segmentation: of the photo.
    """

    def __init__(self, photo: Photo, backend: str, segmentation: Segmentation) -> None:
        self.photo = photo
        self.backend = backend
        self.segmentation = segmentation
        self._lock = threading.RLock()
        self._instances: list[Instance] | None = None
        self._alpha: np.ndarray | None = None
        self._pictures: dict[Hashable, str] = {}

    def picture(self, style: Hashable, write: Callable[[], str]) -> str:
        """The path of the picture that shows the answer in a style, written when it is first asked for."""
        with self._lock:
            path = self._pictures.get(style)
            if path is None or not Path(path).is_file():  # Gradio empties its folder after a while
                path = self._pictures[style] = write()
            return path

    @property
    def has_pet(self) -> bool:
        """Whether there is a pet, or perhaps one."""
        return self.segmentation.found != NOTHING

    @cached_property
    def probabilities(self) -> np.ndarray:
        """float32 (num_classes, h, w), the model's size: the effects bring them to the picture's."""
        return softmax(self.segmentation.logits)

    @property
    def instances(self) -> list[Instance]:
        """The pets, the largest first."""
        with self._lock:
            if self._instances is None:
                self._instances = instances_of(self.segmentation)
            return self._instances

    @property
    def alpha(self) -> np.ndarray:
        """uint8 (H, W), how opaque the pet is at the photo's own size."""
        with self._lock:
            if self._alpha is None:
                self._alpha = opacity(self.photo.image, self.probabilities, self.segmentation.spec)
            return self._alpha


class Answers:
    """The photos that were answered last, each computed once however many ask for it; shared by threads.

    Args:
        lanes: the backends.
        max_megapixels: of the photos kept; the last one is kept however large it is.
    """

    def __init__(self, lanes: Lanes, max_megapixels: float = MAX_MEGAPIXELS) -> None:
        self._lanes = lanes
        self._max_megapixels = max_megapixels
        self._photos: OrderedDict[Hashable, dict[Hashable, Future]] = OrderedDict()
        self._lock = threading.Lock()

    def photo(self, path: str) -> Photo:
        """A photo, read once.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        file = Path(path)
        return self._once(identity(file), "photo", lambda: Photo(file, self._lanes.spec.size_hw))

    def see(self, path: str | None, backend: str, strokes: str | None = None) -> Seen:
        """What a backend sees in a photo.

        Args:
            path: of the photo.
            backend: its name.
            strokes: path of what was touched up by hand, as `demo.touch_up` writes it; None: the answer as it is.

        Raises:
            InputError: there is no photo, or it cannot be read, or there is no such backend.
            EngineError: the backend cannot run here, or failed.
        """
        if path is None:
            raise InputError(NO_PHOTO)
        photo = self.photo(path)
        key = identity(photo.path)
        seen: Seen = self._once(key, backend, lambda: Seen(photo, backend, self._segment(photo, backend)))
        if strokes is None:
            return seen
        return self._once(key, (backend, identity(Path(strokes))), lambda: self._touched(seen, strokes))

    def _segment(self, photo: Photo, backend: str) -> Segmentation:
        segmenter = self._lanes.get(backend)
        with self._lanes.quiet.working(urgent=True):
            return segmenter.segment(photo.needed)

    def _touched(self, seen: Seen, strokes: str) -> Seen:
        segmentation = touch_up(seen.photo.image, seen.segmentation, read_strokes(Path(strokes)))
        return Seen(seen.photo, seen.backend, segmentation)

    def _once(self, photo: Hashable, what: Hashable, make: Callable[[], Any]) -> Any:
        """What was made of a photo before, or is being made, or else is made now; a failure is not kept."""
        with self._lock:
            made = self._photos.setdefault(photo, {})
            self._photos.move_to_end(photo)
            future = made.get(what)
            is_mine = future is None
            if future is None:
                future = made[what] = Future()
        if is_mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    made.pop(what, None)
                    if not made:
                        self._photos.pop(photo, None)
                future.set_exception(error)
            self._forget_old()
        return future.result()

    def _forget_old(self) -> None:
        """Drops the photos that were not asked for longest, until the others are few enough."""
        with self._lock:
            kept = 0.0
            for key in reversed(list(self._photos)):
                future = self._photos[key].get("photo")
                is_read = future is not None and future.done() and future.exception() is None
                kept += future.result().megapixels if future is not None and is_read else 0
                if kept > self._max_megapixels and key != next(reversed(self._photos)):
                    del self._photos[key]


def identity(path: Path) -> Hashable:
    """What tells a file from another, and from the same once it was replaced."""
    try:
        stat = path.stat()
    except OSError:
        return path, None
    return path, stat.st_mtime_ns, stat.st_size
