"""A figure cannot be shown unfinished, and is the same bytes each time."""

import pytest

from helpers import plots

plt = pytest.importorskip("matplotlib.pyplot")
ALT = "Two points joined by a rising line."


@pytest.fixture
def shown(monkeypatch):
    """The objects that `show` hands to the notebook: a picture, then its words."""
    import IPython.display

    bundles = []
    monkeypatch.setattr(IPython.display, "display", bundles.append)
    plots.use_style()
    plt.close("all")
    return bundles


def finished():
    fig, ax = plots.figure()
    ax.plot([0, 1], [0, 1])
    ax.set(title="It rises", xlabel="time (s)", ylabel="height (m)")
    return fig


def test_a_finished_figure_carries_its_alt_text(shown):
    plots.show(finished(), ALT)
    picture, words = shown
    data, about = picture._repr_mimebundle_()
    assert about["image/png"]["alt"] == ALT
    assert data["text/plain"] == ALT
    assert ALT in words._repr_html_()
    assert not plt.get_fignums(), "the figure stays open and would be shown twice"


@pytest.mark.parametrize(
    "what, word", [("title", "title"), ("xlabel", "x axis"), ("ylabel", "y axis")]
)
def test_what_is_missing_is_named(shown, what, word):
    fig = finished()
    fig.axes[0].set(**{what: ""})
    with pytest.raises(ValueError, match=word):
        plots.show(fig, ALT)
    assert not shown


def test_alt_text_of_a_word_is_none(shown):
    with pytest.raises(ValueError, match="alt text"):
        plots.show(finished(), "A plot")


def test_a_picture_without_axes_needs_no_labels(shown):
    fig, ax = plots.figure()
    ax.imshow([[0, 1]])
    ax.set_axis_off()
    ax.set_title("A picture")
    plots.show(fig, ALT)
    assert shown


def test_png_is_the_same_bytes_each_time():
    assert plots.png(finished()) == plots.png(finished())
    assert b"Software" not in plots.png(finished())


def test_bars_lines_and_matrix_show(shown):
    import numpy as np

    about = {"title": "T", "xlabel": "x", "ylabel": "y", "alt": ALT}
    plots.bars({"a": 1, "b": 2}, low=[0.5, 1.5], high=[1.5, 2.5], **about)
    plots.bars([1, 2, 3], horizontal=True, **about)
    plots.lines({"train": [3, 2, 1], "val": [3, 2.5, 2.4]}, log="y", **about)
    plots.matrix(np.eye(2), rows=["n", "p"], columns=["n", "p"], **about)
    assert len(shown) == 2 * 4


def test_a_slider_redraws_the_figure(shown, monkeypatch):
    import IPython.display
    import ipywidgets

    updates, made = [], []
    handle = type("Handle", (), {"update": lambda self, picture: updates.append(picture.data)})()
    monkeypatch.setattr(
        IPython.display, "display", lambda thing, **more: made.append(thing) or handle
    )

    def draw(height):
        fig = finished()
        fig.axes[0].plot([0, 1], [0, height])
        return fig

    plots.sliders(draw, ALT, height=(0, 5, 0.1, 1))
    box, picture, words = made
    assert isinstance(box, ipywidgets.VBox) and ALT in repr(words)
    box.children[0].value = 5
    assert len(updates) == 1 and updates[0] != picture.data
    assert not plt.get_fignums()


def test_a_recorded_page_shows_the_figure_without_sliders(shown, monkeypatch):
    import IPython.display

    made = []
    monkeypatch.setenv("COURSE_STILL", "1")
    monkeypatch.setattr(IPython.display, "display", lambda thing, **more: made.append(thing))
    plots.sliders(lambda height: finished(), ALT, height=(0, 5, 0.1, 1))
    assert [type(thing).__name__ for thing in made] == ["_Picture", "_InWords"]


def test_a_title_that_runs_past_the_edge_is_refused(shown):
    fig = finished()
    fig.axes[0].set_title("A finding that goes on and on " * 5)
    with pytest.raises(ValueError, match="shorter title"):
        plots.show(fig, ALT)


def test_the_first_figure_of_a_session_has_the_courses_style():
    """A lab that needs no framework draws without start(); its labels were cut off."""
    import subprocess
    import sys

    code = (
        "import matplotlib as mpl; from helpers import plots; plots.figure();"
        "assert mpl.rcParams['figure.constrained_layout.use'];"
        "mpl.rcParams['axes.grid'] = False; plots.figure(); assert not mpl.rcParams['axes.grid']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
