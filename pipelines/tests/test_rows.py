# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rows say: the same as tshark's own lines, whatever the capture's place and form."""

import json
import os
import shutil
import struct
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.ipc
import pytest

from conftest import HOME, REPOSITORY, generate, packets, read, write_pcap
from wechat_frames import rows, schema, tool
from wechat_frames.inputs import Input, discover, remote
from wechat_frames.tool import NOBODY, Settings

SETTINGS = Settings(plugin=str(HOME))


def dissected(one: Input, settings: Settings = SETTINGS) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {dataset: [] for dataset in schema.TABLES}
    for dataset, batch in rows.dissect(one, settings, tool.probe(settings)):
        found[dataset] += batch.to_pylist()
    return found


def only(capture: Path, settings: Settings = SETTINGS) -> dict[str, list[dict[str, Any]]]:
    (one,) = discover([str(capture)], 1 << 40)
    return dissected(one, settings)


def lines(capture: Path, command: str, *options: str) -> list[dict[str, Any]]:
    """The same lines, as JSON from tshark."""
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    passes = ["-2", "-r", str(capture)] if "-2" in options else ["-r", "-"]
    shown = subprocess.run(
        [*user, "tshark", "-n", "-q", *passes, *(o for o in options if o != "-2"), "-z", f"{command},json"],
        stdin=capture.open("rb"),
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(HOME), "LC_ALL": "C.UTF-8"},
    )
    return [json.loads(line, parse_float=Decimal) for line in shown.stdout.splitlines()]


def test_the_schema_is_the_generated_one() -> None:
    ours = Path(schema.__file__).with_name("frames.schema.json").read_text()
    assert ours == (REPOSITORY / "docs/frames.schema.json").read_text()
    assert set(schema.COMMANDS.values()) == set(schema.generated()), "a command without a dataset"
    assert {dataset: s.names for dataset, s in schema.LINES.items()} == {
        dataset: list(schema.generated()[command]) for dataset, command in schema.COMMANDS.items()
    }
    widths = [len(schema.LINES[dataset].names) for dataset in rows._STREAMED]
    assert len(set(widths)) == len(widths), "lines among each other are told apart by their number of columns"


@pytest.mark.parametrize("name", ["sample", "exchanges", "phone", "web", "mixed"])
@pytest.mark.parametrize("passes", [1, 2])
def test_rows_are_the_lines(originals: Path, name: str, passes: int) -> None:
    capture = originals / f"{name}.pcap"
    found = only(capture, Settings(plugin=str(HOME), two_passes=passes == 2))
    total = 0
    for dataset, command in schema.COMMANDS.items():
        expected = lines(capture, command, *(["-2"] if passes == 2 else []))
        columns = schema.LINES[dataset].names
        # A ticket's hash has a key of the run's own.
        got = [{name: row[name] for name in columns if name != "ticket"} for row in found[dataset]]
        assert got == [{name: row[name] for name in columns if name != "ticket"} for row in expected], dataset
        total += len(got)
    assert total > 20
    (about,) = found["captures"]
    assert about["status"] == "ok" and about["passes"] == passes
    assert about["tshark"][0].isdigit() and about["plugin"][0].isdigit()
    if name == "mixed":
        assert all(found[dataset] for dataset in schema.TABLES)


