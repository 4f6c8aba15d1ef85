# %% [markdown]
# ### Which framework should I use?

# %%
same = quote("13.largest_difference")
wait, gain_input = quote("20.input_wait_before"), quote("20.input_gain")
Markdown(
    "The one that the people use whom you will ask for help. The same network, written"
    f" {same.about['written']} ways, gave outputs that differed by at most"
    f" **{same.value:.0e}** of the largest ([13](13_frameworks.ipynb)). Speed hangs on"
    f" other things first: a badly fed training step waited **{wait.value:.0%}** of its"
    f" time for data, and feeding it well made it **{gain_input.value:.1f} times** as"
    " fast ([20](20_tools.ipynb), which also keeps a table of needs).\n\n*How far this"
    " reaches:* small networks on one processor."
)

# %% [markdown]
# ### How large a model do I need?

# %%
digits, held = quote("18.digits_above_linear"), quote("21.prediction_held")
alpha, beta = quote("21.alpha"), quote("21.beta")
Markdown(
    "Begin with the smallest that could work, and make the larger one beat it. On film"
    f" reviews, counted word sequences are right in {pct('15.nb_svm_accuracy')} of all"
    " cases, and no network that we trained from nothing did clearly better"
    " ([15](15_imdb_classifiers.ipynb)). On pictures of digits it is the other way"
    f" round: convolutions gain **{100 * digits.value:.1f} points** over a linear model"
    " ([18](18_image_recognition.ipynb)).\n\nA scaling law can tell how much more size"
    f" or text will bring (our exponents: **{alpha.value:.2f}** for parameters,"
    f" **{beta.value:.2f}** for tokens), but do not bet on it unseen. Did the larger"
    f" run fall into the band that we had fixed before? **{held.value.capitalize()}**"
    " ([21](21_compute_cost.ipynb)).\n\n*How far this reaches:* models of minutes, on"
    " data sets of thousands of rows."
)

# %% [markdown]
# ### How can I afford it?

# %%
mfu, hours = quote("21.mfu"), quote("21.gpt2_hours")
dollars, int8 = quote("21.gpt2_dollars"), quote("21.int8_loss")
lora, cache = quote("21.lora_memory_share"), quote("10.cache_speedup")
tuned = {name: quote(f"11.{name}_right") for name in ("full", "lora")}
near, far = quote("22.efficiency_2048"), quote("22.efficiency_32")
Markdown(
    "Mostly by not training. Then, in this order:\n"
    f"- *Use what you have.* Our training reached **{mfu.value:.0%}** of this"
    " processor's own peak (21); the cache made writing"
    f" **{cache.value:.0f} times** as fast ([10](10_gpt_generation.ipynb)).\n"
    f"- *Fewer bits.* Weights in 8 bits changed the loss by **{int8.value:+.4f}** bits"
    " per byte (21).\n"
    f"- *Fewer weights.* LoRA needed **{lora.value:.0%}** of the memory for training"
    f" (21); right answers **{tuned['lora'].value:.0%}**, against"
    f" **{tuned['full'].value:.0%}** with all weights"
    " ([11](11_gpt_finetuning.ipynb)).\n"
    "- *More machines last.* Two workers kept"
    f" **{near.value:.0%}** of their speed on large batches and **{far.value:.0%}** on"
    " small ones ([22](22_scaling_out.ipynb)).\n\nA GPT-2 of the smallest size, trained"
    f" on a rented {hours.about['device']}, is calculated at about"
    f" **{hours.value:.0f} hours** and **{dollars.value:.0f} US dollars**"
    " ([21](21_compute_cost.ipynb)).\n\n*How far this reaches:* a calculation with"
    " prices of its date, not a bill."
)

# %% [markdown]
# ### How do I protect data?

# %%
open_, private = quote("23.exposure_open_16"), quote("23.exposure_private_16")
epsilon = quote("23.epsilon")
bits = [quote(f"23.bits_{kind}").value for kind in ("open", "private")]
Markdown(
    "First by not having them. A detector found"
    f" {pct('23.recall_identifiers')} of the numbers and addresses and"
    f" {pct('23.recall_names')} of the names in texts that it had not been made on; the"
    " rest stayed in. A secret that stood 16 times in the training text was exposed by"
    f" **{open_.value:.1f} bits**. Trained with noise, at epsilon"
    f" {epsilon.value:.1f}, by **{private.value:.1f}**; for that the loss went from"
    f" {bits[0]:.2f} to **{bits[1]:.2f}** bits per character"
    " ([23](23_privacy.ipynb)).\n\n*How far this reaches:* the guarantee holds for what"
    " it counts. A fact told by a thousand people is not protected by protecting each."
)

# %% [markdown]
# ### Can I trust an explanation?

# %%
found = {name: quote(f"24.deletion_{name}") for name in ("integrated", "attention")}
shuffled = quote("24.verdicts_with_shuffled_attention")
Markdown(
    "Only one that could have failed a test. Delete the words that it calls important,"
    " and the verdict should change more than for random words. It did by"
    f" **{found['integrated'].value:.2f}** (of a probability) for integrated gradients,"
    f" and by **{found['attention'].value:.2f}** for attention. With attention shuffled,"
    f" **{shuffled.value:.0%}** of the verdicts stayed"
    " ([24](24_interpretability.ipynb)).\n\n*How far this reaches:* one classifier. And"
    " an explanation that passes says what the model used, not why the world is so."
)

# %% [markdown]
# ### May I use these weights?

# %%
free = quote("01.commercial_use_share")
Markdown(
    "Read the licence of the version that you load. Of the models in our table whose"
    f" licence is known, **{free.value:.0%}** may be used in a product without"
    " conditions; the others have conditions or forbid it ([01](01_background.ipynb))."
    " Four questions before you build: *can I download it without asking, may I use it"
    " for this, may I pass on what I changed, what must I tell others?*"
    " ([12](12_open_weights.ipynb)).\n\n*How far this reaches:* a table is not a"
    " lawyer, and terms change."
)

# %% [markdown]
# ### How do I start contributing?

# %%
new = quote("02.new_things_share")
Markdown(
    "Not with a new feature: of the work that one maintainers' log records, new things"
    f" are at most **{new.value:.0%}** ([02](02_community_and_ecosystem.ipynb)). Repeat"
    " a figure of somebody else's page; where yours differs, you have found the first"
    " thing to report. A report that can be run, a test that fails, a sentence that"
    " confused you: each is a contribution, to this course as well.\n\n*How far this"
    " reaches:* one project's log, sorted by a rule of thumb."
)
