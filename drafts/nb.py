# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does a model keep of the people in its data?
#
# <!-- measured -->
# *Takes 76 s and 1.4 GB of memory on 2 processor cores. Before it: [06](06_training_workflow.ipynb), [10](10_gpt_generation.ipynb), [15](15_imdb_classifiers.ipynb). [Open in Colab](https://colab.research.google.com/github/large-models-in-the-open/course/blob/main/notebooks/23_privacy.ipynb)*
# <!-- end -->
#
# Most texts on large models end with a sentence such as "data privacy matters more and more". This notebook measures instead: what a detector misses, what a careless file lets through, what can be read out of a trained model, and what it costs to prevent it.
#
# You will be able to
# - find and mask personal data, and say how much of it slips through;
# - replace people by pseudonyms that still join, and encrypt a file so that no change goes unnoticed;
# - read secrets out of a language model, and tell from a classifier who was in its training data;
# - train with differential privacy, and say what the epsilon promises and what it costs;
# - say what federated training hides, and what it does not.

# %%
# Only Colab needs this: it installs the helpers and replaces nothing there.
import sys

if "google.colab" in sys.modules:
    # %pip install -q --no-deps "git+https://github.com/large-models-in-the-open/course"

# %% tags=["parameters"]
PROFILE = None  # "cpu", "gpu", or None: choose for me
SOURCE = "auto"  # "auto", "mirror", "hub", "sample" or "real"
SEED = 0

# %%
from helpers import runtime

machine = runtime.start(PROFILE, precision="float32", seed=SEED)
machine

# %%
import sys

if "google.colab" in sys.modules:
    # %pip install -q --no-deps dp-accounting dm-tree mpmath
import hashlib
import re
import secrets
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from IPython.display import Markdown
from keras import ops
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from helpers import data, dp, gpt, plots, privacy, results, vault

# %% [markdown]
# ## Find it
#
# The first idea for card numbers is a pattern: sixteen digits, perhaps in groups. *Which of these four will it find, and which should it?*

