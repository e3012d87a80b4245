// SPDX-License-Identifier: GPL-2.0-or-later
//! Which package of the system's a file belongs to.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, quote};

/// A file that a package brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub path: PathBuf,
    pub package: String,
    /// The command that removes the package.
    pub remove: String,
}

/// A program that knows what packages brought, and the command that removes one.
struct Manager {
    program: &'static str,
    query: &'static [&'static str],
    remove: &'static str,
}

const MANAGERS: [Manager; 3] = [
    Manager { program: "dpkg-query", query: &["--search"], remove: "sudo apt remove" },
    Manager { program: "rpm", query: &["-qf", "--qf", "%{NAME}"], remove: "sudo dnf remove" },
    Manager { program: "pacman", query: &["-Qqo"], remove: "sudo pacman -R" },
];

/// `None` for a file that no package brought. Only the first manager that is here is asked: a second one, which manages
/// nothing, would begin a list of its own in the user's home.
pub fn owner(path: &Path) -> Option<Owner> {
    let manager = MANAGERS.iter().find(|manager| process::find(manager.program).is_some())?;
    let answer = process::stdout(Command::new(manager.program).args(manager.query).arg(path)).ok()?;
    let package = name(&answer)?;
    Some(Owner {
        path: path.to_owned(),
        remove: format!("{} {}", manager.remove, quote(package)),
        package: package.to_owned(),
    })
}

/// From `name`, `name: path` or `name:machine: path`.
fn name(answer: &str) -> Option<&str> {
    let line = answer.lines().find(|line| !line.starts_with("diversion "))?;
    line.split(':').next().map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_every_answer() {
        assert_eq!(name("some-package\n"), Some("some-package"));
        assert_eq!(name("diversion by x from: /a\nsome-package: /a\n"), Some("some-package"));
        assert_eq!(name("libx1:amd64: /usr/lib/x\n"), Some("libx1"));
        assert_eq!(name(""), None);
    }

    #[test]
    fn a_file_of_ours_is_no_packages() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(owner(file.path()), None);
    }
}
