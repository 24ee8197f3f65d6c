"""Pets for training: splits that never share a picture, a cache of decoded pictures, a dataset.

Pictures and trimaps are decoded once, stretched to `CACHE_SIZE` squares and kept in one memory-mapped array, so that an
epoch reads no JPEG and several loader processes share the pages. The file is written aside and renamed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.datasets import OxfordIIITPet

from engine import dataset
from engine.errors import InputError, unknown_name
from engine.evaluate import read_annotated
from engine.files import write_aside
from engine.progress import track
from engine.segmenter import preprocess
from engine.spec import sha256_of
from train.augment import Augmenter, Labelled

CACHE_SIZE = 512
SPLITS = ("training", "validation", "calibration")
VALIDATION_SHARE = 20  # one picture in twenty of trainval
CALIBRATION_IMAGES = 300


@dataclass(frozen=True)
class HashedSample:
    """A picture of trainval: its place in the list, the sha256 of its file, and the rest."""

    row: int
    sha256: str
    sample: dataset.Sample


@dataclass(frozen=True)
class PetCache:
    """Decoded pictures of trainval.

    Attributes:
        pixels: uint8 (rows, S, S, 4): RGB, then the class ids of `engine.dataset.CLASSES`.
        pets: one entry a row.
    """

    pixels: np.ndarray
    samples: list[HashedSample]


def read_trainval(root: Path) -> list[HashedSample]:
    """The pictures of trainval with their hashes; downloaded first where the dataset is not there.

    Whoever trains, validates or calibrates gets its pictures here, and none of them is a picture of the test split.

    Raises:
        InputError: `root` is not the dataset, and the download failed; or a picture is in the test split too.
    """
    ensure_dataset(root)
    samples = dataset.read_split(root, "trainval")
    hashed = [HashedSample(row, sha256_of(sample.photo), sample) for row, sample in enumerate(samples)]
    refuse_shared(hashed, test_hashes(root))
    return hashed


def test_hashes(root: Path) -> dict[str, Path]:
    """The pictures of the test split by the sha256 of their files; none where there is no test split.

    Raises:
        InputError: the list of the split is not one.
    """
    if not dataset.listing_of(root, "test").is_file():
        return {}
    return {
        sha256_of(sample.photo): sample.photo for sample in dataset.list_split(root, "test") if sample.photo.is_file()
    }


def refuse_shared(samples: list[HashedSample], test: Mapping[str, Path]) -> None:
    """Refuses pictures of trainval whose bytes are those of a test picture.

    Raises:
        InputError: there is one; names both files.
    """
    shared = [hashed for hashed in samples if hashed.sha256 in test]
    if shared:
        first = shared[0]
        more = f" ({len(shared)} such pictures)" if len(shared) > 1 else ""
        raise InputError(
            f"{first.sample.photo} of trainval and {test[first.sha256]} of test are one picture{more}: the "
            "scores would be of what was trained on. Drop its line from trainval.txt or test.txt."
        )


def split(samples: list[HashedSample], name: str) -> list[HashedSample]:
    """ "training", "validation" or "calibration" (a part of training); decided by the hash of the file.

    Two files with the same bytes fall on the same side, so no picture is trained on and validated on, and none that
    calibrates INT8 validates it. `read_trainval` has kept out what is in the test split.

    Raises:
        InputError: there is no split of that name.
    """
    if name not in SPLITS:
        raise unknown_name("split of trainval", name, SPLITS)
    validation = [sample for sample in samples if int(sample.sha256[:8], 16) % VALIDATION_SHARE == 0]
    if name == "validation":
        return validation
    training = [sample for sample in samples if int(sample.sha256[:8], 16) % VALIDATION_SHARE != 0]
    if name == "calibration":
        return sorted(training, key=lambda sample: sample.sha256)[:CALIBRATION_IMAGES]
    return training


def ensure_dataset(root: Path) -> None:
    """Downloads the dataset with torchvision where it is not there yet (needs a network).

    Raises:
        InputError: the download failed, or `root` is the dataset's own folder.
    """
    if (root / dataset.FOLDER / "annotations").is_dir():  # what the download unpacks last
        return
    dataset.refuse_wrong_root(root)  # before it is downloaded into itself
    try:
        root.mkdir(parents=True, exist_ok=True)
        OxfordIIITPet(root, download=True)
    except (OSError, RuntimeError) as exc:  # RuntimeError: the file that came is not the right one
        raise InputError(
            f"{root} holds no whole {dataset.FOLDER}/ and the download failed ({exc}). Name the folder that holds it."
        ) from exc


def class_mask(trimap: np.ndarray, species: str) -> np.ndarray:
    """Class ids of an annotation: uint8 (H, W), the pet's pixels named by its species."""
    ids = np.zeros(4, np.uint8)
    ids[dataset.PET] = dataset.CLASSES.index(species)
    ids[dataset.BACKGROUND] = dataset.CLASSES.index("background")
    ids[dataset.BORDER] = dataset.CLASSES.index("border")
    return ids[trimap]