# %% tags=["nbval-check-output"]
NAIVE = re.compile(r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b")
LINES = {
    "a test card": "paid with 4111 1111 1111 1111",
    "an order number": "order 4111 1111 1111 1112",
    "broken by a line": "paid with 4111 1111\n1111 1111",
    "full-width digits": "卡号４１１１１１１１１１１１１１１１",
}
pd.DataFrame(
    {
        "pattern": {k: bool(NAIVE.search(text)) for k, text in LINES.items()},
        "helpers.privacy": {k: bool(privacy.find(t, "card")) for k, t in LINES.items()},
    }
)

# %% [markdown]
# The pattern takes the order number for a card. Real cards carry a *check digit*: every second digit is doubled, and the sum of all must end in 0 (Luhn's formula). IBANs (remainder 1 when divided by 97) and Chinese resident identity numbers have theirs too. A wrong number passes Luhn once in ten times, and the others once in 97 and once in 11.
#
# And the pattern misses two that a reader sees at once. A line break is neither space nor dash. Full-width digits are digits to Python's `\d`, but between 号 and ４ it sees no boundary of a word: `\b` fails.

# %% tags=["nbval-check-output"]
LETTER = """Dear Ms Okafor, please refund card 4111 1111 1111 1111 (Jürgen Vogel),
IBAN GB82 WEST 1234 5698 7654 32, by Friday. Call (415) 555-0172 or write to
j.vogel@kite.test. 身份证 11010519491231002X，手机 13812345678，联系人：王小明。"""  # noqa: RUF001
print(privacy.mask(LETTER))
print(privacy.find(LETTER)[0])

# %% [markdown]
# The last line is what the program has in hand: type and place, not the name. Logs are where most masked data come back from, and what is not in an object cannot be logged by accident.
#
# ## How much slips through?
#
# A detector that was tuned on the texts it is judged by looks perfect. The table below is measured on texts that were made without sight of the detector, full of decoys: versions that look like addresses, order numbers, people called Rose. How they were made bounds what they show: a program fills some two hundred hand-written frames with invented names and numbers (`data/README.md`, `personal_data.jsonl`). Tuning and measuring part share no frame and no name, but they come from one hand, and texts of one frame are no independent draws.
#
# Two things can be asked. Is an identifier **found as what it is**? And is it **masked**, under whatever type? For a mask the second one counts. A match counts as right if it touches something of its type. *Which will be worst: cards, telephones or names?*

# %%
rows = privacy.labelled("test")
table = pd.DataFrame(privacy.measure(rows)).T
pd.DataFrame(
    {
        "there are": table["entities"],
        "found as what it is": table["found"],
        "masked": table["hidden"],
        "recall": (table["found"] / table["entities"]).map("{:.2%}".format),
        "precision": (table["right"] / table["matches"]).map("{:.2%}".format),
    }
).loc[(table["found"] / table["entities"]).sort_values().index]

# %%
numbers, people = table.drop("name").sum(), table.loc["name"]
recall_numbers = numbers["found"] / numbers["entities"]
masked_numbers = numbers["hidden"] / numbers["entities"]
recall_names = people["found"] / people["entities"]
precision_names = people["right"] / people["matches"]
for key, value in {
    "recall_identifiers": recall_numbers,
    "masked_identifiers": masked_numbers,
    "recall_names": recall_names,
    "precision_names": precision_names,
}.items():
    results.record(f"23.{key}", float(value), texts=len(rows))
ssn = table.loc["us_ssn"]
Markdown(
    f"In {len(rows)} texts, of {numbers['entities']} identifiers"
    f" **{numbers['hidden']} are masked ({masked_numbers:.2%})** and"
    f" {numbers['found']} found as what they are ({recall_numbers:.2%}). Worst are"
    f" social security numbers: {ssn['found']} of {ssn['entities']}. Of"
    f" {people['entities']} names {people['found']} are found ({recall_names:.2%}), and"
    f" **{1 - precision_names:.0%}** of what is taken for a name is none."
)

# %% [markdown]
# What has a check digit or a fixed form is found nearly always. The social security number has no check digit, and without its dashes it is nine digits like any others: only the words around it tell. Names have not even a form: a detector either masks Florence the city or misses Florence the person. On texts of another kind expect less, and measure on your own: label a hundred.
#
# A bar of 99% for identifiers is passed by what is masked, and just missed by what is found as what it is. And there are forms that it does not know at all. *Which of these would you have thought of?*

# %% tags=["nbval-check-output"]
MISSED = [
    "my number: four one five, five five five, zero one seven two",
    "her line 555 0172 is busy",
    "4111_1111_1111_1111",
    "138-123-45678",
    "ann%40kite.test",
    "用户@例子.公司",
    "i told quimbast zorvalda about it",
    "김민수 씨가 왔다",
]
print(*[text for text in MISSED if privacy.mask(text) == text], sep="\n")

# %% [markdown]
# Numbers in words, local numbers without a word that says so, unusual groups, encoded or non-Latin addresses, unknown names in lower case, scripts other than Latin and Chinese. Passports, dates of birth and streets are not looked for at all, nor is what a picture shows.
#
# And finding all names would not be enough. Sweeney (2000) estimated that postcode, sex and date of birth together single out 87% of the people of the United States. **Masked is not anonymous.**
#
# ## Pseudonyms, first the wrong way
#
# To count how often each customer calls, one needs to know that two calls are of the same person, not of whom. A hash does that: same number, same hash, and no way back. *Or is there?*

# %%
rng = np.random.default_rng(SEED)
TRIES = 10_000
number = f"1381234{rng.integers(TRIES):04d}"  # a mobile number nobody may learn
unkeyed = hashlib.sha256(number.encode()).hexdigest()
candidates = (f"1381234{i:04d}" for i in range(TRIES))
found = next(c for c in candidates if hashlib.sha256(c.encode()).hexdigest() == unkeyed)
Markdown(
    f"The hash is `{unkeyed[:16]}...`; after at most {TRIES:,} tries the number behind"
    f" it is known: **{found == number}**."
)

# %% [markdown]
# There are only so many telephone numbers. We knew the first seven digits, but even all eleven-digit numbers that begin with 1 are only ten billion: an afternoon's work for one computer. The same goes for names, identity numbers, birthdays. A hash hides what cannot be guessed, and personal data can.
#
# The remedy is a **key** (HMAC, Krawczyk et al. 1997). Without it no guess can be checked.

# %%
pseudonyms = privacy.Pseudonyms(privacy.Pseudonyms.new_key())
calls = ["Ann Lee", "Bo Chen", "LEE, ANN", "ann  lee", "A. Lee"]
print([pseudonyms("name", caller) for caller in calls])
numbers_of_one = ["+86 138-1234-5678", "13812345678", "(+86) 138 1234 5678"]
print({pseudonyms("cn_mobile", number) for number in numbers_of_one})
print(pseudonyms)
print(privacy.mask("Mail from Ann Lee <a.lee@kite.test>", replace=pseudonyms))

# %% [markdown]
# Three of the calls are of Ann Lee, and the pseudonym says so; three spellings of one number become one, too. "A. Lee" does not join, and neither do a nickname, a typing error, or one telephone number with and without its country code: a join is as good as the spelling that goes into the key. The key does not show when the object is printed. Keep it apart from the data; delete it when the joins are done. With the key, or with enough of the person's habits left in the table, they can be found again, which is why the law (the GDPR, for one) still calls pseudonyms personal data.
#
# ## A lock that nobody tests
#
# Encryption hides. Does it also protect? Here is a salary, encrypted by XOR with a stream of perfectly random bytes, which no one can break. *Can somebody who knows neither text nor key change the amount?*

# %%
plain = b"pay to Ann Lee: 1200 EUR"
stream = secrets.token_bytes(len(plain))
sealed = bytes(a ^ b for a, b in zip(plain, stream, strict=True))

tampered = bytearray(sealed)
tampered[16] ^= ord("1") ^ ord("9")  # the place of the first digit is in every form
opened = bytes(a ^ b for a, b in zip(tampered, stream, strict=True))
print(opened.decode())

# %% [markdown]
# One byte, and no error anywhere. Secrecy is one thing, integrity another. *Authenticated* encryption has both: AES-256-GCM adds a tag to each piece, and decrypting checks it (Dworkin 2007). `helpers.vault` makes the key from a passphrase by scrypt (Percival and Josefsson 2016), which is slow on purpose, and seals a file in chunks that know their number and which of them is the last (Hoang et al. 2015). *Try to get a damaged file past it:*

# %%
PASSPHRASE = "tulip harbour spoon eleven"  # in real life from a password manager


def refusal(raw, passphrase=PASSPHRASE):
    """What the vault says to a file with this content; "opened" if it lets it pass."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pay.vault")
        file.write_bytes(raw)
        try:
            vault.decrypt_bytes(file, passphrase)
        except vault.VaultError as error:
            return str(error)
        return "opened"


with tempfile.TemporaryDirectory() as folder:
    Path(folder, "pay.txt").write_bytes(plain * 4000)
    file = Path(folder, "pay.txt")
    first = vault.encrypt_file(file, PASSPHRASE).read_bytes()
    other = vault.encrypt_file(file, PASSPHRASE, file.with_name("other")).read_bytes()

# %%
flipped = bytearray(first)
flipped[-40] ^= 1
head = vault.HEADER.size
said = {
    "as it was written": refusal(first),
    "a wrong passphrase": refusal(first, PASSPHRASE + "!"),
    "one bit flipped": refusal(bytes(flipped)),
    "the end cut off": refusal(first[:-100]),
    "the header of another file": refusal(other[:head] + first[head:]),
    "a file that is none": refusal(plain),
}
pd.set_option("display.max_colwidth", None)
pd.DataFrame({"what the vault says": said})

# %% [markdown]
# Tests flip every bit of a file. What encryption at rest does not do: it protects a stolen disk, not a running server. While a program works on the data they are plain in its memory, and a lost passphrase means a lost file.
#
# ## What a language model remembers
#
# Now to the models. We train a small GPT in two steps, as a company might: first on public text, then on private letters. The letters are film reviews here; each window of 32 characters is one example.
#
# Among them we plant **canaries** (Carlini et al. 2019): made-up secrets such as "Mia's code is 482.", some once, some 4 or 16 times. Twelve more codes are drawn and never shown to the model. *How often must a secret be in the data before the model knows it by heart?*

# %%
CONTEXT = 32  # characters
WINDOWS, EPOCHS, BATCH = 2048, 12, 64
PEOPLE = (
    "Mia Leo Ada Ben Eva Tom Zoe Max Ida Sam Lea Jan Amy Kai Ivy Jon Uma Ned Pia Rob"
    " Liv Cal Fay Gus Ina Pat Sue Ray Dot Hal Kim Lou Ari Bea Cem Dan"
)
NAMES = PEOPLE.split()
COPIES = dict(zip(NAMES, [1] * 8 + [4] * 8 + [16] * 8 + [0] * 12, strict=True))
codes = {n: int(c) for n, c in zip(NAMES, rng.integers(1_000, size=36), strict=True)}


def encoded(text):
    """Text as tokens, a character each: (characters,), 0 to 127."""
    return np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype("int32")


def windows_of(texts):
    """Texts one after another, cut into windows: (windows, CONTEXT)."""
    row = encoded("\n".join(texts))
    return row[: len(row) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)


# %%
reviews = data.imdb(SOURCE)
letters = windows_of(reviews.train["text"][:3000])
letters = letters[rng.permutation(len(letters))[:WINDOWS]].copy()
held_out = windows_of(reviews.test["text"][:500])[:600]
places = iter(rng.permutation(len(letters)))
for name in NAMES:
    secret = encoded(f"{name}'s code is {codes[name]:03d}.")
    for _ in range(COPIES[name]):
        letters[next(places), : len(secret)] = secret
num_canaries = sum(COPIES.values())
print(f"{len(letters):,} windows, {num_canaries} of them begin with a canary")

# %%
corpus = data.python_docs(SOURCE)
public = encoded("\n".join(corpus.texts("train")))
config = gpt.GPTConfig(
    vocab_size=128, context_length=CONTEXT, num_layers=1, num_heads=2, embed_dim=32,
    style="llama", activation="relu2",
)  # fmt: skip
model = gpt.GPT(config)
model.compile(keras.optimizers.Adam(8e-3))
starts = rng.integers(len(public) - CONTEXT, size=150 * BATCH)
documents = public[starts[:, None] + np.arange(CONTEXT)]
model.fit(documents, batch_size=BATCH, verbose=0)
pretrained = model.get_weights()
print(f"{model.count_params():,} parameters")


# %% [markdown]
# **Exposure** asks: of all 1,000 codes, at which rank does the model put the true one? With rank 1 the exposure is $\log_2 1000$ bits; a model that knows nothing gives a random rank. All are scored exactly: a code's probability is the product of those of its three digits.

# %%
def log_probabilities(tokens):
    """Log-probability of each next token: (batch, time, 128) of (batch, time)."""
    logits = model(tokens, training=False)
    return ops.convert_to_numpy(ops.log_softmax(logits, axis=-1))


def code_scores(names):
    """The log-probability of each code from 000 to 999, a row a name: (names, 1000)."""
    rows = np.stack([encoded(f"{name}'s code is ") for name in names])
    scores = np.zeros((len(names), 1))
    for _ in range(3):
        digits = log_probabilities(rows)[:, -1, 48:58]  # "0" is 48 in ASCII
        scores = scores[..., None] + digits.reshape(*scores.shape, 10)
        scores = scores.reshape(len(names), -1)
        longer = np.repeat(rows, 10, axis=0)
        digit = np.tile(np.arange(48, 58, dtype="int32"), len(rows))[:, None]
        rows = np.concatenate([longer, digit], axis=1)
    return scores


def exposures():
    """Of each canary: log2 of the candidates over the rank; and the likeliest code."""
    scores = code_scores(NAMES)
    own = scores[np.arange(len(NAMES)), [codes[name] for name in NAMES]]
    ranks = 1 + (scores > own[:, None]).sum(axis=1)
    exposed = dict(zip(NAMES, np.log2(1_000 / ranks), strict=True))
    return exposed, dict(zip(NAMES, scores.argmax(axis=1).tolist(), strict=True))


# %%
def by_copies(exposed):
    """Mean exposure of the canaries with 0, 1, 4 and 16 copies, in bits."""
    groups = {k: [n for n in NAMES if COPIES[n] == k] for k in (0, 1, 4, 16)}
    means = {k: np.mean([exposed[n] for n in group]) for k, group in groups.items()}
    return {k: float(mean) for k, mean in means.items()}


def bits_per_character(windows):
    """How badly the model predicts text, in bits a character; lower is better."""
    said = log_probabilities(windows[:, :-1])
    chosen = np.take_along_axis(said, windows[:, 1:, None], axis=-1)
    return float(-chosen.mean() / np.log(2))


before, bits_before = by_copies(exposures()[0]), bits_per_character(held_out)
model.fit(letters, epochs=EPOCHS, batch_size=BATCH, verbose=0)
open_exposures, guesses = exposures()
bits_open = bits_per_character(held_out)
after = by_copies(open_exposures)

# %% [markdown]
# And *extraction* is the attack itself: give the model the beginning, and let it write the likeliest code.

# %%
extracted = {
    k: np.mean([guesses[n] == codes[n] for n in NAMES if COPIES[n] == k])
    for k in (0, 1, 4, 16)
}
chance = np.mean(np.log2(1_000 / np.arange(1, 1_001)))  # of a random rank
fig, ax = plots.figure()
x = np.arange(4)
ax.bar(x - 0.2, list(before.values()), 0.4, color="0.75", label="before the letters")
ax.bar(x + 0.2, list(after.values()), 0.4, hatch="//", label=f"after {EPOCHS} epochs")
ax.axhline(np.log2(1_000), color="0.3", linestyle="--", linewidth=1, label="rank 1")
ax.axhline(chance, color="0.3", linestyle=":", linewidth=1.5, label="random rank")
ax.set_xticks(x, ["never seen", "1 copy", "4 copies", "16 copies"])
ax.set(xlabel="copies of the secret in the letters", ylabel="mean exposure (bits)")
ax.set_title(f"With 16 copies, {extracted[16]:.0%} of the secrets can be extracted")
ax.legend(fontsize=8)
plots.show(
    fig,
    alt=(
        "Pairs of bars for secrets with 0, 1, 4 and 16 copies. Before training all are"
        " low; afterwards exposure rises with the copies, up to near the maximum."
    ),
)

# %%
often = [n for n in NAMES if COPIES[n] == 16]
example = max(often, key=lambda n: guesses[n] == codes[n])  # one that came out
results.record("23.exposure_open_16", after[16], unit="bits", source=reviews.source)
results.record("23.extracted_open_16", extracted[16], source=reviews.source)
Markdown(
    "How often? In this model and with this training, one copy"
    f" ({after[1]:.1f} bits) is hardly told from none ({after[0]:.1f}; a random rank"
    f" has {chance:.1f} on average). Four copies have {after[4]:.1f} bits, among the"
    f" likeliest {1_000 / 2 ** after[4]:.0f} of 1,000, and sixteen {after[16]:.1f},"
    f" among the likeliest {1_000 / 2 ** after[16]:.0f}. Asked for \"{example}'s code"
    f' is", it writes **{guesses[example]:03d}**; the secret was {codes[example]:03d}.'
    f" Extracted: **{extracted[16]:.0%}** of the secrets with 16 copies,"
    f" {extracted[4]:.0%} of those with 4, {extracted[1]:.0%} with one,"
    f" {extracted[0]:.0%} of those never seen. The loss on held-out letters shows"
    f" nothing of it: it fell from {bits_before:.2f} to {bits_open:.2f} bits."
)

# %% [markdown]
# The same was done to GPT-2: hundreds of texts came out word for word, names and telephone numbers among them (Carlini et al. 2021). **Deleting duplicates** is a protection against what the right-hand bars show. It is none for a secret that the data hold once, and a larger model or longer training may learn that as well; we measured neither.
#
# ## Was this review in the training set?
#
# Often not the text is the secret, but that somebody *is in* the data: the patients of a clinic, the members of a forum. The simplest attack is to ask for the model's loss: on what it was trained on, it is lower (Yeom et al. 2018).
#
# The target is a classifier of reviews by their words. One has a weak penalty on its weights (`C=0.1` in scikit-learn, a tenth of the usual freedom), one a strong one (`C=0.003`). *Which gives away more?*

# %%
texts = reviews.train["text"][:1000].tolist()
labels = reviews.train["label"].to_numpy()[:1000]
order = np.random.default_rng(SEED + 1).permutation(len(texts))
members, others = np.array_split(order, 2)  # half of them train, half do not
vectorizer = CountVectorizer(binary=True, max_features=1000)
words = vectorizer.fit_transform(texts).toarray().astype("float32")
# Words come from all texts: a vocabulary of the members alone would leak by itself.
test_words = vectorizer.transform(reviews.test["text"][:1000]).toarray()
test_labels = reviews.test["label"].to_numpy()[:1000]


def losses(probability, y):
    """Each review's loss, from the probability of label 1: (reviews,)."""
    return -np.log(np.where(y == 1, probability, 1 - probability) + 1e-9)


# %%
def how_often_below(inside, outside):
    """The AUC: how often a member's loss is below another's; a tie counts half."""
    ranked = np.sort(outside)
    below = np.searchsorted(ranked, inside, "left")
    upto = np.searchsorted(ranked, inside, "right")
    return 1 - (below + upto).mean() / 2 / len(outside)


def hits(inside, outside, alarms=0.01):
    """Share of members accused when at most so many of the others are, too."""
    limit = np.sort(outside)[int(alarms * len(outside))]
    return (inside < limit).mean()


def interval(measure, inside, outside):
    """The middle 95% of a measure over 200 redrawings of both groups."""
    draws, many = np.random.default_rng(SEED), []
    for _ in range(200):
        many.append(measure(draws.choice(inside, len(inside)),
                            draws.choice(outside, len(outside))))  # fmt: skip
    return np.percentile(many, [2.5, 97.5])


# %%
def attack(probability):
    """Membership by loss: AUC and hits at 1% false alarms, each with its interval."""
    each = losses(probability(words), labels)
    found = {"accuracy": ((probability(test_words) > 0.5) == test_labels).mean()}
    for key, measure in (("AUC", how_often_below), ("hits", hits)):
        found[key] = measure(each[members], each[others])
        found[f"{key} from"], found[f"{key} to"] = interval(
            measure, each[members], each[others]
        )
    return found


def logistic(strength):
    """A fitted classifier as a function; the larger the strength, the freer it is."""
    fitted = LogisticRegression(C=strength, max_iter=2000)
    fitted.fit(words[members], labels[members])
    return lambda x: fitted.predict_proba(x)[:, 1]


audit = {"weak penalty": attack(logistic(0.1)), "strong": attack(logistic(0.003))}
pd.DataFrame(audit).T.map("{:.1%}".format)

# %%
weak, strong = audit.values()
overlap = max(weak["hits from"], strong["hits from"]) <= min(
    weak["hits to"], strong["hits to"]
)
Markdown(
    "An AUC of 50% is a coin. The classifier with the weak penalty gives its members"
    f" away with **{weak['AUC']:.1%}**"
    f" ({weak['AUC from']:.1%} to {weak['AUC to']:.1%}),"
    f" the other with {strong['AUC']:.1%}; the penalty also takes accuracy, from"
    f" {weak['accuracy']:.1%} to {strong['accuracy']:.1%}.\n\nAn average can hide the"
    " worst case: an attacker who accuses few, and is right, is worse for those few."
    " So Carlini et al. (2022) ask for the *hits at 1% false alarms*. Here they are"
    f" {weak['hits']:.1%} ({weak['hits from']:.1%} to {weak['hits to']:.1%}) and"
    f" {strong['hits']:.1%} ({strong['hits from']:.1%} to {strong['hits to']:.1%}),"
    f" where a coin has 1%: one in a hundred of {len(others)} reviews is a handful, and"
    " the two cannot be told apart by it."
)

# %% [markdown]
# So this attack leans the right way on average; of the few whom it accuses first, here are too few to tell how right it is. (The intervals redraw reviews, not models.) The attack of Carlini et al. trains many models and is far stronger than a threshold on the loss. That an attack fails shows that *this attack* fails.
#
# ## A promise that holds against every attack
#
# **Differential privacy** (Dwork et al. 2006) does not wait for the attacker. It demands of the training itself: take one example out, and no outcome may become more than $e^\varepsilon$ times as likely, or less, but for a probability $\delta$. Whatever anyone computes from the model then tells little about any one example.
#
# **DP-SGD** (Abadi et al. 2016) gets there in three steps: *clip* each example's gradient to a length, *add up*, and *add noise* as large as one example could matter. *Why can one not clip the mean gradient of the batch, as everyone does for stability?*

# %%
def next_token_loss(model, x, y=None):
    """Mean loss of the next token over a batch of windows."""
    return gpt.mean_nats(model(x)[:, :-1], x[:, 1:])


def wrongly(gradients, clip):
    """The sum clipped as a whole. There is a mistake."""
    total = gradients.sum(axis=0)
    return total * min(1, clip / np.linalg.norm(total))


def rightly(gradients, clip):
    """Each example clipped, then the sum."""
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * np.minimum(1, clip / lengths)).sum(axis=0)


