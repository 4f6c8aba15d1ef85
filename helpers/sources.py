"""Where a file comes from: the mirror, the Hub or the sample; checksums, and one line that says it.

A data set is described once, as a `DataSet`; `find` looks for it where the reader's settings say:

* the mirror, a folder named by COURSE_DATA whose manifest.json gives files and sha256;
* the Hub of Hugging Face, through the `datasets` library (HF_ENDPOINT and HF_HUB_OFFLINE are
  honoured; COURSE_HUB names a local folder in the Hub's layout to use in its place);
* the sample, which ships with the course or is made from what is installed.

COURSE_SOURCE ("sample", "real", or a source's name) is what "auto" then means, everywhere.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import runtime

if TYPE_CHECKING:
    import datasets
    import pandas as pd

# The sources that each setting allows, in the order in which they are tried.
ORDER = {
    "auto": ("mirror", "hub", "sample"),
    "real": ("mirror", "hub"),
    "mirror": ("mirror",),
    "hub": ("hub",),
    "sample": ("sample",),
}
# To reach the Hub, from the name look-up to the first bytes of the file. Five seconds are promised
# until the reader has the sample instead; this leaves some of them for a slow machine's imports.
# A download that has begun is not bound by it.
HUB_SECONDS = 3.5
NO_MIRROR = "COURSE_DATA is not set"
STRANGER = "something else answered in place of the Hub (the log-in page of a network?)"
REAL_SET = (
    "connect to the internet and run this again, or set COURSE_DATA to the folder of a mirror"
)
ON = ("1", "on", "true", "yes")


class SourceError(Exception):
    """A source that cannot be used as it is. The message says which, why, and what to do."""


class Unavailable(SourceError):
    """This source has no such set here and now. `find` may try the next one and says so."""


class ChecksumError(SourceError):
    """A file that is not, byte for byte, the one that the manifest describes."""


@dataclass(frozen=True)
class Hub:
    """A set on the Hub: `files` gives for each of our splits its file in the repository `id`."""

    id: str
    config: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class DataSet:
    """All that `find` has to know of a data set. What a split is (a frame, arrays) is the set's own.

    Attributes:
        name: the set's name in the mirror's manifest.
        title: its name in sentences, such as "IMDB reviews".
        mirror: for each split, its file in the mirror.
        read: a file of the mirror to a split; raises an error that names file and row.
        sample: makes all splits of the sample.
        hub: where it is on the Hub, if it is.
        from_hub: a frame as the Hub gives it, and the words that name it, to a split.
        about_sample: what the sample is, in a few words.
    """

    name: str
    title: str
    mirror: Mapping[str, str]
    read: Callable[[Path], Any]
    sample: Callable[[], Mapping[str, Any]]
    hub: Hub | None = None
    from_hub: Callable[[pd.DataFrame, str], Any] | None = None
    about_sample: str = "the sample"


@dataclass(frozen=True, eq=False)
class Found:
    """What `find` came back with: the splits, the source's name, and one line on it for the reader."""

    parts: Mapping[str, Any]
    source: str
    note: str


# --- what ships with the course


def path(name: str) -> Path:
    """Find a file or folder that ships with the course, from any working folder.

    Args:
        name: as in the folder `data` of the repository, with `/` between its parts.

    Raises:
        SourceError: nothing of that name ships; the message lists what does, the nearest first.
    """
    folder = runtime.shipped()
    names = _listing(folder)
    wanted = str(name).replace("\\", "/").removesuffix("/")
    if wanted in names:  # compared as text, so that case matters on every system
        return folder / wanted
    near = difflib.get_close_matches(wanted.lower(), [n.lower() for n in names], n=1, cutoff=0.5)
    meant = [f"Did you mean {n!r}? " for n in names if n.lower() in near]
    there = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    raise SourceError(
        f"No file {wanted!r} ships with the course. {''.join(meant[:1])}There is: "
        f"{there or 'nothing, so this installation is not complete'}."
    )


