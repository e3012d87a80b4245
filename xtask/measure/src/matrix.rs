// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask matrix`: builds and tests the plugin on every Wireshark in use, and tries each build in
//! each of the others.
//!
//! Each Wireshark is that of a Debian suite, in a root of its own under the target folder. The toolchain
//! and the crates of this machine are mounted into it, so that the plugin is linked with the suite's own
//! libraries.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use xtask::cargo::{self, PLUGIN_PACKAGE};
use xtask::home::NOBODY;
use xtask::process;
use xtask::root::{self, Root, SUITES};
use xtask::wireshark::PLUGIN_NAME;

/// Where the results go.
const DOCUMENT: &str = "docs/versions.md";

/// Tests that cannot pass, by release, and what of that Wireshark is why.
const CANNOT_PASS: [(&str, &[&str], &str); 9] = [
    (
        "3.4",
        &[
            "preferences_may_change_between_captures",
            "exported_packets_look_the_same_at_every_visit",
            "the_exchanges_look_the_same_at_every_visit",
            "the_web_clients_messages_look_the_same_at_every_visit",
            "many_frames_on_many_streams_look_the_same_at_every_visit",
            "two_hundred_files_leave_no_more_behind_than_without_the_plugin",
            "a_storm_of_preferences_leaves_nothing_behind",
        ],
        "sharkd speaks another protocol before 4.0",
    ),
    (
        "3.4",
        &[
            "an_empty_port_range_frees_every_port",
            "port_preferences_of_http_and_tls_keep_their_meaning",
            "with_a_key_given_secrets_have_the_same_words_in_every_run",
            "without_its_ports_the_plugin_changes_nothing_at_all",
        ],
        "tshark refuses an empty value on its command line (`-o http.tcp.port:`)",
    ),
    (
        "3.4",
        &[
            "a_filter_chooses_what_a_table_counts",
            "a_filter_chooses_what_the_web_clients_tree_counts",
            "a_filter_that_parts_exchanges_does_no_harm",
        ],
        "`-z http,tree,tcp` is an error too: it takes the comma for a part of the filter",
    ),
    ("3.4", &["decode_as_keeps_its_meaning"], "tshark knows no `-d tcp.port==80,data`"),
    (
        "3.4",
        &["lines_and_tables_know_any_year"],
        "it leaves out by how much the times in a pcapng file are off (`if_tsoffset`)",
    ),
    (
        "3.4",
        &[
            "pdml_is_well_formed_whatever_texts_hold",
            "closed_captures_are_shown_as_meant",
            "opened_captures_are_shown_as_meant",
            "calls_are_those_that_were_made",
            "calls_that_are_odd_are_noted",
        ],
        "`http.file_data`, HTTP's own, has control characters in PDML",
    ),
    (
        "3.4",
        &["pairs_are_those_of_http_whatever_heads_look_like"],
        "HTTP takes a few of the oddest heads for none, which it takes for responses from 4.0 on",
    ),
    (
        "4.4",
        &["preferences_may_change_between_captures"],
        "with port 443 given to HTTP, Wireshark itself calls HTTP and TLS in circles and reports a bug of its own",
    ),
    (
        "4.6",
        &["wechat_beside_it_changes_nothing_for_others"],
        "TLS numbers its streams, and without the plugin WeChat's on port 443 count among them",
    ),
];

/// A Wireshark, the plugin that was built for it, and how its tests went.
struct Tried {
    release: &'static str,
    suite: &'static str,
    /// In full.
    version: String,
    root: Root,
    plugin: PathBuf,
    passed: usize,
    failed: Vec<String>,
}

impl Tried {
    /// Those that failed without a known reason, and those that were to fail and did not.
    fn surprises(&self) -> Vec<&str> {
        let known = known(self.release);
        let failed = self.failed.iter().map(String::as_str).filter(|name| !known.contains(name));
        let passed = known.iter().copied().filter(|name| !self.failed.iter().any(|failed| failed == name));
        failed.chain(passed).collect()
    }
}

/// Tests that cannot pass with a release.
fn known(release: &str) -> Vec<&'static str> {
    let rows = CANNOT_PASS.iter().filter(|(of, ..)| *of == release);
    rows.flat_map(|(_, names, _)| names.iter().copied()).collect()
}

