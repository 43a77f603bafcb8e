//! `varscale sample`: draws one tensor.

mod arguments;

use std::io;

use serde_json::json;
use varscale::{ConfigForm, Draw, Initializer, Pool, Slice, Tensor};
use varscale_model::{Options, Piece};

pub(crate) use self::arguments::Arguments;
use crate::{
    output::Target,
    statistics,
    terminal::{Failure, print},
};

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sample = Sample::new(arguments)?;
    if let Some(path) = &arguments.output {
        return sample.write(&Target::new(path)?);
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
    fn write(&self, target: &Target) -> Result<(), Failure> {
        let Arguments { name, dtype, threads, .. } = self.arguments;
        let piece = Piece {
            name: if name.is_empty() { "tensor".to_owned() } else { name.clone() },
            draw: self.draw.clone(),
            slice: self.slice.clone(),
            dtype: *dtype,
        };
        let options = Options { threads: (*threads).into(), ..Options::default() };
        target.write(piece, &self.metadata(), options)?;
        match target {
            Target::Stdout => {
                // Only the report is lost where the standard error is closed.
                let _ = io::Write::write_all(&mut io::stderr(), self.report().as_bytes());
                Ok(())
            }
            Target::File(path, _) => {
                print(&format!("{}written   {}\n", self.report(), path.display()))
            }
        }
    }

    /// What a safetensors file says about how its tensor was drawn.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        let Arguments { name, shape, call, global_seed, layout, dtype, stream, .. } =
            self.arguments;
        let Slice { offset, extent } = &self.slice;
        let sample = json!({
            "initializer": self.initializer.serialize(ConfigForm::Keras3),
            "name": name,
            "shape": shape,
            "offset": offset,
            "extent": extent,
            "call": call,
            "global_seed": global_seed,
            "layout": layout,
            "dtype": dtype,
        });
        // Initializers that draw nothing have no seed.
        let seed = self.initializer.seed().map(|seed| seed.resolved().to_string());
        let seed = seed.map(|seed| ("varscale.seed", seed));
        let stream = [("varscale.stream", stream.id().to_owned())];
        let sample = [("varscale.sample", sample.to_string())];
        stream.into_iter().chain(seed).chain(sample).collect()
    }

    /// Prints statistics and a histogram.
    fn show(&self) -> Result<(), Failure> {
        // Before the values are drawn: there may be many.
        print(&self.report())?;
        if self.elements == 0 {
            return print("no values\n");
        }
        let statistics = statistics::Of { draw: &self.draw, slice: &self.slice };
        let statistics = self.arguments.dtype.visit(statistics)?;
        let mut text = String::from("\n");
        if statistics.count < self.elements {
            text += &format!("Of the first {} values:\n", statistics.count);
        }
        text += &statistics.render();
        if let Some(histogram) = statistics.histogram.filter(|_| statistics.count > 1) {
            text += "\n";
            text += &histogram.render(terminal_width());
        }
        print(&text)
    }

    /// What is drawn, and what it takes to draw it again.
    fn report(&self) -> String {
        let Arguments { name, call, global_seed, seed_index, stream, dtype, .. } = self.arguments;
        let Slice { offset, extent } = &self.slice;
        let mut text = format!("{}\n\n", self.draw.explanation());
        if let Some(seed) = self.initializer.seed() {
            let resolved = seed.resolved();
            let generator = seed.as_generator().is_some();
            let option = if generator { "generator" } else { "seed" };
            text += &format!("{option:9} {resolved}");
            if seed.is_unset() {
                text += &format!(" (drawn: --{option} {resolved} gives the same values)");
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
            text += &format!("name      {name}\n");
        }
        if self.slice != Slice::whole(self.draw.shape()) {
            text += &format!("slice     offset {offset:?}, extent {extent:?}\n");
        }
        text += &format!("values    {}, {dtype}\n", self.elements);
        text
    }
}

fn terminal_width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(80, |(terminal_size::Width(columns), _)| usize::from(columns).clamp(40, 120))
}
