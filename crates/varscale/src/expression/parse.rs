//! From text to a program, by recursive descent: one function for each rank of operators.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::ops::Range;

use super::{
    error::ExpressionError,
    operation::{COMPARISONS, Count, FUNCTIONS, Operation, PI, POWER, PRODUCTS, SUMS, Unary},
    program::{Program, Step},
};

/// Longest text that is read.
const LONGEST: usize = 4096;

/// Most levels within each other, each of which takes several calls.
const DEEPEST: usize = 64;

const OPERAND: &str = "a number, a name, a function, \"-\" or \"(\"";

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    steps: Vec<Step>,
    names: Vec<String>,
    places: Vec<Range<usize>>,
}

type Parsing = Result<(), ExpressionError>;

/// What is known of a text.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) text: String,
    pub(super) names: Vec<String>,
    /// Where names stand in the text.
    pub(super) places: Vec<Range<usize>>,
    pub(super) program: Program,
}

pub(super) fn parse(text: &str) -> Result<Parsed, ExpressionError> {
    if text.len() > LONGEST {
        let expression = text.chars().take(40).collect();
        return Err(ExpressionError::TooLong { expression, bytes: text.len(), most: LONGEST });
    }
    let (steps, names, places) = (Vec::new(), Vec::new(), Vec::new());
    let mut parser = Parser { text, at: 0, depth: 0, steps, names, places };
    parser.comparison()?;
    if !parser.rest().is_empty() {
        return Err(parser.refused("an operator or the end"));
    }
    let Parser { steps, names, places, .. } = parser;
    Ok(Parsed { text: text.to_owned(), names, places, program: Program::new(steps) })
}

impl<'a> Parser<'a> {
    /// What is not read yet, without the spaces in front.
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// One of these operators, but not the `*` of a `**`.
    fn operator(&mut self, operators: &[(&str, Operation)]) -> Option<Operation> {
        let power = self.rest().starts_with("**");
        let (_, operation) = operators.iter().find(|(token, _)| !power && self.takes(token))?;
        Some(*operation)
    }

    fn character(&self, at: usize) -> usize {
        self.text[..at].chars().count() + 1
    }

    fn refused(&mut self, allowed: &'static str) -> ExpressionError {
        let word = word(self.rest());
        let first = self.rest().chars().next().map_or(0, char::len_utf8);
        let received = match &self.rest()[..word.len().max(first)] {
            "" => "the end".to_owned(),
            received => format!("{received:?}"),
        };
        let (expression, at) = (self.text.to_owned(), self.character(self.at));
        ExpressionError::Syntax { expression, at, received, allowed }
    }

    /// `read`, one level deeper.
    fn within(&mut self, read: impl FnOnce(&mut Self) -> Parsing) -> Parsing {
        self.depth += 1;
        if self.depth > DEEPEST {
            let (expression, at) = (self.text.to_owned(), self.character(self.at));
            return Err(ExpressionError::TooDeep { expression, at, most: DEEPEST });
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn comparison(&mut self) -> Parsing {
        self.sum()?;
        if let Some(operation) = self.operator(COMPARISONS) {
            self.sum()?;
            self.steps.push(Step::Operation(operation));
        }
        Ok(())
    }

    fn sum(&mut self) -> Parsing {
        self.product()?;
        while let Some(operation) = self.operator(SUMS) {
            self.product()?;
            self.steps.push(Step::Operation(operation));
        }
        Ok(())
    }

    fn product(&mut self) -> Parsing {
        self.signed()?;
        while let Some(operation) = self.operator(PRODUCTS) {
            self.signed()?;
            self.steps.push(Step::Operation(operation));
        }
        Ok(())
    }

    fn signed(&mut self) -> Parsing {
        if !self.takes("-") {
            return self.power();
        }
        self.within(Self::signed)?;
        self.steps.push(Step::Operation(Operation::Unary(Unary::Negate)));
        Ok(())
    }

    fn power(&mut self) -> Parsing {
        self.operand()?;
        if self.takes("**") {
            self.within(Self::signed)?;
            self.steps.push(Step::Operation(POWER));
        }
        Ok(())
    }

    fn operand(&mut self) -> Parsing {
        let rest = self.rest();
        if self.takes("(") {
            self.within(Self::comparison)?;
            return self.closed();
        }
        let start = self.at;
        if let number @ 1.. = number(rest) {
            let Ok(value) = rest[..number].parse() else { return Err(self.refused(OPERAND)) };
            self.at += number;
            self.steps.push(Step::Number(value));
            return Ok(());
        }
        let word = word(rest);
        if word.is_empty() {
            return Err(self.refused(OPERAND));
        }
        self.at += word.len();
        if self.takes("(") {
            return self.within(|parser| parser.call(word, start));
        }
        if word == PI {
            self.steps.push(Step::Number(core::f64::consts::PI));
            return Ok(());
        }
        if FUNCTIONS.iter().any(|(name, ..)| *name == word) {
            return Err(self.refused("\"(\""));
        }
        self.places.push(start..start + word.len());
        let known = self.names.iter().position(|name| name == word);
        self.steps.push(Step::Name(known.unwrap_or(self.names.len())));
        if known.is_none() {
            self.names.push(word.to_owned());
        }
        Ok(())
    }

    fn closed(&mut self) -> Parsing {
        if self.takes(")") { Ok(()) } else { Err(self.refused("an operator or \")\"")) }
    }

    /// The arguments of a function, and it.
    fn call(&mut self, word: &str, start: usize) -> Parsing {
        let Some((function, count, operation)) = FUNCTIONS.iter().find(|(name, ..)| *name == word)
        else {
            let known: Vec<_> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
            return Err(ExpressionError::UnknownFunction {
                expression: self.text.to_owned(),
                at: self.character(start),
                received: word.to_owned(),
                known: known.join(", "),
            });
        };
        let mut received = 0;
        while !(received == 0 && self.takes(")")) {
            self.comparison()?;
            received += 1;
            // Of many, each is taken in as soon as it is there.
            if *count == Count::TwoOrMore && received > 1 {
                self.steps.push(Step::Operation(*operation));
            }
            if !self.takes(",") {
                if !self.takes(")") {
                    return Err(self.refused("an operator, \",\" or \")\""));
                }
                break;
            }
        }
        let (fits, allowed) = match count {
            Count::Exactly(1) => (received == 1, "1"),
            Count::Exactly(count) => (received == *count, "3"),
            Count::TwoOrMore => (received > 1, "2 or more"),
        };
        if !fits {
            let (expression, at) = (self.text.to_owned(), self.character(start));
            return Err(ExpressionError::Arguments { expression, at, function, received, allowed });
        }
        if let Count::Exactly(_) = count {
            self.steps.push(Step::Operation(*operation));
        }
        Ok(())
    }
}

/// The letters, digits and `_` in front.
fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Length of the number in front: digits with a point and an exponent, where they are there.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    let point = bytes.get(end) == Some(&b'.');
    let behind = if point { digits(end + 1) } else { 0 };
    if end + behind == 0 {
        return 0;
    }
    end += usize::from(point) + behind;
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if let exponent @ 1.. = digits((end + 1 + sign).min(bytes.len())) {
            end += 1 + sign + exponent;
        }
    }
    end
}
