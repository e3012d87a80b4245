// SPDX-License-Identifier: GPL-2.0-or-later
//! The software bill of materials: what is linked into the plugin, for programs that look for known faults.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cargo::PLUGIN_PACKAGE;
use crate::crates::Crate;

/// In CycloneDX's JSON, version 1.5. It holds no time and no random number, so that it is the same each time.
pub fn text(version: &str, crates: &[Crate]) -> Result<String> {
    let name = |one: &Crate| format!("pkg:cargo/{}@{}", one.name, one.version);
    let ours = format!("pkg:cargo/{PLUGIN_PACKAGE}@{version}");
    let components: Vec<Value> = crates
        .iter()
        .map(|one| {
            json!({
                "type": "library",
                "bom-ref": name(one),
                "name": one.name,
                "version": one.version,
                "purl": name(one),
                "licenses": [{ "expression": one.licence.replace('/', " OR ") }],
                "hashes": [{ "alg": "SHA-256", "content": one.checksum }],
            })
        })
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "library",
            "bom-ref": ours,
            "name": PLUGIN_PACKAGE,
            "version": version,
            "purl": ours,
            "licenses": [{ "expression": "GPL-2.0-or-later" }],
        } },
        "components": components,
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}
