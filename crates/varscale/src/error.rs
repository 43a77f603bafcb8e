//! Everything that can go wrong with a draw.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};

use crate::{
    argument::ArgumentError, dtype::Dtype, expression::ExpressionError, layout::LayoutError,
    number::short, seed::SeedError, shape::ShapeError,
};

/// Everything that can go wrong: one variant per concept, whose message names the argument, the
/// value received, and what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument that was refused: a number, a mode, a distribution, a dtype.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// An expression that is none, or that has no value.
    #[error(transparent)]
    Expression(Box<ExpressionError>),
    /// A value of a formula that is no finite number, or that the dtype cannot hold.
    #[error(transparent)]
    Formula(Box<FormulaError>),
    /// A seed out of range, or none to be had.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A stream that does not exist, or that has no such values.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A layout that does not exist, or that does not fit the shape.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A shape, slice, range or buffer that does not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Values that the dtype cannot hold.
    #[error(transparent)]
    Overflow(#[from] OverflowError),
    /// Values that are all 0 in the dtype, though they should not be.
    #[error(transparent)]
    Underflow(#[from] UnderflowError),
    /// Bounds that no value of the dtype lies between.
    #[error(transparent)]
    NoValue(#[from] NoValueError),
    /// A normal of which rounding leaves too little between its bounds.
    #[error(transparent)]
    Rounding(#[from] RoundingError),
    /// A config that is no initializer's.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Threads that the system does not start.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Number of threads wanted, 0 for one per processor.
        threads: usize,
        /// Why.
        reason: String,
    },
    /// More memory than there is.
    #[error("cannot allocate {bytes} bytes: draw slices of the tensor instead")]
    Memory {
        /// Bytes wanted.
        bytes: u128,
    },
}

impl From<ExpressionError> for Error {
    fn from(error: ExpressionError) -> Self {
        Self::Expression(Box::new(error))
    }
}

impl From<FormulaError> for Error {
    fn from(error: FormulaError) -> Self {
        Self::Formula(Box::new(error))
    }
}

/// A value of a formula that is no finite number, or that the dtype cannot hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "formula {expression:?} is {value} at index {index:?}{}",
    if value.is_finite() {
        format!(", which overflows {dtype}, whose largest is {}", short(dtype.max_value(), 6))
    } else {
        String::from(": it must be a finite number")
    }
)]
pub struct FormulaError {
    /// The formula.
    pub expression: String,
    /// The index along each axis; of a region, within it.
    pub index: Vec<usize>,
    /// The value.
    pub value: f64,
    /// The dtype asked for.
    pub dtype: Dtype,
}

/// Values that the dtype cannot hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "values up to {} overflow {dtype}, whose largest is {}: use a smaller scale, stddev or range, \
     or a wider dtype",
    short(*bound, 6),
    short(dtype.max_value(), 6)
)]
pub struct OverflowError {
    /// Largest magnitude that can come.
    pub bound: f64,
    /// The dtype asked for.
    pub dtype: Dtype,
}

/// Values that are all 0 in the dtype, though they should not be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "values up to {} are all 0 in {dtype}, whose smallest above 0 is {}: use a larger scale, stddev, \
     range or value, or a wider dtype",
    short(*bound, 6),
    short(dtype.min_positive(), 6)
)]
pub struct UnderflowError {
    /// Largest magnitude that can come.
    pub bound: f64,
    /// The dtype asked for.
    pub dtype: Dtype,
}

/// Bounds that no value of the dtype lies between.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "no {dtype} lies between the bounds {low:?} and {high:?}: use wider ones, or a wider dtype"
)]
pub struct NoValueError {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// The dtype asked for.
    pub dtype: Dtype,
}

/// A normal so wide, or so far from its bounds, that what lies between them is lost where it is
/// computed: in float32, or float64 for float64.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "rounding leaves too little of a normal with mean {mean:?} and stddev {stddev:?} between {low:?} \
     and {high:?} in {dtype}: use a uniform distribution, or a wider dtype"
)]
pub struct RoundingError {
    /// Mean before truncation.
    pub mean: f64,
    /// Standard deviation before truncation.
    pub stddev: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// The dtype asked for.
    pub dtype: Dtype,
}

