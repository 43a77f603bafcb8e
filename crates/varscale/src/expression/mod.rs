//! Expressions: arithmetic as people write it, with the same bits everywhere.

mod error;
mod operation;
mod parse;
mod program;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::{fmt, str::FromStr};

pub use self::error::ExpressionError;
use self::{
    operation::{FUNCTIONS, PI},
    parse::Parsed,
    program::{Program, Stack, Step},
};
use crate::argument::serde_as_text;

/// An expression over named numbers, in float64: `"0.02 / sqrt(2 * layers)"`.
///
/// | what | how |
/// | --- | --- |
/// | numbers | `2`, `0.02`, `1e-3`, and `pi` |
/// | names | letters, digits and `_`, no digit first |
/// | operators, from what binds most | `**`, `-x`, `* / %`, `+ -`, `< <= > >= == !=` |
/// | functions | `sqrt exp log expm1 log1p sin cos abs floor`, `min max` of two or more, `where(condition, then, otherwise)` |
///
/// Operators bind as in Python: `-2 ** 2` is -4, `2 ** 3 ** 2` is 512, `2 ** -1` is 0.5; `x % y` has
/// the sign of y. A comparison is 1 or 0, and stands at most once in a row. `where` is `then` unless
/// the condition is 0. `0 ** 0` is 1.
///
/// Numbers within are IEEE 754's: `1 / 0` is an infinity, `log(-1)` no number, and what is computed or
/// compared with that is none either, except what `where` leaves out. As a result both are refused.
///
/// # Accuracy
/// Values are the same bits on every machine. `+ - * / % sqrt abs floor min max` and comparisons are
/// exact or rounded once. Largest errors of the others against mpmath, in units in the last place,
/// over 600,000 arguments each from their whole ranges: `log` 0.51, `log1p` 0.61, `exp` 0.69 (0.75 of
/// subnormal values), `expm1` 1.11, `sin` and `cos` 0.76, `**` 0.69 (0.74 where a value is subnormal),
/// and 0.5 where the exponent is 0.5, or whole and at most 512: what is a float64 number is exact then.
///
/// Texts have at most 4096 bytes and 64 levels of parentheses, signs and powers within each other.
///
/// ```
/// use varscale::Expression;
/// let residual = Expression::parse("0.02 / sqrt(2 * layers)")?;
/// assert_eq!(residual.names(), ["layers"]);
/// let stddev = residual.evaluate(&|name| (name == "layers").then_some(12.0))?;
/// assert_eq!(stddev, 0.02 / 24f64.sqrt());
/// # Ok::<(), varscale::ExpressionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression(Arc<Parsed>);

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ExpressionError`], which says where it stops being one, and what is allowed there.
    ///
    /// ```
    /// let error = varscale::Expression::parse("0.02 / sqrt(2 * )").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid expression \"0.02 / sqrt(2 * )\": \")\" at character 17, where a number, a name, \
    ///      a function, \"-\" or \"(\" must stand"
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Ok(Self(Arc::new(parse::parse(text)?)))
    }

    /// Whether a number can have this name: letters, digits and `_`, no digit first, and neither a
    /// function nor `pi`.
    ///
    /// ```
    /// use varscale::Expression;
    /// assert!(Expression::is_name("layers"));
    /// assert!(!Expression::is_name("min") && !Expression::is_name("2x"));
    /// ```
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        text.bytes().all(word)
            && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
            && text != PI
            && FUNCTIONS.iter().all(|(name, ..)| *name != text)
    }

    /// The text, as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The names that it reads, each once, in the order in which they first stand.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// The value, with the numbers that names stand for.
    ///
    /// # Errors
    /// [`ExpressionError::UnknownName`] where there is none, [`ExpressionError::NotFinite`] where the
    /// result is infinite or no number.
    pub fn evaluate(&self, number: &dyn Fn(&str) -> Option<f64>) -> Result<f64, ExpressionError> {
        let number = |name: &String| number(name).ok_or_else(|| self.unknown(name));
        let numbers = self.names().iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let value = self.0.program.value(&numbers);
        if value.is_finite() {
            return Ok(value);
        }
        Err(ExpressionError::NotFinite { expression: self.to_string(), value })
    }

    /// The expression with numbers in place of those names that stand for one: exactly these, so
    /// that its value stays the same bits.
    ///
    /// # Errors
    /// [`ExpressionError::NotFinite`] of numbers that are not finite, and
    /// [`ExpressionError::TooLong`].
    ///
    /// ```
    /// use varscale::Expression;
    /// let frequencies = Expression::parse("theta ** (-2 * i0 / d)")?;
    /// let numbers = |name: &str| [("theta", 1e4), ("d", 64.0)].iter().find(|n| n.0 == name).map(|n| n.1);
    /// assert_eq!(frequencies.with(&numbers)?.text(), "10000 ** (-2 * i0 / 64)");
    /// # Ok::<(), varscale::ExpressionError>(())
    /// ```
    pub fn with(&self, number: &dyn Fn(&str) -> Option<f64>) -> Result<Self, ExpressionError> {
        let (text, mut written, mut end) = (self.text(), String::new(), 0);
        for place in &self.0.places {
            let name = &text[place.clone()];
            written.push_str(&text[end..place.start]);
            end = place.end;
            match number(name) {
                None => written.push_str(name),
                Some(value) if value.is_finite() => written.push_str(&literal(value)),
                Some(value) => {
                    return Err(ExpressionError::NotFinite { expression: name.to_owned(), value });
                }
            }
        }
        written.push_str(&text[end..]);
        Self::parse(&written)
    }

    /// What values side by side are computed in.
    pub(crate) fn stack(&self, width: usize) -> Stack {
        self.0.program.stack(width)
    }

    /// Values side by side, up to the stack's width. `numbers` fills in those of a name, which it is
    /// told by its number among [`Expression::names`], and says whether they vary; of those that do
    /// not, it fills in the first.
    pub(crate) fn side_by_side<'a>(
        &self,
        stack: &'a mut Stack,
        count: usize,
        numbers: impl FnMut(usize, &mut [f64]) -> bool,
    ) -> &'a [f64] {
        self.0.program.run(stack, count, numbers)
    }

    /// The expression that is one name.
    pub(crate) fn name(name: &str) -> Self {
        let steps = alloc::vec![Step::Name(0)];
        let (names, places) = (alloc::vec![name.to_owned()], alloc::vec![0..name.len()]);
        let program = Program::new(steps);
        Self(Arc::new(Parsed { text: name.to_owned(), names, places, program }))
    }

    pub(crate) fn unknown(&self, name: &str) -> ExpressionError {
        ExpressionError::UnknownName {
            expression: self.to_string(),
            received: name.to_owned(),
            known: Vec::new(),
        }
    }
}

/// A number as text that reads back as the same bits, and binds as one.
fn literal(value: f64) -> String {
    let size = value.abs();
    let whole = size < 1e15 && size as u64 as f64 == size;
    let text = if whole { (size as u64).to_string() } else { format!("{size:?}") };
    if value.is_sign_negative() { format!("(-{text})") } else { text }
}

/// By the text, which says all.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

serde_as_text!(Expression);

#[cfg(test)]
mod tests;
