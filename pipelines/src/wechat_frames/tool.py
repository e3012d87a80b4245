# SPDX-License-Identifier: GPL-2.0-or-later
"""How tshark is started, limited, and asked whether it has the plugin.

Two small programs of util-linux stand before it: `prlimit` sets the memory limit, and `setpriv` lets tshark die with
its parent and, of root, makes another user, because root's tshark loads no personal plugins.
"""

import functools
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from .inputs import Input, Refused, remote
from .schema import COMMANDS

NOBODY = 65534
"""User and group that tshark runs as if we are root."""

_NO_PACKETS = bytes.fromhex("d4c3b2a1 02000400 00000000 00000000 00000400 01000000")
"""A capture's header without packets."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Settings:
    """What a user may set for each tshark."""

    tshark: str | None = None
    """Program; otherwise the bundle's, otherwise the one in `PATH`."""
    plugin: str | None = None
    """Folder in a HOME layout that has the plugin; otherwise the user's own."""
    preferences: tuple[str, ...] = ()
    """As behind tshark's `-o`."""
    two_passes: bool = False
    memory: int = 4096
    """Address space of one tshark, in MiB."""
    limit: float = 3600
    """Wall time of one tshark, in seconds."""
    spool: int = 16384
    """Largest capture copied to local disk, in MiB."""


@dataclass(frozen=True)
class Versions:
    tshark: str
    plugin: str


@dataclass(frozen=True)
class Ended:
    """How tshark ended."""

    status: int | None
    """Exit status; below zero the signal that ended it; None if it was late."""
    message: str | None


def _folder(name: str) -> str:
    """An absolute path: from here or, on Spark, from where `--archives` was unpacked."""
    if os.path.isabs(name) or os.path.exists(name) or "pyspark" not in sys.modules:
        return os.path.abspath(name)
    from pyspark import SparkFiles

    return os.path.join(SparkFiles.getRootDirectory(), name)


@functools.cache
def _entered(folder: str) -> int:
    """A folder, held open for this process and those it starts."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Refused(f"{folder} cannot be entered: {error.strerror}") from error
    os.set_inheritable(descriptor, True)
    return descriptor


def _home(settings: Settings) -> str | None:
    """Where the plugin lies, by a name that tshark's user can follow.

    Spark unpacks archives into folders that are closed to all other users. What is open already is entered without
    walking there.
    """
    if settings.plugin is None:
        return None
    folder = _folder(settings.plugin)
    return f"/proc/self/fd/{_entered(folder)}" if os.geteuid() == 0 else folder


def _inherited(settings: Settings) -> tuple[int, ...]:
    """What a program needs open, for `_home` to be a name."""
    return (_entered(_folder(settings.plugin)),) if settings.plugin is not None and os.geteuid() == 0 else ()


def _program(settings: Settings) -> str:
    if settings.tshark is not None:
        # A bare name is looked for in PATH, as a shell does.
        return _folder(settings.tshark) if os.sep in settings.tshark else settings.tshark
    home = _home(settings)
    return f"{home}/bin/tshark" if home is not None and os.path.isfile(f"{home}/bin/tshark") else "tshark"


def _environment(settings: Settings) -> dict[str, str]:
    """Nothing of the user's own that would change what is printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WIRESHARK_", "XDG_"))}
    # Dictionaries of other protocols take a third of tshark's start; without its data folder it reads none.
    kept.update(LC_ALL="C.UTF-8", TZ="UTC", WIRESHARK_DATA_DIR="/nonexistent")
    home = _home(settings)
    kept.update({"HOME": home} if home is not None else {"WIRESHARK_CONFIG_DIR": "/nonexistent"})
    return kept


def _limited(settings: Settings, *command: str) -> list[str]:
    """The command under the limits; it dies with the thread that starts it."""
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    limits = ["prlimit", f"--as={settings.memory << 20}", "--core=0"]
    return [*limits, "--", "setpriv", "--pdeathsig", "KILL", *user, "--", *command]


def _tshark(settings: Settings, *arguments: str) -> list[str]:
    words = [_program(settings), "-n", "-q"]
    for preference in settings.preferences:
        words += ["-o", preference]
    for command in COMMANDS.values():
        words += ["-z", command]
    return _limited(settings, *words, *arguments)


_GREETINGS = ("reading from file -", "Warning: interface names might be incorrect")


def _said(text: bytes) -> str | None:
    """What a program wrote to stderr, at most 2000 characters, without tcpdump's greeting."""
    lines = text[:8000].decode(errors="replace").replace("\0", "").strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith(_GREETINGS))[:2000] or None


