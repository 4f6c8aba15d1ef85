"""Spoken digits: the clips that ship, the Free Spoken Digit Dataset, Speech Commands, and strings.

A set of clips is a table: `wave` ((samples,) float32 at 8,000 a second), `label`, `speaker`, `take`
(which recording of that digit by that speaker). What is taught stands in notebook 19.
"""

from __future__ import annotations

import functools
import html
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import runtime, sounds, sources
from helpers.tables import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FSDD_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav$")
COMMAND_NAME = re.compile(r"([a-z]+)/(\w+)_nohash_(\d+)\.wav$")
FSDD_VAL_TAKES = 5, 10  # of the training part, kept to choose by
LONGEST_IN_STRING = 0.8  # seconds; a longer clip is not used in strings
HUSH = 1e-3  # loudness of the pauses in a string
ENCODER = "facebook/wav2vec2-base-960h"  # Baevski et al. 2020, trained with CTC on letters
ENCODER_RATE = 16_000


@dataclass(eq=False, repr=False)
class Clips:
    """Spoken digits in three parts, by recordings. Unpacks: `train, val, test = ...`.

    Attributes:
        train: to learn from; columns `wave`, `label`, `speaker`, `take`.
        val: other recordings of the same speakers, to choose by.
        test: other recordings of the same speakers, to measure on, once.
        test_opened: how often `test` was taken.
        source: "shipped", "mirror" or "hub".
        note: one line: what, how many, from where.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    _test: pd.DataFrame
    source: str
    note: str
    test_opened: int = 0

    @property
    def test(self) -> pd.DataFrame:
        """The test part; each time it is taken is counted in `test_opened`."""
        self.test_opened += 1
        return self._test

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter((self.train, self.val, self.test))

    def __repr__(self) -> str:
        return f"Clips(train, val, test): {self.note}"


# --- data sets


def spoken_digits() -> Clips:
    """The 800 clips that ship, spoken by a synthesizer in ten voices; the line on them is printed.

    Takes 0 and 1 are the test part, 2 is validation, 3 to 7 are to train on.
    """
    import pandas as pd

    index = pd.read_csv(sources.path("spoken_digits.csv"))
    columns = ["label", "speaker", "take"]
    clips = index[columns].assign(wave=_cut(index["samples"]))[["wave", *columns]]
    parts = [clips[clips["take"].between(*ends)] for ends in ((3, 7), (2, 2), (0, 1))]
    train, val, test = (part.reset_index(drop=True) for part in parts)
    note = (
        f"Spoken digits made for the course: {len(train)} train, {len(val)} val, {len(test)} test, "
        f"{index['speaker'].nunique()} synthetic voices."
    )
    print(note)
    return Clips(train, val, test, "shipped", note)


def fsdd(source: str = "auto") -> Clips:
    """The Free Spoken Digit Dataset (Jackson et al. 2018): 3,000 recordings by six people.

    Its own test part is takes 0 to 4 (300 clips); of the other 2,700, takes 5 to 9 are `val`.

    Args:
        source: "auto", "real", "mirror" or "hub"; see `sources.find`. There is no sample.

    Raises:
        sources.Unavailable: neither mirror nor Hub has it here, or only the sample is allowed.
        sources.SourceError: a setting is wrong.
        DataError: a file is not as it should be.
    """
    import numpy as np

    found = _real(FSDD, source, "take speech.spoken_digits(), which ships")
    whole = found.parts["train"]
    is_val = whole["take"].between(FSDD_VAL_TAKES[0], FSDD_VAL_TAKES[1] - 1).to_numpy()
    train, val = (whole[keep].reset_index(drop=True) for keep in (np.logical_not(is_val), is_val))
    print(found.note)
    return Clips(train, val, found.parts["test"], found.source, found.note)


def speech_commands(source: str = "auto") -> Clips:
    """The digits of Speech Commands v0.02 (Warden 2018): hundreds of speakers, many microphones.

    Only validation and test part are fetched (about 0.6 GB): `train` is the validation part
    without the speakers of `val`, a tenth of them. Arguments and errors as `fsdd`.
    """
    found = _real(COMMANDS, source, "leave this part out")
    whole = found.parts["validation"]
    names = sorted(whole["speaker"].unique())
    is_val = whole["speaker"].isin(names[::10])
    parts = [whole[keep].reset_index(drop=True) for keep in (~is_val, is_val)]
    print(found.note)
    return Clips(*parts, found.parts["test"], found.source, found.note)


@functools.cache
def _whole() -> np.ndarray:
    import soundfile

    return soundfile.read(sources.path("spoken_digits.flac"), dtype="float32")[0]


def _cut(samples: Any) -> list[np.ndarray]:
    """The clips that ship, one after another in one file, from their lengths."""
    import numpy as np

    wave = _whole()
    if int(samples.sum()) != len(wave):
        raise DataError("spoken_digits.csv", "its lengths do not add up to spoken_digits.flac.")
    return np.split(wave, np.cumsum(samples.to_numpy())[:-1])


def sentence() -> sounds.Sound:
    """The spoken sentence that ships, for models of whole sentences; 16,000 samples a second."""
    return sounds.read(sources.path("spoken_sentence.flac"), ENCODER_RATE)


class _NoSample(sources.Unavailable):
    """A set without a sample was asked for one."""


def _no_sample() -> Mapping[str, Any]:
    raise _NoSample("no sample")


def _real(spec: sources.DataSet, source: str, instead: str) -> sources.Found:
    asked, by = sources.wanted(source)
    try:
        return sources.find(spec, source)
    except _NoSample as error:
        tried = "" if asked == "sample" else "neither the mirror nor the Hub has it here, and "
        raise sources.Unavailable(
            f"{spec.title} ({by}): {tried}no sample of it ships. What to do: {sources.REAL_SET}, "
            f"or {instead}."
        ) from error


def _fsdd_mirror(file: Path) -> pd.DataFrame:
    """The mirror's columns: file, wav (bytes), label, speaker, index, ..."""
    import pandas as pd

    frame = pd.read_parquet(file)
    return _clips(_column(frame, file, "wav"), _column(frame, file, "file"), file, FSDD_NAME)


