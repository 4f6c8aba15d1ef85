"""The bootstrap cell, in Colab and elsewhere, and the package that it installs.

The last test makes an environment with Colab's versions, which needs the network: `make test-colab`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tools import labs, notebooks

ROOT = notebooks.ROOT
OPENED = notebooks.find() + [labs.copy_of(folder) for folder in labs.find()]


@pytest.fixture
def pip_calls(monkeypatch):
    """Run the bootstrap cell as IPython would, and write down what it hands to %pip."""
    calls = []
    shell = InteractiveShell()
    shell.register_magic_function(lambda line: calls.append(line), magic_name="pip")
    return shell, calls


def test_elsewhere_the_bootstrap_does_nothing(pip_calls):
    shell, calls = pip_calls
    assert "google.colab" not in sys.modules
    shell.run_cell(notebooks.bootstrap()).raise_error()
    assert calls == []


def test_in_colab_it_installs_the_helpers_and_nothing_else(pip_calls, monkeypatch):
    shell, calls = pip_calls
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    shell.run_cell(notebooks.bootstrap()).raise_error()
    [line] = calls
    assert "--no-deps" in line and notebooks.repository() in line
    assert len([word for word in line.split() if not word.startswith("-")]) == 2  # install, git+...


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that pip would build from the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_installed_package_brings_its_data(wheel, tmp_path):
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)  # all that installing a pure Python wheel does
    code = (
        "from helpers import course, data, results, sources\n"
        "train, test = data.imdb('sample')\n"
        "print(sources.path('imdb.csv'), len(course.chapters()), len(train) + len(test))\n"
        "results.recall('06.test_accuracy')\n"
        "from helpers import labs\n"
        "assert labs.check('lab07.window_mask', None).key == 'empty'\n"
        "assert all(labs.tasks(f'lab{lab.number}') for lab in labs.every()) and labs.progress()\n"
    )
    home = {"PYTHONPATH": str(target), "COURSE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, **home}, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    where, chapters, rows = done.stdout.splitlines()[-1].rsplit(" ", 2)
    assert Path(where).is_relative_to(target), "the checkout was used, not the installed package"
    assert int(chapters) == len(notebooks.find()) and int(rows) >= 400


def test_every_course_dependency_is_in_the_colab_list_or_not_needed_there():
    """A notebook that needs something Colab lacks must say so in the bootstrap cell."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {dependency.split(">")[0] for dependency in project["dependencies"]}
    has = {line.split("==")[0].strip() for line in (ROOT / "tests/colab.txt").open()
           if not line.startswith("#")}  # fmt: skip
    runs_notebooks = {"jupyterlab", "papermill", "nbval"}
    installed_where_used = {"datasketch", "jiwer", "rouge-score", "sacrebleu"}
    assert needed - has == runs_notebooks | installed_where_used
    cells = "".join(path.read_text("utf-8") for path in OPENED)
    for name in installed_where_used:
        assert f"%pip install -q --no-deps {name}" in cells


def python_313() -> str:
    """Colab's Python where there is one, else this one."""
    for name in ("python3.13", sys.executable):
        found = shutil.which(name)
        if (
            found
            and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return found
    raise AssertionError("no Python runs here")


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """An environment with Colab's versions, a `google.colab` in it, and a kernel that uses it."""
    folder = ROOT / "build" / "colab"
    python = folder / "bin" / "python"
    wanted, complete = (ROOT / "tests" / "colab.txt").read_text("utf-8"), folder / "complete"
    if not complete.exists() or complete.read_text("utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python_313(), "-m", "venv", str(folder)], check=True)
        requirements = str(ROOT / "tests" / "colab.txt")
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", requirements], check=True)
        complete.write_text(wanted, "utf-8")
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    Path(site, "google", "colab").mkdir(parents=True, exist_ok=True)
    Path(site, "google", "colab", "__init__.py").touch()
    Path(site, "pretend_colab.pth").write_text("import google.colab\n")
    data = tmp_path_factory.mktemp("jupyter")
    spec = data / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Colab", "language": "python"})
    )
    return python, data


@pytest.fixture(scope="module")
def as_published(tmp_path_factory):
    """This working tree as a git repository that answers under the course's public address."""
    clone = tmp_path_factory.mktemp("published") / "course"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            capture_output=True, check=True).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "as published"]):
        subprocess.run(["git", *command], cwd=clone, check=True)
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{clone}.insteadOf",
            "GIT_CONFIG_VALUE_0": notebooks.repository()}  # fmt: skip


def versions(python):
    done = subprocess.run([str(python), "-m", "pip", "freeze", "--exclude", "large-models-in-the-open"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return sorted(done.stdout.splitlines())


@pytest.mark.colab
@pytest.mark.parametrize("path", OPENED, ids=lambda path: path.stem)
def test_it_runs_with_colabs_versions(path, colab, as_published, tmp_path, monkeypatch):
    python, kernels = colab
    before = versions(python)
    # An earlier notebook's install must not stand in for this one's.
    subprocess.run([str(python), "-m", "pip", "uninstall", "-qy", "large-models-in-the-open"],
                   check=True)  # fmt: skip
    alone = tmp_path / "content" / path.name  # Colab opens only the file
    alone.parent.mkdir()
    shutil.copy(path, alone)
    monkeypatch.setenv("JUPYTER_PATH", str(kernels))
    for name in ("PYTHONPATH", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.delenv(name, raising=False)
    parameters = {"SOURCE": "sample"} if path.parent.name == "notebooks" else {}
    run = notebooks.execute(alone, tmp_path / path.name, parameters,
                            JUPYTER_PREFER_ENV_PATH="0", **as_published)  # fmt: skip
    assert run.passed, run.result
    assert versions(python) == before, "the bootstrap cell changed what Colab brings"
