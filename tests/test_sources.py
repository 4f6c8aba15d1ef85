"""helpers.sources: what ships, the three sources, their order, checksums, and a Hub that is away."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from helpers import runtime, sources

REPOSITORY = Path(__file__).parent.parent
SETTINGS = (
    *("COURSE_DATA", "COURSE_HUB", "COURSE_SOURCE", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"),
    *("HF_ENDPOINT", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"),
)


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """No setting of the one who runs the tests, and a home and a cache of their own."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)


# --- a small set, a small mirror


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split()


def hub_lines(frame, where: str) -> list[str]:
    return frame["word"].tolist()


WORDS = sources.DataSet(
    name="words",
    title="Words",
    mirror={"train": "words/train.txt", "test": "words/test.txt"},
    read=lines,
    sample=lambda: {"train": ["s1", "s2"], "test": ["s3"]},
    hub=sources.Hub("someone/words", "default", {"train": "train.txt", "test": "test.txt"}),
    from_hub=hub_lines,
    about_sample="three words",
)
CONTENT = {"words/train.txt": "one two three", "words/test.txt": "four five"}


def write_mirror(folder: Path, name: str = "words", content: dict[str, str] = CONTENT) -> Path:
    files = []
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
        files.append({"path": path, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    manifest = {"datasets": [{"name": name, "files": files}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    folder = write_mirror(tmp_path / "mirror")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


@pytest.fixture
def no_hub(monkeypatch):
    """A Hub that refuses at once, so that a test does not wait for one."""
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- what ships


def test_path_finds_what_ships_from_any_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = sources.path("imdb.csv")
    assert found.is_file()
    assert found == REPOSITORY / "data" / "imdb.csv"


def test_path_names_the_nearest_and_what_there_is(tmp_path, monkeypatch):
    (tmp_path / "speech").mkdir()
    for name in ("imdb.csv", "large_models.csv", "speech/zero.ogg"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sources.runtime, "shipped", lambda: tmp_path)
    assert sources.path("speech/zero.ogg") == tmp_path / "speech" / "zero.ogg"
    assert sources.path("speech/") == tmp_path / "speech"
    with pytest.raises(sources.SourceError) as error:
        sources.path("large_model.csv")
    assert str(error.value) == (
        "No file 'large_model.csv' ships with the course. Did you mean 'large_models.csv'? "
        "There is: imdb.csv, large_models.csv, speech, speech/zero.ogg."
    )
    with pytest.raises(sources.SourceError, match=r"Did you mean 'imdb.csv'"):
        sources.path("IMDB.csv")  # on every system, though some would find the file


@pytest.mark.parametrize("name", ["../helpers/data.py", "/etc/hostname", "", "."])
def test_path_stays_inside(name):
    with pytest.raises(sources.SourceError, match="ships with the course"):
        sources.path(name)


def test_path_in_an_installed_package(tmp_path):
    """Installed, the files lie in helpers/shipped; a `data` folder beside it is someone else's."""
    site = tmp_path / "site-packages"
    (site / "helpers" / "shipped").mkdir(parents=True)
    for module in ("__init__", "runtime", "sources"):
        shutil.copy(REPOSITORY / "helpers" / f"{module}.py", site / "helpers")
    (site / "helpers" / "shipped" / "imdb.csv").write_text("ours")
    (site / "data").mkdir()
    (site / "data" / "imdb.csv").write_text("theirs")
    code = "from helpers import sources; print(sources.path('imdb.csv').read_text())"
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert out.stdout.strip() == "ours"


# --- which source


def test_mirror_comes_first_and_the_line_says_so(mirror):
    found = sources.find(WORDS)
    assert found.source == "mirror"
    assert found.parts == {"train": ["one", "two", "three"], "test": ["four", "five"]}
    assert found.note == "Words: 3 train, 2 test, from the mirror (sha256 verified)."


def test_without_mirror_and_hub_the_sample_and_how_to_get_the_real_set(no_hub):
    found = sources.find(WORDS)
    assert found.source == "sample"
    assert found.note == (
        "Words: 2 train, 1 test, from the SAMPLE, not the real set (three words). Why: COURSE_DATA "
        "is not set; the Hub could not be reached (no network?). For the real set, connect to the "
        "internet and run this again, or set COURSE_DATA to the folder of a mirror."
    )


def test_the_sample_when_asked_for_does_not_ask_for_more(mirror):
    found = sources.find(WORDS, "sample")
    assert found.note == "Words: 2 train, 1 test, from the SAMPLE, not the real set (three words)."


def test_real_is_never_the_sample(no_hub):
    with pytest.raises(sources.SourceError) as error:
        sources.find(WORDS, "real")
    assert str(error.value) == (
        "Words: source='real' allows only mirror and hub, and that did not work: COURSE_DATA is not "
        "set; the Hub could not be reached (no network?). What to do: connect to the internet and "
        "run this again, or set COURSE_DATA to the folder of a mirror, or take the sample with "
        "source='sample'."
    )


def test_course_source_takes_the_place_of_auto_only(mirror, monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", "sample")
    assert sources.find(WORDS).source == "sample"
    assert sources.find(WORDS, "mirror").source == "mirror"
    monkeypatch.setenv("COURSE_SOURCE", " Real ")
    assert sources.find(WORDS).source == "mirror"
    monkeypatch.setenv("COURSE_SOURCE", "")
    assert sources.find(WORDS).source == "mirror"


def test_course_source_real_fails_in_its_own_name(no_hub, monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", "real")
    with pytest.raises(sources.SourceError, match="COURSE_SOURCE=real allows only mirror and hub"):
        sources.find(WORDS)


def test_unknown_sources(monkeypatch):
    with pytest.raises(sources.SourceError) as error:
        sources.find(WORDS, "samples")
    assert str(error.value) == (
        "source='samples' is not a source. It must be one of "
        "'auto', 'real', 'mirror', 'hub', 'sample'."
    )
    monkeypatch.setenv("COURSE_SOURCE", "fake")
    with pytest.raises(sources.SourceError, match="COURSE_SOURCE=fake is not a source"):
        sources.find(WORDS)


# --- the mirror


@pytest.mark.parametrize("source", ["auto", "real", "mirror"])
def test_a_folder_that_is_not_there_is_never_passed_over(source, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "stick"))
    with pytest.raises(sources.SourceError) as error:
        sources.find(WORDS, source)
    assert not isinstance(error.value, sources.Unavailable)
    assert str(error.value) == (
        f"COURSE_DATA names the folder {tmp_path / 'stick'}, which is not there. Set COURSE_DATA to "
        "the folder of a mirror (is the drive connected?), or unset it."
    )
    (tmp_path / "stick").touch()
    with pytest.raises(sources.SourceError, match=r"not there\. That is a file\."):
        sources.find(WORDS, source)


def test_a_folder_that_is_no_mirror(tmp_path, monkeypatch):
    write_mirror(tmp_path / "stick" / "course")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "stick"))
    with pytest.raises(sources.SourceError) as error:
        sources.find(WORDS)
    assert "holds no manifest.json, so it is not a mirror" in str(error.value)
    assert f"({tmp_path / 'stick' / 'course'}, perhaps)" in str(error.value)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "stick" / "course" / "words"))
    with pytest.raises(sources.SourceError) as error:
        sources.find(WORDS)
    assert f"({tmp_path / 'stick' / 'course'}, perhaps)" in str(error.value)


def test_a_mirror_without_this_set_lets_the_next_source_try(tmp_path, no_hub, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path / "mirror", name="digits")))
    found = sources.find(WORDS)
    assert found.source == "sample"
    assert "Why: the mirror in COURSE_DATA has no words (it has digits); the Hub" in found.note
    with pytest.raises(sources.SourceError, match=r"has no words \(it has digits\)"):
        sources.find(WORDS, "mirror")