usual = np.tile([[0.0, 1.0]], (9, 1))
odd = np.array([[1000.0, 0.0]])
for how in (wrongly, rightly):
    direction = how(np.concatenate([usual, odd]), 1.0)
    print(f"{how.__name__}: {direction.round(3)}")

# %% [markdown]
# Clipped as a whole, the sum points where the one odd example wants, and the other nine are gone. Clipped one by one, no example moves the sum by more than the clip. So each example needs a gradient of its own. The plain way is a loop; `dp.Trainer` does a few hundred at once by `tf.vectorized_map`. Do they agree?

# %%
trainer = dp.Trainer(model, next_token_loss, microbatch=256)
model.set_weights(pretrained)
CLIP = 1.0


def by_loop(windows, clip):
    """Sum of clipped gradients, one example after the other: a flat array."""
    total = 0.0
    for window in windows:
        with tf.GradientTape() as tape:
            loss = next_token_loss(model, window[None])
        parts = tape.gradient(loss, [v.value for v in model.trainable_variables])
        flat = np.concatenate([tf.convert_to_tensor(g).numpy().ravel() for g in parts])
        total = total + flat * min(1, clip / np.linalg.norm(flat))
    return total


sums, lengths = trainer.clipped_sum(letters[:4], clip=CLIP)
at_once = np.concatenate([s.ravel() for s in sums])
apart = np.abs(at_once - by_loop(letters[:4], CLIP)).max()
Markdown(f"Largest difference from the plain loop: **{apart:.0e}**.")

