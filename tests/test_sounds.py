"""helpers.sounds: files of every kind, players, and the log-mel spectrogram against its definition."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
import pytest
import soundfile

from helpers import sounds
from tests import backends

keras = pytest.importorskip("keras")


def tone(seconds=1.0, rate=8000, hertz=440.0, loudness=0.5):
    return loudness * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def write(path, wave, rate=8000, subtype="PCM_16"):
    soundfile.write(path, wave, rate, subtype=subtype)
    return path


# --- files


def test_a_plain_file_comes_back_as_it_is(tmp_path):
    wave = tone()
    sound = sounds.read(write(tmp_path / "a.wav", wave))
    assert sound.wave.dtype == np.float32 and sound.rate == 8000 and sound.note == ""
    assert np.allclose(sound.wave, wave, atol=1e-4) and sound.seconds == 1.0


def test_stereo_at_44100_becomes_one_channel_at_8000(tmp_path):
    left, right = tone(rate=44_100), tone(rate=44_100, hertz=880)
    path = write(tmp_path / "a.wav", np.stack([left, right], axis=1), 44_100)
    sound = sounds.read(path)
    expected = (tone() + tone(hertz=880)) / 2
    assert len(sound.wave) == 8000
    assert np.abs(sound.wave[200:-200] - expected[200:-200]).max() < 0.01
    assert "2 channels" in sound.note and "44,100" in sound.note


def test_what_is_above_4_khz_does_not_fold_down(tmp_path):
    sound = sounds.resample(tone(rate=44_100, hertz=6000).astype("float32"), 44_100, 8000)
    assert np.abs(sound[200:-200]).max() < 0.01


def test_eight_bits(tmp_path):
    sound = sounds.read(write(tmp_path / "a.wav", tone(), subtype="PCM_U8"))
    assert np.abs(sound.wave - tone()).max() < 0.01


def test_flac_and_bytes(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(), 8000)
    assert np.array_equal(sounds.read(path).wave, sounds.read(path.read_bytes()).wave)


def test_of_a_long_file_only_the_beginning_is_read(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(600), 8000)
    sound = sounds.read(path)
    assert sound.seconds == sounds.MOST_SECONDS and "first 30 of 600 s" in sound.note


def test_a_wav_that_is_cut_off_is_read_and_said_so(tmp_path):
    whole = write(tmp_path / "a.wav", tone()).read_bytes()
    sound = sounds.read(whole[: len(whole) // 2])
    assert 0.4 < sound.seconds < 0.6 and "cut off, only 50%" in sound.note
    assert sounds.read(whole).note == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"four seven two, and so on" * 20, "holds text"),
        (b"RIFF\x10\x00\x00\x00WAVEjunk", "header is damaged"),
        (bytes(range(256)) * 10, "no sound file"),
    ],
)
def test_what_is_no_sound_is_told_in_words(tmp_path, content, words):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(sounds.SoundError, match=words) as told:
        sounds.read(path)
    assert "a.wav" in str(told.value) and str(tmp_path) not in str(told.value)


def test_silence_short_sounds_and_numbers_that_are_none(tmp_path):
    with pytest.raises(sounds.SoundError, match="silent"):
        sounds.read(write(tmp_path / "a.wav", np.zeros(8000)))
    with pytest.raises(sounds.SoundError, match="silent"):  # a constant is no sound either
        sounds.read(write(tmp_path / "b.wav", np.full(8000, 0.3)))
    with pytest.raises(sounds.SoundError, match=r"0\.05 s of sound"):
        sounds.read(write(tmp_path / "c.wav", tone(0.05)))
    wave = tone()
    wave[3] = math.nan
    with pytest.raises(sounds.SoundError, match="no numbers"):
        sounds.read(write(tmp_path / "d.wav", wave, subtype="FLOAT"))


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(sounds.SoundError, match=r"no file b\.wav"):
        sounds.read(tmp_path / "b.wav")
    with pytest.raises(sounds.SoundError, match="is a folder"):
        sounds.read(tmp_path)


def test_odd_files_are_what_they_say(tmp_path):
    found = {path.name: path for path in sounds.odd_files(tmp_path)}
    assert soundfile.info(found["long.flac"]).duration == 600
    assert soundfile.info(found["stereo.wav"]).channels == 2
    assert soundfile.info(found["8bit.wav"]).subtype == "PCM_U8"
    assert found["empty.wav"].stat().st_size == 0


# --- playing


def test_a_player_plays_the_sound_and_is_small():
    page = sounds.player(tone(2.0))._repr_html_()
    kind, _, rest = page.partition("base64,")
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(rest.partition('"')[0])))
    assert rate == 8000 and abs(len(heard) - 16_000) < 3000 and np.abs(heard).max() > 0.7
    if "MP3" in soundfile.available_formats():
        assert "audio/mpeg" in kind and len(page) < 16_000


def test_players_name_their_sounds_and_escape_them():
    found = sounds.players({"<one>": tone(0.3), "two": tone(0.3)})
    page = found._repr_html_()
    assert page.count("<audio") == 2 and "&lt;one&gt;" in page and "<one>" not in page
    assert repr(found) == "Sounds to play: <one>; two"


# --- spectrograms


def reference(wave, window=256, step=80, mels=40, low=50.0, high=4000.0, rate=8000, floor=1e-4):
    """Log-mel by its definition, with a transform written out and loops: nothing of the course's."""
    n = np.arange(window)
    hann = np.sin(np.pi * n / window) ** 2
    k = np.arange(window // 2 + 1)
    turn = np.exp(-2j * np.pi * np.outer(n, k) / window)
    mel = lambda f: 2595 * math.log10(1 + f / 700)  # noqa: E731
    edges = [mel(low) + i * (mel(high) - mel(low)) / (mels + 1) for i in range(mels + 2)]
    rows = []
    for start in range(0, len(wave) - window + 1, step):
        power = np.abs((wave[start : start + window].astype(float) * hann) @ turn) ** 2
        sums = np.zeros(mels)
        for i in range(1, window // 2 + 1):
            m = mel(i * rate / window)
            for band in range(mels):
                below, middle, above = edges[band : band + 3]
                if below < m < above:
                    rising, falling = (m - below) / (middle - below), (above - m) / (above - middle)
                    sums[band] += min(rising, falling) * power[i]
        rows.append(np.log(sums + floor))
    return np.array(rows)


def waves():
    rng = np.random.default_rng(0)
    sweep = np.sin(2 * np.pi * np.cumsum(np.linspace(100, 3900, 2000)) / 8000)
    return np.stack([0.3 * rng.normal(size=2000), 0.9 * sweep, 0.001 * sweep, np.zeros(2000)])


def test_log_mel_equals_the_definition():
    ours = keras.ops.convert_to_numpy(sounds.log_mel(waves().astype("float32")))
    assert ours.shape == (4, 22, 40)
    for wave, found in zip(waves(), ours, strict=True):
        assert np.abs(found - reference(wave)).max() < 1e-4


def test_log_mel_equals_tensorflow_s_own():
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(waves(), tf.float32)
    power = tf.abs(tf.signal.stft(x, 256, 80, 256)) ** 2
    bank = tf.signal.linear_to_mel_weight_matrix(40, 129, 8000, 50.0, 4000.0)
    theirs = tf.math.log(power @ bank + 1e-4).numpy()
    ours = keras.ops.convert_to_numpy(sounds.log_mel(waves().astype("float32")))
    assert np.abs(ours - theirs).max() < 1e-4


def spectrogram(wave):
    import keras

    from helpers import sounds

    return {"found": keras.ops.convert_to_numpy(sounds.log_mel(wave))}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_log_mel_is_the_same_on_every_backend(backend):
    found = backends.run(backend, spectrogram, wave=waves().astype("float32"))["found"]
    ours = keras.ops.convert_to_numpy(sounds.log_mel(waves().astype("float32")))
    assert np.abs(found - ours).max() < 1e-4


def test_every_band_holds_a_frequency():
    """With 256 samples the lowest triangles are narrow; an empty one would be a dead feature."""
    bank = keras.ops.convert_to_numpy(sounds._bank())
    assert bank.shape == (129, 40) and (bank.max(axis=0) > 0.1).all() and bank[0].max() == 0


def test_sounds_of_any_length_are_those_of_one_at_a_time():
    rng = np.random.default_rng(1)
    some = [rng.normal(size=n).astype("float32") for n in (4000, 256, 100, 1999, 800, 2000)]
    found = sounds.log_mels(some, batch_size=4)
    for wave, each in zip(some, found, strict=True):
        alone = np.pad(wave, (0, max(0, 256 - len(wave))))
        one = keras.ops.convert_to_numpy(sounds.log_mel(alone[None]))[0]
        assert each.shape == (1 + max(0, len(wave) - 256) // 80, 40)
        assert np.allclose(each, one, atol=1e-4)
