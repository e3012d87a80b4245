// SPDX-License-Identifier: GPL-2.0-or-later
//! tshark with the plugin, what it shows of a capture, and what it ought to show.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use wechat_traffic::capture::{Capture, Writer};
use wechat_traffic::packet::{Endpoints, Packet};
use wechat_traffic::truth;
use xtask::process;
use xtask::sandbox::Sandbox;

use crate::support::plugin::{need, plugin};

/// What tshark needs here is far less; behind it a dissector hangs.
const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A home in which tshark loads the plugin.
pub struct Wireshark {
    sandbox: Sandbox,
    files: AtomicUsize,
}

impl Wireshark {
    /// The home that tests share. It goes when nobody uses it, which no static variable would allow.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Wireshark>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Self::of(&plugin()));
            *shared = Arc::downgrade(&new);
            new
        })
    }

    /// A home with some plugin.
    pub fn of(plugin: &Path) -> Self {
        need("tshark");
        let sandbox = Sandbox::new(plugin).expect("a home with the plugin");
        Self { sandbox, files: AtomicUsize::new(0) }
    }

    /// Lets tshark open a capture here, with no option yet.
    pub fn open(self: Arc<Self>, write: impl FnOnce(BufWriter<File>) -> io::Result<()>) -> Opened {
        let (path, file) = self.add("pcap");
        write(BufWriter::new(file)).expect("the capture is written");
        let arguments = vec!["-r".to_owned(), path.to_str().expect("a path of text").to_owned()];
        Opened { wireshark: self, arguments }
    }

    /// Runs tshark to its end.
    pub fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Output {
        run(self.sandbox.tshark(arguments.iter().map(AsRef::as_ref)))
    }

    /// A new file that tshark can read.
    fn add(&self, extension: &str) -> (PathBuf, File) {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.sandbox.path().join(format!("{number}.{extension}"));
        let file = File::create_new(&path).expect("a file in the home");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("readable for tshark");
        (path, file)
    }
}

/// What tshark printed.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The text, of a run that found nothing to complain of.
    pub fn text(self) -> String {
        assert!(self.status.success() && self.stderr.is_empty(), "tshark complains: {self:?}");
        self.stdout
    }
}

