# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where does it go, and what did we find? Predictions, and the questions everyone asks
#
# <!-- measured -->
# <!-- end -->
#
# At the beginning of 2023, a careful person could fit a line through years of models and give an interval for the tokens that the next ones would read. Nearly all the models that came lay outside it. This last notebook looks ahead with that in mind, and then looks back: at the claim with which the course began, and at the questions that everybody asks.
#
# You will be able to
# - make a prediction with an interval, and test it on years that have already passed;
# - tell progress of algorithms, data and compute from one another, and measure the first on your own machine;
# - say what is known about "openness moves large models forward", and what is not;
# - answer the questions that everyone asks with figures that were measured in this course, and say how far each answer reaches;
# - plan a project of your own.

# %%
# Only Colab needs this: it installs the helpers and replaces nothing there.
import sys

if "google.colab" in sys.modules:
    # %pip install -q --no-deps "git+https://github.com/large-models-in-the-open/course"

# %% tags=["parameters"]
PROFILE = None  # "cpu", "gpu", or None: choose for me
SOURCE = "auto"  # the text is installed with Python, the table ships
SEED = 0

# %%
from helpers import runtime

machine = runtime.start(PROFILE, precision="float32", seed=SEED)
machine

# %%
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy import stats

from helpers import course, data, ecosystem, gpt, plots, results, sources, training

# %% [markdown]
# ## A prediction is an interval
#
# [Notebook 01](01_background.ipynb) measured how fast the models of our table grew. A growth rate invites a question that it does not answer: *and next year?* Take training compute, and a straight line on the logarithmic axis.

# %%
models = pd.read_csv(sources.path("large_models.csv"))
released = pd.to_datetime(models["date"])
models["year"] = released.dt.year + (released.dt.month - 0.5) / 12
models = models[models["architecture"] != "embedding"]  # for the reason given in 01


class Line(NamedTuple):
    """A fit of log10(column) on the year: what is needed to predict from it."""

    count: int
    centre: float  # mean year
    level: float  # log10 at the mean year
    slope: float  # log10 a year
    spread: float  # standard deviation of the points about the line, in log10
    leverage: float  # sum of squared distances from the mean year


def fit(rows, column):
    """Least squares of log10(column) on the year, over the rows that have it."""
    known = rows.dropna(subset=[column])
    year, value = known["year"].to_numpy(), np.log10(known[column].to_numpy(float))
    centre = year.mean()
    slope, level = np.polyfit(year - centre, value, 1)
    left = value - level - slope * (year - centre)
    spread = np.sqrt((left**2).sum() / (len(known) - 2))
    return Line(len(known), centre, level, slope, spread, ((year - centre) ** 2).sum())


# %% [markdown]
# There are two intervals that one can draw about a line, and they are often confused.
#
# - The **confidence interval** says where *the line* is. With more models it shrinks to nothing.
# - The **prediction interval** says where *the next model* will be. It adds the scatter of single models, and no number of models makes that go away.
#
# In the code they differ by a single 1.

# %%
def interval(line, years, share=0.8, of="a model"):
    """Middle, low and high (n,), as numbers: where `share` of ... should lie.

    of: "a model" gives the prediction interval, "the line" the confidence interval.
    """
    away = np.asarray(years) - line.centre
    middle = line.level + line.slope * away
    single = 1.0 if of == "a model" else 0.0
    width = np.sqrt(single + 1 / line.count + away**2 / line.leverage)
    half = stats.t.ppf(0.5 + share / 2, line.count - 2) * line.spread * width
    return 10**middle, 10 ** (middle - half), 10 ** (middle + half)


# %% [markdown]
# Now pretend. It is the end of 2023, and you know only the models that came before. First try: fit the line and draw the 80% interval that the fit gives, which is the confidence interval. *How many of the models of the following years will lie inside?*

# %%
COMPUTE = "training_compute_flop"
TOKENS = "training_tokens"
CUT = 2024


def inside(column, cut, of):
    """Share of the models since `cut` that lie in the 80% interval made before it."""
    line = fit(models[models["year"] < cut], column)
    later = models[models["year"] >= cut].dropna(subset=[column])
    _, low, high = interval(line, later["year"], of=of)
    return later[column].between(low, high).mean()


