//! Tables in one style.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use indicatif::HumanCount;
use unicode_width::UnicodeWidthStr;
use varscale_model::shown;

/// A number of things, such as `1 value` and `2,000 values`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// An empty table.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Writes a table that is not held: its rows are asked for twice, first for their widths.
///
/// # Errors
/// Those of `out`.
pub fn write_table<const N: usize, I: Iterator<Item = [String; N]>>(
    out: &mut impl Write,
    header: [&str; N],
    rows: impl Fn() -> I,
) -> io::Result<()> {
    let mut widths = header.map(UnicodeWidthStr::width);
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = shown(cell).width().max(*width);
        }
    }
    let mut line = String::new();
    let mut write = |cells: [&str; N]| {
        line.clear();
        for (cell, width) in cells.iter().zip(widths) {
            let cell = shown(cell);
            line += " ";
            line += &cell;
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 1));
        }
        writeln!(out, "{}", line.trim_end())
    };
    write(header)?;
    rows().try_for_each(|row| write(row.each_ref().map(String::as_str)))
}
