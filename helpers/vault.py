"""Files encrypted at rest: a key from a passphrase, and encryption that notices every change.

The file is cut into chunks, each sealed by AES-256-GCM (Dworkin 2007, NIST SP 800-38D). A chunk's
nonce holds its number and whether it is the last (the STREAM construction, Hoang et al. 2015), and the
header is authenticated with every chunk. So nothing can be altered, left out, put in another order or
cut off unnoticed. The key is made by scrypt (Percival and Josefsson 2016, RFC 7914).

    header   8 bytes LMOVAULT, 1 version, 1 log2 n, 4 r, 4 p, 16 salt, 7 nonce, 4 chunk size
    chunks   each up to chunk size bytes, encrypted, and a tag of 16 bytes
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from helpers import runtime

MAGIC, VERSION = b"LMOVAULT", 1
HEADER = struct.Struct(">8sBBII16s7sI")
TAG = 16
CHUNK = 64 * 1024
LOG2_N, BLOCKS, LANES = 15, 8, 1  # scrypt: 32 MiB and about a tenth of a second
MAX_LOG2_N, MAX_BLOCKS, MAX_LANES, MAX_CHUNK = 18, 16, 4, 1 << 24  # a file must not ask for more
SUFFIX = ".vault"


class VaultError(ValueError):
    """A file cannot be opened: another passphrase, or changed since it was encrypted."""


@dataclass(frozen=True)
class _Header:
    log2_n: int
    r: int
    p: int
    salt: bytes
    nonce: bytes
    chunk: int

    def packed(self) -> bytes:
        fields = (self.log2_n, self.r, self.p, self.salt, self.nonce, self.chunk)
        return HEADER.pack(MAGIC, VERSION, *fields)

    @classmethod
    def parse(cls, raw: bytes, path: Path) -> _Header:
        if raw[: len(MAGIC)] != MAGIC:
            raise VaultError(f"{path.name} is no vault: it does not begin with {MAGIC.decode()}")
        if len(raw) < HEADER.size:
            raise VaultError(f"{path.name} ends within its header: it was cut off")
        _, version, *fields = HEADER.unpack(raw)
        if version != VERSION:
            raise VaultError(
                f"{path.name} has version {version} of the format, and this code reads {VERSION}: "
                "it is from a newer course, or its header was changed"
            )
        header = cls(*fields)
        sane = (
            1 <= header.log2_n <= MAX_LOG2_N and 1 <= header.r <= MAX_BLOCKS
            and 1 <= header.p <= MAX_LANES and 1 <= header.chunk <= MAX_CHUNK
        )  # fmt: skip
        if not sane:  # or a forged header could ask for all the memory
            raise VaultError(f"{path.name}: its header asks for sizes out of range; it was changed")
        return header


def encrypt_file(
    path: str | os.PathLike, passphrase: str, to: str | os.PathLike | None = None, *,
    overwrite: bool = False,
) -> Path:  # fmt: skip
    """Encrypt a file. The plain file is left where it is: deleting it is for you to decide.

    Args:
        path: the plain file, of any size; it is read chunk by chunk.
        passphrase: at least 8 characters, and not one of them repeated. Its strength is that of the
            whole.
        to: the encrypted file; the plain file's name and ".vault" unless given.
        overwrite: whether a file that is there already may be replaced.

    Returns:
        where the encrypted file is. It appears whole or not at all.

    Raises:
        ValueError: the passphrase is no text or too simple, or both files are one.
        FileExistsError: the encrypted file is there already.
        OSError: a file cannot be read or written.
    """
    source = Path(path)
    target = Path(to) if to is not None else source.with_name(source.name + SUFFIX)
    _check_new(passphrase)
    _check_target(source, target, overwrite)
    header = _Header(LOG2_N, BLOCKS, LANES, os.urandom(16), os.urandom(7), CHUNK)
    cipher = _cipher(passphrase, header)
    with (
        open(source, "rb") as plain,
        runtime.write_atomically(target) as part,
        open(part, "wb") as sealed,
    ):
        sealed.write(header.packed())
        for nonce, chunk in _numbered(plain, header, header.chunk):
            sealed.write(cipher.encrypt(nonce, chunk, header.packed()))
    return target


def decrypt_bytes(path: str | os.PathLike, passphrase: str) -> bytes:
    """What an encrypted file holds, in memory only: nothing plain is written to a disk.

    Raises:
        ValueError: the passphrase is no text.
        VaultError: as `decrypt_file`.
    """
    _check_text(passphrase)
    return b"".join(_opened(Path(path), passphrase))


def decrypt_file(
    path: str | os.PathLike, passphrase: str, to: str | os.PathLike, *, overwrite: bool = False
) -> Path:
    """Decrypt a file to another. Everything is verified before the first plain byte is written.

    Args:
        path: what `encrypt_file` made.
        passphrase: the one it was made with.
        to: the plain file. It appears whole or not at all.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        ValueError: the passphrase is no text, or both files are one.
        FileExistsError: the plain file is there already.
        VaultError: another passphrase, or a file that was changed, cut off or put together.
        OSError: a file cannot be read or written.
    """
    source, target = Path(path), Path(to)
    _check_text(passphrase)
    _check_target(source, target, overwrite)
    for _ in _opened(source, passphrase):
        pass  # a first reading: a file that fails in its last chunk leaves nothing plain behind
    with runtime.write_atomically(target) as part, open(part, "wb") as plain:
        for chunk in _opened(source, passphrase):
            plain.write(chunk)
    return target


def _opened(path: Path, passphrase: str) -> Iterator[bytes]:
    from cryptography.exceptions import InvalidTag

    with open(path, "rb") as sealed:
        header = _Header.parse(sealed.read(HEADER.size), path)
        cipher = _cipher(passphrase, header)
        for number, (nonce, chunk) in enumerate(_numbered(sealed, header, header.chunk + TAG)):
            try:
                yield cipher.decrypt(nonce, chunk, header.packed())
            except InvalidTag:
                raise VaultError(_why(path, number)) from None


def _why(path: Path, number: int) -> str:
    if number == 0:
        return (
            f"{path.name} does not open: the passphrase is another one, or the file was changed. "
            "Which of the two, nobody can tell from the file"
        )
    return (
        f"{path.name} was changed or cut off after it was encrypted (chunk {number + 1} is not what "
        "was written). Nothing of it is returned; take a copy from a backup"
    )


def _numbered(file: IO[bytes], header: _Header, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Chunks of a file, each with the nonce of its number; the last one's nonce says so.

    An empty file is one empty chunk, so that it is authenticated as well.
    """
    number, chunk = 0, file.read(size)
    while True:
        following = file.read(size)
        if number >= 1 << 32:
            raise ValueError("the file has more than 2**32 chunks: encrypt it in parts")
        yield header.nonce + struct.pack(">IB", number, not following), chunk
        if not following:
            return
        number, chunk = number + 1, following


def _cipher(passphrase: str, header: _Header):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    key = Scrypt(header.salt, 32, 2**header.log2_n, header.r, header.p)
    return AESGCM(key.derive(passphrase.encode("utf-8")))


def _check_text(passphrase: str) -> None:
    if not isinstance(passphrase, str) or not passphrase:  # never with it: errors end in logs
        raise ValueError(
            f"the passphrase is no text or empty (a {type(passphrase).__name__}): give the text that "
            "the file was encrypted with"
        )


def _check_new(passphrase: str) -> None:
    simple = not isinstance(passphrase, str) or len(passphrase) < 8 or len(set(passphrase)) == 1
    if simple:
        raise ValueError(
            "the passphrase is no text, too short, or one character repeated; take 8 characters or "
            "more, better five words drawn at random"
        )


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    if source.resolve() == target.resolve():
        raise ValueError(f"{target.name} would overwrite what is read; give another name")
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"{target.name} is there already: give another name, or overwrite=True to replace it"
        )