def _fsdd_hub(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The Hub's column: audio, with bytes and path."""
    return _of_audio(frame, where, FSDD_NAME)


def _commands_hub(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The Hub's columns: file, audio, label, ...; only the ten digits are kept."""
    names = _column(frame, where, "file")
    spoken = names.str.extract(COMMAND_NAME)[0].isin(WORDS)
    return _of_audio(frame[spoken].reset_index(drop=True), where, COMMAND_NAME)


def _of_audio(frame: pd.DataFrame, where: object, pattern: re.Pattern) -> pd.DataFrame:
    import pandas as pd

    audio = _column(frame, where, "audio")
    if not all(isinstance(each, dict) and {"bytes", "path"} <= set(each) for each in audio):
        raise DataError(where, "the column 'audio' does not hold files with bytes and path.")
    paths = [each["path"] for each in audio]
    if "file" in frame.columns:
        paths = frame["file"]
    return _clips(pd.Series([each["bytes"] for each in audio]), pd.Series(paths), where, pattern)


def _clips(content: Any, names: Any, where: object, pattern: re.Pattern) -> pd.DataFrame:
    """Clips from the bytes of their files; digit, speaker and take are in the files' names."""
    import pandas as pd

    rows = []
    for row, (data, name) in enumerate(zip(content, names, strict=True), start=1):
        found = pattern.search(str(name))
        if not found:
            raise DataError(where, f"no digit and speaker in the file's name {name!r}.", row)
        digit, speaker, take = found.groups()
        label = WORDS.index(digit) if digit in WORDS else int(digit)
        try:
            rows.append((sounds.decode(data), label, speaker, int(take)))
        except sounds.SoundError as error:
            raise DataError(where, f"{name}: {error}. Get the file again.", row) from error
    return pd.DataFrame(rows, columns=["wave", "label", "speaker", "take"])


def _column(frame: pd.DataFrame, where: object, name: str) -> pd.Series:
    if name not in frame.columns:
        raise DataError(where, f"no column {name!r}. There is: {', '.join(frame.columns)}.")
    return frame[name]


FSDD = sources.DataSet(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    mirror={"train": "fsdd/train.parquet", "test": "fsdd/test.parquet"},
    read=_fsdd_mirror,
    sample=_no_sample,
    hub=sources.Hub(
        "mteb/free-spoken-digit-dataset",
        "default",
        {
            "train": "data/train-00000-of-00001.parquet",
            "test": "data/test-00000-of-00001.parquet",
        },
    ),
    from_hub=_fsdd_hub,
)
COMMANDS = sources.DataSet(
    name="speech_commands",
    title="Speech Commands v0.02, digits",
    mirror={"validation": "speech_commands/validation.parquet", "test": "speech_commands/test.parquet"},
    read=lambda file: _commands_hub(_parquet(file), str(file)),
    sample=_no_sample,
    hub=sources.Hub(
        "google/speech_commands",
        "v0.02",
        {
            "validation": "v0.02/validation-00000-of-00001.parquet",
            "test": "v0.02/test-00000-of-00001.parquet",
        },
    ),
    from_hub=_commands_hub,
)  # fmt: skip


def _parquet(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(file)


# --- strings of digits


@dataclass(frozen=True, eq=False)
class Strings:
    """Strings of digits, each said by one speaker, joined from single clips.

    Attributes:
        waves: (samples,) float32 each.
        digits: what was said, a tuple each.
        speakers: who said it.
    """

    waves: list[np.ndarray]
    digits: list[tuple[int, ...]]
    speakers: list[str]

    def __len__(self) -> int:
        return len(self.waves)


def strings(
    clips: pd.DataFrame,
    count: int,
    *,
    lengths: tuple[int, int] = (3, 5),
    longest: float = 2.9,
    seed: int = 0,
) -> Strings:
    """Clips of one speaker joined to strings, with pauses of up to 0.2 s between them.

    The last digit is a check digit: the digits of a string add up to a multiple of ten. Speakers
    take turns. Clips longer than 0.8 s are not used, and a string that gets too long is drawn anew.

    Args:
        clips: with columns `wave`, `label` and `speaker`; of each speaker all ten digits.
        count: how many strings.
        lengths: fewest and most digits.
        longest: seconds of the longest string.
        seed: for what is drawn.

    Raises:
        ValueError: a speaker lacks a digit, or no string would be short enough.
    """
    import numpy as np

    short = clips["wave"].map(len) <= LONGEST_IN_STRING * sounds.RATE
    groups = {key: list(g["wave"]) for key, g in clips[short].groupby(["speaker", "label"])}
    names = sorted(clips["speaker"].unique())
    for key in ((name, digit) for name in names for digit in range(10)):
        if key not in groups:
            raise ValueError(f"there is no short clip of digit {key[1]} by speaker {key[0]}")
    rng = np.random.default_rng(seed)
    found, tries = Strings([], [], []), 0
    while len(found) < count:
        name = names[len(found) % len(names)]
        digits = [int(d) for d in rng.integers(0, 10, rng.integers(lengths[0], lengths[1] + 1) - 1)]
        digits.append(-sum(digits) % 10)
        parts = [groups[name, d][rng.integers(len(groups[name, d]))] for d in digits]
        wave = _joined(parts, rng)
        tries += 1
        if len(wave) <= longest * sounds.RATE:
            found.waves.append(wave)
            found.digits.append(tuple(digits))
            found.speakers.append(name)
        elif tries > 20 * count + 100:
            raise ValueError(f"strings of {lengths} digits do not fit into {longest} s")
    return found


def _joined(parts: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    import numpy as np

    pieces = [_pause(rng, 0.05)]
    for part in parts:
        pieces += [part, _pause(rng)]
    return np.concatenate(pieces).astype("float32")


def _pause(rng: np.random.Generator, least: float = 0.0) -> np.ndarray:
    return HUSH * rng.normal(size=int(rng.uniform(least, 0.2) * sounds.RATE))


def in_words(digits: Sequence[int]) -> str:
    """(4, 0) as "four zero": what word error rates are counted on."""
    return " ".join(WORDS[digit] for digit in digits)


def word_errors(said: Sequence[Sequence[int]], heard: Sequence[Sequence[int]]) -> np.ndarray:
    """Errors of each string (words put in, left out or mistaken), by jiwer: (strings,) int.

    Raises:
        ValueError: not as many strings said as heard.
    """
    import jiwer
    import numpy as np

    if len(said) != len(heard):
        raise ValueError(f"{len(said)} strings were said, and {len(heard)} heard")
    found = []
    for reference, guess in zip(said, heard, strict=True):
        out = jiwer.process_words(in_words(reference), in_words(guess))
        found.append(out.substitutions + out.deletions + out.insertions)
    return np.array(found)


def interval(
    errors: Sequence[float], sizes: Sequence[float], seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """The 95% bootstrap interval of a rate: all errors over all words, strings drawn anew.

    Raises:
        ValueError: there are fewer than two strings.
    """
    import numpy as np

    errors, sizes = np.asarray(errors, float), np.asarray(sizes, float)
    if len(errors) < 2 or len(errors) != len(sizes):
        raise ValueError("an interval needs the errors and sizes of two strings or more")
    drawn = np.random.default_rng(seed).integers(len(errors), size=(draws, len(errors)))
    rates = errors[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def error_table(
    said: Mapping[str, Sequence[Sequence[int]]],
    heard: Mapping[tuple[str, str], Sequence[Sequence[int]]],
    seed: int = 0,
) -> pd.DataFrame:
    """Word error rates with 95% intervals, and whole strings right, in percent.

    Args:
        said: the strings of each test set.
        heard: for a test set and a decoder, what was heard; a row each.
        seed: for the intervals.
    """
    import numpy as np
    import pandas as pd

    rows = {}
    for (which, decoder), answers in heard.items():
        errors = word_errors(said[which], answers)
        sizes = [len(digits) for digits in said[which]]
        low, high = interval(errors, sizes, seed)
        rows[which, decoder] = [errors.sum() / sum(sizes), low, high, np.mean(errors == 0)]
    columns = ["word error rate", "from", "to", "whole strings right"]
    return 100 * pd.DataFrame(rows, index=columns).T


def kinds_of_errors(
    said: Sequence[Sequence[int]], heard: Sequence[Sequence[int]]
) -> tuple[pd.Series, pd.Series]:
    """How many words were replaced, left out and put in; and which were taken for which, by jiwer.

    Returns:
        a count of each kind, and a count of each pair ("five as nine"), the most frequent first.
    """
    from collections import Counter

    import jiwer
    import pandas as pd

    kinds, pairs = Counter({"replaced": 0, "left out": 0, "put in": 0}), Counter()
    for digits, answer in zip(said, heard, strict=True):
        out = jiwer.process_words(in_words(digits), in_words(answer))
        kinds.update(
            {"replaced": out.substitutions, "left out": out.deletions, "put in": out.insertions}
        )
        for part in out.alignments[0]:
            if part.type == "substitute":
                ends = (
                    (part.ref_start_idx, part.ref_end_idx),
                    (part.hyp_start_idx, part.hyp_end_idx),
                )
                both = zip(digits[slice(*ends[0])], answer[slice(*ends[1])], strict=True)
                pairs.update(f"{WORDS[a]} as {WORDS[b]}" for a, b in both)
    return pd.Series(dict(kinds), name="words"), pd.Series(dict(pairs.most_common()), dtype=int)


# --- a sound of the reader's own


def answer(recognise: Callable[[np.ndarray], str], file: str | os.PathLike | bytes) -> str:
    """What is recognised in a sound file, or a sentence that says why nothing is."""
    try:
        sound = sounds.read(file)
    except sounds.SoundError as why:
        return str(why)
    note = f" ({sound.note})" if sound.note else ""
    return f"{recognise(sound.wave)}{note}"


def box(recognise: Callable[[np.ndarray], str], clips: Mapping[str, np.ndarray]) -> None:
    """Choose a clip or give a file, and see what is recognised in it.

    A static page shows the first clip; `make record` leaves the fields out (COURSE_STILL).
    """
    import ipywidgets
    from IPython.display import HTML, display

    first = next(iter(clips))

    def page(said: str, wave: np.ndarray | None) -> HTML:
        sound = "" if wave is None else sounds.player(wave)._repr_html_()
        return HTML(f"{sound}<br>{html.escape(said)}")

    def of_file(content: bytes) -> HTML:
        try:
            sound = sounds.read(content)
        except sounds.SoundError as why:
            return page(str(why), None)
        return page(answer(recognise, content), sound.wave[: 10 * sounds.RATE])

    menu = ipywidgets.Dropdown(options=list(clips), description="clip")
    upload = ipywidgets.FileUpload(description="your own file", accept="audio/*", multiple=False)
    if not os.environ.get("COURSE_STILL"):
        display(ipywidgets.HBox([menu, upload]))
    shown = display(page(recognise(clips[first]), clips[first]), display_id=True)

    def choose(change: dict) -> None:
        wave = clips[change["new"]]
        shown.update(page(recognise(wave), wave))

    def take(change: dict) -> None:
        given = list(change["new"].values()) if isinstance(change["new"], dict) else change["new"]
        if given:  # ipywidgets 7 gives a dict of dicts, 8 a tuple
            shown.update(of_file(bytes(given[0]["content"])))

    menu.observe(choose, names="value")
    upload.observe(take, names="value")


# --- a pretrained model


class Transcriber:
    """An open model of English sentences: letters by CTC from 16,000 samples a second.

    Attributes:
        letters: what each output stands for; number 0 is the blank, "|" is a space.

    Raises:
        sources.Unavailable: PyTorch or transformers is not installed, or the model cannot be had.
    """

    def __init__(self, name: str = ENCODER) -> None:
        try:
            import torch  # noqa: F401
            from transformers import AutoFeatureExtractor, AutoModelForCTC
        except ImportError as error:
            raise sources.Unavailable(
                f"This needs the package {error.name}: `pip install torch transformers` (on Colab "
                "they are there), then run the cell again."
            ) from error
        _reach_model(name)
        try:
            self._features = AutoFeatureExtractor.from_pretrained(name)
            self._model = AutoModelForCTC.from_pretrained(name).eval()
            vocabulary = json.loads(_vocabulary(name).read_text("utf-8"))
        except (OSError, ValueError, ImportError) as error:
            raise sources.Unavailable(
                f"The model {name} could not be loaded ({type(error).__name__}). "
                "Check the network and the space on the disk, and run the cell again."
            ) from error
        self.letters = sorted(vocabulary, key=vocabulary.get)

    def logits(self, wave: np.ndarray) -> np.ndarray:
        """(samples,) at 16,000 a second to (frames of 20 ms, letters)."""
        import torch

        given = self._features(wave, sampling_rate=ENCODER_RATE, return_tensors="pt")
        with torch.inference_mode():
            return self._model(given.input_values).logits[0].numpy()


def _reach_model(name: str) -> None:
    """Fail soon where there is neither a copy of the model nor a network."""
    if Path(name).is_dir():
        return
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or "https://huggingface.co"
    for switch in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(switch, "").strip().lower() in sources.ON:
            raise sources.Unavailable(f"{switch} is set, and no copy of {name} is on this machine.")
    try:
        sources.reach(f"{endpoint}/{name}/resolve/main/config.json")
    except sources.Unavailable as why:
        raise sources.Unavailable(
            f"The model {name} cannot be fetched: {why}. Run the cell again with a network."
        ) from why


def _vocabulary(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name) / "vocab.json"
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(name, "vocab.json"))


# --- what was recorded


def recorded() -> dict[str, Any]:
    """What the long trainings gave on the Free Spoken Digit Dataset: `speech.json`.

    Raises:
        sources.SourceError: it does not ship.
    """
    return json.loads(sources.path("speech.json").read_text(encoding="utf-8"))


def save_recorded(found: Mapping[str, Any]) -> None:
    """Write `speech.json`, whole or not at all."""
    with runtime.write_atomically(runtime.shipped() / "speech.json") as part:
        text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