@pytest.mark.parametrize("source", ["auto", "real", "mirror"])
def test_wrong_checksum(source, mirror):
    (mirror / "words" / "test.txt").write_text("four fire")
    with pytest.raises(sources.ChecksumError) as error:
        sources.find(WORDS, source)
    expected = hashlib.sha256(b"four five").hexdigest()
    found = hashlib.sha256(b"four fire").hexdigest()
    assert str(error.value) == (
        f"{mirror / 'words' / 'test.txt'}: wrong checksum, so the file was cut short or changed on "
        f"its way. sha256 expected {expected}, found {found}. Delete it and copy it again."
    )


def test_a_file_that_the_manifest_lists_and_the_folder_lacks(mirror):
    (mirror / "words" / "test.txt").unlink()
    with pytest.raises(sources.SourceError, match=r"test\.txt is not there, though manifest\.json"):
        sources.find(WORDS)


def test_a_file_that_the_manifest_does_not_list(mirror):
    write_mirror(mirror, content={"words/train.txt": "one"})
    with pytest.raises(sources.SourceError, match=r"manifest\.json gives no sha256 for words/test"):
        sources.find(WORDS)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"datasets": [\n{"name": "wo', "line 2: not JSON"),
        ("[]", "does not have the layout of a manifest"),
        ('{"datasets": [{"name": "words"}]}', "does not have the layout of a manifest"),
        ("", "line 1: not JSON"),
    ],
)
def test_a_broken_manifest(content, told, mirror):
    (mirror / "manifest.json").write_text(content)
    with pytest.raises(sources.SourceError, match=told) as error:
        sources.find(WORDS)
    assert str(mirror / "manifest.json") in str(error.value)


