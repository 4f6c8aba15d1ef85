"""Plumbing of the course Large Models in the Open: one module a concern, and light to import.

What a notebook calls:
    runtime      the machine: backend, devices, precision, seeds; `start()` opens every notebook
    plots        every figure, with alt text
    data         the data sets, one function each
    tables       tables of texts and labels: read, cleaned, searched for doubles
    versions     a data set kept: checksums, card, changelog, differences
    classifiers  comparing classifiers of reviews: films kept together, each test taken once
    frameworks   the same work on several frameworks, each in a process of its own
    kernels      a second Jupyter kernel: restarted, killed, debugged
    boards       TensorBoard as a server on loopback
    traces       what TensorFlow's profiler recorded, as a table
    sources      where a file comes from: mirror, Hub, sample; `path()` finds what ships
    training     `fit()`: progress, throughput, exact resume, a time budget; `windows()`
    text         tokenizers: characters, bytes, byte-pair encoding
    gpt          the GPT model, its sizes and its judgement in bits per byte
    generate     text from a GPT: sampling with a cache
    layers       attention, norms, blocks
    seq2seq      a Transformer that reads one text and writes another; beam search with a cache
    phrases      texts in two languages: CLDR, Multi30K, Tatoeba; BLEU, chrF
    hub          open weights: a GPT-2 in the Hub's layout, checked and loaded
    instructions questions with answers made from docstrings, and preferences
    ngrams       character n-grams, the baseline of every language model
    cluster      several processes on this machine that find each other, watched and ended together
    finders      a learning rate, a batch size
    watch        a live loss curve, samples while training
    sounds       sound files of every kind, players, log-mel spectrograms
    speech       spoken digits and strings of them; word error rates; a pretrained recognizer
    images       sets of pictures; a reader's own picture, checked and prepared
    results      what a run measured: `record()` and `recall()`
    cost         parameters, operations, memory, money, energy
    budget       a training planned: hours, money, CO2, with a source for every constant
    scaling      a scaling law fitted to runs, with the band of a prediction
    explain      looking into a model: what each part holds, what a word was worth, tests of both
    ecosystem    installed packages as a graph, licences, cards
    course       the list of notebooks and their map
    labs         checks that answer with a hint, and the learner's progress
    attempts     a learner's code, run with care: time, output, arguments
    privacy      personal data in text: found, masked, pseudonyms; `names` finds the people
    vault        files encrypted at rest
    dp           differentially private training, and what it spends
    doctor       what is wrong with this machine or environment

What `training` is made of: batches (the order of the data), checkpoints (files that are whole or
not used), identity (whether a run is still the same), programs (many steps compiled into one), state
(everything a step depends on).
"""