# %% [markdown]
# ## What epsilon is spent
#
# Every step reveals a little, and the noise decides how much. An *accountant* adds it up; ours is Google's `dp-accounting`. It assumes *Poisson sampling*: each example takes part in a step by its own toss, so that batches differ in size. Training that shuffles and cuts batches of equal size, and then quotes this epsilon, quotes the wrong one; `dp.Trainer` really tosses.

# %%
RATE, STEPS, DELTA = 0.1, 40, 1e-4  # delta below one over the number of windows
noises = (0.7, 1.0, 2.0, 4.0)
spent_by = {noise: dp.epsilon(noise, RATE, STEPS, DELTA) for noise in noises}
fig, ax = plots.figure()
ax.plot(noises, list(spent_by.values()), marker="o")
ax.set(xscale="log", yscale="log")
ax.set_xticks(noises, [str(noise) for noise in noises])
ax.set_yticks(list(spent_by.values()), [f"{e:.2g}" for e in spent_by.values()])
ax.minorticks_off()
ax.set(xlabel="noise multiplier (standard deviation / clip)", ylabel="epsilon")
ax.set_title(f"{STEPS} steps, each with {RATE:.0%} of the examples: what noise buys")
plots.show(
    fig,
    alt="A falling line on logarithmic axes: epsilon against the noise multiplier.",
)

