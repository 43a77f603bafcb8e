//! The options of `varscale sample`, and what they name.

use std::path::PathBuf;

use serde_json::Value as Json;
use varscale::{
    ArgumentError, Class, Distribution, Dtype, Initializer, Layout, Mode, Number, PythonRandom,
    Scheme, Seed, ShapeError, Slice, Stream, parse_shape,
};

use crate::{
    output::Overwrite,
    report::Report,
    seed::{parse_generator, parse_seed},
    terminal::Failure,
    threads::Threads,
};

/// Sizes along the axes of a shape. (clap would take a bare `Vec` for an option given many times.)
type Sizes = Vec<usize>;
/// Axes; negative ones count from the end.
type Axes = Vec<isize>;
/// A scheme, and the seed where it brings its own.
type Named = (Scheme, Option<Seed>);

/// The names in a list of the library, for the help.
fn names<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn initializer_help() -> String {
    let required = |class: &Class| {
        let names = class.parameters.iter().filter(|one| one.required).map(|one| one.name);
        names.collect::<Vec<_>>().join(", ")
    };
    let (alone, others): (Vec<_>, Vec<_>) =
        Class::ALL.iter().partition(|class| required(class).is_empty());
    let alone: Vec<_> = alone.into_iter().map(Class::snake_case).collect();
    let others: Vec<_> =
        others.iter().map(|class| format!("{} ({})", class.name, required(class))).collect();
    format!(
        "Keras's identifier ({}, or in CamelCase) or serialized object ({{\"class_name\": …, \
         \"config\": …}}), as {} must be [default: VarianceScaling of the three options below]",
        alone.join(", "),
        others.join(" and "),
    )
}

fn mode_help() -> String {
    format!("Fan that divides the scale: {} [default: fan_in]", names(Mode::ALL))
}

fn distribution_help() -> String {
    let names = names(Distribution::ALL);
    format!("{names}, or normal for the first [default: truncated_normal]")
}

fn stream_help() -> String {
    format!(
        "Stream of random values: native, or a framework's own, which knows no names; one of {}",
        names(Stream::ALL)
    )
}

fn dtype_help() -> String {
    names(Dtype::ALL)
}

/// Draw one tensor, into a file or as statistics and a histogram
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Global shape, such as 784,256; "" is the scalar shape
    #[arg(long, value_parser = parse_shape, allow_hyphen_values = true)]
    pub(super) shape: Sizes,

    /// File to write, by extension: .safetensors or .npy; - writes npy to the standard output.
    /// Without it, statistics and a histogram are printed
    #[arg(short, long, value_name = "FILE", allow_hyphen_values = true)]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) overwrite: Overwrite,

    #[arg(long, value_name = "NAME", value_parser = parse_initializer, help = initializer_help(),
          conflicts_with_all = ["scale", "mode", "distribution"], help_heading = "Initializer")]
    pub(super) initializer: Option<Named>,

    /// Scale that the fan divides to give the variance: positive [default: 1.0]
    #[arg(long, value_parser = parse_number, allow_hyphen_values = true,
          help_heading = "Initializer")]
    pub(super) scale: Option<Number>,

    #[arg(long, help = mode_help(), help_heading = "Initializer")]
    pub(super) mode: Option<Mode>,

    #[arg(long, help = distribution_help(), help_heading = "Initializer")]
    pub(super) distribution: Option<Distribution>,

    /// What the axes stand for: keras (…kernel, in, out), torch (out, in, …kernel), keras-transpose,
    /// keras-depthwise, torch-transpose, einsum:abc,cde->abde, axes:IN/OUT or jax:IN/OUT/BATCH;
    /// or fans:IN/OUT, which are the fans
    #[arg(long, default_value = "keras", help_heading = "Initializer")]
    pub(super) layout: Layout,

    /// Keras's input_axes, such as 0,1: axes that count in fan_in (negative ones count from the
    /// end). With --output-axes, in place of the layout
    #[arg(long, value_name = "AXES", value_parser = parse_axes, allow_hyphen_values = true,
          requires = "output_axes", help_heading = "Initializer")]
    pub(super) input_axes: Option<Axes>,

    /// Keras's output_axes, such as 2: axes that count in fan_out
    #[arg(long, value_name = "AXES", value_parser = parse_axes, allow_hyphen_values = true,
          requires = "input_axes", help_heading = "Initializer")]
    pub(super) output_axes: Option<Axes>,

    /// Integer from -2^63 to 2^64 - 1, or what the stream takes [default: drawn, and reported]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true,
          help_heading = "Values")]
    pub(super) seed: Option<Seed>,

    /// Keras's SeedGenerator(N), whose every call gives other values, instead of a seed
    #[arg(long, value_name = "N", value_parser = parse_generator, allow_hyphen_values = true,
          conflicts_with = "seed", help_heading = "Values")]
    pub(super) generator: Option<Seed>,

    /// Integer from 0 to 2^32 - 1, that of keras.utils.set_random_seed: the seed is one that Keras
    /// then draws for initializers without a seed. Under tf-keras-2.9, also beside a seed
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "generator",
        allow_hyphen_values = true,
        help_heading = "Values"
    )]
    pub(super) global_seed: Option<u32>,

    /// Which of these seeds, from 0: how many initializers without a seed, and other objects that
    /// draw one (Dropout), were made before; below 2^24
    #[arg(
        long,
        alias = "draw",
        value_name = "K",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(..1 << 24),
        requires = "global_seed",
        conflicts_with = "seed",
        allow_hyphen_values = true,
        help_heading = "Values"
    )]
    pub(super) seed_index: u32,

    /// Which call of the initializer, from 0: without a generator every call is the same (but under
    /// tf-keras-2.9)
    #[arg(long, value_name = "K", default_value_t = 0, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)),
          help_heading = "Values")]
    pub(super) call: u32,

    /// Name of the tensor: other names give other values [default: anonymous in the stream,
    /// "tensor" in a .safetensors file]
    #[arg(long, default_value = "", hide_default_value = true, help_heading = "Values")]
    pub(super) name: String,

    #[arg(long, default_value = "native", help = stream_help(), help_heading = "Values")]
    pub(super) stream: Stream,

    #[arg(long, default_value = "float32", help = dtype_help(), help_heading = "Values")]
    pub(super) dtype: Dtype,

    /// First index of the slice to draw, per axis, such as 10,0 [default: zeros]
    #[arg(long, value_name = "SIZES", value_parser = parse_shape, allow_hyphen_values = true,
          help_heading = "Values")]
    pub(super) offset: Option<Sizes>,

    /// Number of indices of the slice, per axis, such as 5,256 [default: to the end]
    #[arg(long, value_name = "SIZES", value_parser = parse_shape, allow_hyphen_values = true,
          help_heading = "Values")]
    pub(super) extent: Option<Sizes>,

    #[command(flatten)]
    pub(super) threads: Threads,

    #[command(flatten)]
    pub(super) report: Report,
}

