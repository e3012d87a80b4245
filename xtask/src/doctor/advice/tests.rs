// SPDX-License-Identifier: GPL-2.0-or-later
//! One test for each case that the doctor knows.

use std::path::PathBuf;

use xtask::wireshark::{Folders, Loaded, Release};

use super::*;

const V4_0: Release = Release { major: 4, minor: 0 };
const V4_4: Release = Release { major: 4, minor: 4 };
const PERSONAL: &str = "/home/u/plugins/4.0/epan/wechat.so";
const PERSONAL_OTHER_NAME: &str = "/home/u/plugins/4.0/epan/libwechat_dissector.so";
const GLOBAL: &str = "/usr/lib/plugins/4.0/epan/wechat.so";

fn copy(path: &str, library: Library) -> Copy {
    Copy { path: path.into(), library }
}

fn ours(path: &str) -> Copy {
    copy(path, Library::Ours(V4_0))
}

/// A machine on which all is well.
fn healthy() -> Facts {
    Facts {
        tshark: Some(Tshark {
            path: "/usr/bin/tshark".into(),
            version: "4.0.17".to_owned(),
            release: V4_0,
            folders: Folders {
                personal: "/home/u/plugins/4.0/epan".into(),
                global: "/usr/lib/plugins/4.0/epan".into(),
                personal_lua: "/home/u/plugins".into(),
            },
        }),
        wireshark: Some(("/usr/bin/wireshark".into(), Some("4.0.17".to_owned()))),
        privileged: false,
        plugin_dir_variable: None,
        built: ("/t/libwechat_dissector.so".into(), Some(Library::Ours(V4_0))),
        copies: vec![ours(PERSONAL)],
        owners: Vec::new(),
        loaded: loads(PERSONAL),
    }
}

fn loads(path: &str) -> Loaded {
    Loaded { paths: vec![path.into()], complaints: Vec::new() }
}

fn complains(line: &str) -> Loaded {
    Loaded { paths: Vec::new(), complaints: vec![line.to_owned()] }
}

/// What needs doing, each with its remedy.
fn to_dos(facts: &Facts) -> Vec<(String, String)> {
    advise(facts)
        .into_iter()
        .filter_map(|finding| match finding {
            Finding::Fine(_) => None,
            Finding::ToDo { what, remedy } => Some((what, remedy)),
        })
        .collect()
}

