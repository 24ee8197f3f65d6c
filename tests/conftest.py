"""Drawn pets, a drawn dataset and the committed model: nothing here needs a network, a GPU or the real dataset."""

import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import dataset
from engine.backends import DEFAULT_BACKEND_OPTIONS, Backend, BackendOptions, open_backend
from engine.backends.fake import FakeBackend
from engine.segmenter import Segmenter
from engine.spec import Model

REPOSITORY = Path(__file__).resolve().parent.parent
PETS_ROOT = Path(os.environ.get("PETS_ROOT", REPOSITORY.parent / "shared" / "data"))


def draw_pet(seed: int = 0, size_hw: tuple[int, int] = (80, 96), species: str = "cat") -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse, bluish for a dog, on a smooth dark ground.

    Returns:
        image uint8 (H, W, 3) RGB and trimap uint8 (H, W): 1 = pet, 2 = background, 3 = border.
    """
    rng = np.random.default_rng(seed)
    height, width = size_hw
    ground = Image.fromarray(rng.integers(20, 90, (3, 4, 3), dtype=np.uint8))
    coat = Image.fromarray(rng.integers(160, 240, (5, 6, 3), dtype=np.uint8))
    image, pet = (np.array(noise.resize((width, height), Image.Resampling.BICUBIC)) for noise in (ground, coat))
    pet[:, :, 0 if species == "dog" else 2] //= 3
    y, x = np.mgrid[:height, :width]
    center_y, center_x = rng.uniform(0.4, 0.6, 2) * size_hw
    radius_y, radius_x = rng.uniform(0.25, 0.35, 2) * size_hw
    distance = ((y - center_y) / radius_y) ** 2 + ((x - center_x) / radius_x) ** 2
    trimap = np.full(size_hw, dataset.BACKGROUND, np.uint8)
    trimap[distance < 1.2] = dataset.BORDER
    trimap[distance < 0.8] = dataset.PET
    return np.where((distance < 1)[..., None], pet, image), trimap


def encode(image: np.ndarray, file_format: str = "JPEG", **options: object) -> bytes:
    """The bytes of a file that holds `image`."""
    file = BytesIO()
    Image.fromarray(image).save(file, file_format, **options)
    return file.getvalue()


def draw_dataset(root: Path, trainval: int = 12, test: int = 4) -> Path:
    """Writes drawn pets in the layout of torchvision's `OxfordIIITPet`; the root of the dataset.

    One picture of trainval in five is drawn until its hash makes it a validation picture, the others until it does not.
    """
    from train.data import VALIDATION_SHARE

    folder = root / dataset.FOLDER
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    seed = 0
    for split, count in (("trainval", trainval), ("test", test)):
        lines = []
        for number in range(count):
            species, breed, species_id = (("cat", "Drawn_Cat", 1), ("dog", "drawn_hound", 2))[number % 2]
            while True:
                seed += 1
                image, trimap = draw_pet(seed, species=species)
                photo = encode(image, quality=90)
                for_validation = int(sha256(photo).hexdigest()[:8], 16) % VALIDATION_SHARE == 0
                if split == "test" or for_validation == (number % 5 == 4):
                    break
            name = f"{breed}_{split}{number}"
            (folder / "images" / f"{name}.jpg").write_bytes(photo)
            Image.fromarray(trimap).save(folder / "annotations" / "trimaps" / f"{name}.png")
            lines.append(f"{name} {species_id} {species_id} 1")
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


# What is made once for many tests, by the fixtures that make it: those that take one of them are slow, and come first.
SHARED = {"page": {"page", "browser"}, "network": {"fit", "run", "tiny_run", "exported", "quantized"}}


def pytest_configure(config: pytest.Config) -> None:
    """Gives each worker a folder for temporary files: the turn to measure is kept there, and two are two machines."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        folder = Path(tempfile.gettempdir()) / f"whisker-tests-{os.getuid()}-{worker}"
        folder.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def shared(item: pytest.Item) -> str:
        made = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
        once = {name for name, definitions in made.items() if definitions[-1].scope == "session"}
        return next((name for name, fixtures in SHARED.items() if once & fixtures), "")

    for item in items:
        if shared(item):
            item.add_marker(pytest.mark.slow)
    places = [*SHARED, ""]
    items.sort(key=lambda item: places.index(shared(item)))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Sends tests that share something to one worker, so that it is made once; `--dist loadscope` asks for that.

    (xdist's own groups do not reach it with pytest 9.2, whose items have their ids from elsewhere.)
    """
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByWhatIsShared(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if file.endswith(("_browser.py", "demo/test_app.py")):
                return "page"
            if "torch-compile" in nodeid:
                return "compiled"
            return "network" if "/train/" in file else file

    return ByWhatIsShared(config, log)


@pytest.fixture(scope="session")
def drawn_pet() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """`drawn_pet(seed, size_hw, species)` gives an image and its trimap."""
    return draw_pet


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """`encoded(image, "PNG", ...)` gives the bytes of a file."""
    return encode


@pytest.fixture(scope="session")
def shared_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a drawn dataset that no test changes: 12 pictures of trainval, 2 of them validation; 4 of test."""
    return draw_dataset(tmp_path_factory.mktemp("pets"))


@pytest.fixture
def drawn_dataset(tmp_path: Path) -> Path:
    """The root of a drawn dataset that the test may damage: 4 pictures of trainval, 4 of test."""
    return draw_dataset(tmp_path / "pets", trainval=4)


@pytest.fixture(scope="session")
def model() -> Model:
    """The committed model."""
    return Model.open("fastsegnet")


@pytest.fixture(scope="session")
def segmenter_on(model: Model) -> Callable[[str], Segmenter]:
    """`segmenter_on("torch")` gives the committed model on that backend, opened once; "fake" is one of them."""

    @lru_cache
    def opened(backend: str) -> Segmenter:
        return Segmenter(model.spec, FakeBackend() if backend == "fake" else open_backend(backend, model))

    return opened


@pytest.fixture(scope="session")
def opening() -> Callable[..., Backend]:
    """`open_backend`, which opens each model once."""

    @lru_cache
    def opened(name: str, folder: Path, options: BackendOptions) -> Backend:
        return open_backend(name, Model.open(folder), options)

    return lambda name, model, options=DEFAULT_BACKEND_OPTIONS: opened(name, model.folder, options)


@pytest.fixture
def opened_once(monkeypatch: pytest.MonkeyPatch, opening: Callable[..., Backend]) -> None:
    """Commands that a test runs share the models that they open."""
    monkeypatch.setattr("engine.segmenter.open_backend", opening)


@pytest.fixture(scope="session")
def pets_root() -> Path:
    """The root of the real dataset; the test is skipped where it is not on this machine."""
    if not (PETS_ROOT / dataset.FOLDER).is_dir():
        pytest.skip(f"no Oxford-IIIT Pet dataset at {PETS_ROOT}; name its root with PETS_ROOT")
    return PETS_ROOT
