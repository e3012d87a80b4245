# SPDX-License-Identifier: GPL-2.0-or-later
"""The command on the pool: every capture has a row, what is visible is whole, and a restart goes on."""

import fcntl
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from conftest import (
    HOME,
    asking,
    assert_whole,
    break_in_ten_ways,
    command,
    comparable,
    frames,
    generate,
    kill,
    processes_with,
    read,
    statuses,
    wait_until,
)


@pytest.fixture
def captures(folder: Path, originals: Path) -> Path:
    """A folder with eight captures."""
    made = folder / "captures"
    made.mkdir()
    for name in ("sample", "exchanges", "phone", "web"):
        for copy in range(2):
            shutil.copyfile(originals / f"{name}.pcap", made / f"{name}{copy}.pcap")
    return made


def test_broken_captures_have_a_row_and_spoil_nothing(
    folder: Path, captures: Path, originals: Path, fake: Path
) -> None:
    expected = break_in_ten_ways(originals, captures)
    said = frames(folder / "out", captures, captures / "06-gone.pcap", "--tshark", fake, "--limit", 12, "--memory", 800)
    rows = read(folder / "out")
    assert_whole(rows)
    assert statuses(rows) == {**{path.name: "ok" for path in captures.iterdir()}, **expected}
    about = {Path(row["capture"]).name: row for row in rows["captures"]}
    assert about["07-killed.pcap"]["exit"] == -9 and about["08-crashing.pcap"]["exit"] == -11
    assert about["10-greedy.pcap"]["exit"] == -6 and about["09-hanging.pcap"]["exit"] is None
    assert "not done after 12 s" in about["09-hanging.pcap"]["message"]
    assert "cut short" in about["03-cut.pcap"]["message"] and about["03-cut.pcap"]["frames"] > 0
    assert about["07-killed.pcap"]["message"] == "ended by SIGKILL"
    assert all(row["message"] for row in rows["captures"] if row["status"] != "ok")
    assert all(row["frames"] == 0 for row in rows["captures"] if row["status"] in ("failed", "killed", "late"))
    assert "18 inputs: 8 ok" in said
    # Nothing of it is read again, except what failed when asked for.
    assert "18 read before: nothing to do" in frames(folder / "out", captures, "--tshark", fake)
    again = frames(folder / "out", captures, "--tshark", fake, "--again", "--limit", 12, "--memory", 800)
    assert "8 inputs, 10 read before: 4 failed, 3 killed, 1 late" in again
    # What is repaired is another input, and becomes ok.
    shutil.copyfile(originals / "sample.pcap", captures / "02-junk.pcap")
    assert "1 inputs, 17 read before: 1 ok" in frames(folder / "out", captures, "--tshark", fake)


def test_the_same_input_twice_is_read_once(folder: Path, captures: Path) -> None:
    twice = captures / "sample0.pcap"
    frames(folder / "out", twice, captures, f"{captures}/../captures/sample0.pcap", twice)
    rows = read(folder / "out")
    assert_whole(rows)
    assert len(rows["captures"]) == 8


def test_a_capture_that_grows_is_read_again(folder: Path, originals: Path) -> None:
    capture = folder / "growing.pcap"
    whole = (originals / "sample.pcap").read_bytes()
    capture.write_bytes(whole[:5000])
    frames(folder / "out", capture)
    capture.write_bytes(whole)
    assert "1 ok" in frames(folder / "out", capture)
    rows = read(folder / "out")
    assert [(row["status"], row["size"]) for row in rows["captures"]] == [("damaged", 5000), ("ok", len(whole))]
    newest = rows["captures"][1]["input"]
    assert sum(row["input"] == newest for row in rows["frames"]) == 56


def test_names_of_all_bytes_come_through(folder: Path, originals: Path) -> None:
    names = [b"with blank.pcap", b"line\nend.pcap", b"no-\xff-utf8.pcap", b"-o.pcap"]
    inner = folder / "in\nner"
    inner.mkdir()
    for name in names:
        shutil.copyfile(originals / "sample.pcap", os.fsdecode(bytes(inner) + b"/" + name))
    frames(folder / "out", inner, bytes(inner) + b"/no-\xff-utf8.pcap")
    rows = read(folder / "out")
    assert_whole(rows)
    assert sorted(row["capture"] for row in rows["captures"]) == sorted(
        (bytes(inner) + b"/" + name).decode("utf-8", "backslashreplace") for name in names
    )
    assert {row["status"] for row in rows["captures"]} == {"ok"}


