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

/// How wide the columns of a table are.
pub fn widths(header: &[&str], rows: impl Iterator<Item = impl AsRef<[String]>>) -> Vec<usize> {
    let mut widths: Vec<_> = header.iter().map(|title| title.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = shown(cell).width().max(*width);
        }
    }
    widths
}

/// Writes a table that is not held: its rows are asked for twice, first for their widths.
///
/// # Errors
/// Those of `out`.
pub fn write_table<I: Iterator<Item = impl AsRef<[String]>>>(
    out: &mut impl Write,
    header: &[&str],
    rows: impl Fn() -> I,
) -> io::Result<()> {
    let widths = widths(header, rows());
    let mut line = String::new();
    let mut write = |cells: &mut dyn Iterator<Item = &str>| {
        line.clear();
        for (cell, &width) in cells.zip(&widths) {
            let cell = shown(cell);
            line += " ";
            line += &cell;
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 1));
        }
        writeln!(out, "{}", line.trim_end())
    };
    write(&mut header.iter().copied())?;
    rows().try_for_each(|row| write(&mut row.as_ref().iter().map(String::as_str)))
}
