// SPDX-License-Identifier: GPL-2.0-or-later
//! The packages for the Wireshark of this machine: what they hold, and what their `install.sh` does.

mod folders;
mod script;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use xtask::library::{self, Library};
use xtask::package::{self, Made, NAME, OURS, Place};
use xtask::{cargo, crates, process};

/// The packages, made once, and the archive unpacked.
pub struct Packages {
    _folder: TempDir,
    pub made: Made,
    /// The folder in the archive.
    pub unpacked: PathBuf,
}

pub fn packages() -> &'static Packages {
    static PACKAGES: OnceLock<Packages> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let folder = folders::open();
        let made = package::make(&Place::Here, OURS, folder.path()).expect("made");
        process::output(Command::new("tar").arg("-C").arg(folder.path()).arg("-xzf").arg(&made.archive))
            .expect("unpacked");
        let name = made.archive.file_name().and_then(|name| name.to_str()).expect("a name");
        let unpacked = folder.path().join(name.strip_suffix(".tar.gz").expect("an archive"));
        Packages { _folder: folder, made, unpacked }
    })
}

fn text(program: &str, arguments: &[&str], file: &Path) -> String {
    process::stdout(Command::new(program).args(arguments).arg(file)).expect(program)
}

/// Debian's package; there is none elsewhere.
fn deb() -> Option<&'static Path> {
    assert_eq!(packages().made.deb.is_some(), package::is_debian());
    packages().made.deb.as_deref()
}

fn fields(deb: &Path) -> impl Fn(&str) -> String {
    let deb = deb.to_owned();
    move |name| {
        process::stdout(Command::new("dpkg-deb").arg("--field").arg(&deb).arg(name))
            .expect("dpkg-deb")
            .trim()
            .to_owned()
    }
}

#[test]
fn the_plugin_in_them_fits_and_names_no_path_of_this_machine() {
    let Made { release, plugin, .. } = &packages().made;
    assert_eq!(library::inspect(&packages().unpacked.join("wechat.so")), Some(Library::Ours(*release)));
    let binary = fs::read(plugin).expect("the plugin");
    let names = |words: &[u8]| binary.windows(words.len()).any(|window| window == words);
    assert!(names(b"aes-0."), "panics name the crate they are of");
    let homes = [cargo::root().expect("a root"), xtask::root::home("CARGO_HOME", ".cargo").expect("a home")];
    for folder in homes.iter().map(PathBuf::as_path).chain([Path::new("/home/")]) {
        assert!(!names(folder.as_os_str().as_encoded_bytes()), "it names {}", folder.display());
    }
}

#[test]
fn the_archive_has_all_that_goes_along() {
    let Packages { unpacked, made, .. } = packages();
    let root = cargo::root().expect("a root");
    let mut names = vec!["LICENSE", "LICENSES.txt", "install.sh", "sbom.cdx.json", "wechat.so"];
    let documents =
        ["CHANGELOG.md", "README.md", "README.zh-CN.md", "docs", "examples", "profile", "samples"];
    names.extend(documents.into_iter().filter(|name| root.join(name).exists()));
    names.sort_unstable();
    let entries = fs::read_dir(unpacked).expect("a folder");
    let mut found: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    found.sort();
    assert_eq!(found, names);
    let listed = text("tar", &["--numeric-owner", "-tvzf"], &made.archive);
    for line in listed.lines() {
        let mode = &line[..10];
        let expected = if line.ends_with('/') {
            "drwxr-xr-x"
        } else if line.ends_with("/install.sh") {
            "-rwxr-xr-x"
        } else {
            "-rw-r--r--"
        };
        assert!(mode == expected && line[10..].starts_with(" 0/0 "), "{line}");
    }
}

#[test]
fn the_bill_names_what_is_linked() {
    let bill = fs::read_to_string(packages().unpacked.join("sbom.cdx.json")).expect("the bill");
    let bill: Value = serde_json::from_str(&bill).expect("JSON");
    let named: Vec<(&str, &str)> = bill["components"]
        .as_array()
        .expect("components")
        .iter()
        .map(|one| (one["name"].as_str().expect("a name"), one["version"].as_str().expect("a version")))
        .collect();
    let linked = crates::linked().expect("cargo tells");
    assert!(linked.len() > 20);
    assert_eq!(named, linked.iter().map(|one| (&*one.name, &*one.version)).collect::<Vec<_>>());
}