/// What a Wireshark does with the plugin of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Loads,
    /// Left out with a word; all else is as without it.
    Refused,
    /// Anything else.
    Harm,
}

/// Runs the releases named, or all.
pub fn run(releases: &[String]) -> Result<()> {
    let wanted = |release: &str| releases.is_empty() || releases.iter().any(|name| name == release);
    if let Some(name) = releases.iter().find(|name| SUITES.iter().all(|(release, _)| release != name)) {
        bail!("there is no `{name}` here, but {}", root::releases());
    }
    process::run(&mut cargo::cargo("fetch"))?;
    let place = cargo::target_dir()?.join("matrix");
    fs::create_dir_all(&place)?;
    let mut tried = Vec::new();
    for (release, _) in SUITES.into_iter().filter(|(release, _)| wanted(release)) {
        tried.push(try_release(release, &place)?);
    }
    let crossed = cross(&tried)?;
    let document = document(&tried, &crossed);
    println!("\n{document}");
    if releases.is_empty() {
        fs::write(cargo::root()?.join(DOCUMENT), &document)?;
        println!("Wrote {DOCUMENT}.");
    }
    for tried in &tried {
        let surprises = tried.surprises();
        ensure!(surprises.is_empty(), "not as expected with {}: {}", tried.release, surprises.join(", "));
    }
    let harm = crossed.iter().filter(|crossed| crossed.is_wrong()).count();
    ensure!(harm == 0, "{harm} times a plugin of another version did harm, or doctor was silent");
    Ok(())
}

fn try_release(release: &'static str, place: &Path) -> Result<Tried> {
    println!("\n== Wireshark {release} ==");
    let target = place.join(format!("build-{release}"));
    fs::create_dir_all(&target)?;
    let root = Root::of_release(release, std::slice::from_ref(&target))?;
    let suite = root.suite();
    let version = process::stdout(root.command("pkg-config").args(["--modversion", "wireshark"]))?;
    let version = version.trim().to_owned();

    let start = Instant::now();
    process::output(root.cargo(&target, &[])?.args(["build", "--release", "--package", PLUGIN_PACKAGE]))?;
    let plugin = target.join("release").join(cargo::plugin_file_name());
    process::output(root.cargo(&target, &[])?.args(["build", "--package", "xtask"]))?;
    let mut tests = root.cargo(&target, &[])?;
    tests.args(["test", "--no-fail-fast", "--package", PLUGIN_PACKAGE]);
    let log = place.join(format!("{release}.log"));
    let output = tests.output().context("cannot start the tests")?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    fs::write(&log, &text)?;
    let (passed, failed) = totals(&text);
    let failed = failures(&text, failed)?;
    ensure!(
        passed > 0 && failed.is_empty() == output.status.success(),
        "the tests did not run to their end; see {}",
        log.display()
    );
    println!(
        "Wireshark {version} ({suite}): {passed} tests passed, {} failed, in {:.0?}; {}",
        failed.len(),
        start.elapsed(),
        log.display()
    );
    Ok(Tried { release, suite, version, root, plugin, passed, failed })
}

/// Tests that passed and failed, from what cargo prints of each test program.
fn totals(text: &str) -> (usize, usize) {
    let count = |line: &str, word: &str| -> usize {
        let before = line.split(word).next().unwrap_or_default().trim_end();
        before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
    };
    text.lines()
        .filter(|line| line.starts_with("test result: "))
        .map(|line| (count(line, "passed"), count(line, "failed")))
        .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

/// The names of the tests that failed, without their modules', as many as were counted.
fn failures(text: &str, count: usize) -> Result<Vec<String>> {
    let name = |line: &str| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        name.rsplit("::").next().map(str::to_owned)
    };
    let names: Vec<String> = text.lines().filter_map(name).collect();
    ensure!(names.len() == count, "{count} tests failed, and these are named: {}", names.join(", "));
    Ok(names)
}

/// The plugin of one Wireshark in the folder of another.
struct Crossed {
    built_for: &'static str,
    run_in: &'static str,
    outcome: Outcome,
    /// What doctor says has to be done.
    doctor: String,
}