def draw_backtest(ax, column, cut):
    """Models before and after `cut`, and what was to be expected of the latter."""
    known = models.dropna(subset=[column])
    line = fit(known[known["year"] < cut], column)
    ahead = np.linspace(cut, 2026.6, 40)
    for of, alpha in (("a model", 0.2), ("the line", 0.45)):
        middle, low, high = interval(line, ahead, of=of)
        about = {"color": plots.COLOURS[1], "alpha": alpha, "linewidth": 0}
        ax.fill_between(ahead, low, high, label=f"80% for {of}", **about)
    ax.plot(ahead, middle, color=plots.COLOURS[1])
    for rows, marker, fill in (
        (known[known["year"] < cut], "o", plots.COLOURS[0]),
        (known[known["year"] >= cut], "o", "white"),
    ):
        edge = plots.COLOURS[0]
        ax.scatter(rows["year"], rows[column], 20, fill, marker, edgecolors=edge)
    ax.set(yscale="log", xlabel="year")


share_line = inside(COMPUTE, CUT, "the line")
share_model = inside(COMPUTE, CUT, "a model")
fig, ax = plots.figure(size=(7.2, 4))
draw_backtest(ax, COMPUTE, CUT)
ax.legend(loc="upper left")
ax.set_ylabel("training compute (FLOP)")
ax.set_title("The narrow band is about the line; models scatter over the wide one")
plots.show(
    fig,
    alt=(
        "Training compute of models before 2024, filled, and after, hollow, with two"
        " bands from 2024 on. Many hollow points lie outside the narrow band and most"
        " inside the wide one."
    ),
)
Markdown(
    f"Of the models since {CUT}, **{share_line:.0%}** lie in the interval for the line"
    f" and **{share_model:.0%}** in the interval for a model. Promised were 80%."
)

# %% [markdown]
# The wide one kept its word. Before you trust it, choose other years to stand in, and another quantity. *For compute and for tokens, standing in 2022, 2023, 2024 and 2025: will it always be near 80%?*

# %%
cuts = (2022, 2023, 2024, 2025)
kept = pd.DataFrame(
    {
        name: [inside(column, cut, "a model") for cut in cuts]
        for name, column in (("compute", COMPUTE), ("tokens", TOKENS))
    },
    index=cuts,
)
fig, ax = plots.figure(size=(6.4, 3.6))
hatches = {"compute": "", "tokens": "//"}
for shift, (name, hatch) in zip((-0.2, 0.2), hatches.items(), strict=True):
    place = np.arange(len(cuts)) + shift
    ax.bar(place, kept[name], 0.38, label=name, hatch=hatch, edgecolor="white")
ax.axhline(0.8, color="black", linewidth=1, linestyle="--")
ax.text(-0.45, 0.82, "promised", fontsize=8)
ax.set_xticks(range(len(cuts)), cuts)
ax.set(xlabel="predicted from the beginning of", ylabel="share inside the 80% interval")
ax.set_ylim(0, 1)
ax.legend()
worst = kept["tokens"].min()
ax.set_title(f"An 80% interval held {worst:.0%} of what came")
plots.show(
    fig,
    alt=(
        "Bars of the share of later models inside the 80% interval. For compute low in"
        " 2022 and 2023 and near 80% after; for tokens far below 80% until 2024."
    ),
)

# %% [markdown]
# It failed, and in the worst year nearly always. No formula was wrong. The interval rests on two things that no formula checks:
#
# - **The world goes on as before.** Until 2022 each larger model read about as many tokens as the last; then Hoffmann et al. (2022) gave a reason to read more, and the line broke. Compute, at the same time, had grown more slowly than a few giants had suggested.
# - **The rows are a fair draw.** In the early years our table holds the famous; later it holds many. Who chooses the rows changes the line.
#
# So read what follows as: *if nothing changes course*, 80%. Here is the middle of 2028.

# %%
ahead = {}
for name, column, unit in (("compute", COMPUTE, "FLOP"), ("tokens", TOKENS, "")):
    line = fit(models, column)
    ahead[name] = [float(value) for value in interval(line, 2028.5)]
    middle, low, high = ahead[name]
    results.record(f"25.{name}_2028", middle, low=low, high=high, unit=unit, share=0.8)
rows = {
    name: [f"{value:.1e}" for value in values] + [f"{values[2] / values[1]:.0f} times"]
    for name, values in ahead.items()
}
columns = ["middle", "80% from", "to", "from end to end"]
pd.DataFrame(rows, index=columns).T

