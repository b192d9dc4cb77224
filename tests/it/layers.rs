//! The layers of `src/lib.rs`: a folder uses only those listed before it, components never use each other's folders,
//! only `sys` may hold `unsafe`, and every component file has its line.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const COMPONENTS: [&str; 6] = ["sources", "interceptors", "selectors", "channels", "sinks", "groups"];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    files(&src(), &mut found);
    let layer = |path: &PathBuf| {
        let first = path.strip_prefix(src()).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
        first.trim_end_matches(".rs").to_string()
    };
    found.into_iter().map(|p| (layer(&p), p.clone(), fs::read_to_string(&p).unwrap())).collect()
}

/// The order of the module list in `lib.rs`.
fn order() -> BTreeMap<String, usize> {
    let lib = fs::read_to_string(src().join("lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.split(';').next());
    modules.enumerate().map(|(at, name)| (name.trim().to_string(), at)).collect()
}

/// Names of top-level modules that a text mentions as `crate::NAME` or `crate::{NAME, …}`.
fn mentioned(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split(['}', ';']).next().unwrap_or_default();
                names.extend(
                    list.split(',').map(|n| n.trim().split("::").next().unwrap_or_default().to_string()),
                );
            }
            None => names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()),
        }
    }
    names
}

#[test]
fn a_folder_uses_only_the_layers_below_it() {
    let order = order();
    let mut wrong = Vec::new();
    for (layer, path, text) in sources() {
        let Some(own) = order.get(&layer) else { continue };
        for name in mentioned(&text) {
            let Some(used) = order.get(&name) else { continue };
            let siblings = COMPONENTS.contains(&layer.as_str()) && COMPONENTS.contains(&name.as_str());
            if name != layer && (used > own || siblings) {
                wrong.push(format!("{}: `{layer}` uses `{name}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "layers are broken:\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_in_sys_only() {
    let guilty = sources().into_iter().filter(|(layer, _, text)| {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        layer != "sys" && code.into_iter().any(|line| line.contains("unsafe {") || line.contains("unsafe fn"))
    });
    let guilty: Vec<_> = guilty.map(|(_, path, _)| path).collect();
    assert!(guilty.is_empty(), "{guilty:?}");
}

#[test]
fn every_component_file_has_its_line() {
    for folder in COMPONENTS {
        let dir = src().join(folder);
        // A module named like a keyword is written `r#static`.
        let list = fs::read_to_string(dir.join("mod.rs")).unwrap().replace("r#", "");
        for (_, path, text) in sources().into_iter().filter(|(layer, ..)| layer == folder) {
            if !text.contains("pub static SPEC") {
                continue;
            }
            let module = path.strip_prefix(&dir).unwrap().with_extension("");
            let module = module.iter().next().unwrap().to_string_lossy().into_owned();
            assert!(
                list.contains(&format!("&{module}::")) || list.contains(&format!("&r#{module}::")),
                "`{module}` of {folder} is not in its ALL"
            );
        }
    }
}