impl Crossed {
    fn is_wrong(&self) -> bool {
        let own = self.built_for == self.run_in;
        let expected = if own { Outcome::Loads } else { Outcome::Refused };
        let told = self.doctor.contains(&format!("built for Wireshark {}", self.built_for));
        self.outcome != expected || told == own
    }
}

/// Every plugin in every Wireshark.
fn cross(tried: &[Tried]) -> Result<Vec<Crossed>> {
    let capture = cargo::target_dir()?.join("matrix/sample.pcap");
    process::output(
        cargo::cargo("run").args(["--quiet", "--package", "wechat-traffic", "--", "sample"]).arg(&capture),
    )?;
    let mut crossed = Vec::new();
    for host in tried {
        fs::copy(&capture, host.root.folder().join("tmp/sample.pcap"))?;
        let alone = host.show(None)?;
        ensure!(!alone.contains("wechat"), "{} knows WeChat without the plugin", host.release);
        for guest in tried {
            let with = host.show(Some(&guest.plugin))?;
            let outcome = match () {
                () if with.contains("wechat") => Outcome::Loads,
                () if with == alone => Outcome::Refused,
                () => Outcome::Harm,
            };
            let doctor = host.doctor(&guest.plugin)?;
            crossed.push(Crossed { built_for: guest.release, run_in: host.release, outcome, doctor });
        }
    }
    Ok(crossed)
}

impl Tried {
    /// What an ordinary user's tshark prints of the sample, with a plugin in its personal folder.
    fn show(&self, plugin: Option<&Path>) -> Result<String> {
        let home = self.root.folder().join("tmp/home");
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        let folder = home.join(format!(".local/lib/wireshark/plugins/{}/epan", self.release));
        fs::create_dir_all(&folder)?;
        if let Some(plugin) = plugin {
            fs::copy(plugin, folder.join(PLUGIN_NAME))?;
        }
        let mut tshark = self.root.command("setpriv");
        tshark.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY}")).arg("--clear-groups");
        tshark.args(["env", "HOME=/tmp/home", "tshark", "-n", "-r", "/tmp/sample.pcap"]);
        tshark.args(["-T", "fields", "-e", "frame.number", "-e", "frame.protocols", "-e", "_ws.col.Info"]);
        process::stdout(&mut tshark)
    }

    /// What doctor has to say when a plugin lies in the system folder.
    fn doctor(&self, plugin: &Path) -> Result<String> {
        let folder =
            process::stdout(self.root.command("pkg-config").args(["--variable=plugindir", "wireshark"]))?;
        let folder = self.root.folder().join(folder.trim().trim_start_matches('/')).join("epan");
        fs::create_dir_all(&folder)?;
        let installed = folder.join(PLUGIN_NAME);
        fs::copy(plugin, &installed)?;
        let target = cargo::target_dir()?.join("matrix").join(format!("build-{}", self.release));
        let mut doctor = self.root.xtask(&target)?;
        doctor.arg("doctor");
        let output = doctor.output().context("cannot start doctor")?;
        fs::remove_file(&installed)?;
        Ok(to_do(&String::from_utf8_lossy(&output.stdout)))
    }
}

/// The lines of doctor's that ask for something, with what to do.
fn to_do(text: &str) -> String {
    let mut lines = text.lines();
    let mut told = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(what) = line.strip_prefix("TO DO  ") {
            let remedy = lines.next().unwrap_or_default().trim();
            told.push(format!("{what} {remedy}"));
        }
    }
    told.join(" ")
}

