"""helpers.speech: the clips that ship and their making, the real sets' layouts, strings, errors."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from helpers import sounds, sources, speech
from helpers.tables import DataError

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "data" / "make_spoken_digits.py"
CARD = (ROOT / "data" / "README.md").read_text("utf-8")
MADE_WITH = "1.51"  # the espeak-ng that spoke what ships


@pytest.fixture(scope="module")
def clips():
    return speech.spoken_digits()


def maker():
    spec = importlib.util.spec_from_file_location("make_spoken_digits", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the clips that ship


def test_every_voice_says_every_digit_in_every_part(clips, capsys):
    voices = clips.train["speaker"].unique()
    assert len(voices) == 10
    for part, takes in ((clips.train, 5), (clips.val, 1), (clips.test, 2)):
        counts = part.groupby(["speaker", "label"]).size()
        assert len(counts) == 100 and (counts == takes).all()
    key = ["speaker", "label", "take"]
    every = pd.concat([clips.train, clips.val, clips.test])
    assert len(every) == 800 and not every.duplicated(key).any()


def test_taking_the_test_part_is_counted():
    found = speech.spoken_digits()
    train, val, _ = found
    assert found.test_opened == 1 and len(train) == 500 and len(val) == 100


def test_clips_are_sound(clips):
    lengths = clips.train["wave"].map(len) / sounds.RATE
    loudness = clips.train["wave"].map(lambda wave: np.abs(wave).max())
    assert lengths.between(0.2, 1.0).all() and loudness.between(0.2, 1.0).all()
    assert clips.train["wave"].map(lambda wave: wave.dtype == np.float32).all()


def test_files_are_small_and_the_card_is_right(clips):
    sizes = [sources.path(name).stat().st_size for name in maker().NAMES]
    assert sum(sizes) < 1_700_000
    seconds = sum(len(w) for part in clips for w in part["wave"]) / sounds.RATE
    assert f"800 clips, {seconds:.0f} seconds" in CARD
    for name in maker().NAMES:
        assert name in CARD


def test_a_damaged_index_is_found(monkeypatch):
    with pytest.raises(DataError, match="do not add up"):
        speech._cut(pd.Series([10, 20]))


def test_the_sentence_is_for_models_of_sentences():
    sound = speech.sentence()
    assert sound.rate == 16_000 and 3 < sound.seconds < 6 and sound.note == ""


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed here")
def test_the_digits_can_be_made_again(tmp_path):
    """Bit for bit by the same version; by another, voices differ a little but not in kind."""
    subprocess.run([sys.executable, SCRIPT, "--out", tmp_path], check=True, timeout=300)
    index = pd.read_csv(tmp_path / "spoken_digits.csv")
    ours = pd.read_csv(sources.path("spoken_digits.csv"))
    assert index[["label", "speaker", "take"]].equals(ours[["label", "speaker", "take"]])
    again, rate = soundfile.read(tmp_path / "spoken_digits.flac")
    shipped, _ = soundfile.read(sources.path("spoken_digits.flac"))
    if maker().version() == MADE_WITH:
        assert index.equals(ours) and np.array_equal(again, shipped)
    else:
        assert rate == sounds.RATE and len(again) == index["samples"].sum()
        assert 0.8 < (index["samples"] / ours["samples"]).median() < 1.25


def test_without_espeak_the_maker_says_what_to_install(monkeypatch):
    module = maker()
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt install espeak-ng"):
        module.version()


# --- the real sets, in the layouts in which they come


def wav(seconds=0.4, seed=0):
    content = io.BytesIO()
    wave = 0.2 * np.random.default_rng(seed).normal(size=int(seconds * 8000))
    soundfile.write(content, wave, 8000, format="WAV", subtype="PCM_16")
    return content.getvalue()


def names(takes):
    return [f"{d}_{s}_{t}.wav" for s in ("theo", "lucas") for d in range(10) for t in takes]


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "fsdd"
    folder.mkdir()
    files = []
    for split, takes in (("test", range(2)), ("train", range(5, 12))):
        frame = pd.DataFrame({"file": names(takes)})
        frame["wav"] = [wav(seed=i) for i in range(len(frame))]
        frame.to_parquet(folder / f"{split}.parquet")
        path = f"fsdd/{split}.parquet"
        files.append({"path": path, "sha256": sources.sha256(tmp_path / path), "rows": len(frame)})
    manifest = {"datasets": [{"name": "fsdd", "files": files}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    return tmp_path


def test_fsdd_from_a_mirror(mirror):
    found = speech.fsdd("mirror")
    assert found.source == "mirror" and "sha256 verified" in found.note
    assert set(found.val["take"]) == set(range(5, 10)) and set(found.train["take"]) == {10, 11}
    assert set(found.test["take"]) == {0, 1}
    first = found.test.iloc[0]
    assert (first["label"], first["speaker"]) == (0, "theo") and first["wave"].dtype == np.float32


def hub_folder(folder, id_, parts):
    for path, frame in parts.items():
        (folder / id_ / path).parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(folder / id_ / path)


def audio(files):
    return [{"bytes": wav(seed=i), "path": name} for i, name in enumerate(files)]


def test_fsdd_in_the_layout_of_the_hub(tmp_path, monkeypatch):
    parts = {}
    for split, takes in (("test", range(2)), ("train", range(5, 12))):
        labels = [int(name[0]) for name in names(takes)]
        frame = pd.DataFrame({"audio": audio(names(takes)), "label": labels})
        parts[speech.FSDD.hub.files[split]] = frame
    hub_folder(tmp_path, speech.FSDD.hub.id, parts)
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    found = speech.fsdd("hub")
    assert found.source == "hub" and len(found.train) == 40 and len(found.val) == 100
    assert set(found.train["speaker"]) == {"theo", "lucas"}


def test_speech_commands_in_the_layout_of_the_hub(tmp_path, monkeypatch):
    voices = [f"{i:08x}" for i in range(20)]
    files = [f"{word}/{v}_nohash_0.wav" for v in voices for word in (*speech.WORDS, "backward")]
    frame = pd.DataFrame({"file": files, "audio": audio([f.split("/")[1] for f in files])})
    hub_folder(tmp_path, speech.COMMANDS.hub.id,
               {path: frame for path in speech.COMMANDS.hub.files.values()})  # fmt: skip
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    found = speech.speech_commands("hub")
    assert len(found.test) == 200 and set(found.test["label"]) == set(range(10))
    assert not set(found.train["speaker"]) & set(found.val["speaker"])
    assert found.val["speaker"].nunique() == 2


def test_a_damaged_set_names_file_and_row():
    good = pd.Series([wav(), b"nothing"])
    with pytest.raises(DataError, match=r"x\.parquet.*row 2|row 2"):
        speech._clips(good, pd.Series(["1_theo_0.wav", "2_theo_0.wav"]), "x.parquet",
                      speech.FSDD_NAME)  # fmt: skip
    with pytest.raises(DataError, match="no digit and speaker"):
        speech._clips(good, pd.Series(["one.wav", "2_theo_0.wav"]), "x", speech.FSDD_NAME)
    with pytest.raises(DataError, match="no column 'audio'"):
        speech._fsdd_hub(pd.DataFrame({"label": [1]}), "x")


def test_there_is_no_sample_of_the_real_sets(monkeypatch):
    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    for load in (speech.fsdd, speech.speech_commands):
        with pytest.raises(sources.SourceError, match="no sample"):
            load("sample")


@pytest.mark.real_data
def test_the_real_fsdd():
    if not os.environ.get("COURSE_DATA"):
        pytest.skip("COURSE_DATA is not set")
    found = speech.fsdd("mirror")
    sizes = len(found.train), len(found.val), len(found.test)
    assert sizes == (2400, 300, 300) and found.train["speaker"].nunique() == 6


# --- strings


def test_strings_are_of_one_voice_and_have_a_check_digit(clips):
    found = speech.strings(clips.train, 40, seed=3)
    assert len(found) == 40 and len(set(found.speakers)) == 10
    for wave, digits in zip(found.waves, found.digits, strict=True):
        assert 3 <= len(digits) <= 5 and sum(digits) % 10 == 0
        assert len(digits) * 0.2 < len(wave) / sounds.RATE <= 2.9 and wave.dtype == np.float32


def test_a_string_holds_its_clips_in_order():
    frame = pd.DataFrame(
        {
            "wave": [np.full(800, (d + 1) / 20, "float32") for d in range(10)],
            "label": range(10),
            "speaker": "one",
        }
    )
    found = speech.strings(frame, 5, seed=0)
    for wave, digits in zip(found.waves, found.digits, strict=True):
        steps = wave[np.isin(np.round(wave * 20, 4), range(1, 11))]
        order = np.round(steps[::800] * 20).astype(int) - 1
        assert tuple(order) == digits


def test_the_same_seed_gives_the_same_strings(clips):
    a, b = (speech.strings(clips.val, 6, seed=1) for _ in range(2))
    c = speech.strings(clips.val, 6, seed=2)
    assert a.digits == b.digits and np.array_equal(a.waves[0], b.waves[0]) and a.digits != c.digits


def test_strings_that_cannot_be_are_refused(clips):
    with pytest.raises(ValueError, match="no short clip of digit 7"):
        speech.strings(clips.train[clips.train["label"] != 7], 3)
    with pytest.raises(ValueError, match="do not fit"):
        speech.strings(clips.train, 3, longest=0.5)


def test_word_errors_by_jiwer():
    said = [(1, 2, 3), (4, 5), (6, 7), (8,)]
    heard = [(1, 2, 3), (4,), (6, 0, 7), ()]
    assert speech.word_errors(said, heard).tolist() == [0, 1, 1, 1]
    with pytest.raises(ValueError, match="4 strings were said, and 1 heard"):
        speech.word_errors(said, heard[:1])


def test_errors_by_kind():
    kinds, pairs = speech.kinds_of_errors([(5, 2, 3), (5, 4), (1,)], [(9, 2), (9, 4), (1, 1)])
    assert kinds.to_dict() == {"replaced": 2, "left out": 1, "put in": 1}
    assert pairs.to_dict() == {"five as nine": 2}


def test_the_error_table():
    said = {"known": [(1, 2), (3, 4)]}
    table = speech.error_table(said, {("known", "greedy"): [(1, 2), (3, 5)]})
    row = table.loc[("known", "greedy")]
    assert row["word error rate"] == 25 and row["whole strings right"] == 50
    assert row["from"] <= 25 <= row["to"]


def test_the_interval_of_a_rate_covers_it_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    ends = [speech.interval(rng.random(150) < 0.2, np.ones(150), seed, 300) for seed in range(120)]
    assert 0.85 < np.mean([low < 0.2 < high for low, high in ends]) < 1.0
    with pytest.raises(ValueError, match="two strings"):
        speech.interval([1], [1])


# --- a sound of the reader's own


def test_an_answer_to_every_file(tmp_path):
    told = {p.name: speech.answer(lambda w: f"{len(w)}", p) for p in sounds.odd_files(tmp_path)}
    assert told["stereo.wav"].startswith("8000 (mixed 2 channels")
    assert told["8bit.wav"].startswith("8000") and "first 30 of 600" in told["long.flac"]
    assert "silent" in told["silence.wav"] and "text" in told["text.wav"]
    assert "empty" in told["empty.wav"] and "cut off" in told["cut.wav"]


@pytest.fixture
def board(monkeypatch):
    """The box, with what it displays caught."""
    import ipywidgets
    from IPython import display as shown

    seen = {"pages": [], "widgets": []}

    class Handle:
        def update(self, page):
            seen["pages"].append(page.data)

    def display(thing, display_id=None):
        if isinstance(thing, ipywidgets.Widget):
            seen["widgets"] += list(thing.children)
        else:
            seen["pages"].append(thing.data)
        return Handle()

    monkeypatch.setattr(shown, "display", display)
    monkeypatch.delenv("COURSE_STILL", raising=False)
    wave = 0.3 * np.sin(np.arange(4000)).astype("float32")
    clips = {"a": wave, "b": wave[:2000]}
    speech.box(lambda w: f"<{len(w)}>", clips)
    return seen


def test_the_box_works_untouched_and_when_a_clip_is_chosen(board):
    assert "&lt;4000&gt;" in board["pages"][0] and "<audio" in board["pages"][0]
    board["widgets"][0].value = "b"
    assert "&lt;2000&gt;" in board["pages"][-1]


def test_the_box_takes_files_good_and_bad(board, tmp_path):
    paths = {p.name: p for p in sounds.odd_files(tmp_path)}
    upload = board["widgets"][1]
    for name, words in (("stereo.wav", "2 channels"), ("text.wav", "holds text")):
        change = {"new": ({"content": memoryview(paths[name].read_bytes()), "name": name},)}
        for watcher in upload._trait_notifiers["value"]["change"]:
            if callable(watcher) and getattr(watcher, "__name__", "") == "take":
                watcher(change)
        assert words in board["pages"][-1]


def test_a_still_box_shows_no_fields(monkeypatch, capsys):
    from IPython import display as shown

    seen = []
    monkeypatch.setattr(shown, "display", lambda thing, **_: seen.append(thing))
    monkeypatch.setenv("COURSE_STILL", "1")
    speech.box(lambda w: "seven", {"a": np.ones(4000, "float32")})
    assert len(seen) == 1 and "seven" in seen[0].data


# --- a pretrained model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A wav2vec 2.0 of random weights in the Hub's layout."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("wav2vec2")
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", "E", "T", "A"]
    config = transformers.Wav2Vec2Config(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, conv_dim=(8,) * 7, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({c: i for i, c in enumerate(letters)}))
    return folder


@pytest.mark.slow
def test_a_model_of_sentences_gives_letters_over_time(tiny):
    model = speech.Transcriber(str(tiny))
    logits = model.logits(speech.sentence().wave)
    assert model.letters[0] == "<pad>" and model.letters[4] == "|"
    assert logits.shape[1] == 8 and abs(logits.shape[0] - 4.5 / 0.02) < 5


def test_without_a_network_the_model_says_so_at_once(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    with pytest.raises(sources.Unavailable, match=r"cannot be fetched.*network"):
        speech.Transcriber("nobody/no-such-model")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(sources.Unavailable, match="HF_HUB_OFFLINE is set"):
        speech.Transcriber("nobody/no-such-model")


def test_without_its_packages_the_model_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(sources.Unavailable, match="pip install torch transformers"):
        speech.Transcriber()


# --- what was recorded


def test_recorded_results_are_complete():
    found = speech.recorded()["speakers"]
    assert list(found) == ["known", "george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    for one in found.values():
        confusion = np.array(one["confusion"])
        assert confusion.sum() == one["clips"] in (300, 500)
        assert np.trace(confusion) / one["clips"] == pytest.approx(one["network"], abs=1e-4)
        assert set(one["word_error_rate"]) == {"greedy", "beam of 16", "beam, check digit"}


def test_recorded_results_meet_what_is_asked_of_them():
    """Bars of the course: minutes and cores are in the file."""
    found = speech.recorded()["speakers"]
    strangers = [one for who, one in found.items() if who != "known"]
    mean = lambda key: np.mean([one[key] for one in strangers])  # noqa: E731
    assert found["known"]["network"] >= 0.99 and mean("network") >= 0.82
    assert found["known"]["word_error_rate"]["greedy"] <= 0.05
    assert np.mean([one["word_error_rate"]["greedy"] for one in strangers]) <= 0.30
    assert mean("network") > mean("nearest") > mean("majority")
    assert all(one["seconds"] * one["cores"] <= 120 for one in found.values())
