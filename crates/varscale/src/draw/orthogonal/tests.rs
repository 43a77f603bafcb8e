use alloc::{vec, vec::Vec};

use super::*;
use crate::{Content, Scheme, Stream, draw::Source};

/// The values of a matrix in Keras's layout at one level.
fn at(level: Level, [rows, columns]: [usize; 2]) -> Vec<f64> {
    let draw = Scheme::orthogonal(1.0).unwrap().with_seed(42).draw([rows, columns]).unwrap();
    let Source::Orthogonal(_, request) = draw.source() else { panic!("another source") };
    let Content::Orthogonal(matrix) = draw.content() else { panic!("another content") };
    let normals: Box<Values<f64>> =
        Stream::Native.open(&request, level, Dtype::Float64).unwrap().downcast().unwrap();
    let Values::RandomAccess(normals) = *normals else { panic!("of no random access") };
    let places = Rows::whole(draw.elements());
    let Values::Boxes(fill) = values::<f64>(matrix, draw.shape(), &places, normals, level) else {
        panic!("by no boxes")
    };
    let mut out = vec![0.0; rows * columns];
    fill(&Slice::whole(draw.shape()), &mut out, &|| false).unwrap();
    out
}

const SHAPES: [[usize; 2]; 6] = [[1, 1], [5, 3], [3, 5], [64, 64], [33, 200], [300, 131]];

#[test]
fn every_level_gives_the_same_bits() {
    for shape in SHAPES {
        let baseline = at(Level::Baseline, shape);
        for level in Level::available() {
            let values = at(level, shape);
            let same = values.iter().zip(&baseline).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{level:?} {shape:?}");
        }
    }
}

/// The definition, one reflector and one column at a time.
#[test]
fn columns_are_reflected_unit_vectors() {
    for [rows, columns] in SHAPES {
        let normals = Scheme::random_normal(0.0, 1.0).unwrap().with_seed(42);
        let normals: Vec<f64> = normals.sample([rows, columns]).unwrap();
        let (m, n) = (rows.max(columns), rows.min(columns));
        let place = |i: usize, k: usize| {
            if rows > columns { i * columns + k } else { k * columns + i }
        };
        let values = at(Level::best(), [rows, columns]);
        for j in 0..n {
            let mut y = vec![0.0; m];
            y[j] = 1.0;
            let mut sign = 1.0;
            for k in (0..=j).rev() {
                let mut v: Vec<f64> = (k..m).map(|i| normals[place(i, k)]).collect();
                let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
                if k == j {
                    sign = -v[0].signum();
                }
                v[0] += norm * v[0].signum();
                let square: f64 = v.iter().map(|x| x * x).sum();
                let dot: f64 = v.iter().zip(&y[k..]).map(|(v, y)| v * y).sum();
                for (v, y) in v.iter().zip(&mut y[k..]) {
                    *y -= 2.0 * dot / square * v;
                }
            }
            for (i, y) in y.into_iter().enumerate() {
                let value = values[place(i, j)];
                assert!((value - sign * y).abs() < 1e-14, "{rows} x {columns}: {i}, {j}");
            }
        }
    }
}
