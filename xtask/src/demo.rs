// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask demo`: from a fresh clone to dissected frames.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::sandbox::Sandbox;
use xtask::{cargo, packages, process};

use crate::stage;

/// Lines of a list that are shown.
const LISTED: usize = 8;

pub fn demo() -> Result<()> {
    progress(1, "system packages: Wireshark, its headers, a C compiler")?;
    packages::ensure_installed(&[packages::BUILD])?;
    progress(2, "the plugin; the first time this takes a minute or two")?;
    let plugin = cargo::build_plugin()?;
    progress(3, "sample captures, generated")?;
    let frames = generate("wechat.pcap", &["sample"])?;
    let web = generate("wechat-web.pcap", &["web", "article"])?;
    let keys = cargo::target_dir()?.join("samples/wechat-phone.keys");
    let phone =
        generate_with("wechat-phone.pcap", &["mmtls", "resumed"], &["--keylog".as_ref(), keys.as_os_str()])?;
    progress(4, "what Wireshark shows of them")?;

    let sandbox = Sandbox::new(&plugin)?;
    let (frames_copy, web_copy, phone_copy, keys_copy) = (
        sandbox.add_file(&frames)?,
        sandbox.add_file(&web)?,
        sandbox.add_file(&phone)?,
        sandbox.add_file(&keys)?,
    );
    let mut tshark = Reader { capture: frames_copy, options: Vec::new(), sandbox };
    heading("The long link: one connection that stays open");
    tshark.list("wechat")?;
    let request = tshark.first(r#"wechat.kind == "request" && wechat.op == 237"#)?;
    tshark.show("The response to a request, in full", &format!("wechat.response_to == {request}"))?;
    tshark.show("A push that is acknowledged, in full", r#"wechat.kind == "push" && wechat.push.ack_in"#)?;

    tshark.capture = phone_copy;
    heading("A phone of today, in MMTLS, without keys");
    tshark.list("mmtls")?;
    heading("The same with its key log");
    tshark.options = vec!["-o".into(), format!("mmtls.keylog_file:{}", keys_copy.display())];
    tshark.list("mmtls")?;

    (tshark.capture, tshark.options) = (web_copy, Vec::new());
    heading("The web client: what a sync brought");
    let sync = tshark.first("wechat_web.message")?;
    print!("{}", process::stdout(&mut tshark.tshark(&format!("frame.number == {sync}"), &[]))?);

    heading("Your turn");
    println!("The samples are in {}.", frames.parent().unwrap_or(&frames).display());
    stage::print_hint(&stage::stage(&plugin)?)
}

/// Says at once what is being done.
fn progress(step: usize, what: &str) -> Result<()> {
    println!("[{step}/4] {what}");
    std::io::stdout().flush().context("cannot write")
}

fn heading(text: &str) {
    println!("\n== {text} ==");
}

fn generate(name: &str, command: &[&str]) -> Result<PathBuf> {
    generate_with(name, command, &[])
}

fn generate_with(name: &str, command: &[&str], options: &[&OsStr]) -> Result<PathBuf> {
    let folder = cargo::target_dir()?.join("samples");
    fs::create_dir_all(&folder)?;
    let capture = folder.join(name);
    let mut generator = cargo::cargo("run");
    // Nothing is captured in TLS, which would take longest to build.
    generator.args(["--quiet", "--package", "wechat-traffic", "--no-default-features", "--"]).args(command);
    process::run(generator.arg(&capture).args(options))?;
    Ok(capture)
}

/// tshark, the plugin and one capture.
struct Reader {
    sandbox: Sandbox,
    capture: PathBuf,
    options: Vec<String>,
}

impl Reader {
    /// A line for each of the first packets of a protocol.
    fn list(&self, protocol: &str) -> Result<()> {
        let output = process::output(&mut self.tshark(protocol, &[]))?;
        ensure!(
            !output.stdout.is_empty(),
            "tshark shows nothing of {protocol} in {}; it said: {}",
            self.capture.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().take(LISTED).for_each(|line| println!("{line}"));
        let more = text.lines().count().saturating_sub(LISTED);
        if more > 0 {
            println!("… and {more} more");
        }
        Ok(())
    }

    /// The number of the first packet that matches.
    fn first(&self, filter: &str) -> Result<String> {
        let numbers = process::stdout(&mut self.tshark(filter, &["-T", "fields", "-e", "frame.number"]))?;
        let number =
            numbers.lines().next().with_context(|| format!("no packet of the sample matches `{filter}`"))?;
        Ok(number.to_owned())
    }

    /// Our tree of the first packet that matches.
    fn show(&self, what: &str, filter: &str) -> Result<()> {
        let number = self.first(filter)?;
        heading(&format!("{what} (packet {number})"));
        let filter = format!("frame.number == {number}");
        let text = process::stdout(&mut self.tshark(&filter, &["-O", "wechat"]))?;
        let ours = text.lines().skip_while(|line| !line.starts_with("WeChat"));
        ours.filter(|line| !line.is_empty()).for_each(|line| println!("{line}"));
        Ok(())
    }

    /// In two passes, so that a request also says where its answer is.
    fn tshark(&self, filter: &str, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.tshark(["-n", "-2", "-r"]);
        command.arg(&self.capture).args(&self.options).args(["-Y", filter]).args(arguments);
        command
    }
}
