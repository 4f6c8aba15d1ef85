"""The environment: what is locked, what conda gets, and how `make` sets it up.

The Makefile is run for real, in a folder of its own, with stand-ins for Python and uv that write
down how they were called: no network, and no change to the environment that runs the tests.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from helpers import doctor
from tools import environment

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PLATFORMS = [
    {"python_version": python[:4], "python_full_version": python, "sys_platform": system,
     "platform_machine": machine, "platform_system": name, "implementation_name": "cpython",
     "platform_python_implementation": "CPython", "os_name": "nt" if name == "Windows" else "posix"}
    for python in ("3.11.9", "3.12.7", "3.13.1")
    for system, machine, name in (("linux", "x86_64", "Linux"), ("linux", "aarch64", "Linux"),
                                  ("darwin", "arm64", "Darwin"), ("win32", "AMD64", "Windows"))
]  # fmt: skip


def direct():
    """Every requirement that pyproject.toml names itself, without the extras."""
    lines = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    return [Requirement(line) for line in lines]


def pins():
    """(name, version, marker or None, number of hashes) for each entry of the lock."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK[LOCK.index("==") - 80 :])
    for entry in (e for e in entries if re.match(r"[A-Za-z0-9][\w.-]*==", e)):
        head = entry.split("\\\n")[0]
        name, version, marker = re.match(r"([\w.-]+)==(\S+)(?: ; (.*?))?\s*$", head).groups()
        hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry))
        yield canonicalize_name(name), version, Marker(marker) if marker else None, hashes


# The lock