# --- reaching the Hub


class Quiet(http.server.BaseHTTPRequestHandler):
    """A server whose answer a test chooses."""

    answer = (200, b"PAR1")

    def do_GET(self):
        code, body = self.answer
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def answering(code: int, body: bytes):
    return serving(type("Answer", (Quiet,), {"answer": (code, body)}))


@contextlib.contextmanager
def silent_server(drip: bytes = b""):
    """Accepts and never answers, or sends `drip` again and again, never to an end."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        held = []

        def accept():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    held.append(listening.accept()[0])
                for connection in held if drip else ():
                    with contextlib.suppress(OSError):
                        connection.send(drip)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        stop.set()
        thread.join()
        for connection in held:
            connection.close()


def test_reach_returns_when_the_file_begins_to_come():
    with answering(206, b"PAR1") as server:
        sources.reach(f"{server}/train.parquet")


@pytest.mark.parametrize("drip", [b"", b"H", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
@pytest.mark.clock
def test_reach_holds_its_time_in_all(drip):
    """Bytes that trickle in keep a time-out for each read from ever ending; the total must."""
    with silent_server(drip) as server:
        begin = time.perf_counter()
        with pytest.raises(sources.Unavailable, match=r"the Hub did not answer"):
            sources.reach(f"{server}/train.parquet", seconds=0.5)
        assert 0.4 < time.perf_counter() - begin < 1.5


@pytest.mark.parametrize(
    ("code", "body", "told"),
    [
        (404, b"", "the Hub answered with HTTP status 404"),
        (503, b"", "the Hub answered with HTTP status 503"),
        (200, b"<!doctype html>Welcome to the hotel", "something else answered in place of the"),
    ],
)
def test_reach_tells_what_answered(code, body, told):
    with answering(code, body) as server, pytest.raises(sources.Unavailable, match=told):
        sources.reach(f"{server}/train.parquet")


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [("hub", "HF_ENDPOINT is not an address"), ("nonsense://hub", "could not be reached")],
)
def test_an_endpoint_that_is_no_address(endpoint, told, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(sources.SourceError, match=told):
        sources.find(WORDS, "hub")


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_switches_are_honoured(switch, monkeypatch):
    monkeypatch.setenv(switch, "1")
    with answering(200, b"PAR1") as server:
        monkeypatch.setenv("HF_ENDPOINT", server)
        found = sources.find(WORDS)
    assert f"{switch} is set, and no copy from the Hub is on this machine" in found.note


def test_a_set_that_is_not_on_the_hub():
    alone = sources.DataSet("alone", "Lone words", {}, lines, WORDS.sample)
    assert "Lone words are not on the Hub" in sources.find(alone).note


# --- copies kept


def test_a_copy_that_is_interrupted_does_not_count(monkeypatch):
    class Part(list):
        def to_parquet(self, path):
            Path(path).write_bytes(b"half")
            if self == ["test"]:
                raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        sources._keep(WORDS, {"train": Part(["train"]), "test": Part(["test"])})
    folder = runtime.home() / "hub" / "words"
    assert [file.name for file in folder.iterdir()] == ["train.parquet"]  # no half file, no list
    assert sources._kept(WORDS) is None


# --- in a process of its own: the whole call, as a reader makes it

ATTEMPT = """
import hashlib, json, time
from helpers import data, sources
{before}
begin = time.perf_counter()
try:
    found = data.imdb({argument})
    rows = [(part["text"].tolist(), part["label"].tolist()) for part in found]
    answer = {{"source": found.source, "note": found.note, "rows": [len(r[0]) for r in rows],
               "digest": hashlib.sha256(repr(rows).encode()).hexdigest()}}
