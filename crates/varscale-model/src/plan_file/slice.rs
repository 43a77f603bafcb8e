//! Slices of tensors as plans write them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use varscale::{Expression, ExpressionError, Slice};

/// Computes expressions.
type Evaluate<'a> = dyn Fn(&Expression) -> Result<f64, ExpressionError> + 'a;

/// A slice of tensors of one rank, as in `"0:768, :"`: for each axis an index, or a range whose end is
/// not part of it. Negative numbers count from the end of their axis.
#[derive(Debug, Clone)]
pub struct SliceText {
    text: String,
    axes: Vec<Axis>,
}

#[derive(Debug, Clone)]
enum Axis {
    Index(Bound),
    Range(Option<Bound>, Option<Bound>),
}

#[derive(Debug, Clone)]
struct Bound(Expression);

impl SliceText {
    fn parse(text: &str) -> Result<Self, String> {
        let bound = |part: &str| -> Result<Option<Bound>, String> {
            let part = part.trim();
            if part.is_empty() {
                return Ok(None);
            }
            let expression = Expression::parse(part).map_err(|error| error.to_string())?;
            Ok(Some(Bound(expression)))
        };
        let axis = |part: &str| match part.split(':').collect::<Vec<_>>()[..] {
            [index] => bound(index)?.map(Axis::Index).ok_or_else(|| "an axis is left out".into()),
            [start, end] => Ok(Axis::Range(bound(start)?, bound(end)?)),
            _ => Err("it has a step".to_owned()),
        };
        let axes = if text.trim().is_empty() { Vec::new() } else { split(text) };
        let axes = axes.into_iter().map(axis).collect::<Result<_, _>>();
        let invalid = |reason| {
            format!(
                "invalid slice {text:?}: {reason}; write an index or a range for each axis, as in \
                 \"0:10, :\""
            )
        };
        Ok(Self { text: text.to_owned(), axes: axes.map_err(invalid)? })
    }

    /// The expressions.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let bounds = self.axes.iter().flat_map(|axis| match axis {
            Axis::Index(index) => [Some(index), None],
            Axis::Range(start, stop) => [start.as_ref(), stop.as_ref()],
        });
        bounds.flatten().map(|Bound(expression)| expression)
    }

    /// The box that it is in a tensor of this shape, with the values of its expressions.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn resolve(&self, shape: &[usize], value: &Evaluate<'_>) -> Result<Slice, String> {
        let (axes, rank) = (self.axes.len(), shape.len());
        if axes != rank {
            return Err(format!("it has {axes} axes, and the shape {shape:?} has {rank}"));
        }
        let mut slice = Slice::default();
        for (axis, (bounds, &size)) in self.axes.iter().zip(shape).enumerate() {
            let end = |bound: &Bound| bound.resolve(axis, size, value);
            let (first, end) = match bounds {
                Axis::Index(bound) => (end(bound)?, end(bound)?.saturating_add(1)),
                Axis::Range(start, stop) => {
                    (start.as_ref().map_or(Ok(0), end)?, stop.as_ref().map_or(Ok(size), end)?)
                }
            };
            if end > size {
                return Err(format!("it leaves axis {axis}, whose size is {size}"));
            }
            if first >= end {
                return Err(format!("it is empty: along axis {axis} it is {first}:{end}"));
            }
            slice.offset.push(first);
            slice.extent.push(end - first);
        }
        Ok(slice)
    }
}

impl Bound {
    /// An index from 0 to `size`, which may be the end of a range.
    fn resolve(&self, axis: usize, size: usize, value: &Evaluate<'_>) -> Result<usize, String> {
        let (text, value) = (self.0.text(), value(&self.0).map_err(|error| error.to_string())?);
        let shown = match value.to_string() {
            number if number == text => number,
            number => format!("{text} = {number}"),
        };
        if value.fract() != 0.0 {
            return Err(format!("{shown} is no whole number"));
        }
        let index = if value < 0.0 { value + size as f64 } else { value };
        if (0.0..=size as f64).contains(&index) {
            return Ok(index as usize);
        }
        Err(format!("{shown} leaves axis {axis}, whose size is {size}"))
    }
}

impl PartialEq for SliceText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// The parts between commas that stand in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

impl fmt::Display for SliceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl<'de> Deserialize<'de> for SliceText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for SliceText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, shape: &[usize]) -> Result<(Vec<usize>, Vec<usize>), String> {
        let slice = SliceText::parse(text)?.resolve(shape, &|expression| {
            expression.evaluate(&|name| (name == "d0").then_some(shape[0] as f64))
        })?;
        Ok((slice.offset, slice.extent))
    }

    #[test]
    fn slices_are_pythons() {
        type Case<'a> = (&'a str, &'a [usize], [&'a [usize]; 2]);
        let cases: [Case<'_>; 10] = [
            ("0:4, :", &[12, 5], [&[0, 0], &[4, 5]]),
            (":, 4 : 8", &[5, 12], [&[0, 4], &[5, 4]]),
            ("0, :", &[12, 5], [&[0, 0], &[1, 5]]),
            ("-1, :", &[12, 5], [&[11, 0], &[1, 5]]),
            ("-2:", &[12], [&[10], &[2]]),
            (":-2", &[12], [&[0], &[10]]),
            ("11:12", &[12], [&[11], &[1]]),
            ("d0 / 3:2 * d0 / 3, :", &[12, 5], [&[4, 0], &[4, 5]]),
            ("min(d0, 3):max(d0, 3), 1", &[12, 5], [&[3, 1], &[9, 1]]),
            ("", &[], [&[], &[]]),
        ];
        for (text, shape, [offset, extent]) in cases {
            assert_eq!(resolved(text, shape), Ok((offset.to_vec(), extent.to_vec())), "{text}");
        }
    }

    #[test]
    fn what_is_no_box_of_the_shape_is_refused() {
        let cases: [(&str, &[usize], &str); 15] = [
            ("0:4", &[12, 5], "it has 1 axes, and the shape [12, 5] has 2"),
            ("0:4, :, :", &[12, 5], "it has 3 axes, and the shape [12, 5] has 2"),
            ("", &[3], "it has 0 axes"),
            ("0:13", &[12], "13 leaves axis 0, whose size is 12"),
            ("12", &[12], "it leaves axis 0, whose size is 12"),
            (":, -6", &[12, 5], "-6 leaves axis 1, whose size is 5"),
            ("4:4", &[12], "it is empty: along axis 0 it is 4:4"),
            ("5:4", &[12], "it is empty: along axis 0 it is 5:4"),
            (":", &[0], "it is empty: along axis 0 it is 0:0"),
            ("0.5:2", &[12], "0.5 is no whole number"),
            ("0:10:2", &[12], "invalid slice \"0:10:2\": it has a step"),
            ("0:2, ", &[12, 5], "an axis is left out"),
            ("0:d0 / 5", &[12], "d0 / 5 = 2.4 is no whole number"),
            ("0:d0 +", &[12], "invalid expression \"d0 +\""),
            ("0:x", &[12], "x"),
        ];
        for (text, shape, reason) in cases {
            let error = resolved(text, shape).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