def _listing(folder: Path) -> list[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*"))
    seen = (p for p in found if not any(x.startswith((".", "__")) for x in p.parts))
    return sorted(p.as_posix() for p in seen)


# --- the one look-up


def find(spec: DataSet, source: str = "auto") -> Found:
    """Get a data set from the first source that has it, among those that `source` allows.

    Args:
        spec: the set.
        source: "auto" (mirror, Hub, sample, in this order), "real" (mirror or Hub, never the
            sample), or one of "mirror", "hub", "sample". COURSE_SOURCE takes the place of "auto".

    Raises:
        SourceError: no source allowed has it, or one is named that is not there (a folder in
            COURSE_DATA, say): a setting that is wrong is never passed over in silence.
        ChecksumError: a file of the mirror differs from its manifest.
    """
    asked, by = wanted(source)
    passed: list[str] = []
    for name in ORDER[asked]:
        try:
            parts, about = _ATTEMPTS[name](spec)
        except Unavailable as why:
            passed.append(str(why))
        else:
            return Found(parts, name, _note(spec, name, parts, about, passed))
    raise SourceError(
        f"{spec.title}: {by} allows only {' and '.join(ORDER[asked])}, and that did not work: "
        f"{'; '.join(passed)}. What to do: {REAL_SET}, or take the sample with source='sample'."
    )


def wanted(source: str = "auto") -> tuple[str, str]:
    """What is allowed, COURSE_SOURCE considered: a key of ORDER, and the words that set it."""
    by = f"source={source!r}"
    setting = os.environ.get("COURSE_SOURCE", "").strip()
    if source == "auto" and setting:
        source, by = setting.lower(), f"COURSE_SOURCE={setting}"
    if source not in ORDER:
        choices = ", ".join(repr(name) for name in ORDER)
        raise SourceError(f"{by} is not a source. It must be one of {choices}.")
    return source, by


def _note(spec: DataSet, source: str, parts: Mapping, about: str, passed: list[str]) -> str:
    """The line on provenance. It holds no path: notebooks store it."""
    rows = ", ".join(f"{len(part):,} {split}" for split, part in parts.items())
    line = f"{spec.title}: {rows}, {about}."
    if source == "sample" and passed:
        return f"{line} Why: {'; '.join(passed)}. For the real set, {REAL_SET}."
    told = [why for why in passed if why != NO_MIRROR]
    return f"{line} ({'; '.join(told)}.)" if told else line


def _from_sample(spec: DataSet) -> tuple[Mapping[str, Any], str]:
    return spec.sample(), f"from the SAMPLE, not the real set ({spec.about_sample})"


# --- the mirror


def mirror() -> Path | None:
    """The folder named by COURSE_DATA, or None where it is not set.

    Raises:
        SourceError: it is set, and there is no such folder.
    """
    named = os.environ.get("COURSE_DATA", "").strip()
    return _folder(named, "COURSE_DATA", "a mirror") if named else None


def manifest(folder: Path) -> dict[str, dict[str, dict]]:
    """What a mirror holds: for each set its files, each with its sha256 and rows.

    Raises:
        SourceError: there is no manifest.json in the folder, or it is not a manifest.
    """
    file = folder / "manifest.json"
    if not file.is_file():
        raise SourceError(
            f"COURSE_DATA names {folder}, which holds no manifest.json, so it is not a mirror. "
            f"Name the folder in which manifest.json lies{_one_below(folder)}, or unset COURSE_DATA."
        )
    try:
        sets = json.loads(file.read_text(encoding="utf-8"))["datasets"]
        found = {one["name"]: {f["path"]: f for f in one["files"]} for one in sets}
        if not all(isinstance(word, str) for name in found for word in (name, *found[name])):
            raise TypeError("a name or a path is no text")
        return found
    except json.JSONDecodeError as error:
        raise SourceError(
            f"{file}, line {error.lineno}: not JSON ({error.msg}). Copy the mirror again."
        ) from error
    except (UnicodeDecodeError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            f"{file} does not have the layout of a manifest ({error!r}). Copy the mirror again."
        ) from error


def verified(folder: Path, name: str, files: Mapping[str, dict]) -> Path:
    """The path of the file `name` in `folder`, its sha256 found equal to the one in `files`.

    Raises:
        SourceError: the manifest does not list the file, or it is not in the folder.
        ChecksumError: the file has changed.
    """
    file = folder / name
    if name not in files or "sha256" not in files[name]:
        raise SourceError(f"{folder / 'manifest.json'} gives no sha256 for {name}.")
    if not file.is_file():
        raise SourceError(f"{file} is not there, though manifest.json lists it. Copy it again.")
    expected, found = str(files[name]["sha256"]).lower(), sha256(file)
    if found != expected:
        raise ChecksumError(
            f"{file}: wrong checksum, so the file was cut short or changed on its way. "
            f"sha256 expected {expected}, found {found}. Delete it and copy it again."
        )
    return file


def sha256(file: Path) -> str:
    """The sha256 of a file in hexadecimal. Read in pieces: 11 MB take about 10 ms."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_mirror(spec: DataSet) -> tuple[Mapping[str, Any], str]:
    folder = mirror()
    if folder is None:
        raise Unavailable(NO_MIRROR)
    sets = manifest(folder)
    if spec.name not in sets:  # a stick with the sets of one afternoon: the next source may do
        there = ", ".join(sorted(sets)) or "nothing"
        raise Unavailable(f"the mirror in COURSE_DATA has no {spec.name} (it has {there})")
    files = sets[spec.name]
    checked = {split: verified(folder, name, files) for split, name in spec.mirror.items()}
    parts = {split: spec.read(file) for split, file in checked.items()}
    return parts, "from the mirror (sha256 verified)"


def _folder(named: str, variable: str, what: str) -> Path:
    folder = Path(named).expanduser()
    if folder.is_dir():
        return folder
    is_file = " That is a file." if folder.exists() else ""
    raise SourceError(
        f"{variable} names the folder {named}, which is not there.{is_file} Set {variable} to the "
        f"folder of {what} (is the drive connected?), or unset it."
    )


def _one_below(folder: Path) -> str:
    """A hint for those who named the folder above the mirror, or one inside it."""
    below = sorted(folder.glob("*/manifest.json"))
    if below:
        return f" ({below[0].parent}, perhaps)"
    return f" ({folder.parent}, perhaps)" if (folder.parent / "manifest.json").is_file() else ""


# --- the Hub


def _from_hub(spec: DataSet) -> tuple[Mapping[str, Any], str]:
    """From a local folder if COURSE_HUB names one, else a copy kept here, else the Hub itself."""
    hub = spec.hub
    if hub is None or spec.from_hub is None:
        raise Unavailable(f"{spec.title} are not on the Hub")
    if os.environ.get("COURSE_HUB", "").strip():
        return _adopt(spec, _local(hub)), f"from a local copy of the Hub ({hub.id})"
    begin = time.monotonic()
    kept = _kept(spec)
    if kept is not None:
        return _adopt(spec, kept), f"from the Hub ({hub.id}, kept here, sha256 verified)"
    loaded = _cached(hub)
    if loaded is not None:
        return _adopt(spec, loaded), f"from the Hub ({hub.id}, in the cache of `datasets`)"
    reach(_address(hub), max(1.0, HUB_SECONDS - (time.monotonic() - begin)))
    loaded = _download(hub)
    parts = _adopt(spec, loaded)  # checked first: only what is sound is kept
    with contextlib.suppress(OSError):  # a full disk costs the copy, not the lesson
        _keep(spec, loaded)
    return parts, f"from the Hub ({hub.id})"


def reach(address: str, seconds: float = HUB_SECONDS) -> None:
    """Return once the first bytes of the file at `address` have come.

    `seconds` hold for everything: name look-up, connection, encryption, redirection and answer.
    Time-outs of a library hold for one step each, and a name look-up has none; so a thread asks,
    and is left behind when the time is up.

    Raises:
        Unavailable: no answer in time, or not that of the Hub.
    """
    answers: list[bytes | Exception] = []
    ask = threading.Thread(target=_ask, args=(address, seconds, answers), daemon=True)
    ask.start()
    ask.join(seconds)
    if not answers:
        raise Unavailable(f"the Hub did not answer within {round(seconds, 1):g} seconds")
    answer = answers[0]
    if isinstance(answer, Exception):
        raise Unavailable(_in_words(answer)) from answer
    if address.endswith(".parquet") and answer != b"PAR1":
        raise Unavailable(STRANGER)


def _ask(address: str, seconds: float, answers: list[bytes | Exception]) -> None:
    import ssl
    import urllib.request

    try:
        trust = ssl.create_default_context()
        with contextlib.suppress(ImportError):  # some Pythons on macOS come without certificates
            import certifi

            trust.load_verify_locations(certifi.where())
        headers = {"Range": "bytes=0-3", "User-Agent": "large-models-in-the-open"}
        question = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(question, timeout=seconds, context=trust) as answer:
            answers.append(answer.read(4))
    except Exception as error:  # told by the one who waits, whatever it was
        answers.append(error)


def _in_words(error: Exception) -> str:
    import http.client
    import urllib.error

    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return STRANGER  # no HTTP, or none that a server of the Hub would speak
    if isinstance(error, urllib.error.HTTPError):
        return f"the Hub answered with HTTP status {error.code}"
    if isinstance(error, ValueError):
        return f"HF_ENDPOINT is not an address ({os.environ.get('HF_ENDPOINT', '')!r})"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return "the Hub did not answer in time"
    return "the Hub could not be reached (no network?)"


def _address(hub: Hub) -> str:
    for switch in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(switch, "").strip().lower() in ON:
            raise Unavailable(f"{switch} is set, and no copy from the Hub is on this machine")
    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or "https://huggingface.co"
    return f"{endpoint}/datasets/{hub.id}/resolve/main/{next(iter(hub.files.values()))}"


def _download(hub: Hub) -> dict[str, datasets.Dataset]:
    """Through `datasets`, with its own time-outs and its progress bars."""
    try:
        return _load(hub.id, hub.files)
    except Exception as error:  # the library lets through those of every layer below it
        raise Unavailable(
            f"the Hub was reached, but the download failed ({type(error).__name__})"
        ) from error


def _local(hub: Hub) -> dict[str, pd.DataFrame]:
    """From a folder in the Hub's layout, as `COURSE_HUB/stanfordnlp/imdb/plain_text/...`."""
    folder = _folder(os.environ["COURSE_HUB"].strip(), "COURSE_HUB", "a copy of the Hub") / hub.id
    files = {split: [name] for split, name in hub.files.items()}
    return from_folder(folder, files, "COURSE_HUB: ")


def from_folder(
    folder: Path, files: Mapping[str, list[str]], named: str = ""
) -> dict[str, pd.DataFrame]:
    """Splits from the files of a data set's folder on the Hub, or a copy, through `datasets`.

    Args:
        folder: the folder of the set.
        files: the files of each split in it, in their order.
        named: how errors begin, such as "COURSE_HUB: ".

    Raises:
        SourceError: a file is not there, or `datasets` cannot load it.
    """
    import tempfile

    frames = {}
    for split, names in files.items():  # one by one, so that an error names its file
        places = ", ".join(str(folder / name) for name in names)
        for name in names:
            if not (folder / name).is_file():
                raise SourceError(f"{named}{folder / name} is not there.")
        # What `datasets` makes of a local file is of no use later: it goes with the folder.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            try:
                loaded = _load(str(folder), {split: names}, cache_dir=scratch)
            except Exception as error:
                raise SourceError(
                    f"{named}{places} cannot be loaded, so it is damaged or not a "
                    f"file of this kind ({_root(error)}). Get it again."
                ) from error
            frames[split] = loaded[split].to_pandas()
    return frames


def _root(error: BaseException) -> str:
    """The first line of what began a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).splitlines() or [type(error).__name__])[0]


def _load(
    place: str, files: Mapping[str, str | list[str]], **more: Any
) -> dict[str, datasets.Dataset]:
    """The splits that we name, and no other: without `data_files` all of the set is downloaded."""
    from datasets import load_dataset

    # The set's card also counts the splits that we leave out, and `datasets` 4 takes that amiss.
    found = load_dataset(place, data_files=dict(files), verification_mode="no_checks", **more)
    return {split: found[split] for split in files}


def _cached(hub: Hub) -> dict[str, datasets.Dataset] | None:
    """The set from the cache of `datasets`, where other work has left it; None where it is not."""
    folder = hub.id.replace("/", "___")
    if not (_datasets_cache() / folder / hub.config).is_dir():
        return None
    import datasets

    with _offline(datasets), contextlib.suppress(Exception):  # then it is as if there were none
        found = datasets.load_dataset(hub.id, hub.config)
        return {split: found[split] for split in hub.files}
    return None


@contextlib.contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """`datasets` asks nobody, and does not print the path of its cache, inside this block."""
    before = datasets.config.HF_HUB_OFFLINE, datasets.logging.get_verbosity()
    datasets.config.HF_HUB_OFFLINE = True
    datasets.logging.set_verbosity_error()
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before[0]
        datasets.logging.set_verbosity(before[1])


def _datasets_cache() -> Path:
    """The folder that `datasets` uses, found without importing it."""
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    huggingface = os.environ.get("HF_HOME") or f"{general}/huggingface"
    return Path(os.environ.get("HF_DATASETS_CACHE") or f"{huggingface}/datasets").expanduser()


# --- copies of what came from the Hub: read faster, and without a network


def _keep(spec: DataSet, loaded: Mapping[str, datasets.Dataset]) -> None:
    folder = runtime.home() / "hub" / spec.name
    files = []
    for split, part in loaded.items():
        file = folder / f"{split}.parquet"
        with runtime.write_atomically(file) as unfinished:
            part.to_parquet(str(unfinished))
        files.append({"path": file.name, "sha256": sha256(file), "rows": len(part)})
    # The manifest comes last: without it a copy that was interrupted does not count.
    with runtime.write_atomically(folder / "manifest.json") as unfinished:
        text = json.dumps({"datasets": [{"name": spec.name, "files": files}]}, indent=1)
        unfinished.write_text(text, encoding="utf-8")


def _kept(spec: DataSet) -> dict[str, pd.DataFrame] | None:
    """The copy kept here; None where there is none, or where it has been damaged."""
    folder = runtime.home() / "hub" / spec.name
    if not (folder / "manifest.json").is_file():
        return None
    import pandas as pd

    try:
        files = manifest(folder)[spec.name]
        names = {split: f"{split}.parquet" for split in spec.hub.files}
        checked = {split: verified(folder, name, files) for split, name in names.items()}
    except (SourceError, KeyError):  # only a copy: a new one takes its place
        return None
    return {split: pd.read_parquet(file) for split, file in checked.items()}


def _adopt(spec: DataSet, loaded: Mapping[str, Any]) -> dict[str, Any]:
    """What the Hub gave (frames, or sets of `datasets`) in the shape that the set has here."""
    frames = {s: p.to_pandas() if hasattr(p, "to_pandas") else p for s, p in loaded.items()}
    return {s: spec.from_hub(f, f"{spec.hub.id}, split {s}") for s, f in frames.items()}


_ATTEMPTS = {"mirror": _from_mirror, "hub": _from_hub, "sample": _from_sample}
