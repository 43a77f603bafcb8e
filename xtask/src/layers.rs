//! The layers of the core crate, read from its sources: each module imports only what stands below
//! it, and no file imports what imports it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use syn::{
    ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};
use walkdir::WalkDir;

/// Where the sources lie.
const SOURCES: &str = "crates/varscale/src";

/// The modules at the root of the crate, from the ground up. Modules of one row do not import each
/// other.
const LAYERS: [&[&str]; 9] = [
    &["argument", "float8", "math", "number"],
    &["dtype", "expression", "layout", "seed", "shape"],
    &["error", "tensor"],
    &["schemes"],
    &["simd"],
    &["bits"],
    &["streams"],
    &["draw"],
    &["initializer"],
];

/// A file by its place among the modules: `streams::native` is `streams/native/mod.rs`.
type Module = Vec<String>;

/// What each file imports from others.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

pub(crate) fn check(root: &Path) -> Result<()> {
    let imports = imports(&root.join(SOURCES))?;
    let upward = upward(&imports);
    ensure!(upward.is_empty(), "modules that import from above:\n  {}", upward.join("\n  "));
    let circles = circles(&imports);
    ensure!(circles.is_empty(), "files that import each other:\n  {}", circles.join("\n  "));
    let arrows: usize = imports.values().map(BTreeSet::len).sum();
    println!(
        "{} files in {} layers, {arrows} imports: none upward, no circle",
        imports.len(),
        LAYERS.len()
    );
    Ok(())
}

/// Imports against the order of the layers, and modules that have no layer.
fn upward(imports: &Imports) -> Vec<String> {
    let layer = |module: &Module| LAYERS.iter().position(|row| row.contains(&module[0].as_str()));
    let mut faults = BTreeSet::new();
    for (module, imported) in imports {
        if layer(module).is_none() {
            faults.insert(format!("{} has no row in xtask/src/layers.rs", module[0]));
        }
        for other in imported {
            if other[0] != module[0] && layer(other) >= layer(module) {
                faults.insert(format!("{} imports {}", module.join("::"), other.join("::")));
            }
        }
    }
    faults.into_iter().collect()
}

/// Files from which a chain of imports leads back to them.
fn circles(imports: &Imports) -> Vec<String> {
    let mut rest: BTreeSet<&Module> = imports.keys().collect();
    // What imports nothing that is left is in no circle.
    loop {
        let done: Vec<_> = rest
            .iter()
            .filter(|module| !imports[**module].iter().any(|other| rest.contains(other)))
            .copied()
            .collect();
        if done.is_empty() {
            break;
        }
        done.into_iter().for_each(|module| {
            rest.remove(module);
        });
    }
    let line = |module: &&Module| {
        let others = imports[*module].iter().filter(|other| rest.contains(other));
        let others: Vec<_> = others.map(|other| other.join("::")).collect();
        format!("{} imports {}", module.join("::"), others.join(", "))
    };
    rest.iter().map(line).collect()
}

fn imports(sources: &Path) -> Result<Imports> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(sources) {
        let path = entry?.into_path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let place = path.strip_prefix(sources)?.with_extension("");
        let mut module: Module =
            place.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        module.pop_if(|last| last == "mod");
        // Tests may look at everything, and the root only declares and exports.
        if module == ["lib"] || module.iter().any(|part| part == "tests") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let file = syn::parse_file(&text).with_context(|| format!("{}", path.display()))?;
        files.insert(module, file);
    }
    let known: BTreeSet<Module> = files.keys().cloned().collect();
    let imported = files.iter().map(|(module, file)| {
        let mut reader = Reader { known: &known, module, found: BTreeSet::new() };
        reader.visit_file(file);
        (module.clone(), reader.found)
    });
    Ok(imported.collect())
}

/// Collects the files that the paths of one file lead to.
struct Reader<'a> {
    known: &'a BTreeSet<Module>,
    module: &'a Module,
    found: BTreeSet<Module>,
}

impl Reader<'_> {
    /// The file that a path starts out from this one to, if it is another one of the crate.
    fn add(&mut self, path: &[String]) {
        let mut place = match path.first().map(String::as_str) {
            Some("crate") => Module::new(),
            Some("self") => self.module.clone(),
            Some("super") => self.module[..self.module.len() - 1].to_vec(),
            // A child that is named without `self`.
            Some(child) => {
                let child = [&self.module[..], &[child.to_owned()]].concat();
                if self.known.contains(&child) {
                    self.found.insert(child);
                }
                return;
            }
            None => return,
        };
        for part in &path[1..] {
            if part == "super" {
                place.pop();
                continue;
            }
            place.push(part.clone());
            if !self.known.contains(&place) && !self.is_folder(&place) {
                place.pop();
                break;
            }
        }
        if self.known.contains(&place) && place != *self.module {
            self.found.insert(place);
        }
    }

    fn is_folder(&self, place: &Module) -> bool {
        self.known.iter().any(|module| module.starts_with(place))
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let joined = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&joined(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(&joined(&name.ident)),
            UseTree::Rename(rename) => self.add(&joined(&rename.ident)),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(before, tree));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 {
            self.add(&parts);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        // Tests stand in modules of their own.
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports_of(files: &[(&str, &[&str])]) -> Imports {
        let module = |name: &str| name.split("::").map(str::to_owned).collect::<Module>();
        let row = |(name, others): &(&str, &[&str])| {
            (module(name), others.iter().map(|other| module(other)).collect())
        };
        files.iter().map(row).collect()
    }

    #[test]
    fn the_core_has_layers_and_no_circle() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap();
    }

    #[test]
    fn upward_imports_and_circles_are_found() {
        let faulty = imports_of(&[
            ("dtype", &["draw::reader"]),
            ("draw", &["draw::reader"]),
            ("draw::reader", &["draw::rows", "dtype"]),
            ("draw::rows", &["draw"]),
            ("novel", &[]),
        ]);
        assert_eq!(
            upward(&faulty),
            ["dtype imports draw::reader", "novel has no row in xtask/src/layers.rs"]
        );
        assert_eq!(circles(&faulty).len(), 4);
    }

    #[test]
    fn paths_lead_to_files() {
        let known: BTreeSet<Module> =
            imports_of(&[("a", &[]), ("b", &[]), ("b::c", &[]), ("b::d", &[])])
                .into_keys()
                .collect();
        let module = vec!["b".to_owned(), "c".to_owned()];
        let mut reader = Reader { known: &known, module: &module, found: BTreeSet::new() };
        let text = "use super::{Thing, d::Other}; use crate::a; fn f() { crate::a::g(); std::mem::drop(1) }";
        reader.visit_file(&syn::parse_file(text).unwrap());
        let found: Vec<_> = reader.found.iter().map(|module| module.join("::")).collect();
        assert_eq!(found, ["a", "b", "b::d"]);
    }
}
