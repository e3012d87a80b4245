// SPDX-License-Identifier: GPL-2.0-or-later
//! The profile for Wireshark's window: it goes into the user's own configuration, so only when asked, and never over
//! what is the user's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xtask::cargo;
use xtask::wireshark::user_home;

use crate::install::Hands;

/// As the window's status bar shows it.
const NAME: &str = "WeChat";

/// Holds what was installed, so that a change by the user can be told from an older profile of ours.
const INSTALLED: &str = ".installed";

/// Written by Wireshark itself: sizes of windows and columns.
const OF_WIRESHARK: &str = "recent";

/// What lies where the profile is to be.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Absent,
    /// As it was installed.
    Ours,
    /// A profile that was not installed by us, or this file was changed since.
    TheUsers(Option<PathBuf>),
}

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

    fn state(&self) -> Result<State> {
        if !self.target.exists() {
            return Ok(State::Absent);
        }
        let Some(installed) = self.installed()? else {
            return Ok(State::TheUsers(None));
        };
        for name in &installed {
            let file = self.target.join(name);
            if fs::read(&file).ok() != Some(fs::read(self.target.join(INSTALLED).join(name))?) {
                return Ok(State::TheUsers(Some(file)));
            }
        }
        // A file that the profile has only got since, and the user before.
        let added = self.names()?.into_iter().filter(|name| !installed.contains(name));
        let added = added.map(|name| self.target.join(name)).find(|file| file.exists());
        Ok(added.map_or(State::Ours, |file| State::TheUsers(Some(file))))
    }

    /// Fails, before anything is done, where the user has a profile of this name.
    pub fn ensure_free(&self) -> Result<()> {
        match self.state()? {
            State::Absent | State::Ours => Ok(()),
            State::TheUsers(Some(file)) => bail!(
                "{} was changed since it was installed: give your profile another name in Wireshark \
                 (Edit ▸ Configuration Profiles), then start again",
                file.display()
            ),
            State::TheUsers(None) => bail!(
                "{} is a profile of yours: give it another name in Wireshark (Edit ▸ Configuration Profiles), then start again",
                self.target.display()
            ),
        }
    }

    /// Copies it; whoever calls has seen that the place is free.
    pub fn install(&self, hands: &Hands) -> Result<()> {
        for name in self.names()? {
            let from = self.source.join(&name);
            hands.install(&from, &self.target.join(&name))?;
            hands.copy(&from, &self.target.join(INSTALLED).join(&name))?;
        }
        if !hands.dry_run {
            println!("Choose it: Edit ▸ Configuration Profiles ▸ {NAME}, or `wireshark -C {NAME}`.");
        }
        Ok(())
    }

    /// Removes it where it is as it was installed. Whether there was one.
    pub fn uninstall(&self, hands: &Hands) -> Result<bool> {
        match self.state()? {
            State::Absent | State::TheUsers(None) => return Ok(false),
            State::TheUsers(Some(file)) => {
                println!(
                    "Kept {}: {} was changed since it was installed.",
                    self.target.display(),
                    file.display()
                );
                return Ok(true);
            }
            State::Ours => {}
        }
        for name in self.installed()?.unwrap_or_default() {
            hands.remove(&self.target.join(name))?;
        }
        let own = self.target.join(OF_WIRESHARK);
        if own.exists() {
            hands.remove(&own)?;
        }
        if !hands.dry_run {
            fs::remove_dir_all(self.target.join(INSTALLED))?;
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
        assert_eq!(profile.state().expect("a state"), State::Absent);
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
        assert!(profile.uninstall(&Hands { dry_run: true }).expect("said") && profile.target.exists());
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
        fs::write(profile.target.join("colorfilters"), "mine").expect("written");
        let error = profile.ensure_free().expect_err("changed").to_string();
        assert!(error.contains("colorfilters was changed since"), "{error}");
        assert!(profile.uninstall(&HANDS).expect("kept"));
        assert_eq!(fs::read_to_string(profile.target.join("colorfilters")).expect("kept"), "mine");
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
