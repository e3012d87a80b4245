// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask pipelines`: checks, tests and measures the Python package in `pipelines/`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xtask::{cargo, packages, process};

use crate::stage;

/// Without words the checks and the pool's tests; a word asks for something else.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let java = matches!(words.first(), Some(&("cluster" | "thousand" | "bench")));
    packages::ensure_installed(&[packages::BUILD, packages::TEST, packages::PIPELINES])?;
    if java {
        packages::ensure_installed(&[packages::CLUSTER])?;
    }
    let place = Place::prepare()?;
    match words.as_slice() {
        [] => place.check().and_then(|()| place.pytest(&["-m", "not cluster and not long"])),
        ["cluster"] => place.pytest(&["-m", "cluster and not long"]),
        ["thousand"] => place.pytest(&["-m", "long", "-s"]),
        ["bench", rest @ ..] => place.python(&[&["bench.py"], rest].concat()),
        ["plot"] => place.python(&["docs.py"]),
        _ => bail!("usage: cargo xtask pipelines [-- cluster | thousand | bench [WORDS] | plot]"),
    }
}

/// Where the package lies, and what it is run with.
struct Place {
    folder: PathBuf,
    venv: PathBuf,
    home: PathBuf,
    generator: PathBuf,
}

impl Place {
    fn prepare() -> Result<Self> {
        let folder = cargo::root()?.join("pipelines");
        let home = stage::stage(&cargo::build_plugin()?)?;
        let generator = cargo::build_program("wechat-traffic")?;
        let venv = cargo::target_dir()?.join("pipelines-venv");
        install(&folder.join("requirements.lock"), &venv)?;
        Ok(Self { folder, venv, home, generator })
    }

    fn check(&self) -> Result<()> {
        self.python(&["-m", "ruff", "check"])?;
        self.python(&["-m", "ruff", "format", "--check"])?;
        self.python(&["-m", "mypy"])
    }

    fn pytest(&self, words: &[&str]) -> Result<()> {
        self.python(&[&["-m", "pytest", "-p", "no:cacheprovider", "--durations=5"], words].concat())
    }

    fn python(&self, words: &[&str]) -> Result<()> {
        let bin = self.venv.join("bin");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(std::iter::once(bin.clone()).chain(env::split_paths(&path)))?;
        let mut python = Command::new(bin.join("python"));
        python.args(words).current_dir(&self.folder).env("PATH", path);
        python.env("PYTHONPATH", self.folder.join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
        python.env("WECHAT_PLUGIN_HOME", &self.home).env("WECHAT_TRAFFIC", &self.generator);
        process::run(&mut python)
    }
}

/// The locked versions, in a virtual environment; again only if the lock has changed.
fn install(lock: &Path, venv: &Path) -> Result<()> {
    let (wanted, stamp) = (fs::read_to_string(lock)?, venv.join("requirements.lock"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let python = process::find("python3").context("there is no python3")?;
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 11))";
    let status = Command::new(&python).args(["-c", new_enough]).status()?;
    ensure!(status.success(), "{} is older than Python 3.11", python.display());
    process::run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(venv))?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]).arg(lock);
    process::run(&mut pip)?;
    Ok(fs::write(stamp, wanted)?)
}
