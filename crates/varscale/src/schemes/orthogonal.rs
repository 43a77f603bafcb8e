//! `Orthogonal`: matrices with orthonormal columns, or rows where these are fewer.

use alloc::{string::ToString, vec::Vec};
use core::fmt;

use super::law::Law;
use crate::{
    error::Error,
    layout::{LayoutError, Role},
    math::sqrt_f64,
    number::short,
    shape::{ShapeError, product},
    tensor::Tensor,
};

/// A matrix with orthonormal columns, or rows where these are fewer, times a gain: uniform among all
/// such matrices, by Haar's measure. Its axes are those that the layout calls output, flattened,
/// against all others; along batch and group axes it is many, independent ones.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "law", rename = "orthogonal"))]
#[non_exhaustive]
pub struct Orthogonal {
    /// What the matrix is multiplied by.
    pub gain: f64,
    /// Number of rows and columns.
    pub matrix: [u64; 2],
    /// The axes whose indices count the columns.
    pub column_axes: Vec<usize>,
    /// The axes along which each index has a matrix of its own.
    pub batch_axes: Vec<usize>,
}

impl Orthogonal {
    /// What its values are made of.
    pub(crate) const NORMALS: Law = Law::Normal { mean: 0.0, stddev: 1.0 };

    pub(super) fn of(gain: f64, Tensor { shape, layout, .. }: &Tensor) -> Result<Self, Error> {
        if shape.len() < 2 {
            return Err(ShapeError::NoMatrices { class: "Orthogonal", shape: shape.clone() }.into());
        }
        let roles = layout.roles(shape)?;
        let unknown = |role: &Role| {
            !matches!(
                role,
                Role::Input | Role::Output | Role::Receptive | Role::Batch | Role::Group
            )
        };
        if roles.iter().any(unknown) || !roles.contains(&Role::Output) {
            return Err(
                LayoutError::NoMatrix { layout: layout.to_string(), shape: shape.clone() }.into()
            );
        }
        let of = |some: &[Role]| -> Vec<usize> {
            let axes = roles.iter().enumerate().filter(|(_, role)| some.contains(role));
            axes.map(|(axis, _)| axis).collect()
        };
        let size =
            |axes: &[usize]| product(axes.iter().map(|&axis| shape[axis])).unwrap_or(u64::MAX);
        let (columns, rows) = (of(&[Role::Output]), of(&[Role::Input, Role::Receptive]));
        Ok(Self {
            gain,
            matrix: [size(&rows), size(&columns)],
            column_axes: columns,
            batch_axes: of(&[Role::Batch, Role::Group]),
        })
    }

    /// Standard deviation of the values, over all such matrices.
    #[must_use]
    pub fn stddev(&self) -> f64 {
        let [rows, columns] = self.matrix;
        self.gain.abs() / sqrt_f64(rows.max(columns).max(1) as f64)
    }

    /// The interval that every value lies in.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        (-self.gain.abs(), self.gain.abs())
    }
}

impl fmt::Display for Orthogonal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.matrix;
        let orthonormal = match rows.cmp(&columns) {
            core::cmp::Ordering::Less => "rows",
            core::cmp::Ordering::Equal => "rows and columns",
            core::cmp::Ordering::Greater => "columns",
        };
        write!(f, "orthonormal {orthonormal} of {rows} x {columns}, columns by axis ")?;
        axes(&self.column_axes, f)?;
        if !self.batch_axes.is_empty() {
            write!(f, ", anew for each index of axis ")?;
            axes(&self.batch_axes, f)?;
        }
        write!(f, ", gain {}, stddev {}", short(self.gain, 6), short(self.stddev(), 6))
    }
}

fn axes(axes: &[usize], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, axis) in axes.iter().enumerate() {
        write!(f, "{}{axis}", if at == 0 { "" } else { ", " })?;
    }
    Ok(())
}