def test_large_outputs_are_read_in_blocks(originals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = only(originals / "mixed.pcap")
    monkeypatch.setattr(rows, "_BLOCK", 700)
    pieces = only(originals / "mixed.pcap")
    for dataset in schema.COMMANDS:
        assert [row | {"ticket": 0} for row in pieces[dataset]] == [row | {"ticket": 0} for row in whole[dataset]]


def test_a_line_of_no_table_is_no_row() -> None:
    with pytest.raises(pa.ArrowInvalid, match="no known table"):
        list(rows._lines(b"a\tb\n", rows._STREAMED))


def test_lines_that_tshark_could_not_write_are_no_rows(originals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tool.run

    def full(one: Input, settings: Settings, out: IO[bytes]) -> tool.Ended:
        run(one, settings, out)
        return tool.Ended(2, '"-z wechat,frames": the lines cannot be written: No space left on device')

    monkeypatch.setattr(tool, "run", full)
    found = only(originals / "sample.pcap")
    assert found["captures"][0]["status"] == "failed" and not found["frames"]


def test_a_time_that_no_column_holds_spoils_that_capture_only(originals: Path, folder: Path) -> None:
    header, some = packets(originals / "sample.pcap")
    far = folder / "far.pcapng"
    blocks = [
        struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
        struct.pack("<IIHHII", 1, 20, struct.unpack_from("<I", header, 20)[0], 0, 0, 20),
    ]
    for number, (seconds, fraction, packet) in enumerate(some):
        time = (seconds if number < 20 else 20_000_000_000) * 1_000_000 + fraction
        padded = packet + bytes(-len(packet) % 4)
        size = 32 + len(padded)
        head = struct.pack("<IIIIIII", 6, size, 0, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet))
        blocks.append(head + padded + struct.pack("<I", size))
    far.write_bytes(b"".join(blocks))
    (about,) = only(far)["captures"]
    assert about["status"] in ("failed", "damaged") and "no table can hold" in about["message"]


def test_paths_are_bytes(originals: Path, folder: Path) -> None:
    names = [b"with blank.pcap", b"line\nend.pcap", b"no-\xff-utf8.pcap", b"-o.pcap", "微信.pcap".encode()]
    for name in names:
        (Path(os.fsdecode(bytes(folder) + b"/" + name))).write_bytes((originals / "sample.pcap").read_bytes())
    found = {}
    for one in discover([str(folder)], 1 << 30):
        (about,) = dissected(one)["captures"]
        assert about["status"] == "ok" and about["frames"] == 56
        found[os.path.basename(one.path)] = os.path.basename(about["capture"])
    assert found == {name: name.decode("utf-8", "backslashreplace") for name in names}


def test_a_folder_has_captures_each_once(folder: Path) -> None:
    for name in ("a.pcap", "b.PCAPNG", "c.cap.gz", "d.pcap17", "e.txt", "f.pcap.txt"):
        (folder / name).write_bytes(b"x")
    os.mkfifo(folder / "pipe.pcap")
    (folder / "inner").mkdir()
    (folder / "inner" / "g.pcapng").write_bytes(b"x")
    found = discover([str(folder), str(folder / "inner/../a.pcap"), str(folder)], 1 << 30)
    assert [one.path.rpartition(b"/")[2] for one in found] == [
        b"a.pcap",
        b"b.PCAPNG",
        b"c.cap.gz",
        b"d.pcap17",
        b"g.pcapng",
    ]
    (pipe,) = discover([str(folder / "pipe.pcap")], 1 << 30)
    (about,) = dissected(pipe)["captures"]
    assert (about["status"], about["message"]) == ("failed", "neither a file nor a folder")


def test_identity_is_path_size_time_and_part() -> None:
    one = Input(b"/a.pcap", 10, 5)
    others = [
        Input(b"/b.pcap", 10, 5),
        Input(b"/a.pcap", 11, 5),
        Input(b"/a.pcap", 10, 6),
        Input(b"/a.pcap", 10, 5, 0, 2),
    ]
    assert len({one.identity, *(other.identity for other in others)}) == 5
    assert Input(b"/a.pcap", 10, 5).identity == one.identity


def test_what_is_no_path_is_spooled_and_not_without_limit(originals: Path, folder: Path) -> None:
    uri = originals.as_uri() + "/sample.pcap"
    (one,) = discover([uri], 1 << 30)
    assert one.remote and one.size == (originals / "sample.pcap").stat().st_size
    assert len(dissected(one)["frames"]) == 56
    two_passes = dissected(one, Settings(plugin=str(HOME), two_passes=True))["frames"]
    assert any(row["kind"] == "request" and row["partner"] for row in two_passes)
    listed = discover([originals.as_uri()], 1 << 30)
    assert {one.path for one in listed} == {
        os.fsencode(path.as_uri()) for path in originals.iterdir() if path.suffix == ".pcap"
    }
    blank = folder / "a b%"
    blank.mkdir()
    shutil.copyfile(originals / "sample.pcap", blank / "ü c%20.pcap")
    (one,) = discover([blank.as_uri()], 1 << 30)
    assert one == discover([blank.as_uri() + "/%C3%BC%20c%2520.pcap"], 1 << 30)[0]
    assert len(dissected(one)["frames"]) == 56
    generate("bench", folder / "large.pcap", "--frames", 4000)
    (large,) = discover([(folder / "large.pcap").as_uri()], 1 << 30)
    (about,) = dissected(large, Settings(plugin=str(HOME), spool=1))["captures"]
    assert about["status"] == "failed" and "--spool" in about["message"]
    (gone,) = discover([folder.as_uri() + "/gone.pcap"], 1 << 30)
    assert dissected(gone)["captures"][0]["status"] == "failed"


def test_passwords_of_uris_are_not_shown() -> None:
    assert Input(b"s3://user:secret@bucket/a.pcap", 1, 1).text == "s3://bucket/a.pcap"
    with pytest.raises(OSError, match=r"^nosuch://x/y.pcap cannot be opened: ") as raised:
        remote(b"nosuch://user:secret@x/y.pcap")
    assert "secret" not in str(raised.value)


def test_two_passes_read_what_only_root_can(originals: Path, folder: Path) -> None:
    private = folder / "private.pcap"
    private.write_bytes((originals / "exchanges.pcap").read_bytes())
    private.chmod(0o600)
    found = only(private, Settings(plugin=str(HOME), two_passes=True))
    assert found["captures"][0]["status"] == "ok"
    assert sum(bool(row["unanswered"]) for row in found["frames"]) == 11


# ---- parts ----


def parts_of(capture: Path, parts: int, settings: Settings = SETTINGS) -> list[dict[str, list[dict[str, Any]]]]:
    size = capture.stat().st_size
    dealt = discover([str(capture)], -(-size // parts))
    assert len(dealt) == parts
    return [dissected(one, settings) for one in dealt]


COUNTED = ("input", "frame", "stream", "partner", "retry_of")


def multiset(some: list[dict[str, Any]]) -> list[str]:
    return sorted(repr([(k, v) for k, v in row.items() if k not in COUNTED]) for row in some)


def ethernet_as(kind: str, packet: bytes) -> list[bytes]:
    """An Ethernet packet with IPv4 and TCP in other clothes."""
    ethernet, rest = packet[:12], packet[12:]
    if kind == "vlan":
        return [ethernet + b"\x81\x00\x00\x07" + rest]
    if kind == "two tags":
        return [ethernet + b"\x88\xa8\x00\x07\x81\x00\x00\x08" + rest]
    ip, tcp = packet[14:34], packet[34:]
    if kind == "even ports":
        ports = [port if port == 8080 else 2 * port for port in struct.unpack_from(">HH", tcp)]
        return [packet[:34] + struct.pack(">HH", *ports) + tcp[4:]]
    if kind == "cooked":
        return [struct.pack(">HHH8s", 0, 1, 6, packet[6:12]) + rest]
    if kind == "ipv6":
        ends = b"".join(bytes.fromhex("20010db8") + bytes(8) + address for address in (ip[12:16], ip[16:20]))
        return [ethernet + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + ends + tcp]
    if kind == "fragments" and len(tcp) > 200:
        made = []
        for offset, more, piece in ((0, 0x2000, tcp[:80]), (10, 0, tcp[80:])):
            head = bytearray(ip)
            struct.pack_into(">H", head, 2, 20 + len(piece))
            struct.pack_into(">H", head, 6, more | offset)
            made.append(packet[:14] + bytes(head) + piece)
        return made
    return [packet]


COOKED = 113
"""Link type of `tcpdump -i any`, which has no VLAN tags."""


@pytest.mark.parametrize("kind", ["plain", "vlan", "two tags", "ipv6", "even ports", "cooked"])
def test_connections_stay_together(folder: Path, kind: str) -> None:
    generate("bench", folder / "bench.pcap", "--frames", 600, "--connections", 12)
    header, some = packets(folder / "bench.pcap")
    capture = folder / f"{kind}.pcap"
    if kind == "cooked":
        header = header[:20] + struct.pack("<I", COOKED)
    write_pcap(capture, header, [(s, f, made) for s, f, packet in some for made in ethernet_as(kind, packet)])
    whole, dealt = only(capture), parts_of(capture, 4)
    assert len(whole["frames"]) == 600
    assert all(part["frames"] and part["captures"][0]["message"] is None for part in dealt)
    assert multiset([row for part in dealt for row in part["frames"]]) == multiset(whole["frames"])
    ports = [{frozenset((row["src_port"], row["dst_port"])) for row in part["frames"]} for part in dealt]
    assert sum(map(len, ports)) == len(set.union(*ports)) == 12


def test_what_cannot_be_dealt_is_read_whole(folder: Path) -> None:
    generate("bench", folder / "bench.pcap", "--frames", 600, "--connections", 12)
    header, some = packets(folder / "bench.pcap")
    capture = folder / "fragments.pcap"
    write_pcap(capture, header, [(s, f, made) for s, f, packet in some for made in ethernet_as("fragments", packet)])
    whole, dealt = only(capture), parts_of(capture, 2)
    assert multiset(dealt[0]["frames"]) == multiset(whole["frames"]) and not dealt[1]["frames"]
    assert "IP fragments" in dealt[0]["captures"][0]["message"]
    assert dealt[1]["captures"][0]["status"] == "ok"
    cut = folder / "cut.pcap"
    cut.write_bytes((folder / "bench.pcap").read_bytes()[:-7])
    dealt = parts_of(cut, 2)
    assert dealt[0]["captures"][0]["status"] == "damaged" and len(dealt[0]["frames"]) >= 590
    assert "tcpdump cannot read it" in dealt[0]["captures"][0]["message"]
    subprocess.run(["gzip", "-k", folder / "bench.pcap"], check=True)
    (packed,) = discover([str(folder / "bench.pcap.gz")], 1000)
    assert packed.parts == 1 and len(dissected(packed)["frames"]) == 600


def test_parts_of_a_machine_without_tcpdump_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate("bench", folder / "bench.pcap", "--frames", 100)
    for name in ("tshark", "prlimit", "setpriv"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    # Elsewhere the other part may be dealt: to read all here would double its rows.
    for part in parts_of(folder / "bench.pcap", 2):
        (about,) = part["captures"]
        assert about["status"] == "failed" and "tcpdump" in about["message"] and not part["frames"]


def test_parts_keep_nanoseconds_and_go_through_two_passes(folder: Path) -> None:
    generate("bench", folder / "bench.pcap", "--frames", 400, "--connections", 8)
    header, some = packets(folder / "bench.pcap")
    capture = folder / "nano.pcap"
    nano = b"\x4d\x3c\xb2\xa1" + header[4:]
    write_pcap(capture, nano, [(s, (f * 1000 + 123) % 1_000_000_000, packet) for s, f, packet in some])
    two_passes = Settings(plugin=str(HOME), two_passes=True)
    whole, dealt = only(capture, two_passes), parts_of(capture, 2, two_passes)
    assert multiset([row for part in dealt for row in part["frames"]]) == multiset(whole["frames"])
    assert all(str(row["time"]).endswith("123") for row in whole["frames"])
    assert any(row["partner"] for part in dealt for row in part["frames"] if row["kind"] == "request")


def test_sinks_write_plain_types(originals: Path, folder: Path) -> None:
    from wechat_frames.store import Sink

    (one,) = discover([str(originals / "mixed.pcap")], 1 << 30)
    sink = Sink(folder / "wave=x")
    for dataset, batch in rows.dissect(one, SETTINGS, tool.probe(SETTINGS)):
        sink.add(dataset, batch)
    sink.close()
    assert len(read(folder)["frames"]) > 100