def test_the_lock_and_what_is_made_from_it_are_not_stale():
    assert environment.stale(ROOT) == [], "type  make lock"


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("pyproject.toml", '"keras>=', '"keras>=99.', ["requirements.lock"]),
        ("pyproject.toml", '"pytest>=', '"one-more", "pytest>=', ["requirements.lock"]),
        ("pyproject.toml", "<3.14", "<3.15", ["requirements.lock", "environment.yml"]),
        ("pyproject.toml", "line-length = 100", "line-length = 99", []),
        ("pyproject.toml", '"keras>=', '  "keras >= ', []),
        ("environment.yml", "requirements.lock\n", "requirements.lock\n      - torch\n",
         ["environment.yml"]),
        ("requirements.lock", "with sha256 ", "with sha256 f", ["requirements.lock"]),
    ],
)  # fmt: skip
def test_what_makes_them_stale(tmp_path, file, old, new, stale):
    for name in ("pyproject.toml", "requirements.lock", "environment.yml"):
        shutil.copy(ROOT / name, tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert environment.stale(tmp_path) == stale
    environment.write(tmp_path)
    assert environment.stale(tmp_path) == []


def test_the_lock_names_no_address_and_no_place():
    for word in ("://", "index-url", "find-links", "file:", "@ ", str(Path.home())):
        assert word not in LOCK


def test_every_pin_has_hashes_and_pins_every_requirement_on_every_platform():
    entries = list(pins())
    assert len(entries) > 100 and all(hashes > 0 for *_, hashes in entries)
    for platform in PLATFORMS:
        there = {
            name: version
            for name, version, marker, _ in entries
            if marker is None or marker.evaluate(platform)
        }
        for need in direct():
            if need.marker is None or need.marker.evaluate(platform):
                version = there.get(canonicalize_name(need.name))
                assert version and need.specifier.contains(version), (need, version, platform)


def test_a_package_has_one_pin_on_each_platform():
    for platform in PLATFORMS:
        names = [n for n, _, marker, _ in pins() if marker is None or marker.evaluate(platform)]
        assert len(names) == len(set(names))


def test_what_builds_the_project_is_in_the_lock():
    names = {name for name, *_ in pins()}
    for line in PROJECT["build-system"]["requires"]:
        assert canonicalize_name(Requirement(line).name) in names


def test_extras_add_to_the_lock_and_do_not_contradict_it():
    locked = {name: version for name, version, *_ in pins()}
    for lines in PROJECT["project"]["optional-dependencies"].values():
        for need in map(Requirement, lines):
            version = locked.get(canonicalize_name(need.name))
            assert version is None or need.specifier.contains(version)


def test_colabs_versions_lie_within_the_bounds():
    colab = [
        Requirement(line)
        for line in (ROOT / "tests" / "colab.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    ]
    assert {"tensorflow", "keras", "pandas", "datasets", "ipywidgets"} <= {c.name for c in colab}
    bounds = {canonicalize_name(need.name): need.specifier for need in direct()}
    for package in colab:
        [version] = package.specifier
        assert bounds[canonicalize_name(package.name)].contains(version.version), package
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains("3.13.5")


def test_tensorflow_for_the_cpu_only_is_nowhere_required():
    """In Colab it would replace the build that sees the GPU."""
    assert "tensorflow-cpu" not in {need.name for need in direct()}


# conda's file


def test_conda_gives_python_and_pip_and_the_lock_everything_else():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert found["name"] == PROJECT["project"]["name"]
    python = f"python {PROJECT['project']['requires-python']}"
    assert found["dependencies"] == [python, "pip", {"pip": ["-r requirements.lock"]}]
    assert "://" not in text


# What is installed here


def test_this_environment_is_the_lock():
    check = doctor.check_packages()
    assert check.ok, check


def test_bytecode_is_compiled_at_install():
    """TensorFlow's import takes three times as long without."""
    site = Path(next(p for p in sys.path if p.endswith("site-packages")))
    if not (Path(sys.prefix) / ".complete").exists():
        pytest.skip("this environment was not made by make")
    for package in ("keras", "tensorflow/python/framework", "pandas"):
        sources = list((site / package).glob("*.py"))
        cached = {
            path.name.split(".")[0] for path in (site / package / "__pycache__").glob("*.pyc")
        }
        assert sources and {path.stem for path in sources} <= cached, package


# make, with stand-ins for Python and uv


needs_make = pytest.mark.skipif(
    not shutil.which("make") or os.name != "posix", reason="no make here: README has plain lines"
)
TOOLS = ("sh", "make", "rm", "cat", "mkdir", "cp", "touch", "awk", "dirname", "env", "chmod")
PYTHON = r"""#!/bin/sh
case "$*" in
  "-c "*"print(sys.executable)"*) [ -e "$WORKSHOP/old" ] && exit 1; echo "$0"; exit;;
  "-c "*) exit;;
esac
echo "python $*|COURSE_DATA=$COURSE_DATA|VIRTUAL_ENV=$VIRTUAL_ENV" >>"$WORKSHOP/log"
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; [ -e "$WORKSHOP/no-venv" ] && exit 1; cp "$0" "$3/bin/python";;
  *backends.txt) if [ -e "$WORKSHOP/offline" ]; then echo "no network" >&2; exit 1; fi;;
  "-m pip install "*) cp "$WORKSHOP/uv" "$(dirname "$0")/uv";;
esac
"""
UV = r"""#!/bin/sh
[ "$1" = --version ] && exit
echo "uv $*|UV_CACHE_DIR=$UV_CACHE_DIR" >>"$WORKSHOP/log"
[ -e "$WORKSHOP/fail" ] && [ "$1" = pip ] && exit 1
if [ "$1" = venv ]; then mkdir -p .venv/bin; cp "$WORKSHOP/bin/python3" .venv/bin/python; fi
exit 0
"""


class Workshop:
    """A folder with the Makefile, on a machine that has nothing but the stand-ins."""

    def __init__(self, base):
        self.base, self.bin, self.folder = base, base / "bin", base / "a course"
        self.bin.mkdir()
        self.folder.mkdir()
        (self.folder / "tests").mkdir()
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "tests/backends.txt"):
            shutil.copy(ROOT / name, self.folder / name)
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name))
        self.put(self.bin / "python3", PYTHON)
        self.put(self.base / "uv", UV)

    def put(self, path, text):
        path.write_text(text)
        path.chmod(0o755)

    def with_uv(self):
        self.put(self.bin / "uv", UV)
        return self

    def make(self, *arguments, cwd=None, **env):
        """Run make; returns what it did as (exit status, the calls it made, what it said)."""
        log = self.base / "log"
        log.write_text("")
        clean = {"PATH": str(self.bin), "HOME": str(self.base / "home")}
        clean["WORKSHOP"] = str(self.base)
        run = subprocess.run(["make", *arguments], cwd=cwd or self.folder, env=clean | env,
                             capture_output=True, text=True)  # fmt: skip
        return run.returncode, log.read_text().splitlines(), run.stdout + run.stderr

    @property
    def stamp(self):
        return self.folder / ".venv" / ".complete"


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path)


