//! Tables in one style.

use comfy_table::{Table, presets};

/// An empty table.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}
