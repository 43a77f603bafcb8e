//! How a program of this project meets its user: numbers, tables, signals, and how it fails.

mod exit;
mod failure;
mod interrupt;
mod stdout;
mod table;

pub use self::{
    exit::{EXIT_CODES, Exit},
    failure::Failure,
    interrupt::Watch,
    stdout::{Printer, note, note_leftovers, note_stale, print, print_usage},
    table::{counted, table, widths, write_table},
};