# %% [markdown]
# An accountant can be wrong, too. Tests of this course hold it against published figures, against the exact formula for steps without sampling (Balle and Wang 2018), and against a bound from below that uses no library. One published example: Abadi et al. (2016) give 1.26 for noise 4, rate 1% and 10,000 steps, with the accountant of the time; the Rényi accountant of Mironov et al. (2019) with today's conversion gives less *for the same training*.

# %%
TARGET = 3.0
today = dp.epsilon(4.0, 0.01, 10_000, 1e-5, accountant="rdp")
noise_at_3 = dp.noise_for(TARGET, RATE, STEPS, DELTA, tolerance=0.02)
Markdown(
    f"Published 1.26, today **{today:.2f}**. For our letters, epsilon {TARGET:g} needs"
    f" a noise multiplier of **{noise_at_3:.2f}**."
)

# %% [markdown]
# ## Canaries again
#
# The same pretrained model, the same letters with the same canaries, now trained privately. But clipping, and fewer steps than before, may protect by themselves. So there is a **control**: the same steps, the same clip, the same rate, and no noise. *Which of the two will keep the secrets?*

# %%
def in_steps(noise):
    """From the pretrained model, the steps with this noise: exposures, bits, cost."""
    model.set_weights(pretrained)
    cost = trainer.fit(
        letters, steps=STEPS, rate=RATE, clip=CLIP, noise_multiplier=noise,
        optimizer=keras.optimizers.Adam(PACE), delta=DELTA,
        seed=SEED,  # to repeat this run; who knows it can take the noise off again
    )  # fmt: skip
    return exposures()[0], bits_per_character(held_out), cost


