"""The folder of a Space: what is in it, that it starts as a Space starts it, and what is uploaded when."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from fake_hub import FakeHub
from huggingface_hub.errors import HfHubHTTPError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import space

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PHOTO = ROOT / "demo" / "examples" / "cat.jpg"
NOBODY = "65534"
# The client that huggingface_hub talks with: another package from release to release.
HTTP = import_module(HfHubHTTPError.__bases__[0].__module__.partition(".")[0])
FIRST_ANSWER_WITHIN_S = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Space for the CPU that no test changes."""
    return space.build(tmp_path_factory.mktemp("cpu") / "space")


def pins(file: Path) -> set[str]:
    return {line for line in file.read_text().splitlines() if not line.startswith(("#", "-r"))}


def test_the_folder_holds_the_page_and_nothing_else(built):
    assert {path.name for path in built.iterdir()} == {
        *("README.md", "app.py", "demo", "engine", "models", "requirements.txt")
    }
    files = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    tracked = subprocess.run(["git", "ls-files", *space.CODE], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:  # not where the project was unpacked from an archive
        assert set(tracked.stdout.split("\n")) - {""} <= files
    assert not [name for name in files if "__pycache__" in name or name.endswith((".pyc", ".partial"))]
    assert all((built / name).read_bytes() == (ROOT / name).read_bytes() for name in files if "/" in name)


def test_requirements_are_the_projects_without_those_that_make_models(built):
    left_out = pins(ROOT / "requirements.txt") - pins(built / "requirements.txt")
    assert {pin.split("==")[0] for pin in left_out} == {"nncf", "onnx", "onnxscript", "torchvision"}
    assert pins(built / "requirements.txt") < pins(ROOT / "requirements.txt")


def test_the_readme_has_the_front_matter_of_the_project(built):
    front_matter = (ROOT / "README.md").read_text().split("---\n")[1]
    assert (built / "README.md").read_text().startswith(f"---\n{front_matter}---\n\n# Whisker\n")


def test_zerogpu_adds_a_package_and_a_line_and_changes_no_other_file(built, tmp_path):
    zero = space.build(tmp_path / "space", "zerogpu")
    assert pins(zero / "requirements.txt") - pins(built / "requirements.txt") == {"spaces==0.51.3"}
    added = set((zero / "README.md").read_text().splitlines()) - set((built / "README.md").read_text().splitlines())
    assert added == {"suggested_hardware: zero-a10g"}
    code = [path.relative_to(built) for path in built.rglob("*.py")]
    assert all((zero / path).read_bytes() == (built / path).read_bytes() for path in code)


def test_a_text_without_front_matter_is_refused():
    with pytest.raises(space.InputError, match=r"README\.md has no front matter"):
        space.front_matter_of("# Whisker\n")


def test_an_older_build_is_replaced(tmp_path, capsys):
    out = tmp_path / "space"
    assert space.main(["--out", str(out)]) == 0
    (out / "demo" / "stale.py").touch()
    assert space.main(["--out", str(out)]) == 0
    assert not (out / "demo" / "stale.py").exists()
    assert " MB for a Space with cpu\n" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["space"]


def refused(capsys: pytest.CaptureFixture, *words: object) -> str:
    """What is said of a command line that is refused."""
    assert space.main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def test_a_folder_with_something_else_in_it_is_refused_and_kept(tmp_path, capsys):
    (tmp_path / "diary.txt").write_text("dear diary")
    assert "holds files that this command did not write" in refused(capsys, "--out", tmp_path)
    assert (tmp_path / "diary.txt").read_text() == "dear diary"


def test_a_build_to_which_something_was_added_is_refused_and_kept(tmp_path, capsys):
    space.build(tmp_path / "space")
    (tmp_path / "space" / "secrets.txt").touch()
    assert "holds secrets.txt, which would be lost" in refused(capsys, "--out", tmp_path / "space")
    assert (tmp_path / "space" / "secrets.txt").exists()


def test_places_that_cannot_be_written_are_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert "is a file. Name a folder" in refused(capsys, "--out", tmp_path / "file")
    assert "cannot be written (Not a directory)" in refused(capsys, "--out", tmp_path / "file" / "space")
    assert "lies in a folder that is copied" in refused(capsys, "--out", ROOT / "demo" / "space")
    assert "invalid choice: 'gpu'" in refused(capsys, "--hardware", "gpu")


def test_nothing_is_uploaded_and_nothing_of_it_imported_without_a_name(tmp_path):
    code = f"import sys; from tools import space; space.main(['--out', {str(tmp_path / 'space')!r}])"
    code += "; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_a_name_uploads_the_folder_to_a_gradio_space(tmp_path, capsys):
    hub, out = FakeHub(), tmp_path / "space"
    assert space.main(["--out", str(out), "--repo", "user/name"], hub) == 0
    assert hub.made == [{"repo_id": "user/name", "repo_type": "space", "space_sdk": "gradio", "exist_ok": True}]
    (sent,) = hub.uploaded
    assert (sent["repo_id"], sent["repo_type"], sent["folder_path"]) == ("user/name", "space", out)
    assert {"app.py", "README.md", "requirements.txt", "models/fastsegnet/model.json"} <= sent["files"]
    assert sent["delete_patterns"] == [
        "demo/*",
        "engine/*",
        "models/*",
    ]  # a module that is gone, nothing of the owner's
    assert capsys.readouterr().out.endswith("uploaded to https://example.org/spaces/user/name\n")


def test_a_space_for_zerogpu_is_made_with_it(tmp_path):
    hub = FakeHub()
    assert space.main(["--out", str(tmp_path / "space"), "--hardware", "zerogpu", "--repo", "user/name"], hub) == 0
    assert hub.made[0]["space_hardware"] == "zero-a10g"


@pytest.mark.parametrize("name", ["name", "user/", "a/b/c", "user/na me", "user/a--b", "user/name.git", "../name"])
def test_a_bad_name_is_refused_before_anything_is_written(tmp_path, capsys, name):
    assert "is not the name of a Space. Expected user/name" in refused(
        capsys, "--out", tmp_path / "space", "--repo", name
    )
    assert not (tmp_path / "space").exists()


def answer(status: int, reason: str) -> HfHubHTTPError:
    """What `huggingface_hub` raises when the hub answers with an error."""
    response = HTTP.Response(status, request=HTTP.Request("POST", "https://example.org"))
    return HfHubHTTPError(f"{status}\n\n{reason}", response=response, server_message=reason)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (HTTP.ConnectError("Name or service not known"), "is not reached (Name or service not known)"),
        (ConnectionError("offline mode"), "is not reached (offline mode). Check the network"),
        (answer(401, "Invalid token"), "does not know this token (Invalid token). Run `hf auth login`"),
        (answer(403, "Not yours"), "does not let this account write user/name (Not yours). Name a Space of your own"),
        (answer(402, "Paid plan"), "(Paid plan). Name a Space of your own, use a token"),
        (answer(500, "Oops"), "does not take user/name (status 500: Oops)"),
    ],
)
def test_what_goes_wrong_with_an_upload_is_one_clear_line(tmp_path, capsys, error, said):
    words = ["--out", str(tmp_path / "space"), "--repo", "user/name"]
    assert space.main(words, FakeHub(fails_with=error)) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: Hugging Face ")
    assert said in line
    assert line.count("\n") == 1