# %% [markdown]
# Somebody who names a single number for 2028 leaves out the last column.
#
# ## Data: can the line go on?
#
# A trend can also end because something runs out. Villalobos et al. (2024) estimate all public text that people have written, weighed by quality and by how often it pays to repeat it, at about 300 trillion tokens, 90% interval 100 to 1,000. *When does a model that reads more than nine in ten of its contemporaries reach that?*
#
# Do not divide one middle by another. Draw both, many times: a line that the data allow, and a stock that the estimate allows, and note the year in which they meet.

# %%
rng = np.random.default_rng(SEED)
DRAWS = 20_000
line = fit(models[models["year"] >= 2020], TOKENS)
wobble = line.spread * np.sqrt((line.count - 2) / rng.chisquare(line.count - 2, DRAWS))
slope = line.slope + wobble * rng.normal(size=DRAWS) / np.sqrt(line.leverage)
level = line.level + wobble * rng.normal(size=DRAWS) / np.sqrt(line.count)
reader = level + stats.norm.ppf(0.9) * wobble  # reads more than nine in ten
sigma = np.log10(1_000 / 100) / 2 / stats.norm.ppf(0.95)
stock = rng.normal(np.log10(300e12), sigma, DRAWS)
meets = line.centre + (stock - reader) / slope
meets = np.where(slope > 0, meets, np.inf)  # a line that falls never meets it
early, median, late = np.quantile(meets, [0.1, 0.5, 0.9])

# %%
fig, ax = plots.figure(size=(6.4, 3.4))
edges = np.arange(2024, 2034.1, 0.5)
ax.hist(meets.clip(2024.2, 2033.8), edges, weights=np.full(DRAWS, 1 / DRAWS))
ax.axvspan(2026, 2032, color=plots.COLOURS[1], alpha=0.25, linewidth=0)
ax.text(2029.6, ax.get_ylim()[1] * 0.92, "Villalobos et al. (2024)", fontsize=8)
ax.set(xlabel="year in which the line meets the stock", ylabel="share of the draws")
soon = np.mean(meets < 2030)
ax.set_title(f"If the line goes on, {soon:.0%} of the draws meet the stock before 2030")
plots.show(
    fig,
    alt=(
        "A histogram of the year in which the line meets the stock of text: a narrow"
        " heap between 2026 and 2029, inside a wider shaded span from 2026 to 2032."
    ),
)
Markdown(
    f"Middle **{median:.1f}**, 80% between **{early:.1f}** and **{late:.1f}**. The"
    " authors, with other data and another method, say 2026 to 2032."
)

# %% [markdown]
# Ours is the narrower heap, and the worse one. It takes for granted that the line goes on, at the steep pace of the years since 2020. You have just seen what such an assumption is worth.
#
# And even the stock is no wall. Text can be read more than once, made by models, or replaced by pictures and sound; and a model of your own field needs none of it. What ends is one way to grow.
#
# ## Algorithms: how much better are we at using it?
#
# The third source of progress costs nothing to run: better methods. Ho et al. (2024) estimate that the compute needed to reach a given loss halved every 8 months from 2012 to 2023 (95% interval 5 to 14 months). From 2019 to 2025 that would be a factor of several hundred.
#
# Measure it. One text, one size, the same number of steps, three recipes:
# - **2019**: as GPT-2 was built, with AdamW;
# - **new parts**: rotary positions, RMSNorm, SwiGLU, no biases; the same optimizer;
# - **2025**: the new parts, and Muon (Jordan et al. 2024) for the matrices.
#
# A comparison is worth what its baseline is worth. So the old recipe got warm-up, a falling rate, and the best of four peaks that we tried beforehand; the newer ones got no search.
#
# *How many of the steps will the newest need to reach where the oldest ends: half, a tenth, a hundredth?*

# %%
corpus = data.python_docs(SOURCE)
train_tokens = data.tokens(corpus)
val_tokens = data.tokens(corpus, split="val")
CONTEXT, BATCH_SIZE = 64, 16
SIZE, ROUNDS, STEPS = ("nano", 24, 25) if machine.profile == "cpu" else ("micro", 40, 100)
total_steps = ROUNDS * STEPS


