// SPDX-License-Identifier: GPL-2.0-or-later
//! The profile for Wireshark's window: it goes into the user's own configuration, so only when asked, and never over
//! what is the user's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xtask::cargo;
use xtask::wireshark::user_home;

use crate::install::Hands;

/// As the window's status bar shows it.
const NAME: &str = "WeChat";

/// Holds what was installed, so that what was changed since can be told from an older profile of ours. Wireshark itself
/// writes `preferences` anew when a preference changes, and some of its windows do that.
const INSTALLED: &str = ".installed";

/// Written by Wireshark itself: sizes of windows and columns.
const OF_WIRESHARK: &str = "recent";

/// The profile: where its files come from, and where they go.
pub struct Profile {
    source: PathBuf,
    target: PathBuf,
}

impl Profile {
    pub fn find() -> Result<Self> {
        Ok(Self {
            source: cargo::root()?.join("profile").join(NAME),
            target: personal_configuration()?.join("profiles").join(NAME),
        })
    }

    /// Names of our files.
    fn names(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.source)
            .with_context(|| format!("cannot read {}", self.source.display()))?
            .collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<PathBuf> = entries.into_iter().map(|entry| entry.file_name().into()).collect();
        names.sort();
        Ok(names)
    }

    /// Names of the files that were installed, whatever the profile of today has; `None` if none was.
    fn installed(&self) -> Result<Option<Vec<PathBuf>>> {
        let kept = self.target.join(INSTALLED);
        if !kept.is_dir() {
            return Ok(None);
        }
        let names = fs::read_dir(kept)?.map(|entry| Ok(entry?.file_name().into()));
        names.collect::<Result<_>>().map(Some)
    }

    /// Whether a file is as it was installed.
    fn is_unchanged(&self, name: &Path) -> bool {
        let [file, kept] = [self.target.join(name), self.target.join(INSTALLED).join(name)].map(fs::read);
        matches!((file, kept), (Ok(file), Ok(kept)) if file == kept)
    }

    /// Fails, before anything is done, where the user has a profile of this name.
    pub fn ensure_free(&self) -> Result<()> {
        ensure!(
            !self.target.exists() || self.installed()?.is_some(),
            "{} is a profile of yours: give it another name in Wireshark (Edit ▸ Configuration Profiles), then start again",
            self.target.display()
        );
        Ok(())
    }

    /// Copies it; whoever calls has seen that the place is free. What was changed since it was installed stays.
    pub fn install(&self, hands: &Hands) -> Result<()> {
        for name in self.names()? {
            let (from, to) = (self.source.join(&name), self.target.join(&name));
            if to.exists() && !self.is_unchanged(&name) {
                println!("Kept {}: it was changed since it was installed.", to.display());
                continue;
            }
            hands.install(&from, &to)?;
            hands.copy(&from, &self.target.join(INSTALLED).join(&name))?;
        }
        if !hands.dry_run {
            println!("Choose it: Edit ▸ Configuration Profiles ▸ {NAME}, or `wireshark -C {NAME}`.");
        }
        Ok(())
    }

    /// Removes what is as it was installed. Whether there was anything of ours.
    pub fn uninstall(&self, hands: &Hands) -> Result<bool> {
        let Some(names) = self.installed()? else {
            return Ok(false);
        };
        let kept = self.target.join(INSTALLED);
        let mut changed = false;
        for name in names {
            let file = self.target.join(&name);
            if file.exists() && !self.is_unchanged(&name) {
                println!("Kept {}: it was changed since it was installed.", file.display());
                changed = true;
                continue;
            }
            if file.exists() {
                hands.remove(&file)?;
            }
            if !hands.dry_run {
                fs::remove_file(kept.join(&name))?;
            }
        }
        let own = self.target.join(OF_WIRESHARK);
        if !changed && own.exists() {
            hands.remove(&own)?;
        }
        if changed {
            println!("If you need it no more: Edit ▸ Configuration Profiles deletes it.");
        } else if !hands.dry_run {
            fs::remove_dir(&kept)?;
            // Whatever else lies there is the user's.
            if fs::remove_dir(&self.target).is_err() {
                println!("Kept {}: there is more in it.", self.target.display());
            }
        }
        Ok(true)
    }
}

/// Where Wireshark keeps what is this user's.
fn personal_configuration() -> Result<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    Ok(configuration_of(
        variable("WIRESHARK_CONFIG_DIR").map(PathBuf::from),
        variable("XDG_CONFIG_HOME").map(PathBuf::from),
        &user_home()?,
    ))
}