def open_cache(root: Path, folder: Path) -> PetCache:
    """The decoded trainval pictures of `root`, from `folder` where they are there already.

    Raises:
        InputError: `root` is not the dataset, a file of it cannot be read, or a photo and its trimap differ in size.
    """
    samples = read_trainval(root)
    digest = hashlib.sha256("".join(sample.sha256 for sample in samples).encode()).hexdigest()[:12]
    path = folder / f"trainval-{CACHE_SIZE}-smooth-{digest}.npy"
    if not path.is_file():
        _write_cache(path, [hashed.sample for hashed in samples])
    return PetCache(np.load(path, mmap_mode="r"), samples)


def _write_cache(path: Path, samples: list[dataset.Sample]) -> None:
    size = (CACHE_SIZE, CACHE_SIZE)
    with write_aside(path) as partial:
        pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(samples), *size, 4))
        for row, sample in enumerate(track(samples, "decoding pictures")):
            picture, trimap = read_annotated(sample)
            pixels[row, :, :, :3] = preprocess(picture.image, size)[0]
            pixels[row, :, :, 3] = stretched(class_mask(trimap, sample.species), size)
        pixels.flush()


def stretched(mask: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Class ids at another size: uint8 (H, W).

    Where a mask grows, a pixel gets the class that weighs most in it by bilinear interpolation: the nearest label would
    make a staircase of every outline. Where it shrinks, the nearest keeps thin borders.
    """
    if mask.shape[0] > size_hw[0] or mask.shape[1] > size_hw[1]:
        return cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    planes = np.stack([mask == number for number in range(len(dataset.CLASSES))], axis=-1).astype(np.float32)
    return cv2.resize(planes, size_hw[::-1], interpolation=cv2.INTER_LINEAR).argmax(axis=-1).astype(np.uint8)


class PetPictures(Dataset):
    """Training pictures with class masks.

    Items are `image` uint8 (S, S, 3) RGB and `mask` uint8 (S, S). An item depends on `(seed, epoch, index)` alone, so
    that a resumed run sees what an unbroken one sees, whatever the number of loader processes.

    Args:
        cache: the decoded pictures.
        samples: those of them that are drawn from.
        size: side of an item, px.
        seed: of everything drawn.
        kinds: probability of each kind of picture, as `train.augment.Augmenter` takes it.
        passes: how often an epoch takes each of `samples`, drawn anew every time.
    """

    def __init__(
        self,
        cache: PetCache,
        samples: list[HashedSample],
        size: int,
        seed: int,
        kinds: dict[str, float] | None = None,
        passes: int = 1,
    ) -> None:
        self.cache = cache
        self.samples = samples
        self.seed = seed
        self.passes = passes
        self.epoch = 0
        self.augment = Augmenter(self.pick, size, kinds)

    def __len__(self) -> int:
        return self.passes * len(self.samples)

    def photo(self, index: int) -> Labelled:
        """A picture as it is in the cache: uint8 (S, S, 3) RGB and uint8 (S, S) class ids."""
        pixels = self.cache.pixels[self.samples[index % len(self.samples)].row]
        return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), cv2.extractChannel(pixels, 3)

    def pick(self, rng: np.random.Generator) -> Labelled:
        """Any picture."""
        return self.photo(int(rng.integers(len(self))))

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        image, mask = self.augment(self.photo(index), rng)
        return torch.from_numpy(image), torch.from_numpy(mask)
