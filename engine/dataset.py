"""The Oxford-IIIT Pet dataset on disk, in the layout that torchvision's `OxfordIIITPet` writes.

    ROOT/oxford-iiit-pet/images/NAME.jpg
    ROOT/oxford-iiit-pet/annotations/trimaps/NAME.png
    ROOT/oxford-iiit-pet/annotations/{trainval,test}.txt     name, class 1-37, species 1-2, breed

and, in datasets of the same layout, where a photo shows both a cat and a dog,

    ROOT/species/NAME.png                                    0 = background, 1 = cat, 2 = dog, 255 = not annotated

Source: Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and Dogs", CVPR 2012.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import InputError, unknown_name

FOLDER = "oxford-iiit-pet"
SPLITS = ("trainval", "test")
# Values of a trimap; `UNKNOWN` is in no file: what a rotated picture shows beside the photo is not annotated.
PET, BACKGROUND, BORDER, UNKNOWN = 1, 2, 3, 0
# Species in the split files, and the classes of our models.
SPECIES = {"1": "cat", "2": "dog"}
CLASSES = ("background", "cat", "dog", "border")


@dataclass(frozen=True)
class Sample:
    """One annotated photo: where it is, its trimap, its species ("cat" or "dog") and its breed.

    `species_path` is where the species of each pixel would be; there is such a file where a photo shows both.
    """

    name: str
    photo: Path
    trimap_path: Path
    species: str
    breed: str
    species_path: Path = Path()

    @property
    def shows_both(self) -> bool:
        """Whether there is a cat and a dog in it."""
        return self.species_path.is_file()

    def read_species(self) -> np.ndarray | None:
        """The species of each pixel, uint8 (H, W), where the photo shows both.

        Raises:
            InputError: the file cannot be read.
        """
        if not self.shows_both:
            return None
        try:
            with Image.open(self.species_path) as file:
                return np.asarray(file)
        except (OSError, SyntaxError) as exc:
            raise InputError(f"The annotation {self.species_path} cannot be read ({exc}). Restore the file.") from exc

    def read_trimap(self) -> np.ndarray:
        """The annotation: uint8 (H, W) with `PET`, `BACKGROUND` and `BORDER`.

        Raises:
            InputError: the file cannot be read or holds another value.
        """
        try:
            with Image.open(self.trimap_path) as file:
                trimap = np.asarray(file)
        except (OSError, SyntaxError) as exc:
            raise self._unreadable(exc) from exc
        values = np.unique(trimap)
        if trimap.ndim != 2 or not np.isin(values, (PET, BACKGROUND, BORDER)).all():
            raise InputError(
                f"The trimap {self.trimap_path} has shape {trimap.shape} and values {values[:8].tolist()}; "
                "expected (H, W) with 1 = pet, 2 = background, 3 = border. Mend or remove the file."
            )
        return trimap

    def long_side(self) -> int:
        """Of the trimap's width and height, in px, the larger; the pixels are not decoded.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            with Image.open(self.trimap_path) as file:
                return max(file.size)
        except (OSError, SyntaxError) as exc:
            raise self._unreadable(exc) from exc

    def _unreadable(self, exc: Exception) -> InputError:
        return InputError(f"The trimap {self.trimap_path} cannot be read ({exc}). Restore the file.")


def read_split(root: Path | str, split: str) -> list[Sample]:
    """All photos of a split, in the order of its file.

    Raises:
        InputError: the split is unknown, the root is not a dataset, a listed file is missing, or the splits overlap.
    """
    samples = list_split(root, split)
    listing = listing_of(root, split)
    for sample in samples:
        for path in (sample.photo, sample.trimap_path):
            if not path.is_file():
                raise InputError(
                    f"{path} is missing, but {listing} lists {sample.name}. Restore the file or drop the line."
                )
    for other in SPLITS:
        if other == split or not listing_of(root, other).is_file():
            continue
        both = {sample.name for sample in samples} & {sample.name for sample in list_split(root, other)}
        if both:
            raise InputError(
                f"{min(both)} is in {listing} and in {listing_of(root, other)} ({len(both)} in both): a model would be "
                "scored on what it was trained on. Drop it from one."
            )
    return samples


def list_split(root: Path | str, split: str) -> list[Sample]:
    """All photos that a split lists, in the order of its file, whether their files are there or not.

    Raises:
        InputError: the split is unknown, the root is not a dataset, or the list is not one.
    """
    listing = listing_of(root, split)
    if not listing.is_file():
        refuse_wrong_root(Path(root))
        raise InputError(
            f"{root} is not an Oxford-IIIT Pet dataset: {listing} is missing. Name the folder that holds {FOLDER}/."
        )
    try:
        lines = listing.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{listing} cannot be read ({exc}). Restore the file.") from exc
    samples: dict[str, Sample] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) < 3 or fields[2] not in SPECIES:
            raise InputError(f"{listing} has the line {line!r}; expected: name, class, species (1 or 2), breed.")
        name = fields[0]
        if name in samples:
            raise InputError(f"{listing} lists {name} twice: it would count twice. Drop one of the lines.")
        samples[name] = Sample(
            name=name,
            photo=Path(root) / FOLDER / "images" / f"{name}.jpg",
            trimap_path=Path(root) / FOLDER / "annotations" / "trimaps" / f"{name}.png",
            species=SPECIES[fields[2]],
            breed=name.rsplit("_", 1)[0],
            species_path=Path(root) / "species" / f"{name}.png",
        )
    if not samples:
        raise InputError(f"{listing} lists no photo. Restore the file.")
    return list(samples.values())


def listing_of(root: Path | str, split: str) -> Path:
    """The file that lists a split.

    Raises:
        InputError: there is no split of that name.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    return Path(root) / FOLDER / "annotations" / f"{split}.txt"


def refuse_wrong_root(root: Path) -> None:
    """Refuses what is easily named in the place of a dataset's root, and says what to name.

    Raises:
        InputError: `root` is a file, or the dataset's own folder, or one within it.
    """
    if root.is_file():
        raise InputError(f"{root} is a file. Name the folder that holds {FOLDER}/.")
    folder = root.absolute()
    for inner in (folder, *folder.parents[:2]):  # images/ is one below the dataset's folder, trimaps/ two
        is_dataset = (inner / "images").is_dir() and (inner / "annotations").is_dir()
        if is_dataset and inner.name == FOLDER:
            what = "the dataset's own folder" if inner == folder else f"a folder within {FOLDER}/"
            raise InputError(f"{root} is {what}; expected the one that holds it. Name {inner.parent}.")
        if is_dataset and inner == folder:
            raise InputError(
                f"{root} holds images/ and annotations/ itself; expected them in a folder {FOLDER}/ within it. Rename "
                f"{folder.name}/ to {FOLDER}/ and name {folder.parent}."
            )
