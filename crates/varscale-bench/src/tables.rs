//! What was measured, as tables.

use comfy_table::{CellAlignment, Table};
use varscale::{Dtype, Stream, short};
use varscale_cli::terminal::table;

use super::{
    distribution::Distribution,
    memory::Memory,
    report::{Line, Report},
    size::Size,
};

/// Values below which the time of a call says more than a rate.
const SMALL: usize = 1 << 14;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = format!("Store limit\n\n{}\n", limits(report));
    let mut memories: Vec<Memory> = report.draws().map(|(_, line)| line.place.memory).collect();
    memories.sort_unstable();
    memories.dedup();
    for memory in memories {
        for (small, title) in [
            (true, "Time per call and ratio to the store limit"),
            (false, "Million values per second and ratio to the store limit"),
        ] {
            let rows = draws(report, memory, small);
            if !rows.is_empty() {
                text += &format!("\n{title}: {}\n\n{}\n", memory.name(), shown(&rows));
            }
        }
    }
    let rows = streams(report);
    if !rows.is_empty() {
        text += &format!("\nFrameworks' streams, million values per second\n\n{}\n", shown(&rows));
    }
    let rows = peers(report);
    if !rows.is_empty() {
        text += &format!(
            "\nPeers, and how many times as fast varscale is: its native stream into a buffer, with \
             an allocation of its own, and its stream of the same values\n\n{}\n",
            shown(&rows)
        );
    }
    text
}

/// Numbers to the right, but for the first `names` columns.
fn with_numbers(mut table: Table, names: usize) -> Table {
    for column in table.column_iter_mut().skip(names) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn shown(table: &Table) -> String {
    table.trim_fmt()
}

fn limits(report: &Report<'_>) -> String {
    let mut rows = table(&["memory", "fastest", "bytes", "threads", "M f32/s", "GB/s"]);
    for (place, stores) in report.limits() {
        let Some((store, samples)) = stores.first() else { continue };
        let rate = place.bytes as f64 / samples.median();
        rows.add_row([
            place.memory.name().to_owned(),
            store.name().to_owned(),
            place.bytes.to_string(),
            place.threads.to_string(),
            short(rate / 4e6, 3),
            short(rate / 1e9, 3),
        ]);
    }
    shown(&with_numbers(rows, 2))
}

/// The native stream's draws in `memory`: a row per size, threads and distribution.
fn draws(report: &Report<'_>, memory: Memory, small: bool) -> Table {
    let native = || {
        report.draws().filter(|(stream, line)| {
            *stream == Stream::Native
                && line.place.memory == memory
                && (line.tensor.values() < SMALL) == small
        })
    };
    let dtypes: Vec<Dtype> = Dtype::ALL
        .iter()
        .copied()
        .filter(|dtype| native().any(|(_, line)| line.tensor.dtype == *dtype))
        .collect();
    let mut header = vec!["size", "threads", "distribution"];
    for dtype in &dtypes {
        header.extend([dtype.name(), ""]);
    }
    let mut rows = table(&header);
    let mut keys: Vec<(&Size, usize, Distribution)> = Vec::new();
    for (_, Line { tensor, place, .. }) in native() {
        let key = (&tensor.size, place.threads, tensor.distribution);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for key in keys {
        let (size, threads, distribution) = key;
        let mut row = vec![size.to_string(), threads.to_string(), distribution.name().to_owned()];
        for dtype in &dtypes {
            let line = native().map(|(_, line)| line).find(|line| {
                (&line.tensor.size, line.place.threads, line.tensor.distribution) == key
                    && line.tensor.dtype == *dtype
            });
            match &line {
                Some(line) if small => row.push(time(line.samples.median())),
                Some(line) => row.push(short(line.values_per_second() / 1e6, 3)),
                None => row.push("-".to_owned()),
            }
            let ratio = line.and_then(|line| report.ratio_to_store_limit(&line));
            row.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
        }
        rows.add_row(row);
    }
    with_numbers(rows, 3)
}

fn streams(report: &Report<'_>) -> Table {
    let mut rows = table(&["stream", "distribution", "size", "threads", "M values/s"]);
    for (stream, line) in report.draws().filter(|(stream, _)| *stream != Stream::Native) {
        rows.add_row([
            stream.name().to_owned(),
            line.tensor.distribution.name().to_owned(),
            line.tensor.size.to_string(),
            line.place.threads.to_string(),
            short(line.values_per_second() / 1e6, 3),
        ]);
    }
    with_numbers(rows, 3)
}

fn peers(report: &Report<'_>) -> Table {
    let mut rows = table(&[
        "peer",
        "call",
        "distribution",
        "dtype",
        "size",
        "per call",
        "M values/s",
        "buffer",
        "allocated",
        "same values",
    ]);
    for (peer, call, line) in report.peer_draws() {
        let faster = |own: Option<Line<'_>>| {
            let times = own.map(|own| line.samples.median() / own.samples.median());
            times.map_or_else(String::new, |times| short(times, 3))
        };
        let prefaulted = |memory| matches!(memory, Memory::Prefaulted(_));
        let allocated = |memory| memory == Memory::Allocated;
        let stream = peer.parse().ok();
        rows.add_row([
            peer.to_owned(),
            call.to_owned(),
            line.tensor.distribution.name().to_owned(),
            line.tensor.dtype.name().to_owned(),
            line.tensor.size.to_string(),
            time(line.samples.median()),
            short(line.values_per_second() / 1e6, 3),
            faster(report.counterpart(&line, Stream::Native, prefaulted)),
            faster(report.counterpart(&line, Stream::Native, allocated)),
            faster(stream.and_then(|stream| report.counterpart(&line, stream, prefaulted))),
        ]);
    }
    with_numbers(rows, 5)
}

fn time(seconds: f64) -> String {
    let (scale, unit) = match seconds {
        s if s < 1e-6 => (1e9, "ns"),
        s if s < 1e-3 => (1e6, "us"),
        s if s < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{} {unit}", short(seconds * scale, 3))
}
