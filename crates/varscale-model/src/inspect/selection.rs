//! Which tensors are looked at.

use super::InspectError;
use crate::{StoredTensor, plan_file::Glob};

/// Globs over tensors' names, as a plan's rules have them; none of them selects all tensors.
#[derive(Debug, Clone, Default)]
pub struct Selection(Vec<Glob>);

impl Selection {
    /// Those that one of `globs` matches.
    ///
    /// # Errors
    /// [`InspectError::Glob`].
    pub fn new(globs: &[impl AsRef<str>]) -> Result<Self, InspectError> {
        let globs = globs.iter().map(|glob| Glob::new(glob.as_ref()));
        globs.collect::<Result<_, _>>().map(Self).map_err(InspectError::Glob)
    }

    /// Whether it selects all tensors.
    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// The tensors that it selects.
    pub(super) fn of<'a>(
        &self,
        tensors: &'a [StoredTensor],
    ) -> Result<Vec<&'a StoredTensor>, InspectError> {
        for glob in &self.0 {
            if !tensors.iter().any(|tensor| glob.matches(&tensor.name)) {
                let known = crate::quoted(tensors.iter().take(3).map(|tensor| &*tensor.name));
                let received = glob.text().to_owned();
                return Err(InspectError::NoTensor { received, known });
            }
        }
        let selected = |tensor: &&StoredTensor| {
            self.0.is_empty() || self.0.iter().any(|glob| glob.matches(&tensor.name))
        };
        Ok(tensors.iter().filter(selected).collect())
    }
}
