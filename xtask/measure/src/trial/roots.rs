// SPDX-License-Identifier: GPL-2.0-or-later
//! Each package in a fresh root of its suite: from the file to an annotated sample, and back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use wechat_traffic::{sample, truth};
use xtask::home::NOBODY;
use xtask::package::{self, Made, NAME, OURS, Place};
use xtask::root::{Root, SUITES};
use xtask::{cargo, process};

/// An older version, over which ours is installed.
const OLDER: &str = "0.0.1";

/// A package and what it is tried with.
struct Subject {
    made: Made,
    deb: PathBuf,
    older: PathBuf,
    root: Root,
    target: PathBuf,
}

pub fn run(releases: &[&str]) -> Result<()> {
    let all = SUITES.map(|(release, _)| release);
    let releases = if releases.is_empty() { &all[..] } else { releases };
    process::run(cargo::cargo("fetch").arg("--locked"))?;
    let older = tempfile::tempdir()?;
    let out = package::out()?;
    let subjects: Vec<Subject> =
        releases.iter().map(|release| Subject::new(release, &out, older.path())).collect::<Result<_>>()?;
    package::write_sums(&out, subjects.iter().map(|subject| &subject.made))?;
    subjects.iter().try_for_each(|subject| {
        let others = subjects.iter().filter(|other| other.made.release != subject.made.release);
        subject.try_all(&others.collect::<Vec<_>>())
    })
}

impl Subject {
    fn new(release: &str, out: &Path, older: &Path) -> Result<Self> {
        let place = Place::Root(package::root(release)?);
        let deb = |made: &Made| made.deb.clone().context("this is no Debian, and makes no packages for it");
        let older = deb(&package::make(&place, OLDER, older)?)?;
        let made = package::make(&place, OURS, out)?;
        let target = package::target(release)?;
        let root = package::root(release)?;
        // For doctor, which is asked inside.
        process::output(root.cargo(&target, &[])?.args(["build", "--package", "xtask"]))?;
        Ok(Self { deb: deb(&made)?, made, older, root, target })
    }

    fn try_all(&self, others: &[&Self]) -> Result<()> {
        let release = self.made.release;
        let mut lintian = Command::new("lintian");
        process::output(lintian.args(["--allow-root", "--fail-on", "error,warning"]).arg(&self.deb))?;
        let fresh = Fresh::new(&release.to_string(), &self.root)?;
        fresh.add(&self.deb, "ours.deb")?;
        fresh.add(&self.older, "older.deb")?;
        fresh.add(&self.made.archive, "ours.tar.gz")?;
        fs::write(fresh.root.folder().join("tmp/sample.pcap"), capture()?)?;

        for other in others {
            fresh.add(&other.deb, "other.deb")?;
            let words = fresh.fails("apt-get install --yes /tmp/other.deb")?;
            ensure!(words.contains("Depends: libwireshark"), "apt does not say why: {words}");
            fresh.nothing_is_left()?;
        }
        println!("{release}: apt refuses the packages for other versions ({})", others.len());

        fresh.runs("apt-get install --yes /tmp/older.deb")?;
        fresh.shows_the_sample()?;
        println!("{release}: one command, and the sample is annotated");
        fresh.runs("apt-get install --yes /tmp/ours.deb")?;
        let version = fresh.runs(&format!("dpkg-query -W -f '${{Version}}' {NAME}"))?;
        ensure!(version == package::version(OURS, release), "{version} is installed");
        fresh.shows_the_sample()?;
        println!("{release}: it is put over an older one");

        let output = fresh.root.xtask(&self.target)?.arg("doctor").output()?;
        let words = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "doctor is not content: {words}");
        let package = format!("It belongs to the package {NAME}");
        ensure!(words.contains(&package), "doctor does not know the package: {words}");
        println!("{release}: doctor is content, and names the package");

