// SPDX-License-Identifier: GPL-2.0-or-later
//! Copies of the sources, built in ways that tests of one checkout cannot see.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use xtask::cargo::{self, PLUGIN_PACKAGE};
use xtask::{package, process};

/// A copy of the sources as they are now, in a folder of any name.
struct Copy {
    _folder: TempDir,
    sources: PathBuf,
    cargo_home: PathBuf,
}

impl Copy {
    fn new(name: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("trial-").tempdir()?;
        let (sources, cargo_home) = (folder.path().join(name), folder.path().join("cargo-home"));
        fs::create_dir_all(&sources)?;
        fs::create_dir_all(&cargo_home)?;
        let list = folder.path().join("list");
        let root = cargo::root()?;
        let mut git = Command::new("git");
        git.arg("-C").arg(&root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        process::run(git.stdout(File::create(&list)?))?;
        let mut pack = Command::new("tar");
        pack.arg("-C").arg(&root).args(["--null", "--ignore-failed-read", "-T"]).arg(&list).arg("-cf");
        let tar = folder.path().join("tar");
        process::output(pack.arg(&tar))?;
        process::output(Command::new("tar").arg("-C").arg(&sources).arg("-xf").arg(&tar))?;
        Ok(Self { _folder: folder, sources, cargo_home })
    }

    /// A command in the sources that knows nothing of this checkout; `home` is where cargo has its crates.
    fn command(&self, program: &str, home: Option<&Path>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.sources).env_remove("CARGO_TARGET_DIR").env_remove("CARGO");
        cargo::forget_ourselves(&mut command);
        command.env("SOURCE_DATE_EPOCH", "1700000000").env("CARGO_INCREMENTAL", "0");
        if let Some(home) = home {
            // rustup would look for its settings there as well.
            command.env("CARGO_HOME", home);
        }
        command
    }
}

/// Two builds, in folders with other names and with other folders for crates, give the same packages.
pub fn twice(_words: &[&str]) -> Result<()> {
    let (one, two) = (Copy::new("one")?, Copy::new("a second/with a blank")?);
    let first = build(&one, None)?;
    let second = build(&two, Some(&two.cargo_home))?;
    ensure!(
        !first.is_empty() && first.len() == second.len(),
        "{} and {} packages",
        first.len(),
        second.len()
    );
    for (name, bytes) in &first {
        let (_, other) = second.iter().find(|(other, _)| other == name).context("other names")?;
        ensure!(bytes == other, "{name} is another one the second time");
        println!("{name}: {} bytes, the same twice", bytes.len());
    }
    Ok(())
}

/// Names and contents of what `package -- here` makes.
fn build(copy: &Copy, home: Option<&Path>) -> Result<Vec<(String, Vec<u8>)>> {
    process::run(copy.command("cargo", home).args(["fetch", "--locked"]))?;
    process::run(copy.command("cargo", home).args(["xtask", "package", "--", "here"]))?;
    let folder = copy.sources.join("target/package");
    let mut made = Vec::new();
    for file in package::files(&folder)? {
        made.push((file.display().to_string(), fs::read(folder.join(&file))?));
    }
    Ok(made)
}

/// A package's build: crates are vendored beforehand, and then there is no net.
pub fn offline(_words: &[&str]) -> Result<()> {
    let copy = Copy::new("sources")?;
    let vendored = process::stdout(copy.command("cargo", None).args(["vendor", "--locked", "vendor"]))?;
    let settings = copy.sources.join(".cargo/config.toml");
    let text = fs::read_to_string(&settings)?;
    fs::write(&settings, format!("{text}\n{vendored}"))?;
    let alone = |words: &[&str]| {
        let mut command = copy.command("unshare", Some(&copy.cargo_home));
        command.args(["--net", "--map-root-user"]).args(words).env("CARGO_NET_OFFLINE", "true");
        process::run(command.stdin(Stdio::null()))
    };
    alone(&["cargo", "build", "--release", "--locked", "--package", PLUGIN_PACKAGE])?;
    let destdir = copy.sources.join("target/de st");
    let destdir = destdir.to_str().context("a path that is text")?;
    alone(&["cargo", "xtask", "install", "--destdir", destdir, "--prefix", "/usr"])?;
    let installed = package::files(Path::new(destdir))?;
    let plugins = installed.iter().filter(|file| file.ends_with("epan/wechat.so")).count();
    ensure!(plugins == 1, "installed are {installed:?}");
    alone(&[
        "cargo",
        "test",
        "--locked",
        "--package",
        PLUGIN_PACKAGE,
        "--no-default-features",
        "--lib",
        "--test",
        "golden",
    ])
}

/// The compiler that Cargo.toml names as the oldest builds the plugin and its commands.
pub fn oldest(_words: &[&str]) -> Result<()> {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let target = cargo::target_dir()?.join("oldest");
    let mut check = Command::new("cargo");
    check.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").current_dir(cargo::root()?);
    check.arg(format!("+{version}")).args(["build", "--locked", "--package", PLUGIN_PACKAGE]);
    check.args(["--package", "xtask", "--target-dir"]).arg(target);
    process::run(&mut check).with_context(|| {
        format!("with Rust {version} (rustup toolchain install {version} --profile minimal)")
    })
}