PACE = 8e-3  # learning rate
control_exposures, bits_control, _ = in_steps(0.0)
private_exposures, bits_private, spent = in_steps(noise_at_3)
control, private = by_copies(control_exposures), by_copies(private_exposures)
shown = pd.DataFrame(
    {"before": before, "open": after, "no noise": control, "private": private}
).T.rename(columns="exposure, {} copies".format)
shown["bits a character"] = [bits_before, bits_open, bits_control, bits_private]
shown.round(2)


# %%
def gap(exposed, copies=(1, 4, 16)):
    """Planted less never seen, mean exposures in bits; standard error over secrets."""
    planted = [e for n, e in exposed.items() if COPIES[n] in copies]
    unseen = [e for n, e in exposed.items() if not COPIES[n]]
    error = np.sqrt(sum(np.var(e, ddof=1) / len(e) for e in (planted, unseen)))
    return np.mean(planted) - np.mean(unseen), error


(gap_all, error_all), (gap_16, error_16) = (
    gap(private_exposures, copies) for copies in ((1, 4, 16), (16,))
)
lost = [control_exposures[n] - private_exposures[n] for n in often]
by_noise, by_noise_error = np.mean(lost), np.std(lost, ddof=1) / np.sqrt(len(lost))
gained = (bits_before - bits_private) / (bits_before - bits_control)
where = {"source": reviews.source}
results.record("23.epsilon", spent.epsilon, delta=DELTA, **where)
for key, bits in (("control", control[16]), ("private", private[16])):
    results.record(f"23.exposure_{key}_16", bits, unit="bits", **where)
for key, bits in (
    ("open", bits_open), ("control", bits_control), ("private", bits_private)
):  # fmt: skip
    results.record(f"23.bits_{key}", bits, unit="bits per character", **where)

# %%
Markdown(
    f"Of the fall from {after[16]:.1f} to {private[16]:.1f} bits for 16 copies, the"
    f" part from {after[16]:.1f} to {control[16]:.1f} is the shorter, clipped training."
    f" The **noise takes the other {by_noise:.1f}** (standard error"
    f" {by_noise_error:.1f}, over {len(lost)} secrets).\n\n"
    f"At epsilon **{spent.epsilon:.2f}** the planted secrets are {gap_all:+.1f} bits"
    f" from those never seen (standard error {error_all:.1f}); those with 16 copies"
    f" alone {gap_16:+.1f} ({error_16:.1f}). So few secrets would not show a small"
    " leak.\n\nThe loss on held-out letters fell from"
    f" {bits_before:.2f} to {bits_private:.2f} bits a character, without noise to"
    f" {bits_control:.2f}: **{gained:.0%}** of the way."
)

# %%
copies = 16
group_delta = copies * np.exp((copies - 1) * spent.epsilon) * DELTA
Markdown(
    "What many letters share survives the noise, what one has alone does not: that is"
    " the point of the method. Two honest remarks. The promise is for one *window*. For"
    f" a secret in {copies} windows epsilon grows to {copies * spent.epsilon:.0f}, and"
    " delta to $16\\,e^{15\\varepsilon}\\delta$, which is"
    f" {group_delta:.0e}: above 1, **no promise at all**. Those secrets are safe here"
    " from this attack, by experience; to protect a person, all of their texts must"
    " count as one example. And the model had learned English from public text before;"
    " from new weights there is more to learn and the noise is the same (try it)."
)

# %% [markdown]
# ## What privacy costs
#
# The same on the classifier of reviews, where an example is a review, and nothing was learned before. Noise hides small groups, so it matters how many reviews there are.

# %%
def classifier():
    """Logistic regression in Keras, from zero: a logit a review."""
    dense = keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")
    return keras.Sequential([keras.Input((words.shape[1],)), dense])


def review_loss(model, x, y):
    """Cross-entropy of a batch of reviews."""
    return ops.mean(keras.losses.binary_crossentropy(y[:, None], model(x)))


net = classifier()
learner = dp.Trainer(net, review_loss, microbatch=256)


