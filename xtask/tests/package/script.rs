// SPDX-License-Identifier: GPL-2.0-or-later
//! What the archive's `install.sh` does, with Wiresharks that are scripts and with the real one.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use xtask::home::NOBODY;
use xtask::process;
use xtask::sandbox::Sandbox;
use xtask::wireshark::Folders;

use crate::{folders, packages};

/// All that the script calls; a machine of a test has these and no more.
const TOOLS: [&str; 16] = [
    "sh", "cat", "chmod", "cp", "dirname", "grep", "head", "id", "mkdir", "mktemp", "mv", "paste",
    "readlink", "rm", "rmdir", "sed",
];

/// A machine with a user, whose folders have blanks in their names.
struct Machine {
    folder: TempDir,
    /// The release that the archive is for.
    release: String,
    /// What is run.
    install: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: folders::open(),
            release: packages().made.release.to_string(),
            install: packages().unpacked.join("install.sh"),
        };
        fs::create_dir_all(machine.home()).expect("a home");
        fs::create_dir_all(machine.path("bin")).expect("a folder");
        for tool in TOOLS {
            symlink(process::find(tool).expect(tool), machine.path("bin").join(tool)).expect("linked");
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("ho me")
    }

    /// Where the user's plugin belongs.
    fn personal(&self) -> PathBuf {
        self.home().join(".local/lib/wireshark/plugins").join(&self.release).join("epan/wechat.so")
    }

    /// Where that of all users belongs, for the program of this name.
    fn global(&self, program: &str) -> PathBuf {
        self.path("system").join(program).join("epan/wechat.so")
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        path.parent().map(fs::create_dir_all).expect("a parent").expect("a folder");
        if path.is_symlink() {
            fs::remove_file(&path).expect("removed");
        }
        fs::write(&path, format!("#!/bin/sh\n{text}")).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("allowed");
        path
    }

    /// Puts a tshark there, which loads what is in its folders unless it is to complain.
    fn tshark(&self, name: &str, release: &str, complaint: Option<&str>) -> PathBuf {
        let key = name.replace('/', "-");
        let personal = self.home().join(".local/lib/wireshark/plugins").join(release);
        let global = self.path("system").join(&key);
        fs::create_dir_all(global.join("epan")).expect("a folder");
        let list = match complaint {
            Some(words) => format!("echo \"{words}\" >&2"),
            None => format!(
                "for plugin in '{}' '{}'; do [ -f \"$plugin/epan/wechat.so\" ] && \
                 printf 'wechat.so\\t1\\tdissector\\t%s\\n' \"$plugin/epan/wechat.so\"; done; :",
                global.display(),
                personal.display()
            ),
        };
        let text = format!(
            "case \"$*\" in\n\
             --version) echo 'TShark (Wireshark) {release}.3 (a script).' ;;\n\
             '-G folders') printf 'Personal Plugins:\\t%s\\nGlobal Plugins:\\t%s\\n' '{}' '{}' ;;\n\
             '-G plugins') {list} ;;\nesac\n",
            personal.display(),
            global.display(),
        );
        self.script(name, &text)
    }

    /// From now on the user is root, as the script sees it.
    fn become_root(&self) {
        self.script("id", "echo 0");
    }

    /// From now on the script takes a folder of the test for `/usr`, which is returned.
    fn move_usr(&mut self) -> PathBuf {
        let usr = self.path("usr");
        let text = fs::read_to_string(&self.install).expect("the script");
        let moved = text.replace(" /usr/", &format!(" '{}'/", usr.display()));
        assert_ne!(moved, text);
        self.install = self.path("install.sh");
        fs::write(&self.install, moved).expect("written");
        fs::set_permissions(&self.install, Permissions::from_mode(0o755)).expect("allowed");
        usr
    }

    /// Runs the script as an ordinary user.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut path = self.path("bin").into_os_string();
        for entry in fs::read_dir(self.path("bin")).expect("a folder") {
            let entry = entry.expect("an entry").path();
            if entry.is_dir() {
                path.push(":");
                path.push(entry);
            }
        }
        let mut command = Command::new(&self.install);
        command.args(arguments).env_clear().env("PATH", path).env("HOME", self.home());
        if process::is_root() {
            process::output(Command::new("chown").args(["-R", "65534:65534"]).arg(self.folder.path()))
                .expect("given to the user");
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().expect("started")
    }

    /// It does what it is told, and says so.
    fn does(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// It refuses with one sentence, and nothing is changed.
    fn refuses(&self, arguments: &[&str]) -> String {
        let before = self.contents();
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let words = String::from_utf8(output.stderr).expect("text");
        assert_eq!(words.lines().count(), 1, "{words}");
        assert_eq!(self.contents(), before, "{words}");
        words.trim_start_matches("install.sh: ").trim_end().to_owned()
    }

    /// Every file and folder, with what is in it.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path.clone());
                    all.push((path, Vec::new()));
                } else {
                    all.push((path.clone(), fs::read(&path).expect("read")));
                }
            }
        }
        all.sort();
        all
    }
}