def test_waves_are_told_and_shown(folder: Path, captures: Path) -> None:
    said = frames(folder / "out", captures, "--wave", 3)
    assert re.search(r"^wave 1 of 3: 3 of 8 inputs, 3 ok, [\d.]+ s$", said, re.MULTILINE)
    assert re.search(r"^wave 3 of 3: 8 of 8 inputs, 2 ok, [\d.]+ s$", said, re.MULTILINE)
    assert len(list((folder / "out").glob("wave=*"))) == 3
    assert_whole(read(folder / "out"))
    # A terminal has a bar.
    above, below = pty.openpty()
    shown = subprocess.Popen(command(folder / "terminal", captures), stderr=below, stdin=subprocess.DEVNULL)
    os.close(below)
    text = b""
    try:
        while piece := os.read(above, 1000):
            text += piece
    except OSError:
        pass
    assert shown.wait(60) == 0
    os.close(above)
    assert b"\r[##############################] 8 of 8, " in text and b"wave" not in text


def test_what_cannot_be_done_is_said_in_a_sentence(folder: Path, captures: Path) -> None:
    out = folder / "out"
    said = frames(out, captures, home=folder, status=1)
    assert said.startswith("wechat-frames: ") and 'Invalid -z argument "wechat,frames"' in said
    said = frames(out, captures, "-o", "wechat.no_such_thing:1", status=1)
    assert "no_such_thing" in said and said.count("\n") == 1
    assert "there is no program /no/tshark" in frames(out, captures, "--tshark", "/no/tshark", status=1)
    (folder / "file").write_text("x")
    assert "cannot be written to" in frames(folder / "file", captures, status=1)
    assert "only Spark writes there" in frames("hdfs://127.0.0.1:1/out", captures, status=1)
    assert "cannot be opened" in frames(out, "nosuch://x/y.pcap", status=1)
    with (out / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run writes to" in frames(out, captures, status=1)
    assert "a name is empty" in frames(out, "", status=1)
    assert "take [ for a pattern" in frames(folder / "out[1]", captures, status=1)
    assert "no UTF-8" in frames(bytes(folder) + b"/\xff", captures, status=1)
    assert "the key log /no/keys is no file" in frames(out, captures, "-o", "mmtls.keylog_file:/no/keys", status=1)
    key = "00112233445566778899aabbccddeeff"
    assert key not in frames(out, captures, "-o", f"wechat.no_such_key:{key}", status=1)
    assert not list(out.glob("wave=*"))
    # A folder that is to be called "bundle" does not overwrite a capture.
    capture = captures / "sample0.pcap"
    before = capture.read_bytes()
    assert "has to end in .tar.gz" in frames("bundle", capture, home=None, status=1)
    assert capture.read_bytes() == before


def test_a_full_disk_is_said_and_is_no_captures_fault(folder: Path, originals: Path) -> None:
    header = folder / "no packets.pcap"
    header.write_bytes((originals / "sample.pcap").read_bytes()[:24])
    full = subprocess.run(
        ["prlimit", "--fsize=3000", *command(folder / "out", header)], capture_output=True, text=True, check=False
    )
    assert full.returncode == 1 and full.stderr.startswith("wechat-frames: "), full.stderr
    assert "File too large" in full.stderr and full.stderr.count("\n") == 1
    assert not list((folder / "out").glob("wave=*"))
    assert "1 ok" in frames(folder / "out", header)


def keys_of(log: Path) -> set[bytes]:
    """All words of a key log that are keys."""
    words = re.findall(rb"[0-9a-fA-F]{32,}", log.read_bytes())
    assert len(words) > 3
    return {word.lower() for word in words}


def test_a_key_log_opens_and_lands_nowhere(folder: Path, originals: Path) -> None:
    log = folder / "phone.keys"
    shutil.copyfile(originals / "phone.keys", log)
    log.chmod(0o644)
    preference = f"mmtls.keylog_file:{log}"
    said = frames(folder / "out", originals / "phone.pcap", "-o", preference)
    rows = read(folder / "out")
    assert sum(row["opened"] for row in rows["sessions"]) > 10 and len(rows["calls"]) > 10 and rows["frames"]
    text = (repr(rows) + said).lower().encode()
    text += b"".join(path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()).lower()
    for key in keys_of(log):
        assert key not in text and bytes.fromhex(key.decode()[: len(key) // 2 * 2]) not in text
    if os.geteuid() == 0:
        log.chmod(0o600)
        assert "who cannot read" in frames(folder / "out", originals / "phone.pcap", "-o", preference, status=1)


def marked(mark: str) -> dict[str, str]:
    return {**os.environ, "WECHAT_TEST_MARK": mark}


def test_a_killed_run_leaves_whole_captures_and_no_process(folder: Path, captures: Path) -> None:
    frames(folder / "undisturbed", captures)
    expected = comparable(read(folder / "undisturbed"), "ticket")
    chance, seen = random.Random(1), set()
    out = folder / "out"
    for attempt in range(6):
        mark = f"{folder.name}-{attempt}"
        driver = subprocess.Popen(command(out, captures, "--wave", 2), env=marked(mark), stderr=subprocess.DEVNULL)
        # Half of them around the moment at which a wave becomes visible.
        if attempt % 2:
            before = len(list(out.glob("wave=*")))
            end = time.monotonic() + 20
            while len(list(out.glob("wave=*"))) == before and driver.poll() is None and time.monotonic() < end:
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.05))
        else:
            time.sleep(chance.uniform(0.2, 2.5))
        driver.kill()
        driver.wait()
        rows = read(out)
        assert_whole(rows)
        seen.add(len(rows["captures"]))
        wait_until(lambda mark=mark: not processes_with(f"WECHAT_TEST_MARK={mark}".encode()))  # type: ignore[misc]
    assert len(seen) > 2, "it was never killed midway"
    frames(out, captures)
    assert comparable(read(out), "ticket") == expected
    assert not (out / "_staging").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_at_once_and_says_so(folder: Path, originals: Path, fake: Path, number: signal.Signals) -> None:
    captures = folder / "captures"
    captures.mkdir()
    asking(originals / "sample.pcap", captures / "hanging.pcap", 77)
    mark = folder.name
    run = subprocess.Popen(
        command(folder / "out", captures, "--tshark", fake),
        env=marked(mark),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    # Not before a worker waits for tshark; those that only ask it what it can do are before there are workers.
    hanging = bytes(fake) + b"\0-n\0-q\0"
    wait_until(lambda: bool(workers(mark) and processes_with(hanging, "cmdline")))
    if number == signal.SIGINT:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130 and said.decode().strip() == "wechat-frames: stopped; what is committed stays"
    wait_until(lambda: not processes_with(f"WECHAT_TEST_MARK={mark}".encode()))


def workers(mark: str) -> list[int]:
    spawned = set(processes_with(b"spawn_main", "cmdline"))
    return [process for process in processes_with(f"WECHAT_TEST_MARK={mark}".encode()) if process in spawned]


def test_a_killed_worker_costs_nothing_but_time(folder: Path, captures: Path) -> None:
    mark = folder.name
    run = subprocess.Popen(command(folder / "out", captures), env=marked(mark), stderr=subprocess.PIPE)
    wait_until(lambda: len(workers(mark)) > 0)
    time.sleep(1)
    kill(workers(mark)[0])
    _, said = run.communicate(timeout=120)
    assert run.returncode == 0 and b"Traceback" not in said, said
    rows = read(folder / "out")
    assert_whole(rows)
    assert Counter(row["status"] for row in rows["captures"]) == {"ok": 8}


def test_a_capture_that_kills_its_worker_each_time_is_to_blame(folder: Path, captures: Path) -> None:
    mark, poison = folder.name, captures / "poison.pcap"
    generate("bench", poison, "--frames", 30000, "--connections", 20)
    over = threading.Event()

    def assassin() -> None:
        while not over.is_set():
            for worker in workers(mark):
                try:
                    opened = {os.readlink(fd) for fd in Path(f"/proc/{worker}/fd").iterdir()}
                except OSError:
                    continue
                if str(poison) in opened:
                    kill(worker)
            time.sleep(0.02)

    thread = threading.Thread(target=assassin)
    thread.start()
    try:
        ended = subprocess.run(
            command(folder / "out", captures), env=marked(mark), capture_output=True, timeout=120, check=False
        )
    finally:
        over.set()
        thread.join()
    assert ended.returncode == 0 and b"Traceback" not in ended.stderr, ended.stderr
    rows = read(folder / "out")
    assert_whole(rows)
    assert statuses(rows) == {**{path.name: "ok" for path in captures.iterdir()}, "poison.pcap": "killed"}


def test_large_captures_are_dealt_by_the_command(folder: Path) -> None:
    generate("bench", folder / "bench.pcap", "--frames", 6000, "--connections", 40)
    frames(folder / "out", folder / "bench.pcap", "--split", 1)
    rows = read(folder / "out")
    assert_whole(rows)
    assert len(rows["captures"]) == rows["captures"][0]["parts"] > 1
    assert len(rows["frames"]) == 6000


def test_the_bundle_stands_alone(folder: Path, captures: Path) -> None:
    bundle = folder / "bundle.tar.gz"
    said = subprocess.run(
        [sys.executable, "-m", "wechat_frames", "bundle", bundle, "--plugin", HOME], capture_output=True, check=False
    )
    assert said.returncode == 0, said.stderr
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", bundle, "-C", unpacked], check=True)
    linked = subprocess.run(
        ["ldd", unpacked / "lib" / "tshark"],
        env={"LD_LIBRARY_PATH": str(unpacked / "lib"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(rf"libwireshark\S* => {unpacked}", linked)
    some = [captures / "sample0.pcap", captures / "phone0.pcap"]
    frames(folder / "out", *some, home=unpacked)
    frames(folder / "plain", *some)
    assert comparable(read(folder / "out"), "ticket") == comparable(read(folder / "plain"), "ticket")
    nothing = subprocess.run(
        [sys.executable, "-m", "wechat_frames", "bundle", bundle, "--plugin", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert nothing.returncode == 1 and "there is no WeChat plugin in" in nothing.stderr