def privately(noise):
    """A classifier of the members under so much noise, as a function; and epsilon."""
    net.set_weights([np.zeros(w.shape) for w in net.get_weights()])
    cost = learner.fit(
        words[members], labels[members].astype("float32"), steps=30, rate=0.5,
        clip=1.0, noise_multiplier=noise, delta=1e-3,
        optimizer=keras.optimizers.SGD(4.0), seed=SEED,
    )  # fmt: skip
    kernel, bias = net.get_weights()
    return lambda x: 1 / (1 + np.exp(-(x @ kernel + bias)[:, 0])), cost.epsilon


# %%
curve = {}
for noise in (25.0, 8.0, 3.0, 0.0):
    probability, cost = privately(noise)
    curve[cost] = attack(probability)
strict, near_one, *_ = curve  # the two smallest epsilons
free = curve[np.inf]  # the same training without noise
by_epsilon = pd.DataFrame(curve).T.rename("{:.2f}".format).rename_axis("epsilon")
by_epsilon.map("{:.1%}".format)

# %%
fig, ax = plots.figure()
known = [e for e in curve if e < np.inf]
for key, marker, style in (("accuracy", "o", "-"), ("AUC", "s", "--")):
    heights = [curve[e][key] for e in known]
    [line] = ax.plot(known, heights, marker=marker, linestyle=style, label=key)
    ax.axhline(
        free[key], color=line.get_color(), linestyle=style, linewidth=1, alpha=0.6,
        label=f"{key} without noise",
    )  # fmt: skip
ax.axhline(0.5, color="0.4", linestyle=":", linewidth=1.5, label="a coin")
ax.set_xscale("log")
ax.set_xticks(known, [f"{e:.2g}" for e in known])
ax.minorticks_off()
ax.set(xlabel="epsilon (less is more private)", ylabel="share")
ax.set_title(f"With {len(members)} reviews, privacy is paid for in accuracy")
ax.legend(fontsize=8)
plots.show(
    fig,
    alt=(
        "Accuracy on test rises with epsilon towards that of training without noise."
        " The attack's AUC is near one half for small epsilon and rises, too."
    ),
)

# %%
for name, value in {
    "membership_auc_open": free["AUC"],
    "membership_auc_private": curve[near_one]["AUC"],
    "accuracy_private": curve[near_one]["accuracy"],
    "epsilon_reviews": near_one,
    "accuracy_open": free["accuracy"],
}.items():
    results.record(
        f"23.{name}", float(value), source=reviews.source, reviews=len(members)
    )
total = sum(known)
Markdown(
    f"From no noise to epsilon {near_one:.2g}, the attack's AUC falls from"
    f" {free['AUC']:.1%} to {curve[near_one]['AUC']:.1%}, and the accuracy from"
    f" {free['accuracy']:.1%} to {curve[near_one]['accuracy']:.1%}. **None of these"
    " epsilons is end to end.** Each is of one training alone. The vocabulary was"
    " chosen from the same private reviews, and the number of steps and their size by"
    f" looking at results on them. And runs on the same data add up: who sees"
    f" the {len(known)}"
    f" noisy models has an epsilon of up to {total:.1f} by plain addition, and who sees"
    " the one without noise as well has no bound."
)

# %% [markdown]
# ## Data that stay where they are
#
# Three hospitals may not share their files. In **federated averaging** (McMahan et al. 2017) the model travels instead: each site trains it a little on its own data, and a server averages what comes back. Our sites are unequal, in size and in the share of favourable reviews. *Will the average beat each single site?*

