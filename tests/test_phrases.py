"""helpers.phrases: combinations held out, texts as CLDR has them, real sets from mirror and Hub."""

from __future__ import annotations

import json
import os
import re

import pandas as pd
import pytest

from helpers import phrases, sources
from helpers.tables import DataError


@pytest.fixture(params=phrases.LANGUAGES)
def target(request):
    return request.param


def test_cldr_is_the_same_each_time_and_has_every_kind(target, capsys):
    found = phrases.cldr(target)
    assert f"English to {phrases.LANGUAGES[target]}" in capsys.readouterr().out
    for part in found:
        assert set(part["kind"]) == set(phrases.COUNTS)
        assert part.columns.tolist() == ["kind", "source", "target"]
    phrases._cldr.cache_clear()
    again = phrases.cldr(target)
    pd.testing.assert_frame_equal(found.train, again.train)


def test_no_phrase_is_in_two_parts_and_each_has_one_translation(target):
    found = phrases.cldr(target)
    every = pd.concat(list(found))
    assert not every["source"].duplicated().any()
    assert len(found.train) > 8000 and min(len(found.val), len(found.test)) > 1000


def test_what_is_held_out_holds_a_pair_that_training_never_shows():
    """Read from the texts themselves: days with months, and countries with countries."""
    train, val, test = phrases.cldr("de")

    def days(frame):
        long = frame["source"].str.extract(r"(\w+) (\d+), \d{4}$").dropna()
        return set(zip(long[0].str[:3], long[1], strict=True))

    for part in (val, test):
        dates = part[part["kind"] == "date"]
        assert days(dates) and not days(dates) & days(train[train["kind"] == "date"])

    def named(text):
        return re.split(r",? (?:and|or) |, ", text)

    seen = set()
    for text in train.loc[train["kind"] == "languages", "source"]:
        names = named(text)
        seen |= {frozenset((a, b)) for a in names for b in names if a != b}
    alone = {name for pair in seen for name in pair}
    for text in test.loc[test["kind"] == "languages", "source"]:
        names = named(text)
        pairs = {frozenset((a, b)) for a in names for b in names if a != b}
        assert pairs - seen, text
        assert set(names) <= alone, "each name by itself is in training"


def test_texts_are_babel_s():
    writers = [phrases._Writer(language) for language in ("en", "de", "fr", "zh")]
    import datetime

    day = datetime.date(1987, 3, 14)
    assert [w.date(day, "full") for w in writers] == [
        "Saturday, March 14, 1987", "Samstag, 14. März 1987", "samedi 14 mars 1987",
        "1987年3月14日星期六",
    ]  # fmt: skip
    assert [w.period(-3, "day", relative=True) for w in writers[:2]] == [
        "3 days ago",
        "vor 3 Tagen",
    ]
    assert [w.quantity(2.5, "length-kilometer") for w in writers] == [
        "2.5 kilometers", "2,5 Kilometer", "2,5 kilomètres", "2.5公里",
    ]  # fmt: skip
    assert writers[2].money(1234.5, "EUR", "name") == "1 234,50 euros", "plain spaces"
    assert [w.listed(["a", "b", "c"], "standard") for w in writers] == [
        "a, b, and c", "a, b und c", "a, b et c", "a、b和c",
    ]  # fmt: skip


def test_no_text_holds_a_name_of_cldr_s_own(target):
    for part in phrases.cldr(target):
        assert not part["target"].str.contains(r"[a-z]-[a-z]+-|length-|mass-", regex=True).any()
        assert not part["target"].str.contains(phrases.SPACES).any()


def test_the_test_part_is_counted():
    found = phrases.cldr()
    assert found.test_opened == 0 and len(found.test) and found.test_opened == 1
    assert phrases.cldr().test_opened == 0, "another look-up is another count"


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="'de', 'fr', 'zh'"):
        phrases.cldr("en")
    with pytest.raises(sources.SourceError, match="not a source"):
        phrases.cldr("de", source="nowhere")


# --- Multi30K and Tatoeba

ROWS = {"en": ["A dog runs.", "Two  men\nsit."], "de": ["Ein Hund rennt.", "Zwei Männer sitzen."]}


def write_mirror(root, frame, name="multi30k"):
    spec = {"multi30k": phrases.MULTI30K, "tatoeba_en_zh": phrases.TATOEBA}[name]
    files = []
    for place in spec.mirror.values():
        file = root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(file)
        files.append({"path": place, "sha256": sources.sha256(file), "rows": len(frame)})
    manifest = {"datasets": [{"name": name, "files": files}]}
    (root / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return root


def test_multi30k_from_a_mirror(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path, pd.DataFrame(ROWS))))
    found = phrases.multi30k("mirror")
    assert found.train["source"].tolist() == ["A dog runs.", "Two men sit."]
    assert found.language == "German" and "sha256 verified" in capsys.readouterr().out