        self.try_archive(&fresh, others)?;
        fresh.root.remove()
    }

    fn try_archive(&self, fresh: &Fresh, others: &[&Self]) -> Result<()> {
        let release = self.made.release;
        let name = self.made.archive.file_name().and_then(|name| name.to_str()).context("a name")?;
        let script = |name: &str| format!("'/tmp/a b/{}/install.sh'", name.trim_end_matches(".tar.gz"));
        let ours = script(name);
        fresh.runs("mkdir '/tmp/a b' && tar -C '/tmp/a b' -xzf /tmp/ours.tar.gz")?;
        fresh.refuses(&ours, "belongs to a package; first: apt remove")?;
        fresh.refuses(&user(&ours), "is installed for all users, and Wireshark takes that one")?;
        fresh.runs(&format!("apt-get purge --yes {NAME}"))?;
        fresh.nothing_is_left()?;
        println!("{release}: nothing is left of the package");

        let plugins =
            fresh.runs("tshark -G folders 2>/dev/null | sed -n 's/^Global Plugins:[[:space:]]*//p'")?;
        let read_only = format!(
            "mkdir -p '{plugins}/epan' && mount --bind '{plugins}' '{plugins}' && mount -o remount,ro,bind '{plugins}'"
        );
        fresh.refuses(&format!("{read_only} && {ours}"), "you may not write to")?;
        for install in [ours.clone(), user(&ours)] {
            fresh.runs(&install)?;
            fresh.shows_the_sample()?;
            fresh.runs(&format!("{install} --uninstall"))?;
            fresh.nothing_is_left()?;
        }
        for other in others {
            fresh.add(&other.made.archive, "other.tar.gz")?;
            fresh.runs("tar -C '/tmp/a b' -xzf /tmp/other.tar.gz")?;
            let name = other.made.archive.file_name().and_then(|name| name.to_str()).context("a name")?;
            let words = format!("this plugin is for Wireshark {}, and here is {release}", other.made.release);
            fresh.refuses(&script(name), &words)?;
            fresh.nothing_is_left()?;
        }
        fresh.runs("apt-get purge --yes tshark")?;
        fresh.refuses(&ours, "there is no tshark here")?;
        println!("{release}: install.sh as user and as root, and what it refuses");
        Ok(())
    }
}

/// The same, by an ordinary user.
fn user(command: &str) -> String {
    format!("setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups env HOME=/home/u {command}")
}

/// A copy of the suite as it comes, in which a package is tried.
struct Fresh {
    root: Root,
}

impl Fresh {
    fn new(release: &str, like: &Root) -> Result<Self> {
        let root = Root::bare(release)?.copy("trial", like)?;
        let fresh = Self { root };
        fresh.runs(&format!("mkdir /home/u && chown {NOBODY}:{NOBODY} /home/u"))?;
        Ok(fresh)
    }

    fn add(&self, file: &Path, name: &str) -> Result<()> {
        fs::copy(file, self.root.folder().join("tmp").join(name))?;
        Ok(())
    }

    fn output(&self, script: &str) -> Result<Output> {
        let mut command = self.root.command("env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "sh", "-c", script]);
        command.output().context("cannot enter the root")
    }

    fn runs(&self, script: &str) -> Result<String> {
        let output = self.output(script)?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{script}` fails: {words}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What a command that has to fail says, by whatever way.
    fn fails(&self, script: &str) -> Result<String> {
        let output = self.output(script)?;
        ensure!(!output.status.success(), "`{script}` does not fail");
        Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }

    /// A command that fails with one sentence.
    fn refuses(&self, script: &str, sentence: &str) -> Result<()> {
        let words = self.fails(script)?;
        ensure!(words.lines().count() == 1 && words.contains(sentence), "`{script}` says: {words}");
        Ok(())
    }

    /// An ordinary user's tshark loads the plugin and names the operations that the sample holds.
    fn shows_the_sample(&self) -> Result<()> {
        let plugins = self.runs(&user("tshark -G plugins"))?;
        ensure!(plugins.contains("/epan/wechat.so"), "tshark does not load it: {plugins}");
        let fields = "-T fields -e frame.number -e wechat.op";
        let shown =
            self.runs(&user(&format!("tshark -n -r /tmp/sample.pcap -Y 'wechat.stream == 0' {fields}")))?;
        let expected = expected()?;
        ensure!(shown == expected, "tshark shows:\n{shown}\nand not:\n{expected}");
        Ok(())
    }

    /// Nothing that packages and users install has our name. Looked at from outside, where nothing is mounted.
    fn nothing_is_left(&self) -> Result<()> {
        let mut find = Command::new("find");
        find.current_dir(self.root.folder()).args(["usr", "etc", "var", "home", "-iname", "*wechat*"]);
        let left = process::stdout(&mut find)?;
        ensure!(left.is_empty(), "this is left: {left}");
        Ok(())
    }
}

fn capture() -> Result<Vec<u8>> {
    let file = tempfile::NamedTempFile::new()?;
    let mut generate = cargo::cargo("run");
    generate.args(["--quiet", "--package", "wechat-traffic", "--", "sample"]).arg(file.path());
    process::output(&mut generate)?;
    Ok(fs::read(file.path())?)
}

/// The operations in each packet of the sample's first connection, as tshark lists them.
fn expected() -> Result<String> {
    let mut packets: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for row in truth::rows(&sample::capture(1))?.into_iter().filter(|row| row.stream == 0) {
        packets.entry(row.packet.context("no packet is missing")?).or_default().push(row.op.to_string());
    }
    let lines = packets.into_iter().map(|(packet, operations)| format!("{packet}\t{}", operations.join(",")));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
