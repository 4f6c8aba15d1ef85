"""Have the spoken digits spoken that ship: python data/make_spoken_digits.py

espeak-ng (apt install espeak-ng) says "zero" to "nine" in ten voices with several accents, eight
times each, at different speeds and pitches; light noise is added. It writes spoken_digits.flac, all
clips one after another, spoken_digits.csv, which says what is where, and spoken_sentence.flac beside
this file, all or nothing. The same espeak-ng gives the same files bit for bit.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

HERE = Path(__file__).resolve().parent
NAMES = ("spoken_digits.flac", "spoken_digits.csv", "spoken_sentence.flac")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SENTENCE = "A machine can turn speech into text, but does it know what was said?"
RATE, SENTENCE_RATE = 8000, 16_000
TAKES = 8
STEP = 2.0**-7  # loudness has 128 steps each way, about as fine as on a telephone

# A voice is an accent with a variant of the synthesizer; then its usual pitch and words a minute.
SPEAKERS = {
    "america-m": ("en-us+m3", 40, 165),
    "america-f": ("en-us+f2", 55, 170),
    "newyork-m": ("en-us-nyc+m7", 30, 190),
    "rp-f": ("en-gb-x-rp+f4", 60, 160),
    "scotland-f": ("en-gb-scotland+f3", 50, 175),
    "lancaster-m": ("en-gb-x-gbclan+m5", 35, 150),
    "midlands-f": ("en-gb-x-gbcwmd+belinda", 60, 165),
    "caribbean-f": ("en-029+f5", 65, 155),
    "child": ("en-us+f4", 99, 185),
    "whisper": ("en-gb-x-rp+whisperf", 45, 165),
}
# How a take is said: in a list, as a question, as the end of a sentence.
MARKS = (",", "?", ".", "!")


def version() -> str:
    """The version of the espeak-ng that is installed.

    Raises:
        SystemExit: there is none.
    """
    if shutil.which("espeak-ng") is None:
        raise SystemExit("espeak-ng is not installed: apt install espeak-ng, or your system's way")
    said = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True)
    return re.search(r"text-to-speech: (\S+)", said.stdout).group(1)


def say(text: str, voice: str, pitch: int, speed: int, rate: int) -> np.ndarray:
    """What espeak-ng says, (samples,) between -1 and 1, at `rate` samples a second."""
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", text]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    wave, own_rate = soundfile.read(io.BytesIO(made))
    common = np.gcd(rate, own_rate)
    return resample_poly(wave, rate // common, own_rate // common)


def trim(wave: np.ndarray, rate: int, margin: float = 0.02) -> np.ndarray:
    """Without the silence before and after, but for a margin of some seconds."""
    loud = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
    before = int(margin * rate)
    return wave[max(loud[0] - before, 0) : loud[-1] + before]


def clip(speaker: str, digit: int, take: int) -> tuple[np.ndarray, dict]:
    """One spoken digit and what is to be known of it; what is drawn depends on the three alone."""
    voice, pitch, speed = SPEAKERS[speaker]
    rng = np.random.default_rng([list(SPEAKERS).index(speaker), digit, take])
    pitch = min(pitch + int(rng.integers(-12, 13)), 99)
    speed = round(speed * rng.uniform(0.8, 1.3))
    mark = MARKS[rng.integers(len(MARKS))]
    wave = trim(say(WORDS[digit] + mark, voice, pitch, speed, RATE), RATE)
    loudness, snr = rng.uniform(0.3, 0.9), rng.uniform(24, 44)  # snr in decibels
    wave = wave * loudness / np.abs(wave).max()
    power = np.mean(wave**2) / 10 ** (snr / 10)
    wave = wave + rng.normal(size=len(wave)) * np.sqrt(power)
    wave = np.clip(np.round(wave / STEP), -1 / STEP, 1 / STEP - 1) * STEP
    about = {"label": digit, "speaker": speaker, "take": take, "samples": len(wave)}
    return wave, {**about, "pitch": pitch, "speed": speed, "mark": mark, "snr": round(snr)}


def make(out: Path = HERE) -> None:
    """Write the three files into a folder, all or nothing."""
    version()
    wanted = [(s, d, t) for s in SPEAKERS for d in range(len(WORDS)) for t in range(TAKES)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda each: clip(*each), wanted))
    sentence = trim(say(SENTENCE, "en-us+f2", 50, 150, SENTENCE_RATE), SENTENCE_RATE, 0.2)
    sentence *= 0.8 / np.abs(sentence).max()
    with tempfile.TemporaryDirectory(dir=out) as folder:
        waves, index, spoken = (Path(folder, name) for name in NAMES)
        soundfile.write(waves, np.concatenate([w for w, _ in found]), RATE, subtype="PCM_16")
        soundfile.write(spoken, sentence, SENTENCE_RATE, subtype="PCM_16")
        with open(index, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, found[0][1].keys(), lineterminator="\n")
            table.writeheader()
            table.writerows(row for _, row in found)
        for part in (waves, index, spoken):
            part.replace(out / part.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write into")
    make(parser.parse_args().out)