def test_without_a_token_it_says_how_to_get_one(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    done = subprocess.run(
        [sys.executable, "-m", "tools.space", "--out", str(tmp_path / "space"), "--repo", "user/name"],
        cwd=ROOT,
        env={**environment, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "error: There is no token of Hugging Face here. Run `hf auth login`, or set HF_TOKEN.\n"


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[..., dict]]:
    """`visit(folder)` starts it as a Space does and gives what `visitor.py` says; more variables by name."""
    writable, home = tmp_path / "writable", tmp_path / "home"
    for folder, mode in ((writable, 0o777), (home, 0o555)):
        folder.mkdir()
        folder.chmod(mode)
    started: list[subprocess.Popen] = []

    def start(folder: Path, **more: str) -> dict:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(writable),
            "GRADIO_TEMP_DIR": str(writable / "gradio"),
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "SYSTEM": "spaces",
            "PYTHONPATH": str(HERE / "blocked"),
            "BLOCKED": ",".join(sorted(not_asked_for(folder / "requirements.txt"))),
            "CUDA_VISIBLE_DEVICES": "",
            **more,
        }
        command = [*as_a_space(folder), sys.executable, str(HERE / "visitor.py"), str(folder), str(PHOTO)]
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=writable,
        )
        started.append(process)
        said, log = process.communicate(timeout=240)
        assert process.returncode == 0, log
        return json.loads(said)

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # itself, and the page where it was not stopped
        process.wait(timeout=20)
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=True)


