"""JupyterLab as `make lab` starts it: who may reach it, which kernel it offers, how it looks.

The course's files are not touched: the server works on a copy of the start notebook.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
START = "notebooks/00_start_here.ipynb"
LAB = "labs/07_attention/07_attention.ipynb"
IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
SCREENSHOTS = ROOT / "build" / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("make"), reason="no make: the README has the plain lines"),
]


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab and where its files are."""

    pid: int
    url: str
    token: str
    folder: Path
    state: Path
    home: Path

    def ask(self, path, token=None, data=None):
        """The JSON that the server answers; raises HTTPError for a refusal."""
        request = urllib.request.Request(self.url + path, data=data and json.dumps(data).encode())
        request.add_header("Authorization", f"token {self.token if token is None else token}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def readers_home(home):
    """A home as another course may have left it: Jupyter open to all, and kernels of its own."""
    kernel = {"argv": ["/bin/false"], "display_name": "not ours", "language": "python"}
    for name in ("python3", "stranger"):
        write_json(home / ".local/share/jupyter/kernels" / name / "kernel.json", kernel)
    unsafe = {"ServerApp": {"ip": "0.0.0.0"}, "IdentityProvider": {"token": ""}}
    write_json(home / ".jupyter/jupyter_server_config.json", unsafe)
    return home


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lab_command(folder, state):
    """The very recipe of `make lab`, with this Python, not opening a browser."""
    args = f"ARGS=--no-browser --ServerApp.port={free_port()}"
    given = [f"PY={sys.executable}", f"LAB_FOLDER={folder}", f"LAB_STATE={state}", args]
    return ["make", "-C", str(ROOT), "--assume-old", ".venv/.complete", "lab", *given]


def wait_for(what, seconds, process, log):
    """The first true value of `what()`; fails with the server's log when none comes in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if found := what():
            return found
        time.sleep(0.1)
    pytest.fail(f"JupyterLab is not up after {seconds} s:\n{log.read_text()}")


def announced(state):
    """What the server says of itself in its runtime folder, once it answers: url, token, pid."""
    with contextlib.suppress(OSError, ValueError):
        for file in (state / "runtime").glob("jpserver-*.json"):
            about = json.loads(file.read_text())
            socket.create_connection(("127.0.0.1", about["port"]), timeout=5).close()
            return about
    return None


def stop(process, state):
    """End the server as its user would; only if that fails, everything that make started."""
    with contextlib.suppress(ProcessLookupError):
        # The server alone: make would hand the signal on to it a second time.
        os.kill(about["pid"] if (about := announced(state)) else process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on copies of the start notebook (outputs cleared) and of a lab, in a hostile home."""
    base = tmp_path_factory.mktemp("lab")
    folder, state, log = base / "course folder", base / "state", base / "log.txt"
    (folder / "notebooks").mkdir(parents=True)
    nbformat.write(without_outputs(nbformat.read(ROOT / START, as_version=4)), folder / START)
    (folder / LAB).parent.mkdir(parents=True)
    shutil.copy(ROOT / LAB, folder / LAB)
    home = readers_home(base / "home")
    drop = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    env = {key: value for key, value in os.environ.items() if key not in drop}
    env |= {"HOME": str(home), "JUPYTER_PATH": str(home / ".local/share/jupyter")}
    with open(log, "w") as out:
        process = subprocess.Popen(lab_command(folder, state), stdout=out, stderr=out, env=env,
                                   start_new_session=True)  # fmt: skip
    try:
        about = wait_for(lambda: announced(state), 60, process, log)
        yield Lab(about["pid"], about["url"], about["token"], folder, state, home)
    finally:
        stop(process, state)


def without_outputs(book):
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return book


def test_only_this_machine_reaches_it(lab):
    server = psutil.Process(lab.pid)
    listening = [
        c.laddr.ip for c in server.net_connections("inet") if c.status == psutil.CONN_LISTEN
    ]
    assert listening and set(listening) == {"127.0.0.1"}


def test_only_the_token_opens_it(lab):
    assert len(lab.token) >= 32
    for token in ("", "0" * len(lab.token)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            lab.ask("api/contents", token=token)
        assert refused.value.code == 403
    assert {entry["name"] for entry in lab.ask("api/contents")["content"]} == {"labs", "notebooks"}


def test_the_kernel_is_the_projects(lab):
    found = lab.ask("api/kernelspecs")
    assert found["default"] == "python3" and set(found["kernelspecs"]) == {"python3"}
    kernel = lab.ask("api/kernels", data={"name": "python3"})["id"]
    assert prefix_of(lab.state / "runtime" / f"kernel-{kernel}.json") == sys.prefix


def prefix_of(connection_file):
    """Where the Python of a running kernel is, in its own words."""
    from jupyter_client import BlockingKernelClient

    client = BlockingKernelClient(connection_file=str(connection_file))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=30)
        ask = {"prefix": "sys.prefix"}
        reply = client.execute("import sys", user_expressions=ask, reply=True, timeout=30)
    finally:
        client.stop_channels()
    return reply["content"]["user_expressions"]["prefix"]["data"]["text/plain"].strip("'")


def test_no_popup_asks_for_news_or_calls_out(lab):
    about = lab.ask("lab/api/settings/@jupyterlab/apputils-extension:notification")
    defaults = {key: value["default"] for key, value in about["schema"]["properties"].items()}
    assert defaults["fetchNews"] == "false"
    assert defaults["checkForUpdates"] is False


def find_browser():
    """Where Chromium is. Without one the test is skipped, except in CI, where it must run."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("no Chromium, and in CI this test must run: see .ci/run")
    if found is None:
        pytest.skip("no Chromium here (Debian: apt install chromium)")
    return found


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = find_browser()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(lab, browser):
    """A page with the start notebook open in JupyterLab."""
    return opened(lab, browser, START)


def opened(lab, browser, path):
    """A page with this notebook open, its kernel ready."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{lab.url}lab/tree/{path}?reset&token={lab.token}")
    # The kernel's name comes a moment after the page: a run asked for before that gets lost.
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
    return page


