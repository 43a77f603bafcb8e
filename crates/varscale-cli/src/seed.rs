//! Seeds on the command line.

use varscale::{Seed, SeedError, SeedGenerator};

fn integer(text: &str) -> Result<i128, SeedError> {
    text.parse().map_err(|_| SeedError::Range { received: text.to_owned() })
}

/// An integer seed.
pub(crate) fn parse_seed(text: &str) -> Result<Seed, SeedError> {
    Seed::integer(integer(text)?)
}

/// A seed generator of its own.
pub(crate) fn parse_generator(text: &str) -> Result<Seed, SeedError> {
    SeedGenerator::new(Some(integer(text)?)).map(|generator| Seed::generator(&generator))
}