fn plant(path: &Path, text: &str) {
    path.parent().map(fs::create_dir_all).expect("a parent").expect("a folder");
    fs::write(path, text).expect("written");
}

/// As far as the script looks, this is our plugin, of an older version.
const OLDER: &str = "wechat_dissector_new, older";

#[test]
fn a_user_installs_renews_and_removes_it() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    let before = machine.contents();
    let words = machine.does(&[]);
    assert!(words.starts_with(&format!("Installed {}\n", machine.personal().display())), "{words}");
    let plugin = fs::read(packages().unpacked.join("wechat.so")).expect("the plugin");
    assert_eq!(fs::read(machine.personal()).expect("installed"), plugin);
    let mode = fs::metadata(machine.personal()).expect("installed").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    plant(&machine.personal(), OLDER);
    let words = machine.does(&[]);
    assert!(words.starts_with(&format!("Installed {} again\n", machine.personal().display())), "{words}");
    assert_eq!(fs::read(machine.personal()).expect("installed"), plugin);
    assert_eq!(fs::read_dir(machine.personal().parent().expect("a folder")).expect("listed").count(), 1);

    let words = machine.does(&["--uninstall"]);
    assert_eq!(words, format!("Removed {}\n", machine.personal().display()));
    assert_eq!(machine.contents(), before);
    let words = machine.refuses(&["--uninstall"]);
    assert_eq!(words, format!("there is nothing to remove: there is no {}", machine.personal().display()));
}

#[test]
fn root_installs_it_for_all_users() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    machine.become_root();
    machine.does(&[]);
    assert!(machine.global("tshark").is_file() && !machine.personal().exists());
    machine.does(&["--uninstall"]);
    assert!(!machine.global("tshark").exists() && machine.path("system/tshark/epan").is_dir());
}

#[test]
fn without_a_tshark_it_says_so() {
    let machine = Machine::new();
    let release = &machine.release;
    let expected =
        format!("there is no tshark here to ask where plugins belong; install tshark {release} first");
    assert_eq!(machine.refuses(&[]), expected);
    let expected_too = format!(
        "there is nothing to remove: no Wireshark {release} is here, and none has left a wechat.so in your folder of plugins"
    );
    assert_eq!(machine.refuses(&["--uninstall"]), expected_too);
    // The window's program alone does not say where plugins belong.
    machine.tshark("wireshark", release, None);
    assert_eq!(machine.refuses(&[]), expected);
}

#[test]
fn another_version_is_named_and_refused() {
    let machine = Machine::new();
    let tshark = machine.tshark("tshark", "9.8", None);
    let other = machine.tshark("a b/tshark", "9.9", None);
    let expected = format!(
        "this plugin is for Wireshark {}, and here is 9.8 ({}),9.9 ({}); take the archive for that version",
        machine.release,
        tshark.display(),
        other.display()
    );
    assert_eq!(machine.refuses(&[]), expected);
}

