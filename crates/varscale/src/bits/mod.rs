//! Generators of random words, apart from what is made of them.

#[cfg(feature = "keras-streams")]
pub(crate) mod mt19937;
#[cfg(feature = "keras-streams")]
pub(crate) mod pcg64;
pub(crate) mod philox;
#[cfg(feature = "keras-streams")]
pub(crate) mod python_random;
#[cfg(feature = "keras-streams")]
pub(crate) mod threefry;
