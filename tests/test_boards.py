"""TensorBoard's server: it serves what was logged, on loopback, and a browser shows it."""

from __future__ import annotations

import sys
import time
import types
import urllib.error
import urllib.request

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorboard.plugins import projector

from helpers import boards
from tests.test_browser import QUIET, find_browser

LOSSES = [2.5, 1.25, 0.625]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Scalars and both kinds of graph, as Keras logs them."""
    folder = tmp_path_factory.mktemp("logs")
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, "relu", name="lookforme")], name="small"
    )
    call = tf.function(model).get_concrete_function(tf.TensorSpec((None, 4), tf.float32))
    with tf.summary.create_file_writer(str(folder / "run")).as_default():
        for step, loss in enumerate(LOSSES):
            tf.summary.scalar("the_loss", loss, step)
            tf.summary.histogram("the_weights", np.linspace(-1, 1, 50) * loss, step)
        tf.summary.graph(call.graph)
    np.savetxt(folder / "vectors.tsv", np.eye(6, 4), delimiter="\t")
    config = projector.ProjectorConfig()
    config.embeddings.add(tensor_name="the_cloud", tensor_path="vectors.tsv")
    projector.visualize_embeddings(str(folder), config)
    return folder


@pytest.fixture(scope="module")
def board(logs):
    with boards.Board(logs) as opened:
        opened.wait_for("/data/plugin/scalars/tags")
        yield opened


def test_it_serves_what_was_logged(board):
    assert board.ask("/data/runs") == board.ask("data/runs") == ["run"]
    points = board.ask("/data/plugin/scalars/scalars", run="run", tag="the_loss")
    assert [(step, value) for _, step, value in points] == list(enumerate(LOSSES))
    graph = board.ask("/data/plugin/graphs/graph", run="run")
    assert isinstance(graph, str) and graph.count('op: "MatMul"') == 1 and "lookforme" in graph


def test_only_this_machine_reaches_it_and_it_has_no_child(board):
    me = psutil.Process()
    port = int(board.url.rsplit(":", 1)[1].strip("/"))
    listening = [c.laddr for c in me.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert [at.ip for at in listening if at.port == port] == ["127.0.0.1"]
    assert not [child for child in me.children() if "tensorboard" in " ".join(child.cmdline())]


def test_the_projector_has_the_cloud(board):
    [run] = board.wait_for("/data/plugin/projector/runs")
    [cloud] = board.ask("/data/plugin/projector/info", run=run)["embeddings"]
    assert (cloud["tensorName"], cloud["tensorPath"]) == ("the_cloud", "vectors.tsv")


def test_what_is_not_there_is_told(board):
    with pytest.raises(urllib.error.HTTPError):
        board.ask("/data/plugin/scalars/scalars", run="none", tag="none")
    with pytest.raises(TimeoutError, match="nowhere"):
        board.wait_for("/data/nowhere", seconds=0.3)


def test_what_is_logged_later_is_served_too(logs, board):
    with tf.summary.create_file_writer(str(logs / "later")).as_default():
        tf.summary.scalar("more", 7.0, 0)
    found = board.wait_for("/data/plugin/scalars/scalars", run="later", tag="more")
    assert found[0][2] == 7.0


def test_the_frame_is_left_out_of_recorded_pages(board, monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    monkeypatch.setenv("COURSE_STILL", "1")
    board.show()
    assert not shown
    monkeypatch.delenv("COURSE_STILL")
    board.show(height=111)
    assert board.url in shown[0]._repr_html_() and "111" in shown[0]._repr_html_()


def test_colab_shows_the_port_in_its_own_way(board, monkeypatch):
    called = []
    output = types.SimpleNamespace(
        serve_kernel_port_as_iframe=lambda port, height: called.append((port, height))
    )
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(output=output))
    monkeypatch.delenv("COURSE_STILL", raising=False)
    board.show(height=222)
    assert called == [(int(board.url.rsplit(":", 1)[1].strip("/")), 222)]


def test_closed_it_answers_no_more(logs):
    opened = boards.Board(logs)
    url = opened.url
    opened.close()
    opened.close()
    with pytest.raises(ValueError, match="closed"):
        opened.ask("/data/runs")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


def test_no_folder_no_board(tmp_path):
    with pytest.raises(ValueError, match="log something first"):
        boards.Board(tmp_path / "missing")


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_shows_the_scalars_and_the_graph(board):
    """The page itself, in Chromium: the curve is drawn, and the graph has the layer as a box."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{board.url}#scalars")
        page.get_by_text("the_loss").first.wait_for(timeout=60_000)
        curves = page.locator("vz-line-chart2 path.line")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            drawn = [curve.get_attribute("d") or "" for curve in curves.all()]
            if any(path.count("L") == len(LOSSES) - 1 for path in drawn):
                break
            page.wait_for_timeout(200)
        else:
            pytest.fail(f"no line goes through the three points: {drawn}")
        page.goto("about:blank")
        page.goto(f"{board.url}#graphs&run=run")
        page.locator("g.node").first.wait_for(state="attached", timeout=60_000)
        titles = " ".join(page.locator("g.node text").all_text_contents())
        assert "small" in titles or "lookforme" in titles, titles
        assert page.get_by_text("Graph visualization failed").count() == 0
        page.goto("about:blank")
        page.goto(f"{board.url}#histograms")
        page.get_by_text("the_weights").first.wait_for(timeout=60_000)
        hills = page.locator("vz-histogram-timeseries path.outline")
        hills.first.wait_for(state="attached", timeout=60_000)
        assert hills.count() >= len(LOSSES), "a hill for each step"
        outside = [
            url for url in asked if not url.startswith((board.url, "about:", "data:", "blob:"))
        ]
        assert not outside, f"the page calls out: {outside[:3]}"
        browser.close()


def test_answers_are_json_or_text(board):
    from tensorboard import version

    assert board.ask("/data/environment")["version"] == version.VERSION
    assert "<html" in board.ask("/").lower()


def test_a_proxy_is_not_asked(board, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert "run" in board.ask("/data/runs")


def test_it_waits_until_there_is_enough(board):
    series = {"run": "run", "tag": "the_loss"}
    assert len(board.wait_for("/data/plugin/scalars/scalars", at_least=3, **series)) == 3
    with pytest.raises(TimeoutError, match="fewer than 4"):
        board.wait_for("/data/plugin/scalars/scalars", seconds=0.3, at_least=4, **series)


def test_on_a_hub_it_says_where_to_look(board, monkeypatch, capsys):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    monkeypatch.delenv("COURSE_STILL", raising=False)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    board.show()
    port = board.url.rsplit(":", 1)[1].strip("/")
    assert f"/user/ada/proxy/{port}/" in capsys.readouterr().out and not shown
