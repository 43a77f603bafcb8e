//! How a program of this project meets its user: numbers, tables, Ctrl-C, and how it fails.

mod failure;
mod interrupt;
mod stdout;
mod table;

pub use self::{failure::Failure, interrupt::interrupt_flag, stdout::print, table::table};
