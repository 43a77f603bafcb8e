//! Programs: an expression as steps on a stack, for one value or for many side by side.

use alloc::{vec, vec::Vec};

use super::operation::{Binary, Operation, Unary};

/// One step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Number(f64),
    /// The name of this number.
    Name(usize),
    Operation(Operation),
}

/// An expression as steps on a stack, which leave one value.
#[derive(Debug)]
pub(super) struct Program {
    steps: Vec<Step>,
    /// Most values on the stack.
    height: usize,
}

/// What a program works in: values side by side, `width` of each height of the stack, of which those
/// that are the same side by side are kept once.
#[derive(Debug)]
pub(crate) struct Stack {
    width: usize,
    values: Vec<f64>,
    varies: Vec<bool>,
}

impl Program {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let (mut height, mut most) = (0, 0);
        for step in &steps {
            match step {
                Step::Number(_) | Step::Name(_) => height += 1,
                Step::Operation(Operation::Unary(_)) => {}
                Step::Operation(Operation::Binary(_)) => height -= 1,
                Step::Operation(Operation::Where) => height -= 2,
            }
            most = most.max(height);
        }
        Self { steps, height: most }
    }

    pub(super) fn stack(&self, width: usize) -> Stack {
        let (values, varies) = (vec![0.0; self.height * width], vec![false; self.height]);
        Stack { width, values, varies }
    }

    /// The value, with the numbers of its names.
    pub(super) fn value(&self, numbers: &[f64]) -> f64 {
        let mut stack = self.stack(1);
        self.run(&mut stack, 1, |name, out| {
            out[0] = numbers[name];
            false
        })[0]
    }

    /// `count` values side by side, up to the stack's width. `numbers` fills in those of a name, and
    /// says whether they vary; of those that do not, it fills in the first.
    pub(super) fn run<'a>(
        &self,
        stack: &'a mut Stack,
        count: usize,
        mut numbers: impl FnMut(usize, &mut [f64]) -> bool,
    ) -> &'a [f64] {
        let Stack { width, values, varies } = stack;
        let mut height = 0;
        for step in &self.steps {
            match step {
                Step::Number(value) => {
                    (values[height * *width], varies[height]) = (*value, false);
                    height += 1;
                }
                Step::Name(name) => {
                    let row = &mut values[height * *width..][..count];
                    varies[height] = numbers(*name, row);
                    height += 1;
                }
                Step::Operation(operation) => {
                    let taken = match operation {
                        Operation::Unary(_) => 1,
                        Operation::Binary(_) => 2,
                        Operation::Where => 3,
                    };
                    height -= taken;
                    let varies = &mut varies[height..height + taken];
                    let any = varies.contains(&true);
                    let count = if any { count } else { 1 };
                    let mut rows = values[height * *width..].chunks_exact_mut(*width).zip(varies);
                    let mut rows = [(); 3].map(|()| match rows.next() {
                        Some((row, varied)) => {
                            if any && !*varied {
                                let value = row[0];
                                row[..count].fill(value);
                            }
                            *varied = any;
                            &mut row[..count]
                        }
                        None => &mut [],
                    });
                    let [first, second, third] = &mut rows;
                    match operation {
                        Operation::Unary(unary) => unary.apply(first),
                        Operation::Binary(binary) => binary.apply(first, second),
                        Operation::Where => choose(first, second, third),
                    }
                    height += 1;
                }
            }
        }
        if !varies[0] {
            let value = values[0];
            values[..count].fill(value);
        }
        &values[..count]
    }
}

fn zip(a: &mut [f64], b: &[f64], value: impl Fn(f64, f64) -> f64) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = value(*a, b);
    }
}

impl Unary {
    fn apply(self, values: &mut [f64]) {
        match self {
            Self::Negate => values.iter_mut().for_each(|value| *value = -*value),
            Self::Function(function) => {
                values.iter_mut().for_each(|value| *value = function(*value));
            }
        }
    }
}

impl Binary {
    /// Leaves the values where the first of each two were.
    fn apply(self, first: &mut [f64], second: &[f64]) {
        match self {
            Self::Add => zip(first, second, |a, b| a + b),
            Self::Subtract => zip(first, second, |a, b| a - b),
            Self::Multiply => zip(first, second, |a, b| a * b),
            Self::Divide => zip(first, second, |a, b| a / b),
            Self::Function(function) => zip(first, second, function),
        }
    }
}

/// Where the condition is no number, nor is the value.
fn choose(condition: &mut [f64], then: &[f64], otherwise: &[f64]) {
    for ((condition, &then), &otherwise) in condition.iter_mut().zip(then).zip(otherwise) {
        *condition = if condition.is_nan() {
            f64::NAN
        } else if *condition != 0.0 {
            then
        } else {
            otherwise
        };
    }
}
