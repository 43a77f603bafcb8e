//! Where a walk through a module stands.

use burn_store::PathFilter;

use crate::container::{Known, known};

/// The path of the parameter that a walk has come to, and the types of what it stands in.
#[derive(Debug, Default)]
pub(crate) struct Place {
    names: Vec<String>,
    containers: Vec<String>,
}

/// An enum's variant is no part of a name, as in torch's: which one it is may be chosen anew.
fn is_named(container: &str) -> bool {
    !container.starts_with("Enum:")
}

impl Place {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        self.containers.push(container.to_owned());
        if is_named(container) {
            self.names.push(name.to_owned());
        }
    }

    pub(crate) fn exit(&mut self, container: &str) {
        self.containers.pop();
        if is_named(container) {
            self.names.pop();
        }
    }

    pub(crate) fn known(&self) -> Option<&'static Known> {
        known(&self.containers, self.names.last()?)
    }

    /// As burn names it.
    pub(crate) fn path(&self) -> String {
        self.names.join(".")
    }

    /// As torch names it.
    pub(crate) fn torch(&self) -> String {
        let mut names: Vec<_> = self.names.iter().map(String::as_str).collect();
        if let (Some(last), Some(known)) = (names.last_mut(), self.known()) {
            *last = known.torch;
        }
        names.join(".")
    }

    /// The types of what it stands in, as burn-store shows them.
    pub(crate) fn containers(&self) -> String {
        self.containers.join(".")
    }

    pub(crate) fn is_in(&self, filter: Option<&PathFilter>) -> bool {
        filter.is_none_or(|one| one.matches_with_container_path(&self.names, &self.containers))
    }
}