/// The only thing that needs doing.
#[track_caller]
fn only_to_do(facts: &Facts) -> (String, String) {
    let mut all = to_dos(facts);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[track_caller]
fn says(facts: &Facts, words: &str) {
    let findings = advise(facts);
    assert!(findings.iter().any(|finding| finding.to_string().contains(words)), "{findings:#?}");
}

#[test]
fn all_is_well() {
    assert_eq!(
        advise(&healthy()),
        [
            "tshark 4.0.17 is /usr/bin/tshark.",
            "Wireshark 4.0.17 is /usr/bin/wireshark.",
            "The built plugin /t/libwechat_dissector.so is for Wireshark 4.0.",
            "/home/u/plugins/4.0/epan/wechat.so is installed and is for Wireshark 4.0.",
            "Wireshark 4.0.17 loads /home/u/plugins/4.0/epan/wechat.so.",
        ]
        .map(|text| Finding::Fine(text.to_owned()))
    );
}

#[test]
fn without_tshark_only_the_build_is_judged() {
    let mut facts = Facts { tshark: None, copies: Vec::new(), ..healthy() };
    assert!(only_to_do(&facts).0.contains("no tshark"));
    facts.built.1 = None;
    assert_eq!(to_dos(&facts).len(), 2);
}

#[test]
fn the_plugin_is_not_built() {
    let mut facts = healthy();
    facts.built.1 = None;
    let (what, remedy) = only_to_do(&facts);
    assert!(what.contains("not built"), "{what}");
    assert_eq!(remedy, "cargo xtask build");
}

#[test]
fn the_build_is_no_sound_plugin() {
    for (library, words) in [
        (Library::Foreign, "plain C library"),
        (Library::Closed, "may not read"),
        (Library::Damaged("odd".to_owned()), "damaged: odd"),
        (Library::Ours(V4_4), "is for Wireshark 4.4, and tshark is 4.0.17"),
    ] {
        let mut facts = healthy();
        facts.built.1 = Some(library);
        let (what, _) = only_to_do(&facts);
        assert!(what.contains(words), "{what}");
    }
}

#[test]
fn the_plugin_is_not_installed() {
    let facts = Facts { copies: Vec::new(), loaded: Loaded::default(), ..healthy() };
    let (what, remedy) = only_to_do(&facts);
    assert!(what.contains("not installed") && what.contains(PERSONAL), "{what}");
    assert_eq!(remedy, INSTALL);
}

#[test]
fn it_was_installed_before_an_upgrade() {
    let facts = Facts {
        copies: vec![ours("/home/u/plugins/3.6/epan/wechat.so")],
        loaded: Loaded::default(),
        ..healthy()
    };
    says(&facts, "another version's folder");
    assert!(only_to_do(&facts).0.contains("not installed"));
}

#[test]
fn a_copy_for_another_release_is_replaced() {
    let facts = Facts {
        copies: vec![copy(PERSONAL, Library::Ours(V4_4))],
        loaded: complains("tshark: Couldn't load plugin 'wechat.so': undefined symbol: tvb_get_uint8"),
        ..healthy()
    };
    let (what, remedy) = only_to_do(&facts);
    assert!(what.contains("was built for Wireshark 4.4, and this one is 4.0.17"), "{what}");
    assert_eq!(remedy, INSTALL);
    says(&facts, "tvb_get_uint8");
}

#[test]
fn root_ignores_the_personal_folder() {
    let facts = Facts { privileged: true, loaded: Loaded::default(), ..healthy() };
    let (what, remedy) = only_to_do(&facts);
    assert!(what.contains("personal folder only") && what.contains(GLOBAL), "{what}");
    assert!(remedy.contains("as root"), "{remedy}");
}

#[test]
fn two_names_are_fatal() {
    let facts = Facts {
        copies: vec![ours(PERSONAL_OTHER_NAME), ours(PERSONAL)],
        loaded: complains("tshark: Dissector bug: Duplicate protocol name \"WeChat\"!"),
        ..healthy()
    };
    let all = to_dos(&facts);
    assert!(all[0].0.contains("two names"), "{all:#?}");
    assert_eq!(all[0].1, format!("rm {PERSONAL_OTHER_NAME}"));
    assert!(all[1].0.contains("keep Wireshark from starting"), "{all:#?}");
}

#[test]
fn two_names_in_two_folders_are_fatal_too() {
    let other = GLOBAL.replace("wechat.so", "old.so");
    let facts = Facts { copies: vec![ours(PERSONAL), ours(&other)], ..healthy() };
    assert_eq!(only_to_do(&facts).1, format!("sudo rm {other}"));
}

#[test]
fn of_one_name_in_both_folders_the_system_wins() {
    let mut facts = Facts { copies: vec![ours(PERSONAL), ours(GLOBAL)], loaded: loads(GLOBAL), ..healthy() };
    let (what, remedy) = only_to_do(&facts);
    assert!(what.contains("the one in the system folder"), "{what}");
    assert_eq!(remedy, format!("sudo rm {GLOBAL}"));
    facts.privileged = true;
    assert_eq!(to_dos(&facts), [], "root reads the system folder only");
}

#[test]
fn broken_copies_are_named() {
    let mut facts = healthy();
    facts.copies[0].library = Library::Damaged("too short".to_owned());
    facts.loaded = complains("tshark: Couldn't load plugin 'wechat.so': file too short");
    assert!(only_to_do(&facts).0.contains("damaged: too short"));
    says(&facts, "leaves it out and goes on");

    facts.copies[0].library = Library::Closed;
    facts.loaded = complains("tshark: Couldn't load plugin 'wechat.so': Permission denied");
    assert_eq!(only_to_do(&facts).1, format!("sudo chmod a+r {PERSONAL}"));

    // What the file itself does not show is known from the loader alone.
    facts.copies[0].library = Library::Ours(V4_0);
    assert!(only_to_do(&facts).1.contains("chmod a+rX"));
}

#[test]
fn silence_and_other_plugins_complaints_are_told_apart() {
    let loaded = complains("tshark: The plugin 'other.so' has no \"plugin_version\" symbol");
    let facts = Facts { loaded, ..healthy() };
    assert!(only_to_do(&facts).0.contains("does not say why"));
}

#[test]
fn the_plugin_folder_variable_is_explained() {
    let variable = Some(PathBuf::from("/v"));
    let mut facts = Facts { plugin_dir_variable: variable, ..healthy() };
    says(&facts, "in place of its system folder");
    facts.copies.clear();
    assert!(only_to_do(&facts).1.contains("unset WIRESHARK_PLUGIN_DIR"));
    facts.privileged = true;
    says(&facts, "WIRESHARK_PLUGIN_DIR is /v, which Wireshark ignores");
}

fn packaged(path: &str) -> Owner {
    let (package, remove) =
        ("wireshark-plugin-x".to_owned(), "sudo apt remove wireshark-plugin-x".to_owned());
    Owner { path: path.into(), package, remove }
}

#[test]
fn a_package_is_named_and_needs_no_build() {
    let mut facts = Facts {
        copies: vec![ours(GLOBAL)],
        owners: vec![packaged(GLOBAL)],
        loaded: loads(GLOBAL),
        ..healthy()
    };
    facts.built.1 = None;
    assert_eq!(to_dos(&facts), []);
    says(
        &facts,
        "is for Wireshark 4.0. It belongs to the package wireshark-plugin-x: a newer package replaces it",
    );
    says(&facts, "`sudo apt remove wireshark-plugin-x` removes it");
}

#[test]
fn what_a_package_brought_goes_with_the_package() {
    let mut facts = Facts {
        copies: vec![copy(GLOBAL, Library::Ours(V4_4))],
        owners: vec![packaged(GLOBAL)],
        loaded: Loaded::default(),
        ..healthy()
    };
    let all = to_dos(&facts);
    assert_eq!(all[0].1, "install the package for Wireshark 4.0, or: sudo apt remove wireshark-plugin-x");
    facts.copies = vec![ours(PERSONAL_OTHER_NAME), ours(GLOBAL)];
    let all = to_dos(&facts);
    assert!(all.iter().any(|(what, _)| what.contains("under two names")), "{all:?}");
    assert!(all.iter().all(|(_, remedy)| !remedy.contains(&format!("rm {GLOBAL}"))), "{all:?}");
}
