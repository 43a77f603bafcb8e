//! What is wrong with a plan.

use varscale::{ExpressionError, SeedError};

use crate::{Integer, Seeds, StoredDtypeError, quoted};

/// Why a spec and rules make no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// What cannot be told without knowing all of the model's tensors.
    #[error("{what}, and there is no spec, which tells its tensors: give one (spec = ...)")]
    NoSpec {
        /// What.
        what: String,
    },
    /// A tensor that is asked for, and that a rule leaves out.
    #[error("tensor {tensor:?} is left out by {rule}")]
    Skipped {
        /// Its name.
        tensor: String,
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
    },
    /// A tensor that is asked for in another shape than the spec's.
    #[error("tensor {tensor:?} was asked for in shape {received:?}: the spec says {expected:?}")]
    OtherShape {
        /// Its name.
        tensor: String,
        /// The shape received.
        received: Vec<usize>,
        /// The spec's.
        expected: Vec<usize>,
    },
    /// A tensor that draws by the initializer with which it is asked for, of a plan in which no seed can
    /// be told for it.
    #[error(
        "tensor {tensor:?} is drawn as it is asked for, which no rule decides: under stream {stream} or \
         global_seed, seeds are told apart among all tensors: add a rule for it"
    )]
    Hint {
        /// Its name.
        tensor: String,
        /// The plan's stream.
        stream: &'static str,
    },
    /// Nothing says how to fill a tensor.
    #[error(
        "tensor {tensor:?} has no initializer: {}, and the spec gives it none of its own",
        match rule {
            Some(rule) => format!("{rule}, the first that matches it, sets none"),
            None => "no rule matches it".into(),
        }
    )]
    NoInitializer {
        /// Its name.
        tensor: String,
        /// The rule that decides it, as in `rule 2 (match "*.bias")`.
        rule: Option<String>,
    },
    /// A rule that plays no role, since it matches nothing.
    #[error(
        "{rule} matches none of the spec's {tensors} tensors{} (optional = true allows it)",
        like.as_ref().map_or(String::new(), |name| format!(", such as {name:?}"))
    )]
    UnusedRule {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Number of tensors in the spec.
        tensors: usize,
        /// The name most like what it matches.
        like: Option<String>,
    },
    /// A rule that plays no role, since others decide all that it matches.
    #[error(
        "{rule} decides nothing: all that it matches is decided by {by} before it (move it up, or \
         say optional = true)"
    )]
    ShadowedRule {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// The rules that decide in its place.
        by: String,
    },
    /// Files that were not read: [`PlanFile::with_includes`](crate::PlanFile::with_includes) does.
    #[error("the plan includes {names}, which were not read")]
    Include {
        /// Their names.
        names: String,
    },
    /// A constant without a value.
    #[error("constant {constant}: {source}")]
    Constant {
        /// Its name.
        constant: String,
        /// Why.
        source: ExpressionError,
    },
    /// Constants of which each needs the next.
    #[error("the constants {circle} go round in a circle")]
    ConstantCircle {
        /// Their names, as in `a -> b -> a`.
        circle: String,
    },
    /// A name that would stand for two numbers.
    #[error("{rule} captures {{{name}}}, which is a constant, too: rename one of them")]
    Shadow {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// The name.
        name: String,
    },
    /// A captured number that is too large to be exact.
    #[error("{rule}: {{{capture}}} captures {received} in {tensor:?}: at most 2^53 is allowed")]
    Capture {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Name of the tensor.
        tensor: String,
        /// Name of the capture.
        capture: String,
        /// The digits.
        received: String,
    },
    /// An expression without a value.
    #[error("{rule}{}: {key}: {source}", match tensor {
        Some(tensor) => format!(", tensor {tensor:?}"),
        None => String::new(),
    })]
    Expression {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Name of the tensor, where it is one's.
        tensor: Option<String>,
        /// What the expression stands for, such as `stddev`.
        key: String,
        /// Why.
        source: Box<ExpressionError>,
    },
    /// A constant that an included rule leaves to the plan.
    #[error(
        "{rule} needs the constant {name}: say it under the plan's [constants], {name} = ... ({key}: {source})"
    )]
    MissingConstant {
        /// The rule, as in `rule 2 of gpt2 (match "*.bias")`.
        rule: String,
        /// The constant.
        name: String,
        /// What the expression stands for, such as `stddev`.
        key: String,
        /// The names that there are.
        source: Box<ExpressionError>,
    },
    /// Values of expressions that a tensor cannot have.
    #[error("tensor {tensor:?}: {source}, by {rule}, where {values}")]
    Values {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Name of the tensor.
        tensor: String,
        /// The expressions with their values, as in `stddev = "1 - layers" is -11`.
        values: String,
        /// Why.
        source: Box<varscale::Error>,
    },
    /// A tensor whose fans another one cannot have.
    #[error("{rule}: tensor {tensor:?} has the fans of {sibling:?}, {reason}")]
    Sibling {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Name of the tensor.
        tensor: String,
        /// Name of the other.
        sibling: String,
        /// Why.
        reason: String,
    },
    /// A tensor that cannot be another one under a second name.
    #[error("{rule}: tensor {tensor:?} is tied to {other:?}, {reason}")]
    Tie {
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Name of the tensor.
        tensor: String,
        /// Name of the other.
        other: String,
        /// Why.
        reason: String,
    },
    /// A tensor whose name does not tell what its axes stand for.
    #[error("layout \"auto\" leaves tensor {tensor:?} of shape {shape:?} open: {reason}")]
    AutoLayout {
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Why, and what would tell it.
        reason: String,
    },
    /// Tensors that a framework's stream would draw alike.
    #[error(
        "tensors {first:?} and {second:?} would start from the same values: both take {seed}, and \
         stream {stream} knows no names. Say seeds = \"by-name\" (--seeds by-name) to give each a \
         seed of its own, or \"same\" if that is meant"
    )]
    SharedSeed {
        /// Name of one tensor.
        first: String,
        /// Name of another.
        second: String,
        /// The seed and whose it is, as in `seed 42 of the plan`.
        seed: String,
        /// Name of the stream.
        stream: &'static str,
    },
    /// Tensors whose names give the same seed of 31 bits.
    #[error(
        "tensors {first:?} and {second:?} get the same seed {seed} by their names: give the plan \
         another seed, or one of them a rule with a seed"
    )]
    SameSeed {
        /// Name of one tensor.
        first: String,
        /// Name of another.
        second: String,
        /// The seed.
        seed: u32,
    },
    /// A choice that the plan does not leave.
    #[error(
        "seeds = {:?} plays no role: {why}",
        seeds.name()
    )]
    Seeds {
        /// The choice.
        seeds: Seeds,
        /// Why.
        why: &'static str,
    },
    /// An initializer that a tensor cannot have.
    #[error("tensor {tensor:?}: {source}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// Why.
        source: varscale::Error,
    },
    /// A region that a tensor cannot have.
    #[error("tensor {tensor:?}: region {slice:?} of {rule}: {reason}")]
    Region {
        /// Its name.
        tensor: String,
        /// The slice as the rule writes it.
        slice: String,
        /// The rule, as in `rule 2 (match "*.bias")`.
        rule: String,
        /// Why.
        reason: String,
    },
    /// An initializer of a spec that is a function.
    #[error("the initializer of {tensor:?} is a function: name one, or give a rule")]
    Function {
        /// Name of the tensor.
        tensor: String,
    },
    /// A dtype that a tensor cannot have.
    #[error("tensor {tensor:?}: {source}, set dtype in a rule, or leave it out by skip = true")]
    Dtype {
        /// Its name.
        tensor: String,
        /// Why.
        source: StoredDtypeError,
    },
    /// Values that an integer type does not hold.
    #[error("tensor {tensor:?} of dtype {}", dtype.refusal(received))]
    Integer {
        /// Its name.
        tensor: String,
        /// Its dtype.
        dtype: Integer,
        /// The initializer, or a value of it.
        received: String,
    },
    /// A name that the spec lacks.
    #[error("no tensor is called {received:?}{}", match &near[..] {
        [] => String::new(),
        near => format!(": there are {}", quoted(near.iter().map(String::as_str))),
    })]
    UnknownTensor {
        /// The name.
        received: String,
        /// Names like it.
        near: Vec<String>,
    },
    /// A tensor that a checkpoint holds otherwise than the plan that draws it again.
    #[error("tensor {tensor:?} is {received}, and {held} in the checkpoint")]
    OtherTensor {
        /// Its name.
        tensor: String,
        /// Dtype and shape, as in `float32 [784, 256]`.
        received: String,
        /// Those in the checkpoint.
        held: String,
    },
    /// More bytes than a file can have.
    #[error("tensor {tensor:?} of shape {shape:?} ends above 2^64 - 1 bytes, the most allowed")]
    TooLarge {
        /// The tensor with which the sum is too large.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// No seed was given, and none can be drawn.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

impl PlanError {
    pub(crate) fn no_spec(what: impl Into<String>) -> Self {
        Self::NoSpec { what: what.into() }
    }

    /// As [`Error::is_input`].
    pub(crate) fn is_input(&self) -> bool {
        !matches!(self, Self::Seed(SeedError::NoEntropy { .. }))
    }
}