def saved(page, path):
    """The notebook as it lies on disk after saving it in the page."""
    page.keyboard.press("Control+s")
    time.sleep(1)
    return nbformat.read(path, as_version=4)


def unfinished(book):
    return [
        cell.source
        for cell in book.cells
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None
    ]


def kinds(cell):
    """The kinds of output of a code cell: its streams, and the richest form of each display."""
    found = set()
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        found.add("image/png" if "image/png" in data else output.output_type)
    return found


def failed(book):
    return [
        f"{output.ename}: {output.evalue}"
        for cell in book.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@pytest.mark.browser
def test_the_start_page_runs_in_a_browser(lab, page):
    before = (ROOT / START).read_bytes()
    recorded = nbformat.read(ROOT / START, as_version=4)
    book = run_all(page, lab.folder / START)
    figures = page.locator(".jp-OutputArea-output img")
    keep_screenshot(page, "00_start_here", figures.first if figures.count() else None)
    assert not failed(book) and not unfinished(book)
    for ours, theirs in zip(book.cells, recorded.cells, strict=True):
        assert kinds(ours) >= kinds(theirs), f"without its recorded output: {ours.source[:80]}"
    if any("image/png" in kinds(cell) for cell in book.cells):
        assert page.locator(".jp-OutputArea-output img").count() > 0
    assert "Jupyter news" not in page.content()
    assert (ROOT / START).read_bytes() == before, "the course's own notebook must not change"


def run_all(page, path):
    """Run All Cells from the menu; the notebook as saved when all have run."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    end = time.monotonic() + 300
    while unfinished(book := saved(page, path)) and time.monotonic() < end:
        assert not failed(book)
    page.locator(IDLE).wait_for(timeout=30_000)
    return saved(page, path)


def keep_screenshot(page, name, middle=None):
    """A picture of the page, with this element in its middle, for who wants to look."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    if middle is not None:
        middle.evaluate("element => element.scrollIntoView({block: 'center'})")
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


ANSWERS = {
    "Some words see words that come after them.": "i - j < window",
    "Passed.": "(i - j < window) & (i >= j)",
}


@pytest.mark.browser
def test_a_lab_answers_at_once_in_a_browser(lab, browser):
    """As a learner: run all, then type a wrong answer, then the right one; each gets its report."""
    page = opened(lab, browser, LAB)
    book = run_all(page, lab.folder / LAB)
    assert not failed(book) and not unfinished(book), "the untouched copy runs to its end"
    # By their text: JupyterLab keeps only those cells in the page that are near what is shown.
    answer = page.locator(".jp-CodeCell", has_text="def window_mask")
    check = page.locator(".jp-CodeCell", has_text='labs.check("lab07.window_mask"')
    page.locator(".jp-WindowedPanel-outer").evaluate("panel => panel.scrollTop = 0")
    for said, condition in ANSWERS.items():
        editor = answer.locator(".cm-content")
        editor.scroll_into_view_if_needed()
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(
            "def window_mask(context_length, window):\n"
            "    i, j = np.indices((context_length, context_length))\n"
            f"    return {condition}"
        )
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        report = check.locator(".jp-OutputArea-output")
        report.get_by_text(said).wait_for(timeout=30_000)
        keep_screenshot(page, f"lab07_{len(condition)}", report)
    page.close()


def test_jupyter_writes_nothing_into_the_readers_home(lab, tmp_path):
    """After all of the above: the server, two kernels, a notebook opened, run and saved."""
    assert announced(lab.state), "the server keeps its files in the state folder"
    new = files(lab.home) - files(readers_home(tmp_path))
    libraries = (".cache", ".config", ".keras", ".matplotlib")  # what a cell imports keeps a cache
    assert [path for path in new if not path.startswith(libraries)] == []


def test_without_a_browser_ci_fails_and_a_laptop_skips(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for ci, outcome in (("true", pytest.fail.Exception), ("", pytest.skip.Exception)):
        monkeypatch.setenv("CI", ci)
        with pytest.raises(outcome, match="no Chromium"):
            find_browser()