except sources.SourceError as error:
    answer = {{"source": None, "error": str(error)}}
answer["seconds"] = time.perf_counter() - begin
print()
print(json.dumps(answer))
"""


def attempt(tmp_path: Path, *, argument="", before="", prefix=(), home="home", cache="hf", **env):
    """Start data.imdb() in a process of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    folders = {"COURSE_HOME": str(tmp_path / home), "HF_HOME": str(tmp_path / cache)}
    code = ATTEMPT.format(argument=argument, before=before)
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", code],
        env={**kept, **folders, "PYTHONPATH": str(REPOSITORY), **env},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen, seconds: float = 60) -> dict:
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return {**json.loads(out.splitlines()[-1]), "stdout": out, "stderr": err}


def cut() -> tuple[str, ...] | None:
    """The command that runs another without a network, where this system has one."""
    for command in (("unshare", "-rn"), ("unshare", "-n")):
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
    return None


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """Attempts on Hubs that do not answer, all at once: to wait for one is to wait for all."""
    tmp = tmp_path_factory.mktemp("away")
    forever = "import socket\nsocket.getaddrinfo = lambda *a, **k: time.sleep(120)"
    with silent_server() as server, silent_server(b"H") as dripping:
        started = {
            "silent": attempt(tmp, HF_ENDPOINT=server),
            "real": attempt(tmp, HF_ENDPOINT=server, COURSE_SOURCE="real"),
            "dripping": attempt(tmp, HF_ENDPOINT=dripping),
            "names": attempt(tmp, before=forever),
        }
        if cut():
            started["cut"] = attempt(tmp, prefix=cut())
        yield {name: finish(process) for name, process in started.items()}


@pytest.mark.parametrize("hub", ["silent", "dripping", "names", "cut"])
@pytest.mark.clock
def test_auto_gives_the_sample_within_five_seconds(hub, away):
    if hub not in away:
        pytest.skip("this system has no `unshare` to cut the network with")
    assert away[hub]["source"] == "sample"
    assert away[hub]["seconds"] < 5
    assert "from the SAMPLE, not the real set" in away[hub]["note"]
    why = "could not be reached" if hub == "cut" else "did not answer"
    assert f"the Hub {why}" in away[hub]["note"]
    assert away[hub]["note"] in away[hub]["stdout"]


@pytest.mark.clock
def test_real_gives_an_error_within_five_seconds(away):
    assert away["real"]["seconds"] < 5
    assert "COURSE_SOURCE=real allows only mirror and hub" in away["real"]["error"]
    assert "the Hub did not answer within 3.5 seconds" in away["real"]["error"]


# --- a Hub that works: as much of its interface as `datasets` uses, on this machine

CARD = """---
dataset_info:
  config_name: plain_text
  features: [{name: text, dtype: string},
             {name: label, dtype: {class_label: {names: {'0': neg, '1': pos}}}}]
  splits: [{name: train, num_bytes: 1, num_examples: 40},
           {name: test, num_bytes: 1, num_examples: 20},
           {name: unsupervised, num_bytes: 1, num_examples: 20}]
configs:
- config_name: plain_text
  default: true
  data_files:
  - {split: train, path: plain_text/train-*}
  - {split: test, path: plain_text/test-*}
  - {split: unsupervised, path: plain_text/unsupervised-*}
---
"""


