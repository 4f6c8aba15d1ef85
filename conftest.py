"""What every test shares: the sample as source, a reader's folder of its own, quiet frameworks.

It lies at the root because it is there for the notebooks, which nbval executes, as well.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Before anything imports helpers, and inherited by every kernel and process that a test starts.
os.environ["COURSE_SOURCE"] = "sample"
os.environ["COURSE_HOME"] = tempfile.mkdtemp(prefix="course-home-")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A run in the background inherits "ignore"; the tests of interrupts need Python's own answer.
    signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(shutil.rmtree, os.environ["COURSE_HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A notebook trains for so many seconds: it is run with nothing beside it."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.clock)