def test_multi30k_in_the_layout_of_the_hub(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    folder = tmp_path / phrases.MULTI30K.hub.id
    folder.mkdir(parents=True)
    for name in phrases.MULTI30K.hub.files.values():
        pd.DataFrame(ROWS).to_json(folder / name, orient="records", lines=True, force_ascii=False)
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    assert phrases.multi30k("hub").test["target"][1] == "Zwei Männer sitzen."


def test_damage_is_named(tmp_path, monkeypatch):
    broken = pd.DataFrame({"en": ["A dog.", ""], "de": ["Ein Hund.", "x"]})
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path, broken)))
    with pytest.raises(DataError, match="'en' is empty"):
        phrases.multi30k("mirror")
    write_mirror(tmp_path, pd.DataFrame({"en": ["A dog."]}))
    with pytest.raises(DataError, match="no column 'de'"):
        phrases.multi30k("mirror")


def test_without_the_real_set_the_reader_is_told_what_to_do(monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for load in (phrases.multi30k, phrases.tatoeba):
        with pytest.raises(sources.Unavailable, match=r"phrases\.cldr"):
            load("sample")


def test_tatoeba_keeps_a_sentence_on_one_side(tmp_path, monkeypatch):
    rows = [(f"Sentence {i}.", f"句子{i}{j}") for i in range(2500) for j in range(2)]
    rows += [("SENTENCE 7!", "第七句")]
    frame = pd.DataFrame(rows, columns=["en", "zh"])
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path, frame, "tatoeba_en_zh")))
    parts = list(phrases.tatoeba("mirror"))
    keys = [set(re.sub(r"\W", "", t).lower() for t in part["source"]) for part in parts]
    assert not (keys[0] & keys[1] or keys[0] & keys[2] or keys[1] & keys[2])
    assert sum(map(len, parts)) == len(frame) and [len(k) for k in keys] == [500, 1000, 1000]


@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="needs the real sets")
def test_the_real_sets_have_their_published_sizes():
    assert [len(part) for part in phrases.multi30k("mirror")] == [29_000, 1_014, 1_000]
    assert sum(len(part) for part in phrases.tatoeba("mirror")) == 29_155


# --- measures, and texts that readers type


def test_scores_are_sacrebleu_s_and_lie_in_their_intervals():
    sacrebleu = pytest.importorskip("sacrebleu")
    found = ["Ein Hund rennt.", "Zwei Frauen sitzen auf einer Bank.", "Drei rote Autos stehen da."]
    references = ["Ein Hund rennt.", "Zwei Männer sitzen auf der Bank.", "Drei Autos stehen dort."]
    made = phrases.scores(found, references, draws=200)
    assert made["exact"] == pytest.approx(100 / 3)
    assert made["bleu"] == pytest.approx(sacrebleu.corpus_bleu(found, [references]).score)
    assert made["chrf"] == pytest.approx(sacrebleu.corpus_chrf(found, [references]).score)
    assert made["bleu_low"] < made["bleu_high"] and "tok:13a" in made["signature"]
    shown = phrases.table({"ours": made})
    assert shown.loc["ours", "exact (%)"].startswith("33.3 (")


def test_chinese_is_cut_into_characters():
    pytest.importorskip("sacrebleu")
    made = phrases.scores(
        ["法国和秘鲁和德国", "三天前"], ["法国和秘鲁和德国", "三天前"], "Chinese", 50
    )
    assert made["bleu"] == pytest.approx(100) and "tok:zh" in made["signature"]
    with pytest.raises(ValueError, match="1 translations and 2 references"):
        phrases.scores(["a"], ["a", "b"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is no text"),
        ("  \n\t", "There is no text"),
        (None, "There is no text"),
        ("?! ... ---", "no words or numbers"),
        ("\x00\x07\x1b", "no words or numbers"),
        ("今天天气很好", "Chinese"),
        ("Сегодня хорошая погода", "Cyrillic"),
    ],
)
def test_what_cannot_be_translated_gets_a_sentence(text, told):
    found = phrases.answer(lambda given: pytest.fail("asked"), text)
    assert told in found and found.endswith(".")


def test_long_texts_are_cut_and_control_characters_go():
    asked = []
    found = phrases.answer(lambda given: asked.append(given) or "kurz", "two\x07 words " * 1000)
    assert found.startswith("kurz (Only the first 200 of 11,000 characters")
    assert "\x07" not in asked[0] and len(asked[0]) <= phrases.MOST_CHARACTERS
    assert phrases.answer(lambda given: given, "\ud800 3 kg") == "3 kg"
    assert "wrote nothing" in phrases.answer(lambda given: "", "a word")


def test_the_box_answers_when_nothing_is_typed(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(display, "display", lambda what, **more: shown.append(what))
    monkeypatch.setenv("COURSE_STILL", "1")
    phrases.box({"loud": str.upper}, "one <b> word")
    assert len(shown) == 1 and "ONE &lt;B&gt; WORD" in shown[0].data