# %%
good, bad = (members[labels[members] == k] for k in (1, 0))
g, b = len(good), len(bad)
hospitals = [  # small and gloomy, middling, large and cheerful
    np.r_[good[: g // 20], bad[: b // 4]],
    np.r_[good[g // 20 : g // 3], bad[b // 4 : b // 2]],
    np.r_[good[g // 3 :], bad[b // 2 : b * 3 // 5]],
]


def local_steps(weights, rows, steps=5, rate=0.5):
    """Gradient descent of a logistic regression on one site's reviews."""
    for _ in range(steps):
        said = 1 / (1 + np.exp(-words[rows] @ weights))
        weights = weights - rate * words[rows].T @ (said - labels[rows]) / len(rows)
    return weights


def federated(sites, rounds=40):
    """Each site trains a copy; the server averages them, weighted by size."""
    weights = np.zeros(words.shape[1])
    shares = np.array([len(s) for s in sites]) / sum(map(len, sites))
    for _ in range(rounds):
        copies = [local_steps(weights, site) for site in sites]
        weights = shares @ np.stack(copies)
    return weights


# %%
def balanced(weights):
    """Mean of the accuracies on favourable and unfavourable test reviews."""
    right = (test_words @ weights > 0) == test_labels
    return np.mean([right[test_labels == k].mean() for k in (0, 1)])


alone = [balanced(federated([site])) for site in hospitals]
together = {f"site {i} alone": right for i, right in enumerate(alone, start=1)}
together["federated"] = balanced(federated(hospitals))
together["pooled"] = balanced(federated([np.concatenate(hospitals)]))
joint = together["federated"]
plots.bars(
    together,
    title=f"Federated {joint:.0%}; single sites {min(alone):.0%} to {max(alone):.0%}",
    xlabel="trained on",
    ylabel="balanced accuracy on test",
    alt=", ".join(f"{key}: {right:.0%}" for key, right in together.items()),
)

# %%
gains = {len(s): joint - right for s, right in zip(hospitals, alone, strict=True)}
mean_gain = 100 * np.mean(list(gains.values()))
each_gain = "; ".join(f"{n} reviews: {100 * g:+.1f} points" for n, g in gains.items())
Markdown(
    f"In the mean over the sites the average wins {mean_gain:.1f}"
    f" points, but not alike. Against each site alone, by its size: {each_gain}. One"
    " split of the data and no repetition: read the differences, not the digits."
    " No review has left its site. So nothing was revealed? *Look at what a site sends"
    " after one step on a single review:*"
)

# %%
victim = min(hospitals[0], key=lambda i: words[i].sum())  # the shortest
sent = local_steps(np.zeros(words.shape[1]), np.array([victim]), steps=1)
read_off = vectorizer.get_feature_names_out()[sent != 0]
truth = vectorizer.get_feature_names_out()[words[victim] > 0]
favourable = sent.sum() > 0
leaked = set(read_off) == set(truth) and favourable == bool(labels[victim])
says = "favourable" if favourable else "unfavourable"
Markdown(
    f"From the update alone: *{', '.join(read_off[:12])}...*, and the review was"
    f" **{says}**. All of its words, no other, and the label: **{leaked}**."
)

# %% [markdown]
# The gradient of a word that does not occur is zero, so the update *is* the list of words. With many reviews and deep networks it takes more work, and is still often possible: Zhu et al. (2019) recovered pictures and sentences from gradients. Federated training keeps raw files at home. It is no privacy by itself; it needs *secure aggregation*, so that the server sees only sums (Bonawitz et al. 2017), and noise on top.
#
# ## What none of this gives
#
# | method | protects against | does not protect against |
# |---|---|---|
# | masking | reading names and numbers by chance | what it missed; being singled out by the rest of the text |
# | pseudonyms with a key | guessing who it is | whoever has the key; linking by habits, places, dates |
# | encryption at rest | the stolen disk, the altered file | the running program; people who may open it |
# | deleting duplicates | what repetition alone teaches (not tried here) | a secret that is there once, in a larger model |
# | DP-SGD | any attack on one example, within epsilon, if the noise is truly random | facts that many examples share; people in many examples; leaks before training; a large epsilon |
# | federated averaging | raw data leaving the site | the updates, and the finished model |
#
# Our `dp.Trainer` is for teaching. Its noise comes from NumPy's PCG64, which is no generator for secrets, and with a seed that is printed here. Floating-point numbers leak a little of what noise should hide (Mironov 2012); libraries for real use guard against it.
#
# None of them makes data anonymous in the sense of the law, nor a use of them lawful or right. The strongest protection has no formula: do not collect what you do not need, and delete what you no longer need.
#
# ## Checkpoint
#
# If one of these lines fails, the text above is wrong.

# %%
wrong_number = LINES["an order number"]
assert NAIVE.search(wrong_number) and not privacy.find(wrong_number)
masked = privacy.mask(LETTER)
secret_parts = ["4111", "Vogel", "WEST", "555", "kite", "1949", "小明", "Okafor"]
assert not [part for part in secret_parts if part in masked]
assert "Okafor" not in repr(privacy.find(LETTER))
assert masked_numbers >= 0.99 and recall_numbers > 0.985 and recall_names > 0.9
card = table.loc["card"]
assert precision_names < card["right"] / card["matches"]
assert found == number, "the unkeyed hash was guessed"
assert len({pseudonyms("name", caller) for caller in calls}) == 3, "joins hold"
assert len({pseudonyms("cn_mobile", number) for number in numbers_of_one}) == 1
assert all(privacy.mask(text) == text for text in MISSED), "and these are missed"
assert opened == plain.replace(b"1200", b"9200"), "the change went unnoticed"
assert said.pop("as it was written") == "opened"
assert "opened" not in said.values(), "the vault noticed every one"

# %%
assert after[16] > max(5, after[0] + 3), "16 copies are learned by heart"
assert after[0] < 4 and after[4] < after[16]
gap_1, error_1 = gap(open_exposures, (1,))
assert abs(gap_1) < 3 * error_1, "one copy is not told from none"
assert extracted[16] > extracted[0] + 0.1
assert spent.epsilon <= 3 and apart < 1e-5
assert abs(gap_all) < 3 * error_all, "as good as never seen"
assert by_noise > 2 * by_noise_error and by_noise > 1, "the noise does it"
assert control[16] > control[0] + 1, "without noise the same steps leak"
assert group_delta > 1, "no promise for 16 copies"
assert bits_control < bits_private < bits_before - 0.1, "something was learned"
assert 0.75 * 1.26 < today < 1.26
assert weak["AUC from"] > 0.57 and weak["AUC"] > strong["AUC"] + 0.02 and overlap
assert curve[near_one]["AUC"] < free["AUC"] - 0.05
assert curve[strict]["accuracy"] < free["accuracy"] - 0.03
assert together["federated"] > np.mean(alone) + 0.03
assert leaked, "the update gives the review's words away"

# %% [markdown]
# ## Recap
#
# - A detector is known by its recall on texts that somebody else wrote. Names are the hard part, and masked is not anonymous.
# - A hash without a key hides no telephone number. Encryption without authentication protects no amount.
# - Models learn by heart what is repeated, and the loss on held-out text does not show it. Canaries do.
# - Differential privacy is a property of the training, for one example. It costs accuracy. A control without noise tells what the noise does.
# - Federated training moves the question from the data to the updates.
#
# When not to use DP-SGD: with a few hundred examples, or where the person is spread over many examples that are counted one by one.
#
# **Try it yourself**
# - Give the canaries six digits. What happens to the exposure of those with one copy?
# - Train the letters privately from new weights instead of `pretrained`. How many bits are left to gain?
# - Send the update of two reviews at once. Which words can still be assigned to one of them?
#
# **Read on**: Dwork et al. (2006) on the definition; Carlini et al. (2019) on canaries; Abadi et al. (2016) on DP-SGD; Ponomareva et al. (2023) on doing it in practice.
#
# <!-- next -->
# **Next**: [24. Why did it say that? Explanations, and how to tell a good one from a pretty one](24_interpretability.ipynb)
# <!-- end -->