const EXAMPLES: &str = "\
Examples:
  varscale sample --shape 784,256 --initializer he_normal --seed 42
  varscale sample --shape 64,3,7,7 --scale 2 --mode fan_out --layout torch -o conv1.safetensors
  varscale sample --shape 784,256 --seed 42 --offset 10,0 --extent 5,256 -o rows.npy";

impl Arguments {
    /// The initializer that the options name, with its seed.
    pub(super) fn initializer(&self) -> Result<Initializer, Failure> {
        let (scheme, own) = self.scheme().map_err(varscale::Error::from)?;
        let Arguments { seed, generator, global_seed, seed_index, stream, .. } = self;
        let seed = seed.clone().or_else(|| generator.clone()).or(own);
        let draws = scheme.draws();
        let Some(global_seed) = *global_seed else {
            return Ok(Initializer::new(scheme, seed).with_stream(*stream));
        };
        let seed = match seed {
            None if draws => {
                let mut random = PythonRandom::new(global_seed.into());
                (0..=*seed_index).fold(0, |_, _| stream.drawn_seed(&mut random)).into()
            }
            // The global seed is part of every call's.
            Some(seed) if stream.counts_draws() && draws && *seed_index == 0 => seed,
            _ => {
                return Err(Failure::Input(format!(
                    "invalid --global-seed {global_seed}: {}",
                    if draws {
                        "the initializer has a seed of its own"
                    } else {
                        "the initializer draws nothing"
                    }
                )));
            }
        };
        let initializer = Initializer::new(scheme, Some(seed)).with_stream(*stream);
        Ok(initializer.with_global_seed(global_seed))
    }

    fn scheme(&self) -> Result<Named, ArgumentError> {
        let Arguments { scale, mode, distribution, input_axes, output_axes, .. } = self;
        let (scheme, seed) = match &self.initializer {
            Some(named) => named.clone(),
            None => {
                let scale = scale.unwrap_or(1.0.into());
                let (mode, distribution) =
                    (mode.unwrap_or_default(), distribution.unwrap_or_default());
                (Scheme::variance_scaling(scale, mode, distribution)?, None)
            }
        };
        if input_axes.is_none() && output_axes.is_none() {
            return Ok((scheme, seed));
        }
        Ok((scheme.with_axes(input_axes.clone(), output_axes.clone())?, seed))
    }

    /// The slice that the options name, and its number of elements.
    pub(super) fn slice(&self) -> Result<(Slice, u64), Failure> {
        let Arguments { shape, offset, extent, .. } = self;
        let offset = offset.clone().unwrap_or_else(|| vec![0; shape.len()]);
        let extent = extent.clone().unwrap_or_else(|| {
            // Beyond the shape: an extent of 0, which the check below refuses.
            let to_end = |(axis, &size): (usize, &usize)| {
                size.saturating_sub(offset.get(axis).copied().unwrap_or(0))
            };
            shape.iter().enumerate().map(to_end).collect()
        });
        let slice = Slice { offset, extent };
        let named = |error: ShapeError| {
            let Slice { offset, extent } = &slice;
            Failure::Input(format!("invalid --offset {offset:?} or --extent {extent:?}: {error}"))
        };
        let elements = slice.check(shape).map_err(named)?;
        Ok((slice, elements))
    }
}

fn parse_initializer(text: &str) -> Result<Named, String> {
    let serialized = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("invalid JSON: {error}"))?
    } else {
        Json::from(text)
    };
    Scheme::deserialize(&serialized).map_err(|error| error.to_string())
}

fn parse_number(text: &str) -> Result<Number, String> {
    let integer = text.parse::<i32>().map(Number::from);
    integer
        .or_else(|_| text.parse::<f64>().map(Number::from))
        .map_err(|_| "it must be a positive finite number".into())
}

fn parse_axes(text: &str) -> Result<Axes, String> {
    if text.trim().is_empty() {
        return Ok(Axes::new());
    }
    let axis = |axis: &str| {
        axis.trim()
            .parse()
            .map_err(|_| format!("axis {axis:?} must be an integer; write axes as in \"0,-1\""))
    };
    text.split(',').map(axis).collect()
}
