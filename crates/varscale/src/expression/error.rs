//! What is wrong with an expression.

use alloc::{string::String, vec::Vec};

/// What is wrong with an expression: each names it as it was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// Text that is no expression.
    #[error(
        "invalid expression {expression:?}: {received} at character {at}, where {allowed} must stand"
    )]
    Syntax {
        /// The expression.
        expression: String,
        /// Which of its characters, from 1, is not allowed.
        at: usize,
        /// What stands there.
        received: String,
        /// What is allowed there.
        allowed: &'static str,
    },
    /// A function that does not exist.
    #[error(
        "invalid expression {expression:?}: there is no function {received:?} (character {at}), but {known}"
    )]
    UnknownFunction {
        /// The expression.
        expression: String,
        /// Where its name stands, from 1.
        at: usize,
        /// Its name.
        received: String,
        /// The functions that exist.
        known: String,
    },
    /// A function with more or fewer arguments than it takes.
    #[error(
        "invalid expression {expression:?}: {function:?} (character {at}) has {received} arguments, \
         but it takes {allowed}"
    )]
    Arguments {
        /// The expression.
        expression: String,
        /// Where the function stands, from 1.
        at: usize,
        /// Its name.
        function: &'static str,
        /// Arguments received.
        received: usize,
        /// Arguments that it takes.
        allowed: &'static str,
    },
    /// More text than is read.
    #[error(
        "invalid expression \"{expression}…\": it has {bytes} bytes, and at most {most} are read"
    )]
    TooLong {
        /// Where the expression begins.
        expression: String,
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        most: usize,
    },
    /// More levels within each other than are read.
    #[error(
        "invalid expression {expression:?}: at character {at}, more than {most} parentheses, signs and \
         powers are within each other"
    )]
    TooDeep {
        /// The expression.
        expression: String,
        /// Where the first level too many begins, from 1.
        at: usize,
        /// The most that are read.
        most: usize,
    },
    /// A name that stands for no number.
    #[error(
        "expression {expression:?} reads {received:?}, which stands for no number{}{}",
        if known.is_empty() { "" } else { ": there are " },
        known.join(", ")
    )]
    UnknownName {
        /// The expression.
        expression: String,
        /// The name.
        received: String,
        /// The names that stand for one, where it is known: see [`ExpressionError::with_names`].
        known: Vec<String>,
    },
    /// A value that is infinite or no number.
    #[error("expression {expression:?} is {value}: it must be a finite number")]
    NotFinite {
        /// The expression.
        expression: String,
        /// Its value.
        value: f64,
    },
}

impl ExpressionError {
    /// The same error, of an unknown name with the names that there are.
    ///
    /// ```
    /// let half = varscale::Expression::parse("width / 2")?;
    /// let error = half.evaluate(&|_| None).unwrap_err().with_names(["layers", "fan_in"]);
    /// assert_eq!(
    ///     error.to_string(),
    ///     "expression \"width / 2\" reads \"width\", which stands for no number: there are layers, fan_in"
    /// );
    /// # Ok::<(), varscale::ExpressionError>(())
    /// ```
    #[must_use]
    pub fn with_names(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        match self {
            Self::UnknownName { expression, received, .. } => {
                let known = names.into_iter().map(Into::into).collect();
                Self::UnknownName { expression, received, known }
            }
            other => other,
        }
    }
}
