# The course's commands. Nothing is installed outside this folder: the environment lives in .venv,
# and where no uv is installed, one of the project's own in .boot. Works with GNU make 3.81 on.

PY  := .venv/bin/python
UV  := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .boot/bin/uv)
NB  :=
PROFILE :=
ARGS :=

# An uv of our own keeps its cache here too. Whatever environment the caller is in, this one is meant.
ifeq ($(UV),.boot/bin/uv)
BOOT := .boot/.complete
export UV_CACHE_DIR := $(CURDIR)/.boot/cache
endif
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT

# Jupyter's settings, history and run files stay in the project; kernels and settings of the
# reader's other environments are neither used nor changed.
LAB_FOLDER := .
LAB_STATE := $(CURDIR)/build/jupyter
export JUPYTER_CONFIG_PATH := $(CURDIR)/tools/jupyter
export JUPYTER_CONFIG_DIR := $(LAB_STATE)/config
export JUPYTER_DATA_DIR := $(LAB_STATE)/data
export JUPYTER_RUNTIME_DIR := $(LAB_STATE)/runtime
export IPYTHONDIR := $(LAB_STATE)/ipython
export JUPYTER_PREFER_ENV_PATH := 1
unexport JUPYTER_PATH JUPYTER_NO_CONFIG

# A relative COURSE_DATA is meant from the folder where make was typed, which `make -C` leaves.
ifneq ($(COURSE_DATA),)
override COURSE_DATA := $(shell unset CDPATH; for from in "$(PWD)" .; do \
	(cd "$$from" && cd "$(COURSE_DATA)" && pwd) 2>/dev/null && exit; done; echo "$(COURSE_DATA)")
export COURSE_DATA
endif

# The first Python that fits and really runs: a name on the PATH may be a shim with nothing behind it.
FIND_PYTHON = for p in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	"$$p" -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14); print(sys.executable)' \
	2>/dev/null && exit; done; \
	echo "No Python 3.11, 3.12 or 3.13 found$(if $(PYTHON), as $(PYTHON)) (TensorFlow needs one of them)." >&2; \
	echo "Install one, or say where it is:  make lab PYTHON=/path/to/python3" >&2; exit 1

# What `make test` runs; the rest needs the network, the real data, or hours.
MOST := not soak and not real_data and not colab

.DEFAULT_GOAL := help
.PHONY: help lab labs class test test-fast test-data test-colab soak run record doctor gpu jax torch profile lock clean FORCE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

lab: .venv/.complete ## Open the course in JupyterLab at notebooks/00_start_here.ipynb
	$(PY) -m jupyterlab --ServerApp.ip=127.0.0.1 --allow-root --ServerApp.root_dir="$(LAB_FOLDER)" \
		$(ARGS) "$(LAB_FOLDER)/notebooks/00_start_here.ipynb"

test: .venv/.backends ## Run the tests, every notebook among them (ARGS="-k gpt" picks some)
	@# Two at a time, a file each; then one by one what looks at the clock. 5: ARGS picked none of these.
	$(PY) -m pytest tests -n 2 --dist loadfile -m "not clock and $(MOST)" $(ARGS) || [ $$? -eq 5 ]
	$(PY) -m pytest -m "clock and $(MOST)" $(ARGS) || [ $$? -eq 5 ]

test-fast: .venv/.backends ## Run the tests that take two minutes together
	$(PY) -m pytest tests -m "not slow and not browser and not soak and not real_data and not colab" $(ARGS)

test-data: .venv/.backends ## Run the tests on the real data in the folder COURSE_DATA
	@test -d "$(COURSE_DATA)" || { echo "These tests need the real data, and COURSE_DATA$(if $(COURSE_DATA),=$(COURSE_DATA) is no folder, is not set)." >&2; \
		echo "Say where the data is:  make test-data COURSE_DATA=/path/to/the/mirror" >&2; exit 2; }
	$(PY) -m pytest tests -m real_data $(ARGS)

test-colab: .venv/.complete ## Run the tests in an environment with Colab's versions (needs the network)
	$(PY) -m pytest tests -m colab $(ARGS)

soak: .venv/.backends ## Run the long reliability tests
	$(PY) -m pytest tests -m soak $(ARGS)

run: .venv/.complete ## Execute all notebooks into build/run (or one: NB=06 PROFILE=gpu)
	$(PY) -m tools.notebooks run $(if $(NB),--nb $(NB)) $(if $(PROFILE),--profile $(PROFILE)) $(ARGS)

