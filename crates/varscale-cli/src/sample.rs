//! `varscale sample`: draws one tensor.

mod arguments;

use std::io;

use serde_json::{Value as Json, json};
use varscale::{ConfigForm, Draw, Initializer, Pool, Slice, Tensor};
use varscale_model::{Entry, Options, Piece, shown, write_file};

pub(crate) use self::arguments::Arguments;
use crate::{
    output::{TENSORS, Target},
    statistics::{self, Statistics},
    terminal::{Failure, Watch, print},
};

pub(crate) fn run(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    let sample = Sample::new(arguments)?;
    if let Some(path) = &arguments.output {
        return sample.write(&Target::new(path, TENSORS, arguments.overwrite)?, watch);
    }
    Pool::new(arguments.threads.into())?.install(|| sample.show())
}

/// What the arguments ask for, checked.
struct Sample<'a> {
    arguments: &'a Arguments,
    initializer: Initializer,
    draw: Draw,
    slice: Slice,
    elements: u64,
}

impl<'a> Sample<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self, Failure> {
        let initializer = arguments.initializer()?;
        let tensor = Tensor::new(arguments.shape.as_slice())
            .named(&arguments.name)
            .with_layout(arguments.layout.clone());
        let draw = initializer.draw_call(tensor, arguments.call)?;
        draw.check(arguments.dtype)?;
        let (slice, elements) = arguments.slice()?;
        Ok(Self { arguments, initializer, draw, slice, elements })
    }

    /// Writes the values to `target`, and the report where it does not get between them.
    fn write(&self, target: &Target, watch: &Watch) -> Result<(), Failure> {
        let Arguments { name, dtype, threads, report, .. } = self.arguments;
        let piece = Piece {
            name: if name.is_empty() { "tensor".to_owned() } else { name.clone() },
            draw: self.draw.clone(),
            slice: self.slice.clone(),
            dtype: (*dtype).into(),
        };
        let entry = Entry { name: &piece.name, dtype: piece.dtype, shape: &self.slice.extent };
        let header = target.format.header(&[entry], &self.metadata());
        let header = header.map_err(|error| Failure::Input(error.to_string()))?;
        let bytes = dtype.bytes(self.elements).unwrap_or(u64::MAX);
        let options = Options { threads: (*threads).into(), ..Options::default() };
        let flag = watch.flag();
        let leftovers =
            write_file(&target.output, &header, [piece], bytes, options, flag, &mut |_| ())?;
        report.tell_leftovers(&leftovers);
        let name = target.name();
        let written = || match &name {
            Some(name) => format!("{}written   {}\n", self.report(), shown(name)),
            None => self.report(),
        };
        report.tell(target.is_stdout(), written, || self.json(name.as_deref(), None))
    }

    /// What a safetensors file says about how its tensor was drawn.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        // Initializers that draw nothing have no seed.
        let seed = self.initializer.seed().map(|seed| seed.value().to_string());
        let seed = seed.map(|seed| ("varscale.seed", seed));
        let stream = [("varscale.stream", self.arguments.stream.id().to_owned())];
        let sample = [("varscale.sample", self.recipe().to_string())];
        stream.into_iter().chain(seed).chain(sample).collect()
    }

    /// What was drawn, all but the seed and the stream.
    fn recipe(&self) -> Json {
        let Arguments { name, shape, call, global_seed, layout, dtype, .. } = self.arguments;
        let Slice { offset, extent } = &self.slice;
        json!({
            "initializer": self.initializer.serialize(ConfigForm::Keras3),
            "name": name,
            "shape": shape,
            "offset": offset,
            "extent": extent,
            "call": call,
            "global_seed": global_seed,
            "layout": layout,
            "dtype": dtype,
        })
    }

    /// The report as JSON.
    fn json(&self, output: Option<&str>, statistics: Option<&Statistics>) -> Json {
        json!({
            "output": output,
            "stream": self.arguments.stream.id(),
            "seed": self.initializer.seed(),
            "sample": self.recipe(),
            "values": self.elements,
            "subnormal": self.draw.content().is_subnormal(self.arguments.dtype),
            "bytes": self.arguments.dtype.bytes(self.elements),
            "statistics": statistics.map(Statistics::to_json),
        })
    }

    /// Prints statistics and a histogram.
    fn show(&self) -> Result<(), Failure> {
        let report = self.arguments.report;
        let text = !report.is_json() && !report.is_quiet();
        if text {
            // Before the values are drawn: there may be many.
            print(&self.report())?;
        }
        let statistics = match self.elements {
            0 => None,
            _ => {
                let statistics = statistics::Of { draw: &self.draw, slice: &self.slice };
                Some(self.arguments.dtype.visit(statistics)?)
            }
        };
        let shown = || match &statistics {
            Some(statistics) => self.shown(statistics),
            None => "no values\n".to_owned(),
        };
        report.tell(false, shown, || self.json(None, statistics.as_ref()))
    }

    fn shown(&self, statistics: &Statistics) -> String {
        let mut text = String::from("\n");
        if statistics.count() < self.elements {
            text += &format!("Of the first {} values:\n", statistics.count());
        }
        text += &statistics.render();
        if let Some(histogram) = statistics.histogram.as_ref().filter(|_| statistics.count() > 1) {
            text += "\n";
            text += &histogram.render(terminal_width());
        }
        text
    }

    /// What is drawn, and what it takes to draw it again.
    fn report(&self) -> String {
        let Arguments { name, call, global_seed, seed_index, stream, dtype, .. } = self.arguments;
        let Slice { offset, extent } = &self.slice;
        let mut text = format!("{}\n\n", self.draw.explanation());
        if let Some(seed) = self.initializer.seed() {
            let value = seed.value();
            let generator = seed.as_generator().is_some();
            let option = if generator { "generator" } else { "seed" };
            text += &format!("{option:9} {value}");
            if seed.is_unset() {
                text += &format!(" (drawn: --{option} {value} gives the same values)");
            }
            if let Some(global_seed) = global_seed {
                text += &match self.arguments.seed {
                    Some(_) => format!(" under the global seed {global_seed}"),
                    None => format!(" (number {seed_index} under the global seed {global_seed})"),
                };
            }
            text += &if generator { format!(", call {call}\n") } else { "\n".to_owned() };
            text += &format!("stream    {}\n", stream.id());
        }
        if !name.is_empty() {
            text += &format!("name      {}\n", shown(name));
        }
        if self.slice != Slice::whole(self.draw.shape()) {
            text += &format!("slice     offset {offset:?}, extent {extent:?}\n");
        }
        text += &format!("values    {}, {dtype}\n", self.elements);
        if self.draw.content().is_subnormal(*dtype) {
            let least = varscale::short(dtype.min_normal(), 6);
            text +=
                &format!("          most are subnormal in {dtype}: below {least} bits get lost\n");
        }
        text
    }
}

fn terminal_width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(80, |(terminal_size::Width(columns), _)| usize::from(columns).clamp(40, 120))
}