/// The results as a page of the documentation.
fn document(tried: &[Tried], crossed: &[Crossed]) -> String {
    let mut text = String::from(
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n\
         # Wireshark versions\n\n\
         `cargo xtask matrix` wrote this page. For each Wireshark it makes a root of the Debian suite that has \
         it, builds the plugin there against the suite's own headers and libraries, with warnings as errors, \
         and runs every test of the plugin, those with tshark, sharkd and dumpcap among them. It needs root, \
         debootstrap and a Debian mirror (that of this machine, or `DEBIAN_MIRROR`).\n\n\
         | Wireshark | suite | builds | tests passed | failed |\n| --- | --- | --- | ---: | ---: |\n",
    );
    for Tried { version, suite, passed, failed, .. } in tried {
        let _ = writeln!(text, "| {version} | Debian {suite} | yes | {passed} | {} |", failed.len());
    }
    text.push_str(
        "\nA test that fails without a reason named here fails the command, and so does one that has a reason and \
         passes:\n\n",
    );
    for (release, names, reason) in CANNOT_PASS {
        let _ = writeln!(text, "- with {release}, {reason}: `{}`", names.join("`, `"));
    }
    for tried in tried {
        for name in tried.surprises() {
            let _ = writeln!(text, "- **not as expected** with {}: `{name}`", tried.release);
        }
    }
    text.push_str(
        "\n4.2 is in no Debian suite: what is known of it are the compile-time switches in \
         [`plugin/compat.h`](../plugin/compat.h), where all differences between versions stand. It was not run.\n\n\
         ## Built for one version, put into another's folder\n\n\
         A plugin is good for one minor version of Wireshark. In the folder of another it is left out with a \
         line on stderr, the output is that of a Wireshark without the plugin, and `cargo xtask doctor` says \
         what is wrong.\n\n",
    );
    let releases: Vec<&str> = tried.iter().map(|tried| tried.release).collect();
    let _ = writeln!(text, "| built for | in {} |", releases.join(" | in "));
    let _ = writeln!(text, "| --- |{}", " --- |".repeat(releases.len()));
    for built_for in &releases {
        let cells = crossed.iter().filter(|crossed| crossed.built_for == *built_for);
        let cells: Vec<&str> = cells.map(|crossed| crossed.outcome.word()).collect();
        let _ = writeln!(text, "| {built_for} | {} |", cells.join(" | "));
    }
    if let Some(example) = crossed.iter().find(|crossed| crossed.outcome == Outcome::Refused) {
        let _ = writeln!(
            text,
            "\nWhat doctor says of the plugin for {} in Wireshark {}:\n\n> {}",
            example.built_for, example.run_in, example.doctor
        );
    }
    text
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Loads => "loads",
            Self::Refused => "refused",
            Self::Harm => "**harm**",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_test_programs_are_added_up() {
        let text = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                    test x ... ok\n\
                    test result: FAILED. 3 passed; 2 failed; 0 ignored\n";
        assert_eq!(totals(text), (15, 2));
        assert_eq!(totals("error: no such package"), (0, 0));
    }

    #[test]
    fn tests_that_fail_are_named() {
        let text = "test a ... ok\ntest b ... FAILED\ntest x::c ... FAILED\n";
        assert_eq!(failures(text, 2).expect("named"), ["b", "c"]);
        assert!(failures(text, 3).is_err());
        assert!(known("3.4").contains(&"an_empty_port_range_frees_every_port") && known("4.0").is_empty());
    }

    #[test]
    fn tests_that_cannot_pass_are_there() {
        let folder = cargo::root().expect("a root").join("tests/wireshark");
        let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
        let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
        for name in CANNOT_PASS.iter().flat_map(|(_, names, _)| *names) {
            let begin = format!("\nfn {name}(");
            assert!(texts.iter().any(|text| text.contains(&begin)), "{name}");
        }
    }

    #[test]
    fn only_what_doctor_asks_for_is_taken() {
        let text =
            "ok     tshark is here.\nTO DO  It is wrong.\n       → cargo xtask install\nok     Fine.\n";
        assert_eq!(to_do(text), "It is wrong. → cargo xtask install");
    }

    #[test]
    fn a_stranger_must_be_refused_and_named() {
        let crossed = |run_in, outcome, doctor: &str| Crossed {
            built_for: "4.4",
            run_in,
            outcome,
            doctor: doctor.to_owned(),
        };
        assert!(!crossed("4.4", Outcome::Loads, "").is_wrong());
        assert!(!crossed("4.0", Outcome::Refused, "it was built for Wireshark 4.4, and").is_wrong());
        assert!(crossed("4.0", Outcome::Refused, "").is_wrong());
        assert!(crossed("4.0", Outcome::Harm, "it was built for Wireshark 4.4, and").is_wrong());
        assert!(crossed("4.4", Outcome::Refused, "").is_wrong());
    }
}
