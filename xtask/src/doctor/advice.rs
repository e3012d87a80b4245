// SPDX-License-Identifier: GPL-2.0-or-later
//! From facts to sentences; nothing here looks at the machine.

use std::fmt;
use std::path::Path;

use xtask::library::{Copy, Library};
use xtask::owner::Owner;
use xtask::process::quote;
use xtask::wireshark::{PLUGIN_NAME, Tshark};

use super::Facts;

#[cfg(test)]
mod tests;

/// One sentence, or one sentence and the command that helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Fine(String),
    ToDo { what: String, remedy: String },
}

impl Finding {
    pub fn needs_doing(&self) -> bool {
        matches!(self, Self::ToDo { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine(what) => write!(f, "ok     {what}"),
            Self::ToDo { what, remedy } => write!(f, "TO DO  {what}\n       → {remedy}"),
        }
    }
}

fn fine(what: String) -> Finding {
    Finding::Fine(what)
}

fn to_do(what: String, remedy: impl Into<String>) -> Finding {
    Finding::ToDo { what, remedy: remedy.into() }
}

const INSTALL: &str = "cargo xtask install";

/// Words of the loader, in the order in which they are looked for, and what they mean.
struct Complaint {
    words: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

#[rustfmt::skip]
const COMPLAINTS: [Complaint; 6] = [
    Complaint { words: "Duplicate protocol name", meaning: "two copies of one plugin keep Wireshark from starting", remedy: "delete all but one of them" },
    Complaint { words: "GLIBC_", meaning: "it was built on a newer system than this one", remedy: INSTALL },
    Complaint { words: "undefined symbol", meaning: "it was built for another Wireshark", remedy: INSTALL },
    Complaint { words: "was compiled for Wireshark version", meaning: "it was built for another Wireshark", remedy: INSTALL },
    Complaint { words: "Permission denied", meaning: "this user may not read the file", remedy: "make the file and its folders readable (chmod a+rX)" },
    Complaint { words: "Couldn't load", meaning: "the file is damaged or of another kind of machine", remedy: INSTALL },
];

/// What to say of the facts, in the order in which one would look.
pub fn advise(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(tshark) = &facts.tshark else {
        findings.push(to_do(
            "There is no tshark on PATH, so nothing can be said about Wireshark.".to_owned(),
            "cargo xtask demo installs it, or install your system's package tshark or wireshark-cli",
        ));
        findings.push(built(facts, None));
        return findings;
    };
    findings.push(fine(format!("tshark {} is {}.", tshark.version, tshark.path.display())));
    findings.extend(facts.wireshark.as_ref().map(|(path, version)| window(path, version.as_deref())));
    findings.push(built(facts, Some(tshark)));
    findings.extend(variable(facts, tshark));

    let places = Places { facts, tshark };
    findings.extend(facts.copies.iter().map(|copy| places.copy(copy)));
    findings.extend(places.not_installed());
    findings.extend(places.duplicates());
    findings.extend(places.loading());
    findings
}

fn window(path: &Path, version: Option<&str>) -> Finding {
    let path = path.display();
    fine(match version {
        Some(version) => format!("Wireshark {version} is {path}."),
        None => format!("Wireshark is {path}; it does not say its version."),
    })
}

/// The plugin that cargo built.
fn built(facts: &Facts, tshark: Option<&Tshark>) -> Finding {
    let (file, library) = &facts.built;
    let path = file.display();
    match library {
        None if !facts.owners.is_empty() => {
            fine("The plugin is not built here, and need not be: a package brought it.".to_owned())
        }
        None => to_do(format!("The plugin is not built: there is no {path}."), "cargo xtask build"),
        Some(Library::Ours(release)) => match tshark {
            Some(tshark) if tshark.release != *release => to_do(
                format!(
                    "The built plugin {path} is for Wireshark {release}, and tshark is {}.",
                    tshark.version
                ),
                format!(
                    "install the headers of Wireshark {} (wireshark-dev or wireshark-devel), then: cargo xtask build",
                    tshark.release
                ),
            ),
            _ => fine(format!("The built plugin {path} is for Wireshark {release}.")),
        },
        Some(Library::Foreign) => {
            to_do(format!("{path} is the plain C library and not the plugin."), "cargo xtask build")
        }
        Some(Library::Closed) => to_do(
            format!("You may not read the built plugin {path}."),
            format!("sudo chmod a+r {}", quote(file)),
        ),
        Some(Library::Damaged(why)) => to_do(
            format!("The built plugin {path} is damaged: {why}."),
            format!("{} && cargo xtask build", delete(file, false)),
        ),
    }
}

/// `WIRESHARK_PLUGIN_DIR`, which takes the place of the system folder.
fn variable(facts: &Facts, tshark: &Tshark) -> Option<Finding> {
    let folder = facts.plugin_dir_variable.as_ref()?.display();
    Some(fine(if facts.privileged {
        format!("WIRESHARK_PLUGIN_DIR is {folder}, which Wireshark ignores when root runs it.")
    } else {
        format!(
            "WIRESHARK_PLUGIN_DIR is {folder}: Wireshark reads {} in place of its system folder, \
             and goes without the plugins it brings along.",
            tshark.folders.global.display()
        )
    }))
}

/// The command that removes `path`.
pub fn delete(path: &Path, needs_root: bool) -> String {
    let sudo = if needs_root { "sudo " } else { "" };
    format!("{sudo}rm {}", quote(path))
}

/// Whether the loader's words are about this file.
fn is_named(copy: &Copy, line: &str) -> bool {
    copy.path.file_name().is_some_and(|name| line.contains(&format!("'{}'", name.to_string_lossy())))
}

/// The copies, seen from this tshark.
struct Places<'a> {
    facts: &'a Facts,
    tshark: &'a Tshark,
}

impl<'a> Places<'a> {
    fn is_global(&self, copy: &Copy) -> bool {
        copy.path.parent() == Some(&self.tshark.folders.global)
    }