@functools.cache
def probe(settings: Settings) -> Versions:
    """Versions of tshark and the plugin; refused, in tshark's words, if one is missing or takes no such preference."""
    for preference in settings.preferences:
        _check_readable(*preference.split(":", 1))
    if any(not os.fstat(folder).st_mode & stat.S_IXOTH for folder in _inherited(settings)):
        raise Refused(f"of root, tshark runs as user {NOBODY}, who cannot enter {settings.plugin}")
    program = _program(settings)
    for needed in (program, "prlimit", "setpriv"):
        if shutil.which(needed) is None:
            raise Refused(f"there is no program {needed}")
    commands = (
        _tshark(settings, "-r", "-"),
        _limited(settings, program, "--version"),
        _limited(settings, program, "-G", "plugins"),
    )
    with ThreadPoolExecutor() as at_once:
        tried, version, plugins = at_once.map(lambda command: _answer(command, settings), commands)
    if tried.returncode != 0:
        lines = (_said(tried.stderr) or f"it ended with the status {tried.returncode}").splitlines()
        words = " ".join(line.strip() for line in lines if not line.startswith((" ", "\t")))
        for preference in settings.preferences:
            words = words.replace(preference, preference.partition(":")[0])  # its value may be a key
        lacks = " and has no WeChat plugin" if "Invalid -z argument" in words else ""
        if lacks and os.geteuid() == 0 and settings.plugin is None:
            lacks += f" that user {NOBODY} can read, as whom it runs"
        raise Refused(f"{program} cannot be used{lacks}: {words.removesuffix('; it must be one of:')}")
    rows = [line.split("\t") for line in plugins.stdout.decode(errors="replace").splitlines()]
    ours = [row[1].strip() for row in rows if len(row) > 1 and row[0].strip().startswith("wechat.")]
    said = version.stdout.decode(errors="replace").split()
    return Versions(tshark=said[2].rstrip(".") if len(said) > 2 else "", plugin=ours[0] if ours else "")


def _answer(command: list[str], settings: Settings) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command,
            env=_environment(settings),
            pass_fds=_inherited(settings),
            input=_NO_PACKETS,
            capture_output=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{_program(settings)} cannot be used: it is not done after {error.timeout:g} s") from error
    except OSError as error:
        raise Refused(f"{_program(settings)} cannot be used: {error}") from error


def _check_readable(name: str, value: str = "") -> None:
    """A file that a preference names and tshark's user cannot read would only be missed."""
    if name.endswith(".keylog_file") and value and not os.path.isfile(value):
        raise Refused(f"the key log {value} is no file that is there")
    if os.geteuid() != 0 or not os.path.isfile(value):
        return
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    if subprocess.run([*user, "test", "-r", value], check=False).returncode != 0:
        raise Refused(f"of root, tshark runs as user {NOBODY}, who cannot read {value}")


def run(one: Input, settings: Settings, out: IO[bytes]) -> Ended:
    """Lets tshark read an input and write its lines to `out`. Raises OSError if the input cannot be read."""
    deadline = time.monotonic() + settings.limit
    with ExitStack() as stack:
        packets = stack.enter_context(_opened(one, settings))
        err = stack.enter_context(tempfile.TemporaryFile())
        note = None
        try:
            if one.parts > 1:
                why, tags = _undealable(packets, settings, deadline)
                if why is not None and one.part > 0:
                    return Ended(0, f"not dealt, part 0 has all: {why}")
                note = why and f"not dealt: {why}"
            filtered = deal_filter(one.part, one.parts, tags) if one.parts > 1 and note is None else None
            ended = _dissect(filtered, settings, packets, out, err, deadline)
        except subprocess.TimeoutExpired:
            ended = None
        err.seek(0)
        how = f"not done after {settings.limit:g} s" if ended is None else None
        how = f"ended by {signal.Signals(-ended).name}" if ended is not None and ended < 0 else how
        words = [note, _said(err.read(8000)), how]
        return Ended(ended, "\n".join(word for word in words if word) or None)


def _dissect(
    filtered: str | None, settings: Settings, packets: IO[bytes], out: IO[bytes], err: IO[bytes], deadline: float
) -> int:
    with ExitStack() as stack:
        dealer = None
        if filtered is not None:
            deal = ["tcpdump", "--nano", "-r", "-", "-w", "-", filtered]
            pipe: int | IO[bytes] = subprocess.PIPE
            if settings.two_passes:
                pipe = stack.enter_context(tempfile.TemporaryFile())
            dealer = stack.enter_context(_running(_limited(settings, *deal), settings, packets, pipe, err))
            if isinstance(pipe, int):
                assert dealer.stdout is not None
                packets = stack.enter_context(dealer.stdout)
            else:
                dealer.wait(deadline - time.monotonic())
                packets = pipe
                packets.seek(0)
        if settings.two_passes:
            # tshark opens it once more by this name: a pipe would not do, and its user must be allowed to.
            packets = stack.enter_context(_for_nobody(packets, settings))
            command = _tshark(settings, "-2", "-r", "/dev/stdin")
        else:
            command = _tshark(settings, "-r", "-")
        with _running(command, settings, packets, out, err) as child:
            if dealer is not None and dealer.stdout is not None:
                dealer.stdout.close()  # so that the dealer learns of tshark's end
            status = child.wait(max(0.0, deadline - time.monotonic()))
        # What tcpdump has not dealt to its end is not "ok".
        return status or (0 if dealer is None else dealer.wait(max(0.1, deadline - time.monotonic())))