/// Files take the output: a pipe that nobody reads would block the program.
fn run(mut command: Command) -> Output {
    let line = process::display(&command);
    let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().expect("a file for output"));
    let writer = |file: &File| Stdio::from(file.try_clone().expect("a second handle"));
    command.stdin(Stdio::null()).stdout(writer(&stdout)).stderr(writer(&stderr));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}`: {error}"));
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the program can be asked") {
            break status;
        }
        if Instant::now() > end {
            child.kill().and_then(|()| child.wait()).expect("the program can be ended");
            panic!("still running after {LIMIT:?}: `{line}`");
        }
        sleep(POLL);
    };
    let text = |file: &mut File| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("the output can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Output { status, stdout: text(&mut stdout), stderr: text(&mut stderr) }
}

/// A frame that is shown: in which packet, and what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    pub packet: usize,
    pub op: u32,
    pub seq: u32,
    pub packet_len: u32,
}

/// A capture and the options with which tshark opens it.
#[derive(Clone)]
pub struct Opened {
    wireshark: Arc<Wireshark>,
    arguments: Vec<String>,
}

/// Lets tshark open a capture, with no option yet.
pub fn open(capture: &Capture) -> Opened {
    open_file(|file| capture.write_pcap(file))
}

/// Lets tshark open packets that no [`Capture`] would hold.
pub fn open_packets(packets: impl Iterator<Item = Packet>, endpoints: &Endpoints) -> Opened {
    open_file(|file| {
        let mut writer = Writer::new(file, None)?;
        for packet in packets {
            writer.write(&packet, endpoints)?;
        }
        writer.finish()
    })
}

/// Lets tshark open a file of any bytes.
pub fn open_file(write: impl FnOnce(BufWriter<File>) -> io::Result<()>) -> Opened {
    Wireshark::shared().open(write)
}

impl Opened {
    /// The same with further options.
    pub fn with(&self, options: &[&str]) -> Self {
        let mut more = self.clone();
        more.arguments.extend(options.iter().map(ToString::to_string));
        more
    }

    /// The same with a Lua script.
    pub fn with_lua(&self, script: &str) -> Self {
        let path = self.file("lua", script);
        self.with(&["-X", &format!("lua_script:{}", path.display())])
    }

    /// Writes a file that tshark can read.
    pub fn file(&self, extension: &str, text: &str) -> PathBuf {
        let (path, _) = self.wireshark.add(extension);
        fs::write(&path, text).expect("the file is written");
        path
    }

    /// Opens it.
    pub fn run(&self) -> Output {
        self.wireshark.run(&self.arguments)
    }

    /// What tshark prints with these options.
    pub fn text(&self, options: &[&str]) -> String {
        self.with(options).run().text()
    }

    /// Numbers of the packets that a display filter finds.
    pub fn packets(&self, filter: &str) -> Vec<usize> {
        let lines = self.values(filter, &["frame.number"]);
        lines.iter().map(|line| line.parse().expect("a number")).collect()
    }

    /// For each packet that a filter finds a line: the fields apart by blanks, a field's values by commas.
    pub fn values(&self, filter: &str, fields: &[&str]) -> Vec<String> {
        let fields = fields.iter().flat_map(|field| ["-e", field]);
        let options: Vec<&str> = ["-Y", filter, "-T", "fields"].into_iter().chain(fields).collect();
        // 4.4 and later escape the separator in values, and no value holds a tab.
        self.text(&options).lines().map(|line| line.replace('\t', " ")).collect()
    }

    /// What `-z io,stat` says of the whole capture, a cell for each function of a field, `COUNT(field)field`.
    pub fn totals(&self, functions: &[&str]) -> Vec<String> {
        let text = self.text(&["-q", "-z", &format!("io,stat,0,{}", functions.join(","))]);
        let row = text.lines().find(|line| line.contains("<>")).expect("a row of numbers");
        let cells = row.split('|').map(str::trim).filter(|cell| !cell.is_empty());
        // The first is the time.
        cells.skip(1).map(str::to_owned).collect()
    }

    /// Every frame shown, in order.
    pub fn frames(&self) -> Vec<Frame> {
        let fields = ["frame.number", "wechat.op", "wechat.seq", "wechat.packet_len"];
        let mut frames = Vec::new();
        for line in self.values("wechat.op", &fields) {
            let columns: Vec<Vec<u32>> = line
                .split(' ')
                .map(|values| values.split(',').map(|value| value.parse().expect("a number")).collect())
                .collect();
            let [packet, ops, seqs, lens] = &columns[..] else { panic!("unexpected: {line}") };
            assert!(ops.len() == seqs.len() && ops.len() == lens.len(), "a field is missing: {line}");
            let headers = ops.iter().zip(seqs).zip(lens);
            frames.extend(headers.map(|((&op, &seq), &packet_len)| Frame {
                packet: packet[0] as usize,
                op,
                seq,
                packet_len,
            }));
        }
        frames
    }

    /// Every layer of the long link as JSON, with the number of its packet.
    pub fn layers(&self) -> Vec<(usize, Map<String, Value>)> {
        self.layers_of("wechat")
    }

    /// Every layer of a protocol as JSON, with the number of its packet.
    pub fn layers_of(&self, protocol: &str) -> Vec<(usize, Map<String, Value>)> {
        let text = self.text(&["-Y", protocol, "-T", "json", "--no-duplicate-keys"]);
        let packets: Vec<Value> = serde_json::from_str(&text).expect("tshark writes JSON");
        let mut layers = Vec::new();
        for packet in &packets {
            let all = &packet["_source"]["layers"];
            let number = all["frame"]["frame.number"].as_str().expect("a number");
            let number: usize = number.parse().expect("a number");
            let ours = match &all[protocol] {
                Value::Array(several) => several.clone(),
                one => vec![one.clone()],
            };
            layers.extend(ours.into_iter().map(|layer| match layer {
                Value::Object(fields) => (number, fields),
                other => panic!("packet {number}: a layer is {other}"),
            }));
        }
        layers
    }
}

/// The frames that came whole and unharmed, each in the packet that brought the last of its bytes.
pub fn whole(capture: &Capture) -> Vec<Frame> {
    let rows = truth::rows(capture).expect("the truth is known");
    let whole = rows.into_iter().filter(|row| row.intact);
    let frames = whole.map(|row| Frame {
        packet: row.packet.expect("an intact frame came"),
        op: row.op,
        seq: row.seq,
        packet_len: row.packet_len,
    });
    by_packet(frames)
}

/// The unharmed frames whose header lies in one packet, each in that packet: what can be seen without
/// reassembly, or when packets were cut off.
pub fn with_whole_header(capture: &Capture) -> Vec<Frame> {
    const HEADER_LEN: u64 = 16;
    let frames = capture.placed().iter().filter(|pdu| pdu.intact).filter_map(|pdu| {
        let header = pdu.range.start..pdu.range.start + HEADER_LEN;
        let index = capture.packets().iter().position(|packet| {
            let sent = packet.range();
            (packet.flow, packet.direction) == (pdu.flow, pdu.direction)
                && sent.start <= header.start
                && header.end <= sent.end
        })?;
        let intent = pdu.intent;
        Some(Frame { packet: index + 1, op: intent.op, seq: intent.seq, packet_len: intent.packet_len })
    });
    by_packet(frames)
}

/// A packet's frames are of one direction, so that they keep the order in which they were sent.
fn by_packet(frames: impl Iterator<Item = Frame>) -> Vec<Frame> {
    let mut frames: Vec<Frame> = frames.collect();
    frames.sort_by_key(|frame| frame.packet);
    frames
}

/// Fails with the first difference.
#[track_caller]
pub fn assert_frames(shown: &[Frame], expected: &[Frame]) {
    assert!(!expected.is_empty(), "nothing is expected, which would prove nothing");
    let alike = shown.iter().zip(expected).take_while(|(shown, expected)| shown == expected).count();
    assert!(
        shown == expected,
        "frame {alike}: shown {:?}, expected {:?} (of {} and {} frames)",
        shown.get(alike),
        expected.get(alike),
        shown.len(),
        expected.len()
    );
}

/// A script of the examples.
pub fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lua").join(name);
    fs::read_to_string(path).expect("the example is there")
}