def adamw():
    """AdamW with warm-up and a falling rate."""
    rate = keras.optimizers.schedules.CosineDecay(
        4e-4, total_steps - 50, alpha=0.1, warmup_target=4e-3, warmup_steps=50
    )
    return keras.optimizers.AdamW(rate)


def muon():
    """Muon for the matrices, Adam for the rest, with a falling rate."""
    rate = keras.optimizers.schedules.PolynomialDecay(1e-2, total_steps, 1e-4)
    skip = [".*embedding.*"]
    return keras.optimizers.Muon(rate, adam_lr_ratio=0.3, exclude_layers=skip)


RECIPES = {
    "2019": ("gpt2", adamw),
    "new parts": ("llama", adamw),
    "2025": ("llama", muon),
}


# %%
class Judge(keras.callbacks.Callback):
    """Keeps the loss on held-out text after each round, in bits a byte."""

    def __init__(self):
        super().__init__()
        rows = val_tokens[: 64 * (CONTEXT + 1)].reshape(64, CONTEXT + 1)
        self.rows, self.bits = np.asarray(rows), []

    def on_epoch_end(self, epoch, logs=None):
        """Called by Keras after each round."""
        logits = self.model(self.rows[:, :-1], training=False)
        nats = gpt.mean_nats(logits, self.rows[:, 1:])
        self.bits.append(float(nats) / np.log(2))


def trained(style, optimizer):
    """Bits a byte on held-out text after each round of one recipe."""
    keras.utils.set_random_seed(SEED)
    config = gpt.GPTConfig.of(SIZE, vocab_size=256, context_length=CONTEXT, style=style)
    model, judge = gpt.GPT(config), Judge()
    model.compile(optimizer())
    windows = training.windows(
        train_tokens, CONTEXT, BATCH_SIZE, steps=STEPS, seed=SEED
    )
    training.fit(model, windows, epochs=ROUNDS, callbacks=[judge], seed=SEED)
    return judge.bits


curves = {name: trained(*recipe) for name, recipe in RECIPES.items()}

# %%
goal = curves["2019"][-1]
seen = (np.arange(ROUNDS) + 1) * STEPS
needed = {
    name: next((n for n, b in zip(seen, bits, strict=True) if b <= goal), np.inf)
    for name, bits in curves.items()
}
gain = total_steps / needed["2025"]
fig, ax = plots.figure(size=(6.8, 3.8))
for (name, bits), style in zip(curves.items(), ("-", "--", "-."), strict=True):
    ax.plot(seen, bits, style, label=name, marker="o", markersize=3)
ax.axhline(goal, color="black", linewidth=0.8, linestyle=":")
ax.legend(title="recipe")
ax.set(xlabel="training steps", ylabel="held-out text (bits per byte)")
ax.set_title(f"Six years of better recipes save a factor of {gain:.0f} at this size")
plots.show(
    fig,
    alt=(
        "Three falling curves of held-out loss. The recipe of 2025 lies lowest and"
        " reaches the final loss of 2019 in a fraction of the steps; the one with new"
        " parts only lies between."
    ),
)
results.record("25.recipe_gain", gain, unit="times fewer steps", size=SIZE)
Markdown(
    f"The oldest recipe ends at {goal:.2f} bits per byte after {total_steps} steps. With new"
    f" parts it is there after **{needed['new parts']}**, with Muon too after"
    f" **{needed['2025']}**."
)

# %% [markdown]
# A factor, and not hundreds. Were Ho et al. wrong? Gundlach et al. (2025) asked the same with far more runs: small experiments explain less than a factor of 10 of the 22,000 that the earlier work had estimated for 2012 to 2023. Much of the rest belongs to changes that pay *more the larger the model is*, above all the one from recurrent networks to Transformers. So the answer depends on the size at which you ask.
#
# Two cautions of our own: this is one seed, and a step of the newest recipe does more arithmetic than one of the oldest.
#
# ## Did openness do this?
#
# The course began with a claim: *openness, and the ecosystem around it, move large models forward.* It is time to take it apart. It says at least four things, and they do not stand on the same ground. First, how much is open at all; then, how far the open ones are behind.

# %%
known = models.dropna(subset=[COMPUTE]).sort_values("year")
fig, ax = plots.figure(size=(6.8, 3.8))
for open_, style, name in ((True, "-", "weights released"), (False, "--", "not")):
    rows = known[(known["weights"] != "no") == open_]
    best = rows[COMPUTE].cummax()
    ax.step([*rows["year"], 2026.6], [*best, best.iloc[-1]], style, where="post",
            label=name)  # fmt: skip