@contextmanager
def _running(
    command: list[str], settings: Settings, packets: IO[bytes], out: int | IO[bytes], err: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that ends with the block, and whatever it has started with it."""
    child = subprocess.Popen(
        command,
        env=_environment(settings),
        pass_fds=_inherited(settings),
        stdin=packets,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, 9)
            child.wait()


@contextmanager
def _opened(one: Input, settings: Settings) -> Iterator[IO[bytes]]:
    """The capture as a local file."""
    if not one.remote:
        about = os.stat(one.path)
        if not stat.S_ISREG(about.st_mode):
            raise OSError("neither a file nor a folder")
        if about.st_size == 0:
            raise OSError("the file is empty")
        with open(one.path, "rb") as packets:
            yield packets
        return
    system, inner = remote(one.path)
    with system.open_input_stream(inner, compression=None) as source, _spooled(source.read, settings) as spooled:
        yield spooled


@contextmanager
def _spooled(read: Callable[[int], bytes], settings: Settings) -> Iterator[IO[bytes]]:
    """A copy on local disk that has no name."""
    with tempfile.TemporaryFile() as copy:
        while piece := read(_CHUNK):
            if copy.tell() + len(piece) > settings.spool << 20:
                raise OSError(f"larger than {settings.spool} MiB, the limit for copies on local disk (--spool)")
            copy.write(piece)
        copy.flush()
        copy.seek(0)
        if os.geteuid() == 0:
            os.fchown(copy.fileno(), NOBODY, NOBODY)
        yield copy


@contextmanager
def _for_nobody(packets: IO[bytes], settings: Settings) -> Iterator[IO[bytes]]:
    """The same file, or a copy of it, for tshark's user to open."""
    about = os.fstat(packets.fileno())
    if os.geteuid() != 0 or about.st_uid == NOBODY or about.st_mode & stat.S_IROTH:
        yield packets
    else:
        with _spooled(packets.read, settings) as copy:
            yield copy


_TAGS = 2
"""VLAN tags, one in another, behind which connections are looked for."""

_ODD = "(ip proto 6 and ip[6:2] & 0x3fff != 0) or (ip6 and (ip6[6] = 44 or ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 60))"
"""Fragments, and headers between IPv6 and TCP: a segment whose ports are not where the filter looks."""


def _tagged(test: str, tags: int) -> str:
    """The same also behind VLAN tags: the word `vlan` moves the offsets of all that stands behind it."""
    return test if tags == 0 else f"({test}) or (vlan and ({_tagged(test, tags - 1)}))"


def deal_filter(part: int, parts: int, tags: int) -> str:
    """What tcpdump keeps for a part: connections by half the sum of their ports. Part 0 has the rest, too.

    Half, because Linux gives clients even ports only, as long as it has some.
    """
    four, six = "((tcp[0:2] + tcp[2:2]) / 2)", "((ip6[40:2] + ip6[42:2]) / 2)"

    def both(test: str) -> str:
        return _tagged(f"(ip and tcp and {four} % {parts} {test}) or (ip6 and tcp and {six} % {parts} {test})", tags)

    return f"not ({both('!= 0')})" if part == 0 else both(f"= {part}")


def _undealable(packets: IO[bytes], settings: Settings, deadline: float) -> tuple[str | None, int]:
    """Why the capture cannot be dealt by ports, if it cannot, and how many tags may be looked behind.

    Every part finds the same.
    """
    why, tags = _looked_for_odd(packets, settings, deadline, _TAGS), _TAGS
    if why is not None and "no VLAN support" in why:
        # Not Ethernet: what `tcpdump -i any` writes, or IP alone.
        why, tags = _looked_for_odd(packets, settings, deadline, 0), 0
    return why, tags


_UNREADABLE = 1
"""Status of tcpdump for a capture or a filter that it cannot take."""


def _looked_for_odd(packets: IO[bytes], settings: Settings, deadline: float, tags: int) -> str | None:
    look = ["tcpdump", "-r", "-", "-w", "-", "-c", "1", _tagged(_ODD, tags)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _running(_limited(settings, *look), settings, packets, out, err) as looker:
            status = looker.wait(max(0.0, deadline - time.monotonic()))
        packets.seek(0)
        err.seek(0)
        said = _said(err.read(8000))
        if status == _UNREADABLE:
            return f"tcpdump cannot read it: {said}"
        if status != 0:
            # The machine's fault, not the capture's: the other parts may find something else.
            raise OSError(f"tcpdump, which deals large captures, ended with the status {status}: {said}")
        return "it has IP fragments" if out.seek(0, os.SEEK_END) > len(_NO_PACKETS) else None
