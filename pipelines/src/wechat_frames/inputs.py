# SPDX-License-Identifier: GPL-2.0-or-later
"""Which captures there are, what makes one the same as before, and into how many parts it is dealt.

Paths are bytes, as Linux has them: a name may hold blanks, line ends, and bytes that are no UTF-8. What has a scheme
(`hdfs://`, `s3://`, `file://` …) is no local path; pyarrow's file systems read it.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pyarrow.fs as fs

_NAMES = re.compile(rb"\.(pcap|pcapng|cap)\d*(\.(gz|zst|lz4))?$", re.IGNORECASE)
"""What a folder's captures are called; tcpdump's `-C` puts a number behind."""

_PACKED = re.compile(rb"\.(gz|zst|lz4)$", re.IGNORECASE)
_SECRET = re.compile(r"(?<=://)[^/@]*:[^/@]*@")
_REMOTE = re.compile(rb"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """The user's request cannot be carried out; the message is a sentence for them."""


@dataclass(frozen=True)
class Input:
    """A capture or a part of one: `part` of `parts`, dealt by connection."""

    path: bytes
    size: int
    """In bytes; -1 if it is not there."""
    modified_ns: int
    """Nanoseconds since 1970."""
    part: int = 0
    parts: int = 1

    @property
    def identity(self) -> str:
        """The same as long as path, size, time and part are; 24 hexadecimal digits."""
        words = (self.path, *(b"%d" % n for n in (self.size, self.modified_ns, self.part, self.parts)))
        return hashlib.sha256(b"\0".join(words)).hexdigest()[:24]

    @property
    def text(self) -> str:
        """The path as text, without a URI's password; bytes that are no UTF-8 as a backslash, an x and two digits."""
        text = self.path.decode("utf-8", "backslashreplace")
        return _SECRET.sub("", text) if self.remote else text

    @property
    def modified(self) -> datetime:
        """When the file was changed; of years that Python has no dates for, the first of them."""
        try:
            return _EPOCH + timedelta(microseconds=self.modified_ns // 1000)
        except OverflowError:
            return _EARLIEST

    @property
    def cost(self) -> int:
        """Bytes that one tshark reads, about."""
        return max(0, self.size) // self.parts

    @property
    def remote(self) -> bool:
        return is_remote(self.path)


def is_remote(path: bytes) -> bool:
    return _REMOTE.match(path) is not None


def remote(path: bytes) -> tuple[fs.FileSystem, str]:
    """The file system that a URI names, and the path in it."""
    try:
        system, inner = fs.FileSystem.from_uri(path.decode())
    except (UnicodeDecodeError, ValueError, OSError) as error:
        said = f"{path.decode(errors='backslashreplace')} cannot be opened: {error}"
        raise OSError(_SECRET.sub("", said)) from error
    return system, inner


def discover(names: Iterable[str], split: int) -> list[Input]:
    """All inputs of files and folders, each once, in a fixed order. Files above `split` bytes are dealt into parts."""
    found: dict[str, Input] = {}
    for name in names:
        path = os.fsencode(name)
        for one in _remote_files(path) if is_remote(path) else _local_files(os.path.abspath(path)):
            for dealt in _parts(one, split):
                found.setdefault(dealt.identity, dealt)
    return list(found.values())


def _local_files(path: bytes) -> Iterator[Input]:
    if not os.path.isdir(path):
        yield _local(path)
        return

    def unreadable(error: OSError) -> None:
        raise Refused(f"a folder cannot be read: {error}")

    for folder, folders, files in os.walk(path, onerror=unreadable):
        folders.sort()
        for name in sorted(files):
            one = os.path.join(folder, name)
            # Neither a pipe nor a device: opening one may wait for ever.
            if _NAMES.search(name) and (os.path.isfile(one) or os.path.islink(one)):
                yield _local(one)


def _local(path: bytes) -> Input:
    try:
        about = os.stat(path)
    except OSError:
        return Input(path, -1, 0)
    return Input(path, about.st_size if stat.S_ISREG(about.st_mode) else 0, about.st_mtime_ns)


def _remote_files(path: bytes) -> Iterator[Input]:
    path = path.rstrip(b"/")
    try:
        system, inner = remote(path)
        about = system.get_file_info(inner)
        if about.type == fs.FileType.Directory:
            listed = sorted(system.get_file_info(fs.FileSelector(inner, recursive=True)), key=lambda one: one.path)
            listed = [one for one in listed if one.is_file and _NAMES.search(one.path.encode())]
            # The path in the system has a blank where the URI has %20.
            files = [(path + quote(one.path.removeprefix(inner.rstrip("/"))).encode(), one) for one in listed]
        else:
            files = [(path, about)]
    except OSError as error:
        raise Refused(str(error)) from error
    for uri, one in files:
        there = one.type == fs.FileType.File
        yield Input(uri, one.size if there else -1, one.mtime_ns or 0 if there else 0)


def _parts(one: Input, split: int) -> Iterator[Input]:
    """tcpdump deals the connections, and reads nothing packed."""
    parts = 1 if _PACKED.search(one.path) else max(1, -(-one.size // split))
    for part in range(parts):
        yield Input(one.path, one.size, one.modified_ns, part, parts)