def called(calls, *beginnings):
    """Whether the calls begin, one by one, as told."""
    pairs = list(zip(calls, beginnings, strict=False))
    return len(calls) == len(beginnings) and all(c.startswith(b) for c, b in pairs)


SET_UP = ("uv venv", "uv pip install --python .venv/bin/python --require-hashes",
          "uv pip install --python .venv/bin/python --no-build-isolation --no-deps -e .",
          "python -m pip install --quiet")  # fmt: skip
TESTS = ("python -m pytest tests -n 2 --dist loadfile -m not clock and not soak",
         "python -m pytest -m clock and not soak")  # fmt: skip


@needs_make
def test_the_first_time_sets_up_and_the_second_does_nothing(workshop):
    workshop.with_uv()
    status, calls, said = workshop.make("test")
    assert status == 0, said
    assert called(calls, *SET_UP, *TESTS)
    assert "--compile-bytecode" in calls[1] and "-r requirements.lock" in calls[1]
    status, calls, _ = workshop.make("test")
    assert status == 0 and called(calls, *TESTS)


@needs_make
def test_from_another_folder_it_is_the_same(workshop):
    workshop.with_uv().make("test")
    status, calls, _ = workshop.make("-C", str(workshop.folder), "test", cwd="/")
    assert status == 0 and called(calls, *TESTS)


@needs_make
def test_what_fails_half_way_leaves_no_stamp_and_is_made_anew(workshop):
    workshop.with_uv()
    (workshop.base / "fail").touch()
    assert workshop.make("test")[0] != 0 and not workshop.stamp.exists()
    left = workshop.folder / ".venv" / "half a package"
    left.touch()
    (workshop.base / "fail").unlink()
    status, calls, _ = workshop.make("test")
    assert status == 0 and called(calls, *SET_UP, *TESTS) and not left.exists()


@needs_make
@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_new_lock_is_installed_into_the_same_environment(workshop, name):
    workshop.with_uv().make("test")
    kept = workshop.folder / ".venv" / "kept"
    kept.touch()
    later = workshop.stamp.stat().st_mtime + 10
    os.utime(workshop.folder / name, (later, later))
    status, calls, _ = workshop.make("test")
    assert status == 0 and called(calls, *SET_UP[1:], *TESTS) and kept.exists()


@needs_make
def test_an_update_that_fails_half_way_is_not_taken_for_whole(workshop):
    workshop.with_uv().make("test")
    later = workshop.stamp.stat().st_mtime + 10
    os.utime(workshop.folder / "requirements.lock", (later, later))
    (workshop.base / "fail").touch()
    assert workshop.make("test")[0] != 0 and not workshop.stamp.exists()
    (workshop.base / "fail").unlink()
    assert called(workshop.make("test")[1], *SET_UP, *TESTS)