record: .venv/.complete ## Execute all notebooks in place, keeping their outputs (or one: NB=06)
	$(PY) -m tools.notebooks record $(if $(NB),--nb $(NB)) $(if $(PROFILE),--profile $(PROFILE)) $(ARGS)

labs: .venv/.complete ## Write the learners' copies of the labs anew from their masters
	$(PY) -m tools.labs $(ARGS)

class: .venv/.complete ## Grade a class (CLASS=folder FROM=submissions LABS=07; DO=release and others: a step)
	@test -n "$(CLASS)" || { echo "Say which folder holds the class:  make class CLASS=/path/to/class FROM=/path/to/submissions" >&2; exit 2; }
	$(PY) -m tools.classroom $(or $(DO),all) --class "$(CLASS)" $(if $(FROM),--from "$(FROM)") $(if $(LABS),--labs "$(LABS)") $(ARGS)

doctor: ## Check this machine and the environment, one line a check, with the mend
	@if $(PY) -c "" 2>/dev/null; then $(PY) -m helpers.doctor $(ARGS); \
		else py=$$($(FIND_PYTHON)) && "$$py" -m helpers.doctor $(ARGS); fi

gpu: .venv/.complete ## Add what TensorFlow needs to use an NVIDIA GPU (Linux)
	$(UV) pip install --python $(PY) --no-build-isolation -c requirements.lock -e ".[gpu]"

jax: .venv/.complete ## Add JAX, to run the course with KERAS_BACKEND=jax
	$(UV) pip install --python $(PY) --no-build-isolation -c requirements.lock -e ".[jax]"

torch: .venv/.complete ## Add PyTorch, to run the course with KERAS_BACKEND=torch
	$(UV) pip install --python $(PY) --no-build-isolation -c requirements.lock -e ".[torch]"

profile: .venv/.complete ## Add xprof, which gives TensorBoard its tab Profile
	$(UV) pip install --python $(PY) --no-build-isolation -c requirements.lock -e ".[profile]"

lock: $(BOOT) ## Write requirements.lock and environment.yml anew from pyproject.toml (UPGRADE=1: newest)
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) --quiet -o requirements.lock
	py=$$($(FIND_PYTHON)) && "$$py" -m tools.environment

clean: ## Remove the environment and build/ (your notebooks and results stay)
	rm -rf .venv .boot build

# The environment. The file .complete says that it is whole, and in which folder it was made; it is
# removed first and written last, so that what was interrupted, moved or broken is made again.
ifneq ($(shell cat .venv/.complete 2>/dev/null && $(PY) -c "" 2>&1),$(CURDIR))
.venv/.complete: FORCE
endif

.venv/.complete: pyproject.toml requirements.lock $(BOOT) | build/jupyter
	@test "$$(cat $@ 2>/dev/null && $(PY) -c '' 2>&1)" = "$(CURDIR)" || rm -rf .venv
	@rm -f $@
	@test -d .venv || { py=$$($(FIND_PYTHON)) && $(UV) venv --quiet --seed --python "$$py" .venv; }
	$(UV) pip install --python $(PY) --require-hashes --compile-bytecode -r requirements.lock
	$(UV) pip install --python $(PY) --no-build-isolation --no-deps -e .
	@echo "$(CURDIR)" > $@

# The tests compare with PyTorch, JAX and transformers, which readers need not have. Where they cannot
# be installed, those tests are skipped; COURSE_BACKENDS=required (CI) makes that an error.
.venv/.backends: .venv/.complete tests/backends.txt
	@rm -f $@
	@echo "Adding PyTorch, JAX and transformers, which some tests compare with."
	@awk '/^[A-Za-z0-9]/ {sub(/ *\\$$/, ""); print}' requirements.lock > .venv/locked.txt
	@if $(PY) -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
		-c .venv/locked.txt -r tests/backends.txt > .venv/backends.log 2>&1; then touch $@; \
	elif test "$(COURSE_BACKENDS)" = required; then cat .venv/backends.log >&2; exit 1; \
	else echo "PyTorch, JAX and transformers could not be installed (see .venv/backends.log): the tests that need them are skipped."; fi

# IPython warns in every notebook when the folder above its own is missing.
build/jupyter:
	@mkdir -p $@

.boot/.complete:
	@rm -rf .boot
	@py=$$($(FIND_PYTHON)) && { "$$py" -m venv .boot || { rm -rf .boot; \
		echo "Python's own venv module is missing: install it (Debian: apt install python3-venv), or uv." >&2; exit 1; }; }
	PIP_USER=0 .boot/bin/python -m pip install --quiet --no-cache-dir --only-binary uv "uv>=0.8,<1"
	@touch $@
