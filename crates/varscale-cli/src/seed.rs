//! Seeds on the command line.

use varscale::{Seed, SeedError, SeedGenerator};

/// An integer seed.
pub(crate) fn parse_seed(text: &str) -> Result<Seed, SeedError> {
    text.parse()
}

/// A seed generator of its own.
pub(crate) fn parse_generator(text: &str) -> Result<Seed, SeedError> {
    let integer = parse_seed(text)?.value();
    SeedGenerator::new(Some(integer)).map(|generator| Seed::generator(&generator))
}