@needs_make
def test_a_folder_that_was_moved_or_lost_its_python_is_set_up_anew(workshop):
    workshop.with_uv().make("test")
    moved = workshop.folder.rename(workshop.base / "moved")
    assert called(workshop.make("test", cwd=moved)[1], *SET_UP, *TESTS)
    (moved / ".venv/bin/python").unlink()
    assert called(workshop.make("test", cwd=moved)[1], *SET_UP, *TESTS)


@needs_make
def test_the_other_backends_change_nothing_that_is_locked(workshop):
    workshop.with_uv().make("test")
    [call] = [c for c in workshop.make("-W", "tests/backends.txt", "test")[1] if "pip install" in c]
    assert "-r tests/backends.txt" in call and "-c .venv/locked.txt" in call
    constraints = (workshop.folder / ".venv" / "locked.txt").read_text().splitlines()
    assert len(constraints) == len(list(pins())) and "--hash" not in "".join(constraints)
    assert all(Requirement(line).specifier for line in constraints)
    assert not {"torch", "jax"} & {Requirement(line).name for line in constraints}


@needs_make
def test_where_the_other_backends_cannot_be_had_the_tests_still_run_but_not_in_ci(workshop):
    workshop.with_uv()
    (workshop.base / "offline").touch()
    status, calls, said = workshop.make("test")
    assert status == 0 and called(calls, *SET_UP, *TESTS)
    assert [line for line in said.splitlines() if "could not be installed" in line]
    status, calls, said = workshop.make("test", COURSE_BACKENDS="required")
    assert status != 0 and called(calls, SET_UP[-1]) and "no network" in said
    (workshop.base / "offline").unlink()
    assert called(workshop.make("test")[1], SET_UP[-1], *TESTS)
    assert called(workshop.make("test")[1], *TESTS)


@needs_make
def test_readers_do_not_wait_for_the_other_backends(workshop):
    status, calls, _ = workshop.with_uv().make("run")
    assert status == 0 and called(calls, *SET_UP[:-1], "python -m tools.notebooks run")


def test_the_other_backends_are_pinned_and_outside_the_lock():
    lines = (ROOT / "tests" / "backends.txt").read_text().splitlines()
    needs = [Requirement(line) for line in lines if not line.startswith("#")]
    assert {"torch", "jax", "jaxlib", "transformers"} <= {need.name for need in needs}
    assert all(str(need.specifier).startswith("==") for need in needs)
    assert not {need.name for need in needs} & {name for name, *_ in pins()}


@needs_make
def test_without_uv_the_project_gets_its_own_and_nothing_goes_elsewhere(workshop):
    status, calls, said = workshop.make("test")
    assert status == 0, said
    assert called(calls, "python -m venv .boot", "python -m pip install", *SET_UP, *TESTS)
    assert "--no-cache-dir" in calls[1]
    cache = str(workshop.folder / ".boot" / "cache")
    assert all(call.endswith(f"|UV_CACHE_DIR={cache}") for call in calls[2:5])
    assert not (workshop.base / "home").exists()
    assert called(workshop.make("test")[1], *TESTS)


@needs_make
def test_an_uv_that_is_there_keeps_its_own_cache_and_one_that_does_not_run_is_not_there(workshop):
    assert workshop.with_uv().make("test")[1][0].endswith("|UV_CACHE_DIR=")
    workshop.put(workshop.bin / "uv", "#!/bin/sh\nexit 127\n")
    shutil.rmtree(workshop.folder / ".venv")
    assert workshop.make("test")[1][0].startswith("python -m venv .boot")


@needs_make
def test_the_callers_environment_is_left_alone(workshop):
    calls = workshop.with_uv().make("test", VIRTUAL_ENV="/some/where", PYTHONPATH="/else")[1]
    assert calls[-1].endswith("|VIRTUAL_ENV=")


@needs_make
def test_a_python_that_does_not_fit_is_passed_over(workshop):
    workshop.with_uv()
    workshop.put(workshop.bin / "python3", "#!/bin/sh\nexit 127\n")
    status, _, said = workshop.make("test")
    assert status != 0 and "No Python 3.11, 3.12 or 3.13 found" in said and "PYTHON=" in said
    workshop.put(workshop.bin / "python3.12", PYTHON)
    assert "python3.12" in workshop.make("test")[1][0]


