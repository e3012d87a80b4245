// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask demo`: from a fresh clone to dissected frames.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::sandbox::Sandbox;
use xtask::{cargo, packages, process};

use crate::stage;

pub fn demo() -> Result<()> {
    heading("System packages");
    packages::ensure_installed(&[packages::BUILD])?;
    heading("The plugin");
    let plugin = cargo::build_plugin()?;
    heading("Sample captures");
    let capture = generate("wechat.pcap", &["sample"])?;
    let web_capture = generate("wechat-web.pcap", &["web", "article"])?;

    let sandbox = Sandbox::new(&plugin)?;
    let web_copy = sandbox.add_file(&web_capture)?;
    let mut tshark = Reader { capture: sandbox.add_file(&capture)?, sandbox };
    heading("Every WeChat frame of the sample");
    print!("{}", tshark.list("wechat")?);

    let request = tshark.first(r#"wechat.kind == "request" && wechat.op == 237"#)?;
    tshark.show("A request", &request)?;
    let response = tshark.first(&format!("wechat.response_to == {request}"))?;
    tshark.show("The response to it", &response)?;
    let push = tshark.first(r#"wechat.kind == "push" && wechat.push.ack_in"#)?;
    tshark.show("A push that is acknowledged", &push)?;

    tshark.capture = web_copy;
    heading("Every message of the web client's sample");
    print!("{}", tshark.list("wechat_web")?);
    let sync = tshark.first("wechat_web.message")?;
    tshark.show("A sync that brings a message", &sync)?;

    heading("Your turn");
    println!("The samples are {} and {}.", capture.display(), web_capture.display());
    stage::print_hint(&stage::stage(&plugin)?)
}

fn heading(text: &str) {
    println!("\n== {text} ==");
}

fn generate(name: &str, command: &[&str]) -> Result<PathBuf> {
    let folder = cargo::target_dir()?.join("samples");
    fs::create_dir_all(&folder)?;
    let capture = folder.join(name);
    let mut generator = cargo::cargo("run");
    // Nothing is captured in TLS, which would take longest to build.
    generator.args(["--quiet", "--package", "wechat-traffic", "--no-default-features", "--"]).args(command);
    process::run(generator.arg(&capture))?;
    Ok(capture)
}

/// tshark, the plugin and one capture.
struct Reader {
    sandbox: Sandbox,
    capture: PathBuf,
}

impl Reader {
    /// One line for each packet of a protocol.
    fn list(&self, protocol: &str) -> Result<String> {
        let output = process::output(&mut self.tshark(protocol, &[]))?;
        ensure!(
            !output.stdout.is_empty(),
            "tshark shows nothing of {protocol} in {}; it said: {}",
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
        println!("{}", process::stdout(&mut self.tshark(&filter, &["-O", "wechat,wechat_web"]))?.trim_end());
        Ok(())
    }

    /// In two passes, so that a request also says where its answer is.
    fn tshark(&self, filter: &str, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.tshark(["-n", "-2", "-r"]);
        command.arg(&self.capture).args(["-Y", filter]).args(arguments);
        command
    }
}