def write_hub(root: Path, train, test) -> Path:
    """A folder laid out like stanfordnlp/imdb on the Hub, its third split included."""
    folder = root / "stanfordnlp" / "imdb"
    (folder / "plain_text").mkdir(parents=True)
    unlabelled = test.assign(label=-1)
    for split, frame in {"train": train, "test": test, "unsupervised": unlabelled}.items():
        frame.to_parquet(folder / "plain_text" / f"{split}-00000-of-00001.parquet", index=False)
    (folder / "README.md").write_text(CARD)
    return root


def reviews(count: int, word: str):
    import pandas as pd

    texts = [
        f"{word} review number {i}, with a comma\nand a \u201cquote\u201d" for i in range(count)
    ]
    return pd.DataFrame({"text": texts, "label": [i % 2 for i in range(count)]})


class FakeHub(http.server.BaseHTTPRequestHandler):
    """`root` as the Hub serves it. `slow`: seconds that a file takes; `broken`: it never comes."""

    protocol_version = "HTTP/1.1"
    root: Path
    asked: list[str]
    slow = 0.0
    broken = False
    commit = "a" * 40

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(200, b"[]")

    def do_GET(self):
        url = self.path.split("?")[0].strip("/").split("/")
        self.asked.append(f"{self.command} {self.path}")
        if url[:2] == ["api", "datasets"]:
            self.about("/".join(url[2:4]), url[4:])
        elif url[0] == "datasets" and url[3:4] == ["resolve"]:
            self.file(self.root.joinpath(*url[1:3], *url[5:]))
        else:
            self.reply(404, b"{}")

    def about(self, name: str, rest: list[str]):
        folder = self.root / name
        if rest[:1] == ["tree"]:
            within = folder.joinpath(*rest[2:])
            return self.reply(200, json.dumps([self.entry(p) for p in within.iterdir()]).encode())
        files = [f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()]
        siblings = [{"rfilename": file} for file in sorted(files)]
        answer = {"id": name, "sha": self.commit, "siblings": siblings, "private": False}
        return self.reply(200, json.dumps({**answer, "tags": [], "downloads": 0}).encode())

    def entry(self, found: Path) -> dict:
        path = found.relative_to(self.root / "stanfordnlp" / "imdb").as_posix()
        kind = "directory" if found.is_dir() else "file"
        return {"type": kind, "path": path, "size": found.stat().st_size, "oid": "0" * 40}

    def file(self, file: Path):
        about = {"X-Repo-Commit": self.commit}
        if not file.is_file():
            return self.reply(404, b"", **about, **{"X-Error-Code": "EntryNotFound"})
        content = file.read_bytes()
        about |= {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
        if self.headers.get("Range") == "bytes=0-3":
            return self.reply(206, content[:4], **about)
        if self.command == "GET" and file.suffix == ".parquet":
            if self.broken:
                return self.reply(403, b"no", **about)
            time.sleep(self.slow)
        return self.reply(200, content, **about)

    def reply(self, code: int, body: bytes, **headers: str):
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


def fake_hub(root: Path, asked: list[str] | None = None, **how):
    how |= {"root": root, "asked": [] if asked is None else asked}
    return serving(type("Hub", (FakeHub,), how))


@pytest.fixture(scope="module")
def hub_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    return write_hub(root, reviews(40, "train"), reviews(20, "test"))


@pytest.fixture(scope="module")
def there(tmp_path_factory, hub_root):
    """Attempts on a Hub that works, and what comes of them when it is gone."""
    tmp, asked = tmp_path_factory.mktemp("there"), []
    with (
        fake_hub(hub_root, asked) as good,
        fake_hub(hub_root, slow=3.0) as slow,
        fake_hub(hub_root, broken=True) as broken,
    ):
        began = {
            "good": attempt(tmp, HF_ENDPOINT=good),
            "slow": attempt(tmp, HF_ENDPOINT=slow, home="home2", cache="hf2"),
            "broken": attempt(tmp, HF_ENDPOINT=broken, home="home3", cache="hf3"),
            "real": attempt(
                tmp, HF_ENDPOINT=broken, home="home3", cache="hf4", COURSE_SOURCE="real"
            ),
        }
        done = {name: finish(process) for name, process in began.items()}
        full = "import datasets; datasets.load_dataset('stanfordnlp/imdb', 'plain_text')"
        env = {**os.environ, "HF_ENDPOINT": good, "HF_HOME": str(tmp / "hf5")}
        done["asked"] = list(asked)
        subprocess.run([sys.executable, "-c", full], env=env, check=True, capture_output=True)
        gone = good
    shutil.copytree(tmp / "home", tmp / "home6")
    with open(tmp / "home6" / "hub" / "imdb" / "test.parquet", "ab") as file:
        file.write(b"x")
    began = {
        "kept": attempt(tmp, HF_ENDPOINT=gone),
        "elsewhere": attempt(tmp, HF_ENDPOINT=gone, home="home5", cache="hf5"),
        "damaged": attempt(tmp, HF_ENDPOINT=gone, home="home6", cache="hf6"),
    }
    done |= {name: finish(process) for name, process in began.items()}
    return {**done, "folder": tmp}


@pytest.mark.slow
def test_from_the_hub_itself(there):
    assert there["good"]["source"] == "hub"
    assert there["good"]["note"] == (
        "IMDB reviews: 40 train, 20 test, from the Hub (stanfordnlp/imdb)."
    )
    assert there["good"]["rows"] == [40, 20]
    assert any("train-00000" in line for line in there["asked"])
    downloaded = [line for line in there["asked"] if "/resolve/" in line]
    assert not [line for line in downloaded if "unsupervised" in line]  # half of the bytes


@pytest.mark.slow
@pytest.mark.clock
def test_a_slow_download_is_not_cut_short(there):
    assert there["slow"]["seconds"] > 5
    assert there["slow"]["digest"] == there["good"]["digest"]


@pytest.mark.slow
def test_a_download_that_fails_is_told(there):
    assert there["broken"]["source"] == "sample"
    assert "the Hub was reached, but the download failed (" in there["broken"]["note"]
    assert "the download failed (" in there["real"]["error"]
    assert not (there["folder"] / "home3" / "hub").exists()


@pytest.mark.slow
@pytest.mark.clock
def test_what_came_from_the_hub_is_kept_and_read_without_it(there):
    assert there["kept"]["note"] == (
        "IMDB reviews: 40 train, 20 test, from the Hub (stanfordnlp/imdb, kept here, sha256 verified)."
    )
    assert there["kept"]["digest"] == there["good"]["digest"]
    assert there["kept"]["seconds"] < 2


@pytest.mark.slow
def test_the_cache_of_datasets_serves_without_a_network(there):
    assert "stanfordnlp/imdb, in the cache of `datasets`" in there["elsewhere"]["note"]
    assert there["elsewhere"]["digest"] == there["good"]["digest"]
    told = there["elsewhere"]["stdout"] + there["elsewhere"]["stderr"]
    assert str(there["folder"]) not in told  # notebooks store what is printed


@pytest.mark.slow
def test_a_damaged_copy_is_not_used(there):
    assert there["damaged"]["source"] == "sample"


# --- a local folder in the Hub's layout


def test_a_folder_in_the_layout_of_the_hub_needs_no_network(hub_root, tmp_path):
    prefix = cut() or ()
    answer = finish(attempt(tmp_path, prefix=prefix, COURSE_HUB=str(hub_root)))
    assert answer["note"] == (
        "IMDB reviews: 40 train, 20 test, from a local copy of the Hub (stanfordnlp/imdb)."
    )
    assert not (tmp_path / "home" / "hub").exists()  # nothing is kept of what is here anyway


def test_course_hub_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "nowhere"))
    with pytest.raises(
        sources.SourceError, match=r"COURSE_HUB names the folder .*nowhere, which is"
    ):
        sources.find(WORDS)
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    with pytest.raises(sources.SourceError, match=r"COURSE_HUB: .*train\.txt is not there"):
        sources.find(WORDS)


# --- costs


def test_import_brings_nothing_heavy():
    heavy = "{'tensorflow', 'keras', 'datasets', 'sklearn', 'pandas', 'numpy', 'matplotlib'}"
    code = f"import sys, helpers.data; print({heavy} & set(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "set()"