    fn is_personal(&self, copy: &Copy) -> bool {
        copy.path.parent() == Some(&self.tshark.folders.personal)
    }

    /// Whether this user's Wireshark looks there.
    fn is_read(&self, copy: &Copy) -> bool {
        self.is_global(copy) || (self.is_personal(copy) && !self.facts.privileged)
    }

    fn read(&self) -> impl Iterator<Item = &'a Copy> {
        self.facts.copies.iter().filter(|copy| self.is_read(copy))
    }

    fn target(&self) -> std::path::PathBuf {
        self.tshark.folders.to_install(self.facts.privileged).join(PLUGIN_NAME)
    }

    /// The package that brought a copy.
    fn owner(&self, copy: &Copy) -> Option<&'a Owner> {
        self.facts.owners.iter().find(|owner| owner.path == copy.path)
    }

    /// Words behind a copy that a package brought.
    fn package(&self, copy: &Copy) -> String {
        self.owner(copy).map_or(String::new(), |Owner { package, remove, .. }| {
            format!(
                " It belongs to the package {package}: a newer package replaces it, and `{remove}` removes it."
            )
        })
    }

    fn delete(&self, copy: &Copy) -> String {
        if let Some(owner) = self.owner(copy) {
            return owner.remove.clone();
        }
        delete(&copy.path, self.is_global(copy) && !self.facts.privileged)
    }

    /// Installing replaces the copy that is in the right place; others have to go.
    fn replace(&self, copy: &Copy) -> String {
        if let Some(owner) = self.owner(copy) {
            return format!(
                "install the package for Wireshark {}, or: {}",
                self.tshark.release, owner.remove
            );
        }
        if copy.path == self.target() { INSTALL.to_owned() } else { self.delete(copy) }
    }

    fn copy(&self, copy: &Copy) -> Finding {
        let path = copy.path.display();
        if !self.is_global(copy) && !self.is_personal(copy) {
            return fine(format!(
                "{path} is in another version's folder; Wireshark {} does not read it.{}",
                self.tshark.release,
                self.package(copy)
            ));
        }
        if !self.is_read(copy) {
            return fine(format!(
                "{path} is in the personal folder, which Wireshark ignores when root runs it."
            ));
        }
        match &copy.library {
            Library::Ours(release) if *release == self.tshark.release => {
                fine(format!("{path} is installed and is for Wireshark {release}.{}", self.package(copy)))
            }
            Library::Ours(release) => to_do(
                format!("{path} was built for Wireshark {release}, and this one is {}.", self.tshark.version),
                self.replace(copy),
            ),
            Library::Closed => to_do(
                format!("{path} is installed, but you may not read it."),
                format!("sudo chmod a+r {}", quote(&copy.path)),
            ),
            Library::Damaged(why) => to_do(format!("{path} is damaged: {why}."), self.replace(copy)),
            Library::Foreign => fine(format!("{path} is another plugin.")),
        }
    }

    fn not_installed(&self) -> Option<Finding> {
        if self.read().next().is_some() {
            return None;
        }
        let target = self.target();
        let target = target.display();
        Some(if self.facts.privileged && self.facts.copies.iter().any(|copy| self.is_personal(copy)) {
            to_do(
                format!(
                    "The plugin is installed in the personal folder only, and root needs it at {target}."
                ),
                "cargo xtask install (as root), or run Wireshark as an ordinary user",
            )
        } else if self.facts.plugin_dir_variable.is_some() && !self.facts.privileged {
            to_do(
                format!("The plugin is not installed; {target} is where it belongs."),
                "cargo xtask install, or, if it is in the system folder: unset WIRESHARK_PLUGIN_DIR",
            )
        } else {
            to_do(format!("The plugin is not installed; {target} is where it belongs."), INSTALL)
        })
    }

    fn duplicates(&self) -> Vec<Finding> {
        // Files that do not load cannot collide.
        let loadable = |copy: &&Copy| matches!(copy.library, Library::Ours(_));
        let copies: Vec<&Copy> = self.read().filter(loadable).collect();
        // Keep the copy that the next install replaces, if it is there.
        let Some(keep) = copies.iter().find(|copy| copy.path == self.target()).or(copies.first()) else {
            return Vec::new();
        };
        let others = copies.iter().filter(|copy| copy.path != keep.path);
        others.map(|other| self.duplicate(keep, other)).collect()
    }

    fn duplicate(&self, keep: &Copy, other: &Copy) -> Finding {
        let (first, second) = (keep.path.display(), other.path.display());
        if keep.path.file_name() != other.path.file_name() {
            return to_do(
                format!(
                    "{first} and {second} are one plugin under two names: \
                     Wireshark stops with \"Duplicate protocol name\"."
                ),
                self.delete(other),
            );
        }
        to_do(
            format!("{first} and {second} have one name: Wireshark takes the one in the system folder."),
            self.delete(other),
        )
    }

    /// What the loader did and said; nothing if there is nothing for it to load.
    fn loading(&self) -> Vec<Finding> {
        if self.read().next().is_none() {
            return Vec::new();
        }
        let loaded = &self.facts.loaded;
        if let Some(copy) = self.read().find(|copy| loaded.paths.contains(&copy.path)) {
            return vec![fine(format!("Wireshark {} loads {}.", self.tshark.version, copy.path.display()))];
        }
        let complaints: Vec<Finding> = loaded
            .complaints
            .iter()
            .filter(|line| self.is_about_us(line))
            .map(|line| self.complaint(line))
            .collect();
        if complaints.is_empty() {
            vec![to_do("Wireshark does not load the plugin and does not say why.".to_owned(), INSTALL)]
        } else {
            complaints
        }
    }

    fn is_about_us(&self, line: &str) -> bool {
        line.contains("Duplicate protocol name") || self.read().any(|copy| is_named(copy, line))
    }

    /// Whether a copy of this name has a fault that was told already.
    fn is_explained(&self, line: &str) -> bool {
        let faulty = |copy: &&Copy| copy.library != Library::Ours(self.tshark.release);
        self.read().filter(faulty).any(|copy| is_named(copy, line))
    }

    fn complaint(&self, line: &str) -> Finding {
        if self.is_explained(line) {
            return fine(format!("Wireshark leaves it out and goes on. Its words: {line}"));
        }
        match COMPLAINTS.iter().find(|complaint| line.contains(complaint.words)) {
            Some(known) => to_do(
                format!("Wireshark does not load the plugin: {}. Its words: {line}", known.meaning),
                known.remedy,
            ),
            None => to_do(format!("Wireshark does not load the plugin. Its words: {line}"), INSTALL),
        }
    }
}
