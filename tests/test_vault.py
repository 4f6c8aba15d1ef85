"""Encrypted files: what comes back, what is refused, and what is left behind."""

from __future__ import annotations

import os
import traceback

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import vault

SECRET = b"Name;salary\nMia Park;4800\n" * 3
PASSPHRASE = "tulip harbour spoon eleven"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Small chunks, so that short files have many, and a cheap key."""
    monkeypatch.setattr(vault, "CHUNK", 16)
    monkeypatch.setattr(vault, "LOG2_N", 4)


@pytest.fixture
def sealed(tmp_path):
    plain = tmp_path / "letters.csv"
    plain.write_bytes(SECRET)
    return vault.encrypt_file(plain, PASSPHRASE)


def altered(path, raw):
    other = path.with_name("altered.vault")
    other.write_bytes(raw)
    return other


def refused(path, passphrase=PASSPHRASE):
    """The message of both ways to open it; nothing plain may be left by either."""
    there = {file.name for file in path.parent.iterdir()}
    with pytest.raises(vault.VaultError) as first:
        vault.decrypt_bytes(path, passphrase)
    with pytest.raises(vault.VaultError) as second:
        vault.decrypt_file(path, passphrase, path.parent / "plain.csv")
    assert str(first.value) == str(second.value)
    assert {file.name for file in path.parent.iterdir()} == there
    return str(first.value)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=70))
def test_what_went_in_comes_out(tmp_path, content):
    plain = tmp_path / "any"
    plain.write_bytes(content)
    sealed = vault.encrypt_file(plain, PASSPHRASE, overwrite=True)
    assert vault.decrypt_bytes(sealed, PASSPHRASE) == content
    back = vault.decrypt_file(sealed, PASSPHRASE, tmp_path / "back", overwrite=True)
    assert back.read_bytes() == content
    assert sealed.stat().st_size == vault.HEADER.size + len(content) + 16 * max(
        1, -(-len(content) // 16)
    )


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32, 33])
def test_sizes_around_a_chunk(tmp_path, size):
    plain = tmp_path / "any"
    plain.write_bytes(b"x" * size)
    assert vault.decrypt_bytes(vault.encrypt_file(plain, PASSPHRASE), PASSPHRASE) == b"x" * size


def test_the_shipped_settings_work_and_are_not_cheap(tmp_path, monkeypatch):
    monkeypatch.undo()
    assert vault.LOG2_N >= 14 and vault.CHUNK >= 4096
    plain = tmp_path / "large"
    plain.write_bytes(os.urandom(200_000))
    sealed = vault.encrypt_file(plain, PASSPHRASE)
    assert vault.decrypt_bytes(sealed, PASSPHRASE) == plain.read_bytes()


def test_another_passphrase_is_refused(sealed):
    assert "passphrase" in refused(sealed, PASSPHRASE + "!")


def test_every_flipped_bit_is_refused(sealed):
    raw = sealed.read_bytes()
    for at in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            with pytest.raises(vault.VaultError):
                vault.decrypt_bytes(altered(sealed, changed), PASSPHRASE)


def test_every_truncation_is_refused(sealed):
    raw = sealed.read_bytes()
    for length in range(len(raw)):
        with pytest.raises(vault.VaultError):
            vault.decrypt_bytes(altered(sealed, raw[:length]), PASSPHRASE)
    whole_chunks = vault.HEADER.size + 2 * (16 + 16)  # cut where a chunk ends
    assert "cut off" in refused(altered(sealed, raw[:whole_chunks]))
    refused(altered(sealed, raw + b"\0"))


def test_a_header_of_another_file_is_refused(sealed, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(SECRET)
    foreign = vault.encrypt_file(other, PASSPHRASE).read_bytes()
    raw, size = sealed.read_bytes(), vault.HEADER.size
    assert "passphrase" in refused(altered(sealed, foreign[:size] + raw[size:]))
    # Of the two, one field at a time: salt, nonce, and settings of the key.
    for start, stop in ((18, 34), (34, 41)):
        refused(altered(sealed, raw[:start] + foreign[start:stop] + raw[stop:]))


def test_chunks_in_another_order_or_from_another_file_are_refused(sealed, tmp_path):
    raw, size = sealed.read_bytes(), vault.HEADER.size
    head, chunks = raw[:size], [raw[i : i + 32] for i in range(size, len(raw), 32)]
    swapped = [chunks[1], chunks[0], *chunks[2:]]
    refused(altered(sealed, head + b"".join(swapped)))
    twice = [chunks[0], chunks[0], *chunks[1:]]
    refused(altered(sealed, head + b"".join(twice)))
    refused(altered(sealed, head + b"".join([chunks[0], *chunks[2:]])))


def test_a_header_cannot_ask_for_all_the_memory(sealed):
    raw = bytearray(sealed.read_bytes())
    raw[9] = 60
    assert "out of range" in refused(altered(sealed, raw))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no vault"), (b"Name;salary", "no vault"), (b"LMOVAULT", "cut off"),
     (b"LMOVAULT\x07" + b"\0" * 40, "version 7")],
)  # fmt: skip
def test_files_that_are_none(tmp_path, content, said):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert said in refused(path)


@pytest.mark.parametrize("passphrase", ["", "tiny-pw", "aaaaaaaaaaaa", None, b"bytes are not it"])
def test_a_bad_passphrase_is_refused_without_being_repeated(tmp_path, passphrase):
    plain = tmp_path / "plain"
    plain.write_bytes(SECRET)
    with pytest.raises(ValueError, match="passphrase") as error:
        vault.encrypt_file(plain, passphrase)
    assert not passphrase or str(passphrase) not in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["plain"]


@pytest.mark.parametrize("passphrase", ["", None, b"bytes are not it"])
def test_a_passphrase_that_is_no_text_opens_nothing(sealed, tmp_path, passphrase):
    for ask in (
        lambda: vault.decrypt_bytes(sealed, passphrase),
        lambda: vault.decrypt_file(sealed, passphrase, tmp_path / "plain.csv"),
    ):
        with pytest.raises(ValueError, match="passphrase is no text"):
            ask()
    assert not (tmp_path / "plain.csv").exists()


def test_a_file_that_is_there_is_kept_unless_told_otherwise(sealed, tmp_path):
    there = tmp_path / "there"
    there.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        vault.encrypt_file(tmp_path / "letters.csv", PASSPHRASE, to=there)
    with pytest.raises(FileExistsError, match="there is there already"):
        vault.decrypt_file(sealed, PASSPHRASE, there)
    assert there.read_bytes() == b"mine"
    before = sealed.read_bytes()
    with pytest.raises(FileExistsError):
        vault.encrypt_file(tmp_path / "letters.csv", PASSPHRASE)
    assert sealed.read_bytes() == before
    vault.decrypt_file(sealed, PASSPHRASE, there, overwrite=True)
    assert there.read_bytes() == SECRET


def test_it_does_not_overwrite_what_it_reads(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(SECRET)
    with pytest.raises(ValueError, match="overwrite"):
        vault.encrypt_file(plain, PASSPHRASE, to=tmp_path / "." / "plain", overwrite=True)
    assert plain.read_bytes() == SECRET


def test_nothing_plain_and_no_key_in_files_or_errors(sealed, tmp_path):
    assert {file.name for file in tmp_path.iterdir()} == {"letters.csv", "letters.csv.vault"}
    for word in (b"Mia", b"4800", PASSPHRASE.encode(), b"salary"):
        assert word not in sealed.read_bytes()
    try:
        vault.decrypt_bytes(sealed, "a wrong passphrase")
    except vault.VaultError as error:
        said = "".join(traceback.format_exception(error))
    assert "a wrong passphrase" not in said.replace('"a wrong passphrase")', "")


def test_a_failure_while_writing_leaves_nothing(sealed, tmp_path, monkeypatch):
    there = {file.name for file in tmp_path.iterdir()}

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vault.runtime.os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        vault.decrypt_file(sealed, PASSPHRASE, tmp_path / "plain.csv")
    assert {file.name for file in tmp_path.iterdir()} == there


def test_two_encryptions_of_one_file_share_nothing(sealed, tmp_path):
    again = vault.encrypt_file(tmp_path / "letters.csv", PASSPHRASE, to=tmp_path / "again")
    a, b = sealed.read_bytes(), again.read_bytes()
    size = vault.HEADER.size
    assert a[18:41] != b[18:41]
    assert not {a[i : i + 16] for i in range(size, len(a), 32)} & {
        b[i : i + 16] for i in range(size, len(b), 32)
    }
    chunks = [a[i : i + 16] for i in range(size, len(a), 32)]
    assert len(set(chunks)) == len(chunks), "equal plain chunks must not look equal"
