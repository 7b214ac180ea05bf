//! The notices of all that is linked into the program, which its licenses ask for wherever it is given to others.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What files with notices are called, in whatever case.
const NAMES: [&str; 5] = ["license", "licence", "copying", "copyright", "notice"];

/// C code has its notices in folders of the crate that brings it, no deeper than this.
const DEPTH: u32 = 2;

/// A list of crates with their licenses, and after it each text once, with whose it is.
///
/// # Errors
///
/// If Cargo cannot say what there is, or a file cannot be read.
pub fn all() -> Result<String, Box<dyn Error>> {
    let metadata = metadata()?;
    let mut list = String::from("What is linked into lenscap, and under which licenses:\n\n");
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in linked(&metadata)? {
        let field = |name: &str| package[name].as_str().unwrap_or_default();
        let name = format!("{} {}", field("name"), field("version"));
        writeln!(list, "{name}: {}", field("license"))?;
        let folder = Path::new(field("manifest_path")).parent().ok_or("a manifest in no folder")?;
        for file in files(folder, DEPTH)? {
            let text = String::from_utf8_lossy(&fs::read(&file)?).replace('\r', "");
            texts.entry(text.trim().to_owned()).or_default().insert(name.clone());
        }
    }
    for (text, crates) in texts {
        let crates = crates.into_iter().collect::<Vec<_>>().join(", ");
        write!(list, "\n{:=<100}\n{crates}\n\n{text}\n", "")?;
    }
    Ok(list)
}

/// What Cargo knows of this workspace and all that it depends on, here.
fn metadata() -> Result<Value, Box<dyn Error>> {
    let host = Command::new("rustc").arg("-vV").output()?.stdout;
    let host = String::from_utf8(host)?;
    let host =
        host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say for what it builds")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", host])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The packages of others that the program is linked of, by name: no build scripts, no tests, and no procedural macros,
/// of which nothing is left in it.
fn linked(metadata: &Value) -> Result<Vec<&Value>, Box<dyn Error>> {
    let list = |value: &'_ Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let packages: HashMap<&str, &Value> = metadata["packages"]
        .as_array()
        .ok_or("no packages")?
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: HashMap<String, Value> = list(&metadata["resolve"], "nodes")
        .into_iter()
        .filter_map(|node| Some((node["id"].as_str()?.to_owned(), node)))
        .collect();
    let program = packages.values().find(|package| package["name"] == "lenscap").ok_or("no lenscap")?;
    let mut waiting = vec![program["id"].as_str().unwrap_or_default().to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        let package = packages.get(id.as_str()).ok_or("an unknown package")?;
        let is_macro = list(package, "targets").iter().any(|target| target["kind"][0] == "proc-macro");
        if is_macro || !seen.insert(id.clone()) {
            continue;
        }
        for dependency in nodes.get(&id).map(|node| list(node, "deps")).unwrap_or_default() {
            if list(&dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null()) {
                waiting.extend(dependency["pkg"].as_str().map(str::to_owned));
            }
        }
    }
    let mut found: Vec<&Value> = seen.iter().filter_map(|id| packages.get(id.as_str()).copied()).collect();
    found.retain(|package| !package["source"].is_null());
    found.sort_by_key(|package| package["name"].as_str());
    Ok(found)
}

/// Files with notices in a folder, and in those within it.
fn files(folder: &Path, depth: u32) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_code = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() && depth > 0 {
            found.extend(files(&path, depth - 1)?);
        } else if path.is_file() && !is_code && NAMES.iter().any(|known| name.starts_with(known)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn what_is_linked_is_named_with_its_notices_those_of_c_code_among_them() {
        let notices = super::all().unwrap();
        for words in ["\nactix-web 4", "\nopenh264-sys2 0", "Cisco Systems", "libjpeg-turbo Licenses"] {
            assert!(notices.contains(words), "nothing of {words:?}");
        }
        // Only tests use it.
        assert!(!notices.contains("\nproptest "), "more than is linked");
    }
}