fn configuration_of(own: Option<PathBuf>, xdg: Option<PathBuf>, home: &Path) -> PathBuf {
    own.unwrap_or_else(|| xdg.unwrap_or_else(|| home.join(".config")).join("wireshark"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use xtask::process;

    const HANDS: Hands = Hands { dry_run: false };

    fn profile(folder: &Path) -> Profile {
        let profile =
            Profile { source: folder.join("source"), target: folder.join("wireshark/profiles/WeChat") };
        fs::create_dir_all(&profile.source).expect("created");
        for name in ["colorfilters", "preferences"] {
            fs::write(profile.source.join(name), name).expect("written");
        }
        profile
    }

    #[test]
    fn it_comes_is_renewed_and_goes_without_a_trace() {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = profile(folder.path());
        profile.ensure_free().expect("nothing there");
        profile.install(&Hands { dry_run: true }).expect("said");
        assert!(!profile.target.exists());
        profile.install(&HANDS).expect("installed");
        assert_eq!(fs::read_to_string(profile.target.join("preferences")).expect("read"), "preferences");
        // A newer one takes the place of what is as it was installed.
        fs::write(profile.source.join("preferences"), "newer").expect("written");
        profile.ensure_free().expect("ours");
        profile.install(&HANDS).expect("renewed");
        assert_eq!(fs::read_to_string(profile.target.join("preferences")).expect("read"), "newer");
        fs::write(profile.target.join(OF_WIRESHARK), "sizes").expect("written");
        assert!(profile.uninstall(&Hands { dry_run: true }).expect("said"));
        assert!(profile.target.join("preferences").exists() && profile.target.join(OF_WIRESHARK).exists());
        assert!(profile.uninstall(&HANDS).expect("removed") && !profile.target.exists());
        assert!(!profile.uninstall(&HANDS).expect("nothing there"));
    }

    #[test]
    fn what_is_the_users_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = profile(folder.path());
        fs::create_dir_all(&profile.target).expect("created");
        fs::write(profile.target.join("preferences"), "mine").expect("written");
        let error = profile.ensure_free().expect_err("the user's").to_string();
        assert!(error.contains("is a profile of yours"), "{error}");
        assert!(!profile.uninstall(&HANDS).expect("left alone"));
        assert!(profile.target.join("preferences").exists());

        fs::remove_dir_all(&profile.target).expect("removed");
        profile.install(&HANDS).expect("installed");
        let read = |name: &str| fs::read_to_string(profile.target.join(name)).ok();
        fs::write(profile.target.join("preferences"), "mine").expect("written");
        // A file that only a newer profile has, and the user before.
        fs::write(profile.target.join("io_graphs"), "mine").expect("written");
        for name in ["colorfilters", "preferences", "io_graphs"] {
            fs::write(profile.source.join(name), "newer").expect("written");
        }
        profile.ensure_free().expect("ours");
        profile.install(&HANDS).expect("renewed");
        let found = ["colorfilters", "preferences", "io_graphs"].map(read);
        assert_eq!(found, [Some("newer".into()), Some("mine".into()), Some("mine".into())]);
        // Twice, as somebody may who reads that something was kept.
        for _ in 0..2 {
            assert!(profile.uninstall(&HANDS).expect("what is ours goes"));
            let found = ["colorfilters", "preferences", "io_graphs"].map(read);
            assert_eq!(found, [None, Some("mine".into()), Some("mine".into())]);
        }
        profile.ensure_free().expect("it can come again");
    }

    #[test]
    fn it_goes_where_wireshark_looks() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        let (own, xdg) = (home.join("own"), home.join("xdg"));
        for (own, xdg) in [(None, None), (None, Some(xdg.clone())), (Some(own), Some(xdg))] {
            let mut tshark = Command::new("tshark");
            tshark.args(["-G", "folders"]).env("HOME", home);
            for (name, value) in [("WIRESHARK_CONFIG_DIR", &own), ("XDG_CONFIG_HOME", &xdg)] {
                match value {
                    Some(value) => tshark.env(name, value),
                    None => tshark.env_remove(name),
                };
            }
            let text = process::stdout(&mut tshark).expect("tshark names its folders");
            let line = text.lines().find_map(|line| line.strip_prefix("Personal configuration:"));
            let named = Path::new(line.expect("a line").trim());
            assert_eq!(named, configuration_of(own, xdg, home));
        }
    }
}
