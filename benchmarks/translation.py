"""Multi30K, English to German: what minutes of training come to, and what notebook 16 shows of it.

Run from the project's folder:

    export COURSE_DATA=/path/to/mirror
    python benchmarks/translation.py train --name five --seconds 300 --graph --precision bfloat16
    python benchmarks/translation.py test --name five         the test part, once
    python benchmarks/translation.py write                    keep it in data/translation.json

`train` prints sacreBLEU on the validation part with several searches; the best of them is the one
that `test` uses. The recipe is that of the notebook's last part.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "translation"
SEARCHES = ((1, 0.0), (4, 0.0), (4, 1.0))  # beams, length penalty
LENGTH = 64
EXAMPLES = (  # our own, in the manner of the set
    "Two dogs run through the grass.",
    "A woman in a red dress is reading a book on a bench.",
    "Three children are playing football in the street.",
    "A man with a hat is cooking dinner in a small kitchen.",
    "A person in a uniform is talking to a nurse.",
    "An astronaut feeds a penguin with a silver spoon.",
    "The old man is not sitting on the chair.",
)


def loaded(precision: str) -> tuple:
    """The helpers, and the data with its tokenizer's rows."""
    sys.path.insert(0, str(ROOT))
    from helpers import runtime

    runtime.start("cpu", precision=precision, seed=0)
    from helpers import phrases, seq2seq, text

    data = phrases.multi30k("mirror")
    return data, phrases, seq2seq, text


def tokenizer(data, seq2seq, text, vocab_size: int):
    """Byte-pair encoding of both languages together."""
    texts = [*data.train["source"], *data.train["target"]]
    return text.BPE.train(texts, vocab_size, seq2seq.SPECIAL)