def not_asked_for(requirements: Path) -> set[str]:
    """The modules on this machine that are there neither for these requirements nor for what they need themselves."""
    asked: set[str] = set()
    todo = {canonicalize_name(Requirement(line).name) for line in pins(requirements)}
    while todo:
        asked.add(name := todo.pop())
        with contextlib.suppress(PackageNotFoundError):  # spaces, which only a host has
            needed = [Requirement(line) for line in requires(name) or []]
            here = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
            todo |= {canonicalize_name(one.name) for one in here} - asked
    modules = packages_distributions()
    return {module for module, owners in modules.items() if asked.isdisjoint(map(canonicalize_name, owners))}


def as_a_space(folder: Path) -> list[str]:
    """The words before a command that give it a Space's user, cores and network, as far as this machine permits."""
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))[:2]]
    words = ["taskset", "--cpu-list", ",".join(cores)] if shutil.which("taskset") else []
    if os.getuid() == 0:
        words = [*not_root(folder), *words]
    alone = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if runs([*alone, "true"]):
        return [*alone, *words]
    warnings.warn("The page ran with a network: this machine does not permit `unshare --net`.", stacklevel=2)
    return words


def not_root(folder: Path) -> list[str]:
    """The words that make a command another user's.

    Where root's home is closed to others and holds the interpreter or the folder, the user may read everything
    (CAP_DAC_READ_SEARCH), and still write nothing.
    """
    other = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    reader = [*other, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    reads = [sys.executable, "-c", "import gradio_client, os, sys; os.listdir(sys.argv[1])", str(folder)]
    for words in ([*other, "--inh-caps=-all"], reader):
        if runs([*words, *reads]):
            return words
    pytest.skip("no user but root can read this interpreter: put it, or TMPDIR, where others can read")


def runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


def check(said: dict) -> None:
    """The first visitor got an answer of each backend, under the conditions of a Space."""
    assert set(said["areas"]) == {"openvino-fp32", "openvino-int8", "torch", "torchscript"}
    for areas in said["areas"].values():
        assert areas["cat"] > 0.5  # the cat's face fills the picture
        assert areas["dog"] < 0.1
    assert said["seconds"] < FIRST_ANSWER_WITHIN_S
    assert said["user"] != 0
    assert said["writable"] == []
    assert said["cores"] <= 2
    print(f"{said['seconds']:.1f} s to the first answer, {'with' if said['network'] else 'without'} a network")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="restricts the page with programs of Linux")
def test_the_folder_starts_as_a_space_does_and_finds_the_cat(visit, tmp_path):
    said = visit(space.build(tmp_path / "space"))
    check(said)
    if os.getuid() == 0 and runs(["unshare", "--net", "true"]):
        assert not said["network"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="restricts the page with programs of Linux")
def test_a_zerogpu_folder_registers_one_function_and_answers_on_the_cpu(visit, tmp_path):
    log = tmp_path / "writable" / "decorated.txt"
    path = os.pathsep.join([str(HERE / "blocked"), str(HERE / "fake_spaces")])
    built = space.build(tmp_path / "space", "zerogpu")
    check(visit(built, SPACES_ZERO_GPU="true", PYTHONPATH=path, FAKE_SPACES_LOG=str(log)))
    assert log.read_text() == "never_called\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="restricts the page with programs of Linux")
def test_a_zerogpu_folder_needs_neither_the_package_nor_a_gpu_elsewhere(visit, tmp_path):
    built = space.build(tmp_path / "space", "zerogpu")
    check(
        visit(
            built,
        )
    )