/// A stream that does not exist, or that has no values for what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No such stream.
    #[cfg_attr(feature = "keras-streams", error("unknown stream {received:?}: use one of {known}"))]
    #[cfg_attr(
        not(feature = "keras-streams"),
        error("unknown stream {received:?}: without the feature keras-streams, use {known}")
    )]
    Unknown {
        /// The name received.
        received: String,
        /// The names that exist.
        known: String,
    },
    /// A seed that the framework raises an error for.
    #[error("invalid seed {seed} for stream {stream}: it takes {allowed}")]
    Seed {
        /// Name of the stream.
        stream: &'static str,
        /// The seed received.
        seed: i128,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A region that the stream would draw by itself.
    #[error(
        "a region cannot be drawn from stream {stream}, since its framework draws whole tensors: use \
         the native stream, or zeros, ones, constants or an identity"
    )]
    Region {
        /// Name of the stream.
        stream: &'static str,
    },
    /// A formula, whose random numbers no framework draws.
    #[error("stream {stream} draws no formulas, which no framework has: use the native stream")]
    Formula {
        /// Name of the stream.
        stream: &'static str,
    },
    /// Matrices that a framework draws by its own LAPACK.
    #[error(
        "stream {stream} draws no orthogonal matrices, since their bits are those of a machine's \
         LAPACK: use the native stream"
    )]
    Orthogonal {
        /// Name of the stream.
        stream: &'static str,
    },
    /// A dtype that the stream has no values in.
    #[error("invalid dtype {dtype} for stream {stream}: it has {known}")]
    Dtype {
        /// Name of the stream.
        stream: &'static str,
        /// The dtype asked for.
        dtype: Dtype,
        /// Those that it has.
        known: String,
    },
    /// A law that Keras lacks, and so do its streams.
    #[error("stream {stream} has no such values: {law}. Draw them from stream native")]
    Law {
        /// Name of the stream.
        stream: &'static str,
        /// The law asked for, in words.
        law: String,
    },
}

/// What is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither an identifier nor an object.
    #[error(
        "invalid initializer {received}: use an identifier such as \"he_normal\", or an object \
         with \"class_name\" and \"config\""
    )]
    Form {
        /// The JSON received.
        received: String,
    },
    /// No such class.
    #[error("unknown initializer {received:?}: use one of {known}, in CamelCase or snake_case")]
    UnknownClass {
        /// The name received.
        received: String,
        /// The names that exist.
        known: String,
    },
    /// A class of Keras's that is no variance scaling.
    #[error("initializer {received:?} is Keras's, but not drawn here yet: give another one")]
    NotDrawn {
        /// The name received.
        received: String,
    },
    /// A function of Keras's users, or what Keras makes of a tensor.
    #[error("invalid initializer: a function ({received}), of which configs hold the name only")]
    Function {
        /// The name received.
        received: String,
    },
    /// Keys that the object does not have.
    #[error(
        "{object} has unknown keys {}: it takes {}",
        keys.join(", "),
        if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") }
    )]
    UnknownKeys {
        /// Class of the object.
        object: String,
        /// The keys received.
        keys: Vec<String>,
        /// The keys that exist.
        allowed: Vec<String>,
    },
    /// A key that the object must have.
    #[error("{object} lacks {key:?}, which is required, such as {example:?}")]
    Missing {
        /// Class of the object.
        object: String,
        /// The key.
        key: &'static str,
        /// A value that it may have.
        example: String,
    },
    /// A value of the wrong kind.
    #[error("invalid {key} {received} of {object}: it must be {allowed}")]
    Value {
        /// Class of the object.
        object: String,
        /// Its key.
        key: &'static str,
        /// The JSON received.
        received: String,
        /// What is allowed.
        allowed: &'static str,
    },
}