#[test]
fn debians_package_says_what_it_needs() {
    let Some(deb) = deb() else { return };
    let field = fields(deb);
    let release = packages().made.release;
    assert_eq!(field("Package"), NAME);
    assert_eq!(field("Version"), format!("{OURS}+ws{release}"));
    assert_eq!(field("Enhances"), "tshark, wireshark");
    let depends = field("Depends");
    let libraries = text("pkg-config", &["--variable=libdir"], Path::new("wireshark"));
    for library in ["libwireshark.so", "libwsutil.so"] {
        let file = fs::canonicalize(Path::new(libraries.trim()).join(library)).expect("a library");
        let owner = text("dpkg-query", &["--search"], &file);
        let owner = owner.split(':').next().expect("a package");
        let next = release.minor + 1;
        let bounds = format!("{owner} (>= {release}~), {owner} (<< {}.{next}~)", release.major);
        assert!(depends.contains(&bounds), "{bounds} is not in {depends}");
    }
    assert!(depends.contains("libc6 (>= "), "{depends}");
}

#[test]
fn debians_package_puts_the_plugin_where_wireshark_looks() {
    let Some(deb) = deb() else { return };
    let plugins = text("pkg-config", &["--variable=plugindir"], Path::new("wireshark"));
    let listed = text("dpkg-deb", &["--contents"], deb);
    let ends = |end: String| listed.lines().filter(|line| line.ends_with(&end)).count();
    assert_eq!(ends(format!(" .{}/epan/wechat.so", plugins.trim())), 1, "{listed}");
    assert_eq!(ends(format!(" ./usr/share/doc/{NAME}/copyright")), 1, "{listed}");
    assert_eq!(ends(format!(" ./usr/share/doc/{NAME}/docs/frames.md")), 1, "{listed}");
    if cargo::root().expect("a root").join("profile").exists() {
        assert!(ends("/usr/share/wireshark/profiles/WeChat/preferences".to_owned()) == 1, "{listed}");
    }
    let folder = folders::open();
    process::output(Command::new("dpkg-deb").arg("--raw-extract").arg(deb).arg(folder.path()))
        .expect("unpacked");
    let sums = folder.path().join("DEBIAN/md5sums");
    process::output(Command::new("md5sum").current_dir(folder.path()).args(["--quiet", "-c"]).arg(&sums))
        .expect("the sums hold");
    let licences = fs::read_to_string(folder.path().join(format!("usr/share/doc/{NAME}/copyright")));
    let licences = licences.expect("the licences");
    for one in crates::linked().expect("cargo tells") {
        assert!(licences.contains(&format!("{} {}", one.name, one.version)), "{}", one.name);
    }
}

/// Every Markdown file below a folder, and each target of a link in it that names a file.
fn links(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut links = Vec::new();
    for name in package::files(folder).expect("listed") {
        if name.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(folder.join(&name)).expect("text");
        // Every other piece is in a fence.
        let prose: String = text.split("\n```").step_by(2).collect();
        for (begin, end) in [("](", ')'), ("href=\"", '"'), ("src=\"", '"'), ("]: ", '\n')] {
            let targets = prose.split(begin).skip(1).filter_map(|rest| rest.split(end).next());
            let targets = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
            links.extend(targets.map(|target| (name.clone(), target.to_owned())));
        }
    }
    links
}

#[test]
fn every_link_in_packed_documents_leads_to_a_packed_file() {
    let mut folders = vec![packages().unpacked.clone()];
    let unpacked = folders::open();
    if let Some(deb) = deb() {
        process::output(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(unpacked.path()))
            .expect("unpacked");
        folders.push(unpacked.path().join("usr/share/doc").join(NAME));
    }
    for folder in folders {
        let links = links(&folder);
        for (file, target) in &links {
            let path = folder.join(file).parent().expect("a folder").join(target.split('#').next().unwrap());
            assert!(path.exists(), "{}: {target}", file.display());
        }
        let from_readme = links.iter().filter(|(file, _)| file == Path::new("README.md")).count();
        assert!(from_readme > 10 && links.len() > 50, "{links:?}");
        // What leads nowhere is still said.
        let readme = fs::read_to_string(folder.join("README.md")).expect("text");
        assert!(readme.contains("CONTRIBUTING.md") && !readme.contains("](CONTRIBUTING.md"), "{readme}");
    }
}

