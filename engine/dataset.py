"""The Oxford-IIIT Pet dataset on disk, in the layout that torchvision's `OxfordIIITPet` writes.

    ROOT/oxford-iiit-pet/images/NAME.jpg
    ROOT/oxford-iiit-pet/annotations/trimaps/NAME.png
    ROOT/oxford-iiit-pet/annotations/{trainval,test}.txt     name, class 1-37, species 1-2, breed

Source: Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and Dogs", CVPR 2012.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import InputError, unknown_name

FOLDER = "oxford-iiit-pet"
SPLITS = ("trainval", "test")
# Values of a trimap.
PET, BACKGROUND, BORDER = 1, 2, 3
# Species in the split files, and the classes of our models.
SPECIES = {"1": "cat", "2": "dog"}
CLASSES = ("background", "cat", "dog", "border")


@dataclass(frozen=True)
class Pet:
    """One annotated photo: where it is, its trimap, its species ("cat" or "dog") and its breed."""

    name: str
    photo: Path
    trimap_path: Path
    species: str
    breed: str

    def read_trimap(self) -> np.ndarray:
        """The annotation: uint8 (H, W) with `PET`, `BACKGROUND` and `BORDER`.

        Raises:
            InputError: the file cannot be read or holds another value.
        """
        try:
            with Image.open(self.trimap_path) as file:
                trimap = np.asarray(file)
        except (OSError, SyntaxError) as exc:
            raise InputError(f"The trimap {self.trimap_path} cannot be read ({exc}). Restore the file.") from exc
        values = np.unique(trimap)
        if trimap.ndim != 2 or not np.isin(values, (PET, BACKGROUND, BORDER)).all():
            raise InputError(
                f"The trimap {self.trimap_path} has shape {trimap.shape} and values {values[:8].tolist()}; "
                "expected (H, W) with 1 = pet, 2 = background, 3 = border. Mend or remove the file."
            )
        return trimap


def read_split(root: Path | str, split: str) -> list[Pet]:
    """All photos of a split, in the order of its file.

    Raises:
        InputError: the split is unknown, the root is not a dataset, or a listed file is missing.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    folder = Path(root) / FOLDER
    listing = folder / "annotations" / f"{split}.txt"
    if not listing.is_file():
        raise InputError(
            f"{root} is not an Oxford-IIIT Pet dataset: {listing} is missing. Name the folder that holds {FOLDER}/."
        )
    pets = []
    for line in listing.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) < 3 or fields[2] not in SPECIES:
            raise InputError(f"{listing} has the line {line!r}; expected: name, class, species (1 or 2), breed.")
        name = fields[0]
        pet = Pet(
            name=name,
            photo=folder / "images" / f"{name}.jpg",
            trimap_path=folder / "annotations" / "trimaps" / f"{name}.png",
            species=SPECIES[fields[2]],
            breed=name.rsplit("_", 1)[0],
        )
        for path in (pet.photo, pet.trimap_path):
            if not path.is_file():
                raise InputError(f"{path} is missing, but {listing} lists {name}. Restore the file or drop the line.")
        pets.append(pet)
    if not pets:
        raise InputError(f"{listing} lists no photo. Restore the file.")
    return pets