ax.legend(title="largest so far")
ax.set(yscale="log", xlabel="year", ylabel="training compute (FLOP)")
ax.set_title("The dashed line ends in 2022: since then the closed do not tell")
plots.show(
    fig,
    alt=(
        "Two staircases of the largest known training compute so far. Closed models"
        " lead until 2022, where their line goes flat; open ones pass it in 2023 and"
        " rise on."
    ),
)
silent = models[(models["weights"] == "no") & (models["year"] >= 2023)]
num_silent, num_told = len(silent), int(silent[COMPUTE].notna().sum())
Markdown(
    f"Of the {num_silent} closed models since 2023 in our table, **{num_told}** have a"
    " known or estimated training compute."
)

# %% [markdown]
# This figure *looks* as if the open had overtaken the closed. It shows who talks. Those who compared what models can *do* found the best open ones about a year behind (Cottier et al. 2024), later about four months (Epoch AI 2026).
#
# And neither tells what moves what. Suppose closed laboratories did all the new work and the open ones followed: the curves would look like this. Suppose the open did it, and the closed used it first: the same. To tell the two apart one would need the world in which openness did not happen.

# %%
quoted = {}


def quote(name):
    """A figure of an earlier notebook, kept for the checkpoint at the end."""
    quoted[name] = results.recall(name)
    return quoted[name]


def pct(name):
    """The same as a percentage, with its interval where there is one."""
    found = quote(name)
    ends = "" if found.low is None else f" ({found.low:.0%} to {found.high:.0%})"
    return f"**{found.value:.0%}**{ends}"


before, since = pct("01.open_before_2023"), pct("01.open_since_2023")
most = quote("02.needed_by_most")
verdict = {
    "large models are built *on* open work": (
        f"without {most.about['package']} alone, **{most.value:.0%}** of what ran this"
        " course would break (02); closed models use the same frameworks",
        "firm, for software",
    ),
    "openness *grew*": (
        f"weights can be had of {before} of the models up to 2022, of {since} since (01)",
        "firm for our table, whose rows we chose",
    ),
    "the open are *as good*": (
        "a lag of some months, by others' measurements",
        "fair; depends on the test",
    ),
    "openness *causes* progress": (
        "each recipe above was published, or we could not have tried it; there is no"
        " world without that to compare",
        "plausible, not shown",
    ),
}
lines = [f"| {claim} | {found} | {firm} |" for claim, (found, firm) in verdict.items()]
head = ["| the claim says | what we found | how firm |", "|---|---|---|"]
Markdown("\n".join(head + lines))

# %% [markdown]
# There are also facts that speak against the slogan. The compute behind the released weights lies with a handful of firms, which can stop ([02](02_community_and_ecosystem.ipynb)). Weights without data and code let you *use* a model, not repeat it. And openness may follow from competition as much as drive it: who is behind has more reason to give away.
#
# Our conclusion: the ecosystem of open software and published methods carries all large models, open and closed; that much can be counted. That open *weights* speed up progress is likely and unproven. What they surely changed is *who can look*: nearly everything in this course could be measured only because somebody had released it.
#
# ## The questions everyone asks
#
# Each answer quotes what an earlier notebook measured: your own run where you ran it, else the figure that ships. `quote` keeps a list, and the checkpoint refuses one that is missing or older than its notebook.

# %%
#QUESTIONS#

# %% [markdown]
# ## How to read on
#
# This page will be out of date before the others. What lasts is a way to read. Keshav (2007) reads a paper three times: ten minutes for *what is claimed*, an hour for *how*, and a third time to rebuild it in mind. Put these questions to the second reading:
#
# | ask | because, in this course, |
# |---|---|
# | What is the simplest thing it was compared with? | counting words was hard to beat ([15](15_imdb_classifiers.ipynb)) |
# | Is there an interval, and over what: seeds, examples, films? | a difference smaller than its interval is none ([06](06_training_workflow.ipynb)) |
# | How often was the test part opened? | every look chooses a little ([06](06_training_workflow.ipynb)) |
# | What did it cost, and did the baseline get as much? | without the search for its rate, the old recipe above would have looked worse |
# | Can I have code, data, weights, and under what terms? | a licence is not yet openness ([12](12_open_weights.ipynb)) |
# | What would the figure look like if the claim were wrong? | a check that cannot fail says nothing |
#
# Where new things appear: preprints on arXiv, reviewed papers at NeurIPS, ICML, ICLR, ACL and TMLR, model cards on the Hub, and the changelogs of the tools that you use, which are the least read and the most useful.