@needs_make
def test_python_is_the_callers_choice_and_a_wrong_choice_is_not_passed_over(workshop):
    workshop.with_uv()
    status, _, said = workshop.make("test", "PYTHON=python3.99")
    assert status != 0 and "found as python3.99" in said
    workshop.put(workshop.bin / "my-python", PYTHON)
    assert "my-python" in workshop.make("test", "PYTHON=my-python")[1][0]


@needs_make
def test_a_python_without_venv_says_what_to_install(workshop):
    (workshop.base / "no-venv").touch()
    status, _, said = workshop.make("test")
    assert status != 0 and "apt install python3-venv" in said
    assert not (workshop.folder / ".boot").exists()


@needs_make
def test_the_data_folder_is_meant_from_where_make_was_typed(workshop):
    workshop.with_uv().make("test")
    (workshop.base / "my data").mkdir()
    for arguments in (["COURSE_DATA=my data"], []):
        status, calls, _ = workshop.make(
            "-C", str(workshop.folder), "test-data", *arguments, cwd=workshop.base,
            PWD=str(workshop.base), COURSE_DATA="my data")  # fmt: skip
        assert status == 0 and f"|COURSE_DATA={workshop.base / 'my data'}|" in calls[0]


@needs_make
def test_without_real_data_their_tests_say_what_is_missing(workshop):
    workshop.with_uv().make("test")
    for value, told in (("", "is not set"), ("/no/folder", "=/no/folder is no folder")):
        status, calls, said = workshop.make("test-data", COURSE_DATA=value)
        assert status != 0 and calls == [] and told in said and "make test-data COURSE" in said


@needs_make
@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["run"], "tools.notebooks run"),
        (["run", "NB=06", "PROFILE=gpu"], "tools.notebooks run --nb 06 --profile gpu"),
        (["record", "NB=06"], "tools.notebooks record --nb 06"),
        (["test-fast"], "pytest tests -m not slow and not browser"),
        (["soak"], "pytest tests -m soak"),
        (["doctor"], "helpers.doctor"),
        (
            ["test", "ARGS=-k gpt"],
            "pytest tests -n 2 --dist loadfile -m not clock and not soak and not real_data"
            " and not colab -k gpt",
        ),
    ],
)
def test_each_command_calls_what_it_promises(workshop, arguments, call):
    workshop.with_uv().make("test")
    status, calls, _ = workshop.make(*arguments)
    assert status == 0 and " ".join(calls[0].split("|")[0].split()).startswith(f"python -m {call}")


@needs_make
@pytest.mark.parametrize(
    ("ends", "passes"), [((0, 0), 1), ((5, 0), 1), ((0, 5), 1), ((1, 0), 0), ((0, 1), 0)]
)
def test_the_tests_fail_when_a_half_of_them_does_and_an_empty_half_is_none(workshop, ends, passes):
    workshop.with_uv().make("test")
    python = workshop.folder / ".venv" / "bin" / "python"
    first, second = ends
    cases = f'*"not clock"*) exit {first};; *clock*) exit {second};;'
    workshop.put(python, f'#!/bin/sh\ncase "$*" in {cases} esac\n')
    status, _, said = workshop.make("test")
    assert (status == 0) == bool(passes), said


@needs_make
def test_the_doctor_does_not_wait_for_a_set_up(workshop):
    status, calls, _ = workshop.make("doctor")
    assert status == 0 and called(calls, "python -m helpers.doctor")


