// SPDX-License-Identifier: GPL-2.0-or-later
//! Captures of real servers and clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::process;

use crate::support::plugin::need;

/// What `servers.sh` runs.
const PROGRAMS: [&str; 10] =
    ["timeout", "unshare", "sh", "ip", "ss", "dumpcap", "nginx", "curl", "openssl", "python3"];

/// Seconds after which everything is killed; it takes four. Not by a polite signal alone: unshare ignores it.
const LIMIT: &str = "60";

/// A capture, and the keys of the TLS connections in it.
pub struct Servers {
    pub capture: PathBuf,
    pub keys: PathBuf,
}

impl Servers {
    /// Runs the servers and the clients, with `folder` for everything that they write.
    pub fn record(folder: &Path) -> Self {
        PROGRAMS.into_iter().for_each(need);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wireshark/support/servers.sh");
        let script_in = |arguments: &[&str]| {
            let mut command = Command::new("timeout");
            command
                .args(["--kill-after=5", LIMIT, "unshare"])
                .args(arguments)
                .arg("sh")
                .arg(&script)
                .arg(folder);
            process::output(&mut command)
        };
        // An ordinary user may be root in a namespace of users.
        let root: &[&str] = if process::is_root() { &[] } else { &["--map-root-user"] };
        let namespaces = [root, &["--net", "--pid", "--fork", "--kill-child"]].concat();
        if let Err(error) = script_in(&namespaces) {
            panic!(
                "cannot record real servers and clients: {error}\n\
                 This needs root, or a system on which `unshare --map-root-user --net` works for ordinary \
                 users, and the ports 80, 8080 and 443 of a network namespace."
            );
        }
        Self { capture: folder.join("servers.pcap"), keys: folder.join("keys.log") }
    }
}
