"""The machine: backend, devices, memory, precision, profile, seeds. `start()` opens every notebook."""

from __future__ import annotations

import contextlib
import gc
import html
import importlib
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROFILES = ("cpu", "gpu")
PRECISIONS = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "mixed_bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
    "mixed_float16": "mixed_float16",
}
MODULES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


@dataclass(frozen=True)
class Device:
    """One accelerator as the framework reports it; `memory_gb` in GiB, None where it is not told."""

    kind: str  # "gpu" or "tpu"
    name: str = ""
    memory_gb: float | None = None
    compute_capability: tuple[int, int] | None = None


@dataclass(frozen=True)
class Report:
    """What was found before anything is decided. Tests hand in reports of machines they do not have."""

    backend: str
    version: str
    devices: tuple[Device, ...] = ()
    driver_gpus: tuple[str, ...] = ()  # names that nvidia-smi shows
    cores: int = 1
    memory_gb: float = 0.0
    hidden: bool = False  # CUDA_VISIBLE_DEVICES hides the GPUs on purpose
    platform: str = sys.platform


@dataclass(frozen=True)
class Machine:
    """What `start()` decided. Renders as a table in a notebook and as text in a terminal."""

    backend: str
    version: str
    keras_version: str
    devices: tuple[Device, ...]
    cores: int
    memory_gb: float
    profile: str
    precision: str
    reason: str
    seed: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def num_devices(self) -> int:
        """How many accelerators the framework uses; 0 on a CPU."""
        return len(self.devices)

    def rows(self) -> list[tuple[str, str]]:
        """The table as (what, value) pairs, all text."""
        return [
            ("framework", f"Keras {self.keras_version} on {self.backend} {self.version}"),
            ("runs on", _devices_in_words(self.devices, self.cores)),
            ("memory", f"{self.memory_gb:.0f} GB"),
            ("profile", self.profile),
            ("precision", f"{self.precision}: {self.reason}"),
            ("seed", str(self.seed)),
        ]

    def __repr__(self) -> str:
        lines = [f"{name:10} {value}" for name, value in self.rows()]
        return "\n".join(lines + [f"WARNING    {text}" for text in self.warnings])

    def _repr_html_(self) -> str:
        cell = "<td style='text-align:left'>"
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th>{cell}{html.escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        loud = "".join(
            f"<p style='border-left:4px solid #d55e00;padding:6px 10px'><b>Warning.</b> "
            f"{html.escape(text)}</p>"
            for text in self.warnings
        )
        return f"<table>{rows}</table>{loud}"


def start(profile: str | None = None, precision: str = "auto", seed: int = 0) -> Machine:
    """Look at the machine, set it up, and say what was decided and why.

    Sets GPU memory growth, the Keras precision policy, the seeds of Python, NumPy and Keras, quiet
    framework logging and the plot style. The backend is the one named by KERAS_BACKEND or
    in Keras's own configuration file.

    Args:
        profile: "cpu" (small sizes) or "gpu" (what an accelerator deserves); None picks.
        precision: "auto", "float32", "bfloat16" or "float16" (the last two are mixed policies).
        seed: for every random generator, at least 0 and below 2**32.

    Raises:
        ValueError: an unknown profile or precision, or a seed out of range.
    """
    _check_arguments(profile, precision, seed)
    quiet()
    with quiet_stderr(), uncollected():
        import keras

        found = probe(keras.backend.backend())
    machine = decide(found, profile, precision, seed)
    keras.config.set_dtype_policy(machine.precision)
    keras.utils.set_random_seed(seed)
    with contextlib.suppress(ImportError):  # helpers without Matplotlib can still train
        from helpers import plots

        plots.use_style()
    if machine.warnings and not _in_notebook():
        for text in machine.warnings:
            print(f"WARNING: {text}", file=sys.stderr)
    return machine


def decide(report: Report, profile: str | None, precision: str, seed: int) -> Machine:
    """From what was found to what is used. No framework is touched here: pure, so it can be tested."""
    policy, reason = choose_precision(report.devices, precision)
    found = list(_missing_gpu(report))
    if policy == "mixed_float16" and not report.devices:
        found.append(
            "float16 on a CPU is slow and overflows easily; use precision='float32' or 'bfloat16'."
        )
    chosen = profile or ("gpu" if report.devices else "cpu")
    if chosen == "gpu" and not report.devices:
        found.append(
            "profile 'gpu' was asked for, and there is no accelerator: the large sizes will be slow."
        )
    return Machine(
        backend=report.backend,
        version=report.version,
        keras_version=_version("keras"),
        devices=report.devices,
        cores=report.cores,
        memory_gb=report.memory_gb,
        profile=chosen,
        precision=policy,
        reason=reason,
        seed=seed,
        warnings=tuple(found),
    )


def choose_precision(devices: tuple[Device, ...], precision: str = "auto") -> tuple[str, str]:
    """The Keras dtype policy and its reason in words.

    bfloat16 keeps float32's range and needs no loss scaling, and runs on tensor cores from compute
    capability 8.0 and on TPUs; float16 needs loss scaling, which Keras adds by itself (Micikevicius
    et al. 2018, arXiv:1710.03740). With several devices the weakest decides.
    """
    if precision != "auto":
        return PRECISIONS[precision], "as you asked"
    if not devices:
        return "float32", "no accelerator, and a CPU seldom gains from fewer bits"
    if all(d.kind == "tpu" for d in devices):
        return "mixed_bfloat16", "TPUs multiply in bfloat16"
    known = [d.compute_capability for d in devices if d.kind == "gpu"]
    if any(c is None for c in known):
        return "float32", "the GPU does not tell its compute capability"
    weakest = min(known)
    name = f"compute capability {weakest[0]}.{weakest[1]}"
    if weakest >= (8, 0):
        return "mixed_bfloat16", f"{name} has fast bfloat16"
    if weakest >= (7, 0):
        return "mixed_float16", f"{name} has fast float16 but no fast bfloat16; the loss is scaled"
    return "float32", f"{name} has no fast half precision"


def probe(backend: str) -> Report:
    """Ask the machine and the framework what there is; sets memory growth on the way."""
    finders = {"tensorflow": _tensorflow_devices, "jax": _jax_devices, "torch": _torch_devices}
    finder = finders.get(backend)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return Report(
        backend=backend,
        version=_version(MODULES.get(backend, backend)),
        devices=tuple(finder()) if finder else (),
        driver_gpus=driver_gpus(),
        cores=cores(),
        memory_gb=memory_gb(),
        hidden=hidden is not None and hidden.strip() in ("", "-1"),
    )


def driver_gpus(command: str = "nvidia-smi") -> tuple[str, ...]:
    """Names of the GPUs that NVIDIA's driver shows; empty without a driver or an answer in 5 s."""
    ask = [command, "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())


def cores() -> int:
    """Processor cores that this process may use, a container's quota included."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _read("/sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        count = min(count or 1, max(1, round(int(quota[0]) / int(quota[1]))))
    return count or 1


def memory_gb() -> float:
    """Main memory in GiB that this process may use, a container's limit included."""
    import psutil

    total = psutil.virtual_memory().total
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    if limit.isdigit():
        total = min(total, int(limit))
    return total / 2**30


def quiet() -> None:
    """Keep the frameworks' start-up talk out of the notebook. Before the framework is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # JAX: memory as needed
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"tensorflow|keras\.src", category=UserWarning)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Import large packages without the garbage collector, and leave what they made out of it.

    Their thousands of modules stay to the end. Python would look through them for garbage again and
    again: for about a second while TensorFlow is imported, two when the process ends, and at each
    full collection between. A package that is there already changes nothing.
    """
    count, enabled = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > count + 1000:
            gc.freeze()
        if enabled:
            gc.enable()


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """Import in the block as if these packages were not installed; one that is there already stays.

    Some packages load others only in case they are needed, for seconds: Keras scikit-learn, TensorFlow
    JAX, papermill a client of Google's storage, jsonschema (for nbformat) a grammar of web addresses.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 in the block, C++ included.

    TensorFlow logs a few lines before its own log level counts. They are shown if the block fails.
    """
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        try:
            stderr = os.dup(2)
        except OSError:  # no descriptor 2 at all (a windowed program): nothing to hold back
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def home() -> Path:
    """The reader's own folder for results, checkpoints and progress; made if it is not there.

    COURSE_HOME names it; otherwise the system's usual place for a program's data.
    """
    named = os.environ.get("COURSE_HOME")
    if named:
        folder = Path(named).expanduser()
    else:
        import platformdirs

        folder = Path(platformdirs.user_data_dir("large-models-in-the-open", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def shipped() -> Path:
    """The folder of what ships: `data` of a checkout, or its copy inside an installed package."""
    package = Path(__file__).resolve().parent
    # The copy first: beside an installed package lie the folders of others, a `data` perhaps.
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parent / "data"


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes that name only when the block ends well.

    A reader of `path` sees the old file or the whole new one, never a part, even after a power cut.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _check_arguments(profile: str | None, precision: str, seed: int) -> None:
    if profile is not None and profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}; it must be 'cpu', 'gpu' or None (choose for me)")
    if precision != "auto" and precision not in PRECISIONS:
        choices = ", ".join(repr(name) for name in ("auto", "float32", "bfloat16", "float16"))
        raise ValueError(f"precision is {precision!r}; it must be one of {choices}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; it must be a whole number from 0 to 2**32 - 1")


def _missing_gpu(report: Report) -> Iterator[str]:
    """The GPU is there, the driver sees it, and the framework does not use it."""
    if not report.driver_gpus or any(d.kind == "gpu" for d in report.devices):
        return
    names = ", ".join(report.driver_gpus)
    if report.hidden:
        yield f"CUDA_VISIBLE_DEVICES hides the GPU ({names}). Unset it to use the GPU."
        return
    yield (
        f"The driver shows a GPU ({names}) and {report.backend} does not use it: everything runs "
        f"on the processor. Mend: {_gpu_mend(report.backend, report.platform)}"
    )


def _gpu_mend(backend: str, platform: str) -> str:
    if backend == "tensorflow" and platform == "win32":
        return (
            "TensorFlow has no GPU build for Windows itself; work inside WSL 2, or install the "
            "GPU build of PyTorch and set KERAS_BACKEND=torch."
        )
    if backend == "tensorflow":
        return "type `make gpu` (or: pip install 'tensorflow[and-cuda]') and restart the kernel."
    if backend == "jax":
        return "pip install 'jax[cuda13]' and restart the kernel."
    return f"install the GPU build of {backend} and restart the kernel."


def _tensorflow_devices() -> Iterator[Device]:
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        # Growth cannot change once the GPU is in use: a second start() finds it set.
        with contextlib.suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(gpu, True)
        details = tf.config.experimental.get_device_details(gpu)
        yield Device("gpu", details.get("device_name", "GPU"),
                     compute_capability=details.get("compute_capability"))  # fmt: skip
    for tpu in tf.config.list_physical_devices("TPU"):
        yield Device("tpu", tpu.name.split(":", 1)[-1])


def _jax_devices() -> Iterator[Device]:
    import jax

    for device in jax.devices():
        if device.platform not in ("gpu", "cuda", "rocm", "tpu"):
            continue
        kind = "tpu" if device.platform == "tpu" else "gpu"
        stats = (device.memory_stats() or {}) if hasattr(device, "memory_stats") else {}
        limit = stats.get("bytes_limit")
        yield Device(kind, device.device_kind, limit / 2**30 if limit else None,
                     _capability(getattr(device, "compute_capability", None)))  # fmt: skip


def _torch_devices() -> Iterator[Device]:
    import torch

    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        yield Device("gpu", about.name, about.total_memory / 2**30, (about.major, about.minor))


def _capability(text: object) -> tuple[int, int] | None:
    """'9.0' as (9, 0); None for anything that is not two numbers (AMD's names, for instance)."""
    parts = str(text).split(".")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _devices_in_words(devices: tuple[Device, ...], cores: int) -> str:
    plural = "core" if cores == 1 else "cores"
    if not devices:
        return f"CPU, {cores} {plural}"
    names = sorted({d.name for d in devices})
    memory = [d.memory_gb for d in devices if d.memory_gb]
    each = f", {min(memory):.0f} GB each" if memory else ""
    return f"{len(devices)} x {', '.join(names)}{each} (and {cores} processor {plural})"


def _version(module: str) -> str:
    found = sys.modules.get(module) or importlib.import_module(module)
    return getattr(found, "__version__", "unknown")


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
