// SPDX-License-Identifier: GPL-2.0-or-later
//! What Wireshark prints with the plugin, line by line beside what it prints without.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;
use wechat_traffic::capture::Capture;
use xtask::process;
use xtask::sandbox::Sandbox;
use xtask::wireshark::PLUGIN_NAME;

use crate::support::plugin::{need, plugin};

/// A home with the plugin, one without, and a folder for captures that both can read.
pub struct Stage {
    pub with: Sandbox,
    pub without: Sandbox,
    folder: TempDir,
}

impl Stage {
    /// Both homes; it has been seen that the plugin is loaded in one and not in the other.
    pub fn new() -> Self {
        need("tshark");
        let folder = tempfile::Builder::new().prefix("wechat-captures-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("open to all");
        let stage = Self {
            with: Sandbox::new(&plugin()).expect("a home with the plugin"),
            without: Sandbox::without_plugin().expect("a home without it"),
            folder,
        };
        assert!(loads_plugin(&stage.with), "tshark did not load the plugin");
        assert!(!loads_plugin(&stage.without), "tshark loaded a plugin that it should not know");
        stage
    }

    /// The folder for captures.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a capture where both can read it.
    pub fn write(&self, name: &str, capture: &Capture) -> PathBuf {
        let path = self.folder().join(name).with_extension("pcap");
        let file = File::create(&path).expect("a file for the capture");
        capture.write_pcap(io::BufWriter::new(file)).expect("the capture is written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("readable for all");
        path
    }

    /// Fails unless tshark prints the same in both homes.
    pub fn assert_same(&self, capture: &Path, arguments: &[&str]) {
        self.assert_same_if(capture, arguments, &[]);
    }

    /// As [`assert_same`](Self::assert_same), with arguments that only the plugin understands.
    pub fn assert_same_if(&self, capture: &Path, arguments: &[&str], for_plugin: &[&str]) {
        if let Some(difference) = self.difference(capture, arguments, for_plugin) {
            panic!("the plugin changes what others print: {difference}");
        }
    }

    /// The first difference between what tshark prints in the two homes.
    pub fn difference(&self, capture: &Path, arguments: &[&str], for_plugin: &[&str]) -> Option<String> {
        let common: Vec<&OsStr> = [OsStr::new("-r"), capture.as_os_str()]
            .into_iter()
            .chain(arguments.iter().map(OsStr::new))
            .collect();
        let mut with = self.with.tshark(&common);
        with.args(for_plugin);
        let command = process::display(&with);
        let difference = compare(self.without.tshark(&common), with);
        difference.map(|difference| format!("{difference}\nin `{command}`"))
    }
}

fn loads_plugin(home: &Sandbox) -> bool {
    let plugins = process::stdout(&mut home.tshark(["-G", "plugins"])).expect("tshark lists its plugins");
    plugins.lines().any(|line| line.starts_with(PLUGIN_NAME))
}

/// A program whose output is read line by line. It does not outlive this value.
pub struct Run {
    child: Child,
    output: BufReader<ChildStdout>,
    errors: File,
}

impl Run {
    pub fn start(mut command: Command) -> Self {
        // A file never blocks the program, as a pipe would that nobody reads.
        let errors = tempfile::tempfile().expect("a file for errors");
        let for_child = errors.try_clone().expect("a second handle");
        let mut child = command.stdout(Stdio::piped()).stderr(for_child).spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, output, errors }
    }

    /// The next line; none when there are no more.
    pub fn line<'a>(&mut self, line: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        line.clear();
        let length = self.output.read_until(b'\n', line).expect("output can be read");
        // The head of PDML says when it was made.
        let pdml_head = line.starts_with(b"<pdml ");
        (length > 0).then_some(if pdml_head { b"<pdml>" } else { line })
    }

    /// How it ended, and its warnings without what only says when and by whom they were printed.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().expect("the program ends");
        self.errors.rewind().expect("the file can be read again");
        let warnings = io::read_to_string(&self.errors).expect("warnings are text");
        (status, warnings.lines().map(|line| warning(line).to_owned()).collect())
    }
}

/// "** (tshark:17) 12:34:56.789 [Epan WARNING] -- what"; of 3.4, "** (tshark:17): WARNING **: 12:34:56.789: what".
fn warning(line: &str) -> &str {
    let old = || line.split_once(" **: ")?.1.split_once(": ");
    line.split_once(" -- ").or_else(old).map_or(line, |(_, warning)| warning)
}

impl Drop for Run {
    fn drop(&mut self) {
        // Both fail when it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs both at once and says where their outputs part. They must end well, having said something.
fn compare(without: Command, with: Command) -> Option<String> {
    let (mut without, mut with) = (Run::start(without), Run::start(with));
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut lines = 0;
    loop {
        lines += 1;
        match (without.line(&mut old), with.line(&mut new)) {
            (None, None) => break,
            (old, new) if old != new => {
                return Some(format!("line {lines}\n without: {}\n    with: {}", show(old), show(new)));
            }
            _ => {}
        }
    }
    let (without, with) = (without.end(), with.end());
    let well = without == with && with.0.success() && lines > 1;
    (!well).then(|| format!("line {lines}, the end\n without: {without:?}\n    with: {with:?}"))
}

fn show(line: Option<&[u8]>) -> String {
    line.map_or("(end of output)".into(), |line| String::from_utf8_lossy(line).trim_end().to_owned())
}
