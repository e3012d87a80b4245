// SPDX-License-Identifier: GPL-2.0-or-later
//! Debian's package. It fits one minor version of Wireshark, and apt refuses it beside any other.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::place::{Place, Wireshark};
use super::{NAME, tree};
use crate::process;

/// Whose package it is, unless Debian's own variables say.
const MAINTAINER: (&str, &str) = ("The authors of WeChat for Wireshark", "nobody@example.org");

/// Makes the package in `out` of the plugin that was built at `place`. `work` is a folder that is seen there too.
pub fn make(
    place: &Place,
    wireshark: &Wireshark,
    plugin: &Path,
    version: &str,
    time: u64,
    work: &Path,
    out: &Path,
) -> Result<PathBuf> {
    let architecture = place.architecture()?;
    let folder = work.join("deb");
    tree::lay_out(&folder, plugin, wireshark, &wireshark.prefix)?;
    let documents = tree::documentation(&folder, &wireshark.prefix);
    let licences = fs::read_to_string(documents.join("LICENSES.txt"))?;
    fs::remove_file(documents.join("LICENSES.txt"))?;
    tree::write(&documents.join("copyright"), &copyright(&licences))?;
    let changes = work.join("changelog");
    tree::write(&changes, &changelog(version, time)?)?;
    compress(&changes, &documents.join("changelog.gz"))?;

    let size: u64 = tree::files(&folder)?.iter().map(|file| size(&folder.join(file))).sum::<Result<u64>>()?;
    let control = format!(
        "Package: {NAME}\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: {}\n\
         Installed-Size: {}\n\
         Depends: {}\n\
         Recommends: tshark | wireshark\n\
         Enhances: tshark, wireshark\n\
         Section: net\n\
         Priority: optional\n\
         {}",
        maintainer(),
        size.div_ceil(1024),
        depends(place, wireshark, plugin, work)?,
        description(wireshark),
    );
    let sums = sums(&folder)?;
    tree::write(&folder.join("DEBIAN/control"), &control)?;
    tree::write(&folder.join("DEBIAN/md5sums"), &sums)?;
    tree::settle(&folder, time)?;

    let package = out.join(format!("{NAME}_{version}_{architecture}.deb"));
    let mut assemble = Command::new("dpkg-deb");
    // The compressor cuts its input by the number of threads.
    assemble.env("SOURCE_DATE_EPOCH", time.to_string()).env("DPKG_DEB_THREADS_MAX", "1");
    assemble.args(["--root-owner-group", "-Zxz", "--build"]).arg(&folder).arg(&package);
    process::output(&mut assemble)?;
    Ok(package)
}

fn description(wireshark: &Wireshark) -> String {
    format!(
        "Description: Wireshark and tshark dissectors for what WeChat speaks\n \
         Takes apart what WeChat's clients and servers say to each other: the long\n \
         link, the short link, MMTLS and the web client. It names each operation, says\n \
         which answer belongs to which request, and marks what is wrong.\n \
         .\n \
         This build is for Wireshark {} and is refused beside any other.\n",
        wireshark.release
    )
}

/// The libraries that it is linked with, as Debian's own tool finds them; and those of Wireshark, which it is not linked
/// with: their symbols stay open until Wireshark loads it.
fn depends(place: &Place, wireshark: &Wireshark, plugin: &Path, work: &Path) -> Result<String> {
    // The tool wants a source package around it.
    tree::write(&work.join("debian/control"), "Source: x\n\nPackage: x\nArchitecture: any\n")?;
    let mut linked = place.command("env");
    linked.arg("-C").arg(work).args(["dpkg-shlibdeps", "-O", "--ignore-missing-info"]);
    let linked = process::stdout(linked.arg(format!("-e{}", plugin.display())))?;
    let linked =
        linked.trim().strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps says something else")?;
    let mut depends = linked.to_owned();
    let release = wireshark.release;
    for library in ["libwireshark.so", "libwsutil.so"] {
        let owner = place.owner(&wireshark.libraries.join(library))?;
        let next = release.minor + 1;
        write!(depends, ", {owner} (>= {release}~), {owner} (<< {}.{next}~)", release.major)?;
    }
    Ok(depends)
}

fn maintainer() -> String {
    let or = |variable: &str, default: &str| std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    format!("{} <{}>", or("DEBFULLNAME", MAINTAINER.0), or("DEBEMAIL", MAINTAINER.1))
}

/// In Debian's form; what changed is told where everybody looks.
fn changelog(version: &str, time: u64) -> Result<String> {
    let date = process::stdout(Command::new("date").env("LC_ALL", "C").args([
        "-R",
        "-u",
        "-d",
        &format!("@{time}"),
    ]))?;
    let maintainer = maintainer();
    Ok(format!(
        "{NAME} ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {maintainer}  {date}"
    ))
}

fn copyright(licences: &str) -> String {
    format!(
        "WeChat for Wireshark, copyright its authors.\n\n\
         It is free software: you may pass it on and change it on the terms of the GNU General Public License as\n\
         published by the Free Software Foundation, version 2 or, at your option, any later version. It comes without\n\
         any warranty. On Debian systems the licence is in /usr/share/common-licenses/GPL-2.\n\n\
         {licences}"
    )
}

fn size(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file)?.len())
}

/// `gzip` without the time and the name.
fn compress(from: &Path, to: &Path) -> Result<()> {
    let output = process::output(Command::new("gzip").args(["-9", "--no-name", "--stdout"]).arg(from))?;
    Ok(fs::write(to, output.stdout)?)
}

fn sums(folder: &Path) -> Result<String> {
    process::stdout(Command::new("md5sum").current_dir(folder).arg("--").args(tree::files(folder)?))
}
