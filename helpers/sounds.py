"""Sounds: read from any file that a reader has, played in a notebook, turned into log-mel spectrograms.

A sound is a float32 array (samples,) between -1 and 1 and its rate, in samples a second. `read`
makes one of whatever it is given (stereo, 8 bits, 44,100 samples a second, half an hour) or says in
a sentence why it cannot.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

RATE = 8000  # samples a second, as on a telephone
WINDOW, STEP = 256, 80  # samples: 32 ms, every 10 ms
MELS = 40
LOWEST, HIGHEST = 50.0, 4000.0  # Hz
FLOOR = 1e-4  # added to a power before the logarithm: about the noise of 8-bit sound
MOST_SECONDS = 30.0  # read of a file
FEWEST_SECONDS = 0.1
SILENCE = 1e-3  # a sound that is nowhere louder holds no speech


class SoundError(ValueError):
    """A file that is no sound, or none to be used. The message says why, and what to do."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound read from a file.

    Attributes:
        wave: (samples,) float32, one channel.
        rate: samples a second.
        note: what was done to it ("mixed 2 channels into one"), or "".
    """

    wave: np.ndarray
    rate: int
    note: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.wave) / self.rate


# --- files


def read(
    file: str | os.PathLike | bytes, rate: int = RATE, most_seconds: float = MOST_SECONDS
) -> Sound:
    """A sound from a file (WAV, FLAC, Ogg, MP3, ...) or its bytes, as one channel at this rate.

    Args:
        file: a path, or the content of a file.
        rate: samples a second wanted; the sound is resampled where the file has another.
        most_seconds: of a longer file only its beginning is read, and the note says so.

    Raises:
        SoundError: there is no such file, it is empty, no sound, too short, or silent.
    """
    import numpy as np
    import soundfile

    name, content = _content(file)
    try:
        with soundfile.SoundFile(content) as opened:
            own_rate, promised = opened.samplerate, opened.frames
            samples = opened.read(int(most_seconds * own_rate), dtype="float32", always_2d=True)
        share = _share(content)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SoundError(_no_sound(name, content)) from error
    finally:
        content.close()
    if not np.isfinite(samples).all():
        raise SoundError(f"{name} holds values that are no numbers. Save it again as 16-bit WAV.")
    wave = resample(samples.mean(axis=1), own_rate, rate)
    _check_wave(wave, rate, name)
    return Sound(wave, rate, _note(samples, own_rate, rate, promised, most_seconds, share))


def resample(wave: np.ndarray, rate: int, to: int) -> np.ndarray:
    """The same sound with `to` samples a second in place of `rate`; (samples,) float32."""
    import numpy as np
    from scipy.signal import resample_poly

    if rate == to or len(wave) == 0:
        return np.asarray(wave, "float32")
    common = np.gcd(rate, to)
    return resample_poly(wave, to // common, rate // common).astype("float32")


def decode(content: bytes, rate: int = RATE) -> np.ndarray:
    """A clip of a data set from the bytes of its file: (samples,) float32, one channel.

    Raises:
        SoundError: the bytes are no sound.
    """
    import soundfile

    try:
        samples, own_rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise SoundError("these bytes are no sound") from error
    return resample(samples.mean(axis=1), own_rate, rate)


def _content(file: str | os.PathLike | bytes) -> tuple[str, Any]:
    """A name for sentences, and an open binary file that is not empty."""
    if isinstance(file, bytes | bytearray | memoryview):
        name, opened, size = "This file", io.BytesIO(file), len(file)
    else:
        path = Path(file).expanduser()
        name = path.name or str(path)
        if path.is_dir():
            raise SoundError(f"{name} is a folder. Give a sound file in it.")
        try:
            opened = open(path, "rb")  # noqa: SIM115  (`read` closes it)
        except FileNotFoundError:
            where = path.parent.resolve().name or "this folder"
            raise SoundError(f"There is no file {name} in {where}. Is its name right?") from None
        except OSError as error:
            raise SoundError(f"{name} cannot be opened ({error.strerror}).") from error
        size = os.fstat(opened.fileno()).st_size
    if size == 0:
        opened.close()
        raise SoundError(f"{name} is empty (0 bytes). Record or download it again.")
    return name, opened


def _no_sound(name: str, content: Any) -> str:
    content.seek(0)
    start = content.read(200)
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    if start.startswith(b"RIFF"):
        return f"{name} begins like a WAV file, but its header is damaged. Save it again as WAV."
    if printable >= 0.95 * len(start):
        return f"{name} holds text, not sound, whatever its ending says. Give a WAV or FLAC file."
    kinds = "WAV, FLAC, Ogg or MP3"
    return f"{name} is no sound file that can be read here. Save it as {kinds}, and try again."


def _check_wave(wave: np.ndarray, rate: int, name: str) -> None:
    import numpy as np

    if len(wave) < FEWEST_SECONDS * rate:
        raise SoundError(
            f"{name} holds {len(wave) / rate:.2f} s of sound; a spoken word needs "
            f"{FEWEST_SECONDS:g} s or more. Was the recording stopped too early, or cut off?"
        )
    if np.abs(wave - wave.mean()).max() < SILENCE:
        raise SoundError(f"{name} is silent. Was the microphone on?")


def _share(content: Any) -> float:
    """How much of the sound that its header promises a WAV file holds; 1 for other files."""
    content.seek(0)
    start = content.read(4096)
    at = start.find(b"data")
    if not start.startswith(b"RIFF") or at < 0 or len(start) < at + 8:
        return 1.0
    promised = int.from_bytes(start[at + 4 : at + 8], "little")
    there = content.seek(0, os.SEEK_END) - at - 8
    if promised in (0, 2**32 - 1):  # written by a recorder that could not know
        return 1.0
    return min(1.0, there / promised)


def _note(samples: Any, own_rate: int, rate: int, promised: int, most: float, share: float) -> str:
    done = []
    if samples.shape[1] > 1:
        done.append(f"mixed {samples.shape[1]} channels into one")
    if own_rate != rate:
        done.append(f"changed {own_rate:,} samples a second to {rate:,}")
    if share < 1:
        done.append(f"the file is cut off, only {share:.0%} of its sound is there")
    if promised > int(most * own_rate):
        done.append(f"read the first {most:g} of {promised / own_rate:,.0f} s")
    return ", ".join(done)


def odd_files(folder: str | os.PathLike) -> list[Path]:
    """Write the kinds of files that readers give by mistake or by habit; returns their paths."""
    import numpy as np
    import soundfile

    folder, rng = Path(folder), np.random.default_rng(0)
    hum = 0.3 * np.sin(2 * np.pi * 200 * np.arange(44_100) / 44_100)
    made = {
        "stereo.wav": (np.stack([hum, hum / 2], axis=1), 44_100, "PCM_16"),
        "8bit.wav": (hum, 44_100, "PCM_U8"),
        "silence.wav": (np.zeros(RATE), RATE, "PCM_16"),
        "long.flac": (0.1 * rng.normal(size=600 * RATE), RATE, "PCM_16"),
    }
    for name, (wave, rate, kind) in made.items():
        soundfile.write(folder / name, wave, rate, subtype=kind)
    whole = (folder / "stereo.wav").read_bytes()
    contents = {"text.wav": b"four seven two", "empty.wav": b"", "cut.wav": whole[:60_000]}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in [*made, *contents]]


# --- playing


def player(wave: np.ndarray, rate: int = RATE) -> Any:
    """A sound to play in a notebook, as loud as can be (`IPython.display.Audio`).

    It is stored as MP3, a fifth of the size of a WAV file, where this machine can write such.
    """
    import soundfile
    from IPython.display import Audio

    if "MP3" not in soundfile.available_formats():
        return Audio(_loud(wave), rate=rate, normalize=False)
    content = io.BytesIO()
    soundfile.write(content, _loud(wave), rate, format="MP3")
    audio = Audio(content.getvalue())
    audio.mimetype = "audio/mpeg"
    return audio


def players(sounds: Mapping[str, np.ndarray], rate: int = RATE) -> Any:
    """Sounds to play, one below the other, each after its name (`IPython.display.HTML`).

    A second of sound makes a notebook about 5 KB larger.
    """
    import html

    from IPython.display import HTML

    rows = [
        f"<tr><td style='text-align:left'>{html.escape(name)}</td><td>"
        f"{player(wave, rate)._repr_html_()}</td></tr>"
        for name, wave in sounds.items()
    ]
    return _Players(HTML(f"<table>{''.join(rows)}</table>"), list(sounds))


class _Players:
    """A table of players; where no HTML can be shown, the names of the sounds."""

    def __init__(self, page: Any, names: list[str]) -> None:
        self.page, self.names = page, names

    def __repr__(self) -> str:
        return f"Sounds to play: {'; '.join(self.names)}"

    def _repr_html_(self) -> str:
        return self.page.data


def _loud(wave: np.ndarray) -> np.ndarray:
    import numpy as np

    return 0.9 * np.asarray(wave, "float32") / max(float(np.abs(wave).max()), SILENCE)


# --- spectrograms


def log_mel(waves: Any) -> Any:
    """Log-mel spectrograms by the framework: the natural logarithm of the power in each mel band.

    Frames of 256 samples every 80 (from the first sample on, whole ones only), Hann window, power,
    40 triangles equally spaced on the mel scale from 50 Hz to 4 kHz. Runs on every backend of Keras.

    Args:
        waves: (sounds, samples) at 8,000 samples a second, 256 samples or more.

    Returns:
        (sounds, 1 + (samples - 256) // 80, 40), a tensor.
    """
    from keras import ops

    real, imaginary = ops.stft(
        ops.convert_to_tensor(waves, "float32"), WINDOW, STEP, WINDOW, window="hann", center=False
    )
    power = ops.square(real) + ops.square(imaginary)
    return ops.log(ops.matmul(power, _bank()) + FLOOR)


def _bank() -> Any:
    """Keras's own triangles, (129, 40)."""
    import keras

    layer = keras.layers.MelSpectrogram(fft_length=WINDOW, sampling_rate=RATE, num_mel_bins=MELS)
    return layer.linear_to_mel_weight_matrix(
        num_mel_bins=MELS,
        num_spectrogram_bins=WINDOW // 2 + 1,
        sampling_rate=RATE,
        lower_edge_hertz=LOWEST,
        upper_edge_hertz=HIGHEST,
    )


def log_mels(waves: Sequence[np.ndarray], batch_size: int = 64) -> list[np.ndarray]:
    """`log_mel` of sounds of any length: a list of (frames, 40) float32.

    Sounds of nearly the same length are worked out together; a sound shorter than a frame is filled
    up with zeros.
    """
    import numpy as np
    from keras import ops

    found: list[Any] = [None] * len(waves)
    order = sorted(range(len(waves)), key=lambda i: len(waves[i]))
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        # Whole multiples of 0.1 s, so that a compiled program serves many batches.
        longest = max(WINDOW, len(waves[chosen[-1]]))
        padded = np.zeros((len(chosen), -(-longest // 800) * 800), "float32")
        for row, i in enumerate(chosen):
            padded[row, : len(waves[i])] = waves[i]
        for row, frames in zip(chosen, ops.convert_to_numpy(log_mel(padded)), strict=True):
            found[row] = frames[: 1 + max(0, len(waves[row]) - WINDOW) // STEP]
    return found