@needs_make
def test_a_bare_make_lists_every_command(workshop):
    for arguments in ([], ["help"]):
        status, calls, said = workshop.make(*arguments)
        assert status == 0 and calls == []
        for command in ("lab", "test", "test-fast", "test-data", "soak", "run", "record", "doctor"):
            assert re.search(rf"^  make {command} +\S", said, re.M)
    makefile = (ROOT / "Makefile").read_text()
    commands = re.search(r"^\.PHONY: (.*) FORCE$", makefile, re.M)[1].split()
    assert sorted(re.findall(r"^  make ([a-z-]+)", said, re.M)) == sorted(commands)


# CI, licences


@pytest.fixture
def ci(tmp_path):
    """Runs .ci/run on a machine of stand-ins that write down how they were called."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(shutil.which(name))

    def run(user="0", programs=("make", "apt-get", "sudo")):
        for name in programs:
            (tools / name).write_text(
                f'#!/bin/sh\necho {name} "$@" >>"{tmp_path}/log"\n'
                + ('[ "$1" = -n ] && shift && "$@"' if name == "sudo" else "")
                + "\n"
            )
        (tools / "id").write_text(f"#!/bin/sh\necho {user}\n")
        for path in tools.iterdir():
            if not path.is_symlink():
                path.chmod(0o755)
        done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, env={"PATH": str(tools)})
        return done.returncode, (tmp_path / "log").read_text().splitlines()

    run.tools = tools
    return run


@pytest.mark.skipif(not shutil.which("bash") or os.name != "posix", reason="CI runs on Linux")
def test_ci_installs_a_browser_where_there_is_none_then_tests(ci):
    status, calls = ci(programs=("make", "apt-get", "sudo", "chromium", "espeak-ng"))
    assert status == 0 and calls == ["make test"]


@pytest.mark.skipif(not shutil.which("bash") or os.name != "posix", reason="CI runs on Linux")
@pytest.mark.parametrize(("user", "sudo"), [("0", False), ("1000", True)])
def test_ci_asks_debian_for_the_browser(ci, user, sudo):
    status, calls = ci(user=user)
    assert status == 0 and calls[-1] == "make test"
    asked = [call for call in calls if call.startswith("apt-get")]
    assert asked[0].startswith("apt-get update")
    assert "install -qy --no-install-recommends" in asked[1] and " chromium fonts-" in asked[1]
    assert any(call.startswith("sudo -n") for call in calls) is sudo


@pytest.mark.skipif(not shutil.which("bash") or os.name != "posix", reason="CI runs on Linux")
def test_ci_asks_debian_for_the_synthesizer_that_makes_the_spoken_digits(ci):
    status, calls = ci(programs=("make", "apt-get", "sudo", "chromium"))
    assert status == 0 and calls[-1] == "make test"
    assert any("install" in call and "espeak-ng" in call.split() for call in calls)


@pytest.mark.skipif(not shutil.which("bash") or os.name != "posix", reason="CI runs on Linux")
def test_ci_fails_when_the_tests_fail(ci):
    ci(programs=("make", "chromium", "espeak-ng"))
    (ci.tools / "make").write_text("#!/bin/sh\nexit 3\n")
    assert ci(programs=("chromium", "espeak-ng"))[0] == 3


def test_the_licences_are_whole_and_named():
    code = (ROOT / "LICENSE").read_text(encoding="utf-8")
    text = (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8")
    assert "Apache License" in code and "END OF TERMS AND CONDITIONS" in code
    assert "CC-BY-4.0" in text and "Section 8 -- Interpretation." in text
    assert PROJECT["project"]["license"] == "Apache-2.0 AND CC-BY-4.0"
    assert set(PROJECT["project"]["license-files"]) == {"LICENSE", "LICENSE-TEXT"}


def test_jupyters_settings_are_where_the_makefile_looks():
    folder = ROOT / "tools" / "jupyter"
    server = json.loads((folder / "jupyter_server_config.json").read_text())
    assert server["KernelSpecManager"]["allowed_kernelspecs"] == ["python3"]
    assert "JUPYTER_CONFIG_PATH := $(CURDIR)/tools/jupyter" in (ROOT / "Makefile").read_text()