#[test]
fn lintian_finds_nothing() {
    let Some(deb) = deb() else { return };
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--no-cfg", "--allow-root"]).arg(deb);
    let words = process::stdout(&mut lintian).expect("neither errors nor warnings");
    assert_eq!(words, "");
}

#[test]
fn sums_are_those_of_the_packages() {
    let made = &packages().made;
    let Made { archive, deb, .. } = made;
    let folder = archive.parent().expect("a folder");
    // What another run left is none of these.
    let name = archive.file_name().and_then(|name| name.to_str()).expect("a name");
    let left = folder.join(name.replace(&made.release.to_string(), "9.8"));
    fs::write(&left, "left").expect("written");
    package::write_sums(folder, [made]).expect("written");
    fs::remove_file(left).expect("removed");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).expect("the sums");
    assert_eq!(sums.lines().count(), 1 + usize::from(deb.is_some()), "{sums}");
    process::output(Command::new("sha256sum").current_dir(folder).args(["-c", "SHA256SUMS"]))
        .expect("they hold");
}

#[test]
fn an_unknown_wireshark_is_refused_before_a_folder_is_made() {
    let target = folders::open();
    for (words, unknown) in
        [(&["9.8"][..], "9.8"), (&["4.0", "--sing"], "--sing"), (&["here", "4.0"], "here")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["package", "--"]).args(words).env("CARGO_TARGET_DIR", target.path());
        let output = command.output().expect("started");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
        assert!(said.starts_with(&format!("xtask: there is no `{unknown}` ")), "{said}");
        assert_eq!(fs::read_dir(target.path()).expect("listed").count(), 0, "{said}");
    }
}

#[test]
fn making_them_again_changes_no_byte() {
    let again = folders::open();
    let made = package::make(&Place::Here, OURS, again.path()).expect("made");
    let Made { archive, deb, .. } = &packages().made;
    assert_eq!(fs::read(&made.archive).expect("read"), fs::read(archive).expect("read"));
    assert_eq!(
        made.deb.map(|deb| fs::read(deb).expect("read")),
        deb.as_ref().map(|deb| fs::read(deb).expect("read"))
    );
}

#[test]
fn an_installation_for_a_package_stays_below_its_folder() {
    let folder = folders::open();
    let install = |words: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_xtask")]);
        command.args(["install", "--prefix", "/opt/w s", "--destdir"]).arg(folder.path().join("de st"));
        command.arg("--plugin").arg(&packages().made.plugin);
        process::stdout(command.args(words)).expect("installed")
    };
    let would = install(&["--dry-run"]);
    assert!(!folder.path().join("de st").exists());
    let listed: Vec<PathBuf> = package::files(folder.path()).expect("listed");
    assert_eq!(listed, Vec::<PathBuf>::new());
    let said = install(&[]);
    let did: Vec<&str> = said.lines().filter(|line| line.starts_with("Installed ")).collect();
    let would: Vec<String> = would.lines().map(|line| line.replace("Would install", "Installed")).collect();
    assert_eq!(did, would);
    let files = package::files(folder.path()).expect("listed");
    assert_eq!(files.len(), did.len());
    assert!(files.iter().all(|file| file.starts_with("de st/opt/w s")), "{files:?}");
    let plugins: Vec<_> = files.iter().filter(|file| file.ends_with("epan/wechat.so")).collect();
    assert_eq!(plugins.len(), 1, "{files:?}");
    let library = library::inspect(&folder.path().join(plugins[0]));
    assert_eq!(library, Some(Library::Ours(packages().made.release)));
    // Whatever the umask of who builds a package.
    let modes =
        process::stdout(Command::new("find").arg(folder.path().join("de st")).args(["-printf", "%y %m\n"]));
    let modes = modes.expect("find");
    assert!(modes.lines().all(|mode| ["d 755", "f 644"].contains(&mode)), "{modes}");
}
