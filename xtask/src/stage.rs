// SPDX-License-Identifier: GPL-2.0-or-later
//! A lasting home under the target folder in which one tries the build on captures of one's own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask::home::NOBODY;
use xtask::wireshark::Folders;
use xtask::{cargo, files, library, process, sandbox};

/// Builds the plugin, stages it, and says how to use it.
pub fn build() -> Result<()> {
    let plugin = cargo::build_plugin()?;
    let home = stage(&plugin)?;
    println!("The plugin is {}.", plugin.display());
    print_hint(&home)
}

/// Stages the plugin; nothing is installed into the user's Wireshark.
pub fn stage(plugin: &Path) -> Result<PathBuf> {
    let home = cargo::target_dir()?.join("wireshark-home");
    sandbox::stage(&home, plugin)?;
    Ok(home)
}

/// Says how to run tshark with the staged build.
pub fn print_hint(home: &Path) -> Result<()> {
    if let Some(copy) = library::copies_in(&Folders::of_home(home)?.global).first() {
        println!(
            "{} is installed, and Wireshark takes it instead of this build: `cargo xtask install` renews \
             it, `cargo xtask uninstall` removes it.",
            copy.path.display()
        );
        return Ok(());
    }
    match hint(home, process::is_root(), files::is_open_to_all(home)) {
        Some(line) => {
            println!("Try it on a capture of yours:  {line}");
            println!("Install it for Wireshark:      cargo xtask install");
        }
        None => println!(
            "Wireshark run by root reads only its system folder: `cargo xtask install` puts the plugin \
             there, then run:  tshark -r YOUR.pcap -Y wechat"
        ),
    }
    Ok(())
}

/// Root has to become another user, who can neither enter root's folders nor open root's captures.
fn hint(home: &Path, root: bool, open: bool) -> Option<String> {
    let home = process::quote(home);
    match (root, open) {
        (false, _) => Some(format!("HOME={home} tshark -r YOUR.pcap -Y wechat")),
        (true, true) => Some(format!(
            "setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups env HOME={home} \
             tshark -r - -Y wechat < YOUR.pcap"
        )),
        (true, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_told_to_become_someone_else() {
        let home = Path::new("/a b");
        let user = hint(home, false, false).expect("a line");
        assert_eq!(user, "HOME='/a b' tshark -r YOUR.pcap -Y wechat");
        let root = hint(home, true, true).expect("a line");
        assert!(root.starts_with("setpriv --reuid=65534 ") && root.ends_with("< YOUR.pcap"));
        assert_eq!(hint(home, true, false), None);
    }
}
