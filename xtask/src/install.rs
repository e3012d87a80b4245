// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask install` and `uninstall`: where this machine's Wireshark looks, and nowhere else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use xtask::library::{self, Library};
use xtask::owner::{self, Owner};
use xtask::wireshark::{Folders, PLUGIN_NAME, Tshark, is_privileged, user_home};
use xtask::{cargo, files};

use crate::doctor;
use crate::profile::Profile;

/// Says what is done, and does it unless this is a dry run.
pub struct Hands {
    pub dry_run: bool,
}

impl Hands {
    pub fn remove(&self, path: &Path) -> Result<()> {
        if self.dry_run {
            println!("Would remove {}", path.display());
            return Ok(());
        }
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        println!("Removed {}", path.display());
        Ok(())
    }

    pub fn install(&self, file: &Path, target: &Path) -> Result<()> {
        if self.dry_run {
            println!("Would install {}", target.display());
            return Ok(());
        }
        self.copy(file, target)?;
        println!("Installed {}", target.display());
        Ok(())
    }

    /// As that, without a word.
    pub fn copy(&self, file: &Path, target: &Path) -> Result<()> {
        if self.dry_run {
            return Ok(());
        }
        target
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| files::copy_readable(file, target))
            .with_context(|| format!("cannot install {}", target.display()))
    }
}

/// With `with_profile` the profile for the window, too.
pub fn install(dry_run: bool, with_profile: bool) -> Result<()> {
    let profile = with_profile.then(Profile::find).transpose()?;
    if let Some(profile) = &profile {
        profile.ensure_free()?;
    }
    install_plugin(dry_run)?;
    profile.map_or(Ok(()), |profile| profile.install(&Hands { dry_run }))
}

fn install_plugin(dry_run: bool) -> Result<()> {
    let tshark = find_tshark()?;
    let folder = tshark.folders.to_install(is_privileged());
    let target = folder.join(PLUGIN_NAME);
    ensure!(
        library::inspect(&target) != Some(Library::Foreign),
        "{} is another plugin; move it away first",
        target.display()
    );
    if let Some(Owner { package, remove, .. }) = owner::owner(&target) {
        bail!("{} belongs to the package {package}; first: {remove}", target.display());
    }

    let plugin = if dry_run {
        println!("Would build the plugin.");
        cargo::plugin_path()?
    } else {
        build_for(&tshark)?
    };
    let hands = Hands { dry_run };
    // The same plugin under two names keeps Wireshark from starting.
    for copy in library::copies_in(folder) {
        if copy.path != target {
            hands.remove(&copy.path)?;
        }
    }
    hands.install(&plugin, &target)?;
    if dry_run {
        return Ok(());
    }
    if tshark.load_plugins()?.paths.contains(&target) {
        println!("Wireshark {} loads it.", tshark.version);
        return Ok(());
    }
    doctor::examine()?;
    bail!("Wireshark does not load the plugin from {}", target.display());
}

/// Builds the plugin and sees that it suits tshark: the headers may be of another Wireshark.
fn build_for(tshark: &Tshark) -> Result<PathBuf> {
    let plugin = cargo::build_plugin()?;
    match library::inspect(&plugin) {
        Some(Library::Ours(release)) if release == tshark.release => Ok(plugin),
        Some(Library::Ours(release)) => bail!(
            "the installed headers are those of Wireshark {release}, but {} is {}; install the headers of {}",
            tshark.path.display(),
            tshark.version,
            tshark.release
        ),
        _ => bail!("{} is no plugin", plugin.display()),
    }
}

pub fn uninstall(dry_run: bool) -> Result<()> {
    let folders = Folders::of_home(&user_home()?)?;
    let hands = Hands { dry_run };
    let mut found = Profile::find()?.uninstall(&hands)?;
    let mut left = Vec::new();
    let mut owned = false;
    for folder in [&folders.personal, &folders.global] {
        for copy in library::copies_beside(folder) {
            found = true;
            if let Some(Owner { package, remove, .. }) = owner::owner(&copy.path) {
                println!("{} belongs to the package {package}:  {remove}", copy.path.display());
                owned = true;
                continue;
            }
            match hands.remove(&copy.path) {
                Err(error) if is_denied(&error) => left.push(copy.path),
                result => result?,
            }
        }
    }
    if !found {
        println!(
            "There is nothing to remove: the plugin is neither in {} nor in {}.",
            folders.personal.display(),
            folders.global.display()
        );
    }
    for path in &left {
        println!("Only root may remove it:  {}", doctor::delete(path, true));
    }
    ensure!(left.is_empty() && !owned, "the plugin is still installed");
    Ok(())
}

fn is_denied(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn find_tshark() -> Result<Tshark> {
    Tshark::find()?
        .context("no tshark was found to ask for its plugin folders; `cargo xtask demo` installs it")
}