#[test]
fn what_an_upgraded_wireshark_left_is_removed() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    let before = machine.contents();
    machine.does(&[]);
    // The new one comes in place of the old, and has a plugin of its own.
    let newer = machine.tshark("tshark", "9.8", None);
    let beside = machine.home().join(".local/lib/wireshark/plugins/9.8/epan/wechat.so");
    plant(&beside, OLDER);
    let removed = format!("Removed {}\n", machine.personal().display());
    assert_eq!(machine.does(&["--uninstall"]), removed);
    assert!(beside.is_file() && !machine.personal().exists());
    assert!(machine.refuses(&["--uninstall"]).starts_with("there is nothing to remove: "));
    // It is named, and then there is none at all.
    plant(&machine.personal(), OLDER);
    assert_eq!(machine.does(&["--uninstall", "--tshark", newer.to_str().expect("text")]), removed);
    fs::remove_dir_all(machine.home().join(".local")).expect("removed");
    plant(&machine.personal(), OLDER);
    fs::remove_file(&newer).expect("removed");
    assert_eq!(machine.does(&["--uninstall"]), removed);
    machine.tshark("tshark", &machine.release, None);
    let without = |mut all: Vec<(PathBuf, Vec<u8>)>| {
        all.retain(|(path, _)| path != &newer);
        all
    };
    assert_eq!(without(machine.contents()), without(before));
    // Another plugin of that name is none of ours.
    fs::remove_file(&newer).expect("removed");
    plant(&machine.personal(), "another plugin");
    assert_eq!(
        machine.refuses(&["--uninstall"]),
        format!("{} is another plugin, which stays", machine.personal().display())
    );
}

#[test]
fn what_an_upgraded_wireshark_left_for_all_users_is_removed() {
    let mut machine = Machine::new();
    let usr = machine.move_usr();
    machine.become_root();
    let words = machine.refuses(&["--uninstall"]);
    assert!(words.ends_with(" left a wechat.so in the folders of all users"), "{words}");
    // One of a prefix of its own is found beside that of the Wireshark that came after it.
    let own = machine.path("system").join(&machine.release).join("epan/wechat.so");
    machine.tshark("tshark", "9.8", None);
    let places = ["lib", "lib64", "lib/x86_64-linux-gnu", "local/lib", "local/lib/x86_64-linux-gnu"];
    let places = places
        .map(|place| usr.join(place).join("wireshark/plugins").join(&machine.release).join("epan/wechat.so"));
    let beside = usr.join("lib/wireshark/plugins/9.8/epan/wechat.so");
    for path in places.iter().chain([&own, &beside, &machine.personal()]) {
        plant(path, OLDER);
    }
    // Nothing is removed if one may not be.
    machine
        .script("dpkg-query", &format!("[ \"$2\" = '{}' ] && echo \"a-package: $2\"", places[1].display()));
    let words = machine.refuses(&["--uninstall"]);
    assert_eq!(words, format!("{} belongs to a package; first: apt remove a-package", places[1].display()));
    fs::remove_file(machine.path("bin/dpkg-query")).expect("removed");

    let said = machine.does(&["--uninstall"]);
    let mut said: Vec<&str> = said.lines().collect();
    said.sort_unstable();
    let mut expected: Vec<String> =
        places.iter().chain([&own]).map(|path| format!("Removed {}", path.display())).collect();
    expected.sort();
    assert_eq!(said, expected);
    assert!(places.iter().chain([&own]).all(|path| !path.exists()));
    assert!(beside.is_file() && machine.personal().is_file());
}

#[test]
fn of_two_wiresharks_the_one_that_fits_is_taken() {
    let machine = Machine::new();
    machine.tshark("tshark", "9.9", None);
    machine.tshark("second/tshark", &machine.release, None);
    machine.become_root();
    machine.does(&[]);
    assert!(machine.global("second-tshark").is_file() && !machine.global("tshark").exists());
}

#[test]
fn of_two_that_fit_the_user_names_one() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    let second = machine.tshark("second/tshark", &machine.release, None);
    let second = second.to_str().expect("text");
    // One user's folder serves both.
    machine.does(&[]);
    machine.does(&["--uninstall"]);
    machine.become_root();
    let words = machine.refuses(&[]);
    assert!(words.starts_with("there are two Wiresharks ") && words.contains(second), "{words}");
    machine.does(&["--tshark", second]);
    assert!(machine.global("second-tshark").is_file() && !machine.global("tshark").exists());
    machine.does(&["--uninstall", "--tshark", second]);
    assert!(!machine.global("second-tshark").exists());
}

#[test]
fn folders_that_may_not_be_written_to_stay_as_they_are() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    let lib = machine.home().join(".local/lib");
    fs::create_dir_all(&lib).expect("a folder");
    fs::set_permissions(&lib, Permissions::from_mode(0o555)).expect("closed");
    assert_eq!(machine.refuses(&[]), format!("you may not write to {}", lib.display()));

    fs::set_permissions(&lib, Permissions::from_mode(0o755)).expect("opened");
    machine.does(&[]);
    let folder = machine.personal().parent().expect("a folder").to_owned();
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).expect("closed");
    assert_eq!(machine.refuses(&[]), format!("you may not write to {}", folder.display()));
    assert_eq!(
        machine.refuses(&["--uninstall"]),
        format!("you may not remove {}", machine.personal().display())
    );
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("opened");
}

