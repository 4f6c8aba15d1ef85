"""How nbgrader treats the labs. `make labs` and `make class` read this file."""

c = get_config()  # noqa: F821  nbgrader provides it

# A learner's copy always parses and runs: a function without its solution returns None.
c.ClearSolutions.code_stub = {"python": "# Your code here."}
c.ClearSolutions.text_stub = "*Your answer here.*"
