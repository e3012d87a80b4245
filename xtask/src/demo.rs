// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask demo`: from a fresh clone to dissected frames.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::sandbox::Sandbox;
use xtask::{cargo, process};

use crate::{packages, stage};

pub fn demo() -> Result<()> {
    heading("System packages");
    packages::ensure_installed(&[packages::BUILD])?;
    heading("The plugin");
    let plugin = cargo::build_plugin()?;
    heading("A sample capture");
    let capture = generate_sample()?;

    let sandbox = Sandbox::new(&plugin)?;
    let tshark = Reader { capture: sandbox.add_file(&capture)?, sandbox };
    heading("Every WeChat frame of the sample");
    print!("{}", tshark.list()?);

    let request = tshark.first(r#"wechat.kind == "request" && wechat.op == 237"#)?;
    tshark.show("A request", &request)?;
    let response = tshark.first(&format!("wechat.response_to == {request}"))?;
    tshark.show("The response to it", &response)?;
    let push = tshark.first(r#"wechat.kind == "push" && wechat.push.ack_in"#)?;
    tshark.show("A push that is acknowledged", &push)?;

    heading("Your turn");
    println!("The sample is {}.", capture.display());
    stage::print_hint(&stage::stage(&plugin)?)
}

fn heading(text: &str) {
    println!("\n== {text} ==");
}

fn generate_sample() -> Result<PathBuf> {
    let folder = cargo::target_dir()?.join("samples");
    fs::create_dir_all(&folder)?;
    let capture = folder.join("wechat.pcap");
    process::run(
        cargo::cargo("run").args(["--quiet", "--package", "wechat-traffic", "--", "sample"]).arg(&capture),
    )?;
    Ok(capture)
}

/// tshark, the plugin and one capture.
struct Reader {
    sandbox: Sandbox,
    capture: PathBuf,
}

impl Reader {
    /// One line for each packet that holds WeChat frames.
    fn list(&self) -> Result<String> {
        let output = process::output(&mut self.tshark("wechat", &[]))?;
        ensure!(
            !output.stdout.is_empty(),
            "tshark shows no WeChat frame in {}; it said: {}",
            self.capture.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The number of the first packet that matches.
    fn first(&self, filter: &str) -> Result<String> {
        let numbers = process::stdout(&mut self.tshark(filter, &["-T", "fields", "-e", "frame.number"]))?;
        let number =
            numbers.lines().next().with_context(|| format!("no packet of the sample matches `{filter}`"))?;
        Ok(number.to_owned())
    }

    fn show(&self, what: &str, number: &str) -> Result<()> {
        heading(&format!("{what}: packet {number} in full"));
        let filter = format!("frame.number == {number}");
        println!("{}", process::stdout(&mut self.tshark(&filter, &["-O", "wechat"]))?.trim_end());
        Ok(())
    }

    /// In two passes, so that a request also says where its answer is.
    fn tshark(&self, filter: &str, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.tshark(["-n", "-2", "-r"]);
        command.arg(&self.capture).args(["-Y", filter]).args(arguments);
        command
    }
}