#[test]
fn a_file_in_the_way_of_a_folder_is_no_folder() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    let file = machine.home().join(".local");
    plant(&file, "a file");
    assert_eq!(machine.refuses(&[]), format!("you may not write to {}", file.display()));
}

#[test]
fn what_does_not_load_is_taken_back() {
    let machine = Machine::new();
    let complaint = "The plugin 'wechat.so' wants GLIBC_9";
    let tshark = machine.tshark("tshark", &machine.release, Some(complaint));
    let expected = format!("{} does not load the plugin: {complaint}", tshark.display());
    assert_eq!(machine.refuses(&[]), expected);
    plant(&machine.personal(), OLDER);
    assert_eq!(machine.refuses(&[]), expected);
    assert_eq!(fs::read_to_string(machine.personal()).expect("the old one"), OLDER);
}

#[test]
fn an_interruption_takes_it_back() {
    let machine = Machine::new();
    // Whoever stops the script does so while it asks whether the plugin loads.
    let stop = "$(kill -TERM $PPID)";
    machine.tshark("tshark", &machine.release, Some(stop));
    assert_eq!(machine.refuses(&[]), "interrupted");
    plant(&machine.personal(), OLDER);
    assert_eq!(machine.refuses(&[]), "interrupted");
}

#[test]
fn other_peoples_files_are_left_alone() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    plant(&machine.personal(), "another plugin");
    let path = machine.personal();
    assert_eq!(machine.refuses(&[]), format!("{} is another plugin; move it away first", path.display()));
    assert_eq!(
        machine.refuses(&["--uninstall"]),
        format!("{} is another plugin, which stays", path.display())
    );
    fs::remove_file(&path).expect("removed");
    let second = path.with_file_name("libwechat_dissector.so");
    plant(&second, OLDER);
    assert!(
        machine.refuses(&[]).starts_with(&format!("{} is this plugin under another name", second.display()))
    );
}

#[test]
fn what_a_package_owns_is_the_packages() {
    let machine = Machine::new();
    machine.tshark("tshark", &machine.release, None);
    let global = machine.global("tshark");
    plant(&global, OLDER);
    let path = global.display();
    let words =
        format!("{path} is installed for all users, and Wireshark takes that one; first: sudo rm '{path}'");
    assert_eq!(machine.refuses(&[]), words);
    machine.script("dpkg-query", &format!("[ \"$2\" = '{path}' ] && echo \"some-package:amd64: $2\""));
    let words = format!(
        "{path} is installed for all users, and Wireshark takes that one; first: apt remove some-package"
    );
    assert_eq!(machine.refuses(&[]), words);
    machine.become_root();
    for arguments in [&[][..], &["--uninstall"]] {
        let words = machine.refuses(arguments);
        assert_eq!(words, format!("{path} belongs to a package; first: apt remove some-package"));
    }
}

#[test]
fn nonsense_is_answered_with_the_usage() {
    let machine = Machine::new();
    assert_eq!(machine.refuses(&["--purge"]), "usage: install.sh [--uninstall] [--tshark FILE]");
    assert_eq!(machine.refuses(&["--tshark"]), "--tshark wants the path of a tshark");
    assert_eq!(machine.refuses(&["--tshark", "/no/tshark"]), "there is no program /no/tshark");
}

#[test]
fn the_real_wireshark_loads_what_it_installs() {
    let sandbox = Sandbox::without_plugin().expect("a sandbox");
    let script = packages().unpacked.join("install.sh");
    process::output(sandbox.command("sh").arg(&script)).expect("installed");
    let installed = Folders::of_home(sandbox.path()).expect("folders").personal.join("wechat.so");
    let listed = process::stdout(&mut sandbox.tshark(["-G", "plugins"])).expect("plugins");
    assert!(listed.contains(installed.to_str().expect("text")), "{listed}");
    process::output(sandbox.command("sh").arg(&script).arg("--uninstall")).expect("removed");
    assert!(!installed.exists());
}

#[test]
fn shellcheck_finds_nothing() {
    process::output(Command::new("shellcheck").arg(packages().unpacked.join("install.sh")))
        .expect("shellcheck");
}