def train(asked: argparse.Namespace) -> None:
    """Train, keep the weights, and choose the search on the validation part."""
    data, _, seq2seq, text = loaded(asked.precision)
    import keras
    import sacrebleu

    from helpers import training

    keras.utils.set_random_seed(asked.seed)
    bpe = tokenizer(data, seq2seq, text, asked.vocab_size)
    rows = seq2seq.pack(*(bpe.encode_batch(data.train[c]) for c in ("source", "target")), 48)
    model = seq2seq.Seq2Seq(
        {"vocab_size": asked.vocab_size, "embed_dim": asked.width, "num_layers": asked.layers,
         "dropout": asked.dropout, "label_smoothing": asked.smoothing}
    )  # fmt: skip
    if asked.optimizer == "muon":
        optimizer = keras.optimizers.Muon(
            asked.rate, adam_beta_2=0.99, exclude_layers=[".*embedding.*"]
        )
    else:
        optimizer = keras.optimizers.AdamW(asked.rate, beta_2=0.98, clipnorm=1.0)
    model.compile(optimizer, jit_compile=not asked.graph)
    history = training.fit(
        model, (rows.source, rows.target), rows.labels, seconds=asked.seconds,
        batch_size=asked.batch_size, seed=asked.seed, progress=False,
    )  # fmt: skip
    OUT.mkdir(parents=True, exist_ok=True)
    model.save_weights(OUT / f"{asked.name}.weights.h5")
    found = {
        **vars(asked), "cores": len(os.sched_getaffinity(0)), "steps": history.steps,
        "epochs": round(history.steps * asked.batch_size / len(rows.source), 2),
        "seconds": round(history.seconds), "parameters": model.count_params(),
        "loss": round(history.epochs[-1]["loss"], 3), "validation": {},
    }  # fmt: skip
    found.pop("what")
    sources = bpe.encode_batch(data.val["source"])
    for beams, penalty in SEARCHES:
        began = time.perf_counter()
        made = seq2seq.translate(model, sources, LENGTH, beams=beams, length_penalty=penalty)
        texts = [bpe.decode(each) for each in made]
        score = sacrebleu.corpus_bleu(texts, [data.val["target"].tolist()]).score
        found["validation"][f"{beams} {penalty}"] = round(score, 2)
        print(beams, penalty, round(score, 2), f"{time.perf_counter() - began:.1f} s", flush=True)
    for row in zip(data.val["source"][:4], texts[:4], data.val["target"][:4], strict=True):
        print(*row, sep="\n  ")
    (OUT / f"{asked.name}.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found), flush=True)


def test(asked: argparse.Namespace) -> None:
    """Translate the test part with the search that validation chose."""
    about = json.loads((OUT / f"{asked.name}.json").read_text())
    data, _, seq2seq, text = loaded("float32")
    bpe = tokenizer(data, seq2seq, text, about["vocab_size"])
    model = seq2seq.Seq2Seq(
        {"vocab_size": about["vocab_size"], "embed_dim": about["width"],
         "num_layers": about["layers"]}
    )  # fmt: skip
    model.load_weights(OUT / f"{asked.name}.weights.h5")
    best = max(about["validation"], key=about["validation"].get)
    searches = dict.fromkeys(["1 0.0", best])  # greedy beside it
    sources, answers = bpe.encode_batch(data.test["source"]), {}
    for search in searches:
        beams, penalty = search.split()
        made = seq2seq.translate(
            model, sources, LENGTH, beams=int(beams), length_penalty=float(penalty)
        )
        answers[search] = [bpe.decode(each) for each in made]
    ours = seq2seq.translate(model, bpe.encode_batch(EXAMPLES), LENGTH, beams=4)
    shown = [{"English": a, "German": bpe.decode(b)} for a, b in zip(EXAMPLES, ours, strict=True)]
    (OUT / f"{asked.name}-examples.json").write_text(
        json.dumps(shown, indent=1, ensure_ascii=False)
    )
    print(json.dumps(shown, indent=1, ensure_ascii=False))
    (OUT / f"{asked.name}-test.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False))
    print("kept", list(answers))


def write() -> None:
    """Score all that was kept, baselines beside it, and put it into data/translation.json."""
    data, phrases, *_ = loaded("float32")
    from tests.cells import namespace

    notebook, references = namespace("16"), data.test["target"].tolist()
    words = notebook.word_table(data.train)
    sources = data.test["source"].tolist()
    answers = {
        "most alike": (notebook.most_alike(data.train, sources), {}),
        "word for word": (notebook.word_for_word(words, sources), {}),
    }
    for name in ("five", "twenty"):
        if not (OUT / f"{name}-test.json").exists():
            continue
        about = json.loads((OUT / f"{name}.json").read_text())
        made = json.loads((OUT / f"{name}-test.json").read_text())
        best = list(made)[-1]
        greedy = phrases.scores(made["1 0.0"], references)["bleu"]
        shown = f"{about['seconds'] / 60:.0f} minutes"
        more = {"beams": int(best.split()[0]), "greedy": greedy, **about}
        answers[shown] = (made[best], more)
    systems = {}
    for name, (found, more) in answers.items():
        systems[name] = {**phrases.scores(found, references), **more}
        print(name, {k: round(systems[name][k], 2) for k in ("bleu", "chrf", "exact")}, flush=True)
    signature = {row.pop("signature") for row in systems.values()}
    examples = json.loads((OUT / "five-examples.json").read_text())
    phrases.save_recorded(
        {"signature": signature.pop(), "systems": rounded(systems), "examples": examples}
    )


def rounded(tree):
    """Numbers to three decimals."""
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    return round(tree, 3) if isinstance(tree, float) else tree


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "test", "write"])
    parser.add_argument("--name", default="five")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--vocab-size", type=int, default=5000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--optimizer", default="muon", choices=["muon", "adam"])
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--graph", action="store_true", help="without XLA")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    {"train": train, "test": test, "write": lambda _: write()}[asked.what](asked)


if __name__ == "__main__":
    main()
