"""The pictures that INT8 is calibrated on: photos alone, or every second one a scene composed of them.

A photo of the dataset is filled by one pet. A network that has only seen such photos while its ranges were chosen loses
more on several small pets, which users have (train/LOG.md).
"""

from collections.abc import Callable

import numpy as np

from engine.evaluate import read_annotated
from engine.images import read_picture
from engine.segmenter import preprocess
from train.augment import Augmenter, Labelled
from train.data import CACHE_SIZE, HashedSample, class_mask
from train.validation import SCENES

KINDS = ("photos", "half-scenes")


def calibration_pictures(
    calibration: list[HashedSample], size_hw: tuple[int, int], kind: str
) -> Callable[[int], np.ndarray]:
    """Draws calibration picture `number`, from 0, as the network sees it: uint8 (1, h, w, 3) RGB; always the same one.

    Args:
        calibration: the photos, one for each number. Scenes are composed of them and of no others.
        size_hw: of the model's input, px.
        kind: "photos", or "half-scenes": pictures 1, 3, 5, ... are scenes around the photo of that number.
    """
    augmenter = Augmenter(lambda rng: labelled(calibration[int(rng.integers(len(calibration)))]), CACHE_SIZE, SCENES)

    def draw(number: int) -> np.ndarray:
        if kind == "photos" or number % 2 == 0:
            return preprocess(read_picture(calibration[number].sample.photo).image, size_hw)
        scene, _ = augmenter.compose(labelled(calibration[number]), np.random.default_rng(number))
        return preprocess(scene, size_hw)

    return draw


def labelled(hashed: HashedSample) -> Labelled:
    """A photo, uint8 (H, W, 3), and its class ids, uint8 (H, W)."""
    picture, trimap = read_annotated(hashed.sample)
    return picture.image, class_mask(trimap, hashed.sample.species)