# %% [markdown]
# ## A closing project
#
# Choose a small question of your own field that text, pictures or sound could answer, and carry it through. Two to four evenings, a laptop.
#
# | step | what you hand in | leans on |
# |---|---|---|
# | 1. a question with a number in it | one sentence, and the figure that would change your mind | [06](06_training_workflow.ipynb) |
# | 2. data with a card | a thousand rows, doubles removed, split once | [14](14_dataset_preparation.ipynb) |
# | 3. the simplest baseline | its figure, with an interval | [15](15_imdb_classifiers.ipynb) |
# | 4. a plan within a budget | hours, memory, money, before you train | [21](21_compute_cost.ipynb) |
# | 5. one model, one change at a time | a table of runs, the failures included | [09](09_gpt_pretraining.ipynb), [20](20_tools.ipynb) |
# | 6. one check that could sink it | leaks, shortcuts, memorised rows, an explanation that fails its own test | [23](23_privacy.ipynb), [24](24_interpretability.ipynb) |
# | 7. a release | weights or code under a licence, with a card that has no empty heading | [12](12_open_weights.ipynb), [02](02_community_and_ecosystem.ipynb) |
#
# The card comes last and is written first: its headings are the questions that your work has to answer. Here is an empty one; the check from notebook 02 says what is still open.

# %%
CARD = "---\nlicense:\n---\n# my-model\n" + "\n".join(
    f"## {heading}\n[More Information Needed]" for heading in ecosystem.MODEL_CARD
)
still_open = ecosystem.missing(ecosystem.read_card(CARD), ecosystem.MODEL_CARD)
print(f"{len(still_open)} questions to answer:", "; ".join(still_open))

# %% [markdown]
# When the list is empty, and the figure of step 1 stands in it with an interval whatever it turned out to be, you are done. Then open a pull request with it, or show it to one person who did not write it.
#
# ## Checkpoint
#
# The figures that this page quotes are there, and none is older than the notebook that measures it.

# %%
old = [why for found in quoted.values() if (why := course.outdated(found))]
assert not old, "; ".join(old)
assert len(quoted) >= 15, "the answers should rest on what was measured"

# %%
assert share_line < 0.7 < share_model, "the interval of the line is not for models"
assert kept["tokens"].min() < 0.3, "a trend that turns should break the interval"
assert kept.loc[2022, "compute"] < 0.6, "and a table that widens, too"
assert ahead["compute"][2] > 10 * ahead["compute"][1], "2028 is wide open"
assert early < median < late and soon > 0.5, "a heap of years, not one"
assert needed["2025"] < needed["new parts"] < total_steps, "both changes should help"
assert gain < 50, "a factor, not hundreds"
assert curves["2025"][-1] < curves["2019"][-1] - 0.05
assert num_silent >= 5 and num_told == 0, "the closed ones since 2023 do not tell"
assert len(still_open) == len(ecosystem.MODEL_CARD), "an empty card answers nothing"

# %% [markdown]
# ## Recap
#
# - A prediction needs an interval for *a model*, and a test on years that have passed. Ours failed whenever the field changed course, and an interval cannot know that it will.
# - Compute, data and algorithms grow for different reasons and end for different reasons. How much algorithms give depends on the size at which you ask.
# - That large models stand on open work can be counted; that open weights speed things up is likely and not shown.
# - Most questions have an answer with a number, and every number has a range within which it is true.
#
# **Try it yourself**
# - Predict parameters instead of compute, from 2022 on. Why does it work so much better?
# - Give the recipe of 2019 no warm-up and ten times the steps. What is left of the factor?
# - Add a model that was published after our table was made. Is it inside?
#
# **Read on**: Hoffmann et al. (2022), which bent the line; Ho et al. (2024) and Gundlach et al. (2025), two answers about algorithms; Villalobos et al. (2024), on the stock of text; Cottier et al. (2024) and Liesenfeld and Dingemanse (2024), on open and "open"; Keshav (2007), on reading.
#
# <!-- next -->
# <!-- end -->
