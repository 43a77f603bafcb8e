//! `Orthogonal`: orthonormal, distributed by Haar's measure, and the same in every part.

use varscale::{
    Content, Draw, Dtype, Element, Error, Initializer, Layout, Pool, Scheme, SeedGenerator, Slice,
    Stream, StreamError, Tensor, half::bf16,
};

fn initializer(gain: f64) -> Initializer {
    Scheme::orthogonal(gain).unwrap().with_seed(42)
}

fn tensor(shape: &[usize], layout: &str) -> Tensor {
    Tensor::new(shape).named("w").with_layout(layout.parse().unwrap())
}

fn draw(shape: &[usize], layout: &str) -> Draw {
    initializer(1.0).draw(tensor(shape, layout)).unwrap()
}

/// The matrices of a draw, with the shorter side's vectors as rows.
fn matrices(draw: &Draw) -> Vec<Vec<Vec<f64>>> {
    let Content::Orthogonal(of) = draw.content() else { panic!("{:?}", draw.content()) };
    let shape = draw.shape();
    let [rows, columns] = of.matrix.map(|size| size as usize);
    let batches = shape.iter().product::<usize>() / (rows * columns);
    let (long, short) = if rows > columns { (rows, columns) } else { (columns, rows) };
    let mut all = vec![vec![vec![f64::NAN; long]; short]; batches];
    for (index, value) in draw.to_vec::<f64>().unwrap().into_iter().enumerate() {
        let (mut batch, mut row, mut column, mut stride) = (0, 0, 0, draw.elements() as usize);
        for (axis, &size) in shape.iter().enumerate() {
            stride /= size;
            let at = index / stride % size;
            let side = if of.batch_axes.contains(&axis) {
                &mut batch
            } else if of.column_axes.contains(&axis) {
                &mut column
            } else {
                &mut row
            };
            *side = *side * size + at;
        }
        let (vector, at) = if rows > columns { (column, row) } else { (row, column) };
        all[batch][vector][at] = value;
    }
    all
}

/// The largest |QᵀQ − gain² 1|.
fn deviation(vectors: &[Vec<f64>], gain: f64) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut largest = 0.0;
    for (at, one) in vectors.iter().enumerate() {
        for (other_at, other) in vectors.iter().enumerate() {
            let expected = if at == other_at { gain * gain } else { 0.0 };
            largest = f64::max(largest, (dot(one, other) - expected).abs());
        }
    }
    largest
}

#[test]
fn vectors_are_orthonormal() {
    for (shape, layout, matrices_of) in [
        (&[1, 1][..], "keras", 1),
        (&[7, 1], "keras", 1),
        (&[1, 7], "torch", 1),
        (&[5, 3], "keras", 1),
        (&[3, 5], "torch", 1),
        (&[32, 32], "keras", 1),
        (&[33, 65], "keras", 1),
        (&[300, 131], "keras", 1),
        (&[131, 300], "keras", 1),
        (&[300, 131], "torch", 1),
        (&[3, 3, 5, 40], "keras", 1),
        (&[3, 3, 5, 50], "keras", 1),
        (&[40, 5, 3, 3], "torch", 1),
        (&[5, 40, 3, 3], "torch-transpose", 1),
        (&[50, 4, 3], "einsum:abc,cde->abde", 1),
        (&[4, 10, 5, 12], "jax:/-2/", 1),
        (&[6, 4, 7], "axes:0,2/1", 1),
        // Experts, each with a matrix of its own, and channels that do not see each other.
        (&[3, 8, 5], "axes:2/1", 3),
        (&[3, 3, 6, 2], "keras-depthwise", 6),
    ] {
        for gain in [1.0, -2.5] {
            let draw = initializer(gain).draw(tensor(shape, layout)).unwrap();
            let all = matrices(&draw);
            assert_eq!(all.len(), matrices_of, "{shape:?} {layout}");
            for vectors in &all {
                let deviation = deviation(vectors, gain);
                assert!(deviation < 1e-14 * gain * gain, "{shape:?} {layout}: {deviation}");
            }
            assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}

/// Of a vector of normals: divided by their norm.
#[test]
fn one_vector_is_the_normals_direction() {
    let normals = Scheme::random_normal(0.0, 1.0).unwrap().with_seed(42);
    let normals: Vec<f64> = normals.sample(tensor(&[99, 1], "keras")).unwrap();
    let norm = normals.iter().map(|value| value * value).sum::<f64>().sqrt();
    let values: Vec<f64> = draw(&[99, 1], "keras").to_vec().unwrap();
    for (value, normal) in values.iter().zip(normals) {
        assert!((value - normal / norm).abs() < 1e-15);
    }
    let one = initializer(-3.0).sample::<f64>([1, 1]).unwrap();
    assert_eq!(one[0].abs(), 3.0);
}

/// The mean of what `of` says of a square matrix, given by its rows, over many seeds, in units of
/// its standard error from `expected`.
fn sigmas(size: usize, seeds: i32, expected: f64, of: impl Fn(&[Vec<f64>]) -> f64) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for seed in 0..seeds {
        let draw = Scheme::orthogonal(1.0).unwrap().with_seed(seed).draw([size, size]).unwrap();
        let value = of(&matrices(&draw)[0]);
        sum += value;
        squares += value * value;
    }
    let count = f64::from(seeds);
    let mean = sum / count;
    let error = ((squares / count - mean * mean) / count).sqrt();
    (mean - expected) / error
}

type Statistic = fn(&[Vec<f64>]) -> f64;

fn trace(matrix: &[Vec<f64>], power: usize) -> f64 {
    let size = matrix.len();
    let product = |a: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let entry = |row: &Vec<f64>, column: usize| {
            row.iter().zip(matrix).map(|(value, row)| value * row[column]).sum()
        };
        a.iter().map(|row| (0..size).map(|column| entry(row, column)).collect()).collect()
    };
    let mut raised = matrix.to_vec();
    for _ in 1..power {
        raised = product(&raised);
    }
    (0..size).map(|at| raised[at][at]).sum()
}

fn determinant(matrix: &[Vec<f64>]) -> f64 {
    let mut matrix = matrix.to_vec();
    let mut product = 1.0;
    while let Some(mut row) = matrix.pop() {
        // The last column's largest becomes the pivot.
        let last = row.len() - 1;
        for other in &mut matrix {
            if other[last].abs() > row[last].abs() {
                std::mem::swap(other, &mut row);
                product = -product;
            }
        }
        product *= row[last];
        for other in &mut matrix {
            let factor = other[last] / row[last];
            other.iter_mut().zip(&row).for_each(|(value, pivot)| *value -= factor * pivot);
            other.pop();
        }
    }
    product
}

/// Moments of entries, also of the matrix turned on either side; and determinants.
#[test]
fn entries_have_haars_moments() {
    let m = 3.0;
    let fourth = 3.0 / (m * (m + 2.0));
    let statistics: [(&str, f64, Statistic); 12] = [
        ("q00", 0.0, |q| q[0][0]),
        ("q00²", 1.0 / m, |q| q[0][0].powi(2)),
        ("q22²", 1.0 / m, |q| q[2][2].powi(2)),
        ("q00⁴", fourth, |q| q[0][0].powi(4)),
        ("q21⁴", fourth, |q| q[2][1].powi(4)),
        ("q02⁴", fourth, |q| q[0][2].powi(4)),
        ("q00 q11 q01 q10", -1.0 / ((m - 1.0) * m * (m + 2.0)), |q| {
            q[0][0] * q[1][1] * q[0][1] * q[1][0]
        }),
        ("q22 q11 q21 q12", -1.0 / ((m - 1.0) * m * (m + 2.0)), |q| {
            q[2][2] * q[1][1] * q[2][1] * q[1][2]
        }),
        ("q00² q11²", (m + 1.0) / ((m - 1.0) * m * (m + 2.0)), |q| (q[0][0] * q[1][1]).powi(2)),
        ("turned on the right", fourth, |q| (0.6 * q[1][0] + 0.8 * q[1][2]).powi(4)),
        ("turned on the left", fourth, |q| (0.6 * q[0][2] + 0.8 * q[2][2]).powi(4)),
        ("determinant", 0.0, determinant),
    ];
    for (name, expected, statistic) in statistics {
        let sigmas = sigmas(3, 20_000, expected, statistic);
        assert!(sigmas.abs() < 4.5, "{name}: {sigmas} standard errors off");
    }
    assert!((determinant(&matrices(&draw(&[9, 9], "keras"))[0]).abs() - 1.0).abs() < 1e-13);
}

/// The angles of the eigenvalues, by their Fourier coefficients: the trace of the j-th power has
/// mean 1 for even j, else 0, and variance j (Diaconis and Shahshahani, "On the eigenvalues of random
/// matrices", 1994; exact where j times the moment's order is at most half the size).
#[test]
fn eigenvalues_are_spread_as_haars() {
    let moments: [(&str, f64, Statistic); 6] = [
        ("trace", 0.0, |q| trace(q, 1)),
        ("trace of the square", 1.0, |q| trace(q, 2)),
        ("trace of the cube", 0.0, |q| trace(q, 3)),
        ("variance of the trace", 1.0, |q| trace(q, 1).powi(2)),
        ("variance of that of the square", 2.0, |q| (trace(q, 2) - 1.0).powi(2)),
        ("variance of that of the cube", 3.0, |q| trace(q, 3).powi(2)),
    ];
    for (name, expected, statistic) in moments {
        let sigmas = sigmas(12, 5000, expected, statistic);
        assert!(sigmas.abs() < 4.5, "{name}: {sigmas} standard errors off");
    }
}

/// Values of a box, out of those of the whole.
fn part<T: Copy>(whole: &[T], shape: &[usize], slice: &Slice) -> Vec<T> {
    let mut indices = vec![0];
    for ((&size, &offset), &extent) in shape.iter().zip(&slice.offset).zip(&slice.extent) {
        let along = |index: usize| (offset..offset + extent).map(move |at| index * size + at);
        indices = indices.into_iter().flat_map(along).collect();
    }
    indices.into_iter().map(|index| whole[index]).collect()
}

fn check_parts<T: Element>(draw: &Draw) {
    let shape = draw.shape();
    let whole: Vec<T> = draw.to_vec().unwrap();
    for threads in [1, 3] {
        let again = Pool::new(threads).unwrap().install(|| draw.to_vec::<T>());
        assert!(again.unwrap() == whole, "{threads} threads");
    }
    // One index, a middle, a shard and nothing of each axis.
    for axis in 0..shape.len() {
        let size = shape[axis];
        let shard = size.div_ceil(3);
        for (offset, extent) in
            [(0, 1), (size - 1, 1), (size / 3, size / 2), (size - shard, shard), (0, 0)]
        {
            let mut slice = Slice::whole(shape);
            (slice.offset[axis], slice.extent[axis]) = (offset, extent);
            let expected = part(&whole, shape, &slice);
            assert!(draw.slice_to_vec::<T>(&slice).unwrap() == expected, "{shape:?} {slice:?}");
            // Piece by piece, of pieces that end within rows.
            let mut reader = draw.reader::<T>(&slice).unwrap();
            let mut read = vec![T::default(); expected.len()];
            for piece in read.chunks_mut(expected.len() / 4 + 3) {
                reader.fill(piece).unwrap();
            }
            assert!(read == expected, "{shape:?} {slice:?} in pieces");
        }
    }
    let elements = whole.len();
    for (start, length) in [(0, 1), (elements / 3, 1), (elements / 3, elements / 2), (elements, 0)]
    {
        let mut out = vec![T::default(); length];
        draw.fill_range(start as u64..(start + length) as u64, &mut out).unwrap();
        assert!(out == whole[start..start + length], "{shape:?} from {start} {length}");
    }
}

#[test]
fn parts_are_those_of_the_whole() {
    for (shape, layout) in [
        (&[70, 40][..], "keras"),
        (&[40, 70], "keras"),
        (&[300, 290], "keras"),
        (&[40, 70], "torch"),
        (&[70, 40], "torch"),
        (&[3, 2, 7, 30], "keras"),
        (&[30, 7, 2, 3], "torch"),
        (&[4, 30, 5], "jax:/1/"),
        (&[3, 20, 10], "axes:2/1"),
    ] {
        let draw = draw(shape, layout);
        check_parts::<f64>(&draw);
        check_parts::<f32>(&draw);
        check_parts::<bf16>(&draw);
    }
}

/// 16-bit values are the float32 one rounded, and that is the float64 one rounded.
#[test]
fn dtypes_are_rounded_once_each() {
    let draw = draw(&[40, 30], "keras");
    let wide: Vec<f64> = draw.to_vec().unwrap();
    let narrow: Vec<f32> = draw.to_vec().unwrap();
    let half: Vec<bf16> = draw.to_vec().unwrap();
    for ((wide, narrow), half) in wide.into_iter().zip(narrow).zip(half) {
        assert_eq!(narrow, wide as f32);
        assert_eq!(half, bf16::from_f32(narrow));
    }
}

#[test]
fn regions_have_matrices_of_their_own() {
    let of = |shape: [usize; 2]| draw(&shape, "keras");
    let whole = of([40, 90]);
    let same = whole.clone().with_region([0, 0], whole.clone()).unwrap();
    assert!(same.to_vec::<f64>().unwrap() == whole.to_vec::<f64>().unwrap());

    let zeros = |shape: [usize; 2]| Scheme::zeros().with_seed(0).draw(shape).unwrap();
    let mut thirds = zeros([40, 90]);
    for third in 0..3 {
        thirds = thirds.with_region([0, 30 * third], of([40, 30])).unwrap();
    }
    let values: Vec<f64> = thirds.to_vec().unwrap();
    let columns: Vec<Vec<f64>> =
        (0..90).map(|column| values.iter().copied().skip(column).step_by(90).collect()).collect();
    for third in columns.chunks(30) {
        assert!(deviation(third, 1.0) < 1e-14);
    }
    assert!(columns[0] != columns[30] && columns[30] != columns[60]);
    check_parts::<f32>(&thirds);

    let padded = whole.clone().with_region([7, 0], zeros([1, 90])).unwrap();
    let mut expected: Vec<f32> = whole.to_vec().unwrap();
    expected[7 * 90..8 * 90].fill(0.0);
    assert_eq!(padded.to_vec::<f32>().unwrap(), expected);
    check_parts::<f32>(&padded);
}

#[test]
fn seeds_names_and_calls_differ() {
    let generator = SeedGenerator::new(Some(42)).unwrap();
    let calls = Scheme::orthogonal(1.0).unwrap().with_seed(&generator);
    let mut all: Vec<Vec<f32>> = vec![
        draw(&[9, 9], "keras").to_vec().unwrap(),
        initializer(1.0).sample([9, 9]).unwrap(),
        calls.draw_call([9, 9], 1).unwrap().to_vec().unwrap(),
        Scheme::orthogonal(1.0).unwrap().with_seed(43).sample([9, 9]).unwrap(),
    ];
    // The first call of a generator is what its seed draws.
    assert_eq!(calls.sample::<f32>([9, 9]).unwrap(), all[1]);
    let again = draw(&[9, 9], "keras").again("", &43.into()).unwrap();
    assert_eq!(again.to_vec::<f32>().unwrap(), all[3]);
    all.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn empty_shapes_have_no_values() {
    for shape in [[0, 3], [3, 0], [0, 0]] {
        assert_eq!(draw(&shape, "keras").to_vec::<f32>().unwrap(), [0.0; 0]);
        assert_eq!(draw(&shape, "torch").to_vec::<f64>().unwrap(), [0.0; 0]);
    }
}

#[test]
fn what_makes_no_matrix_is_refused() {
    let refused = |tensor: Tensor| initializer(1.0).draw(tensor).unwrap_err().to_string();
    assert_eq!(
        refused(Tensor::new([7])),
        "Orthogonal fills tensors of rank 2 or more: shape [7] has rank 1"
    );
    for layout in [Layout::jax([-1], [-1], []), Layout::axes([0], [])] {
        let text = layout.to_string();
        let error = refused(Tensor::new([7, 5]).with_layout(layout));
        let start = format!("layout {text} reads no matrix in shape [7, 5]");
        assert!(error.starts_with(&start), "{error}");
    }
    assert!(Scheme::orthogonal(f64::INFINITY).is_err());
    let of = |gain: f64, dtype| initializer(gain).draw_in([40, 40], dtype).map(drop);
    assert!(matches!(of(1e6, Dtype::Float16), Err(Error::Overflow(_))));
    assert!(matches!(of(1e-9, Dtype::Float16), Err(Error::Underflow(_))));
    of(0.0, Dtype::Float16).unwrap();
    for &stream in Stream::ALL.iter().filter(|&&stream| stream != Stream::Native) {
        let error = initializer(1.0).with_stream(stream).draw([3, 3]).unwrap_err();
        assert_eq!(error, StreamError::Orthogonal { stream: stream.name() }.into());
    }
}

/// More memory than a column takes is an error, and not the end.
#[test]
fn columns_beyond_memory_are_refused() {
    let draw = draw(&[1 << 50, 2], "keras");
    let one = Slice::new([0, 0], [1, 1]);
    assert!(matches!(draw.slice_to_vec::<f32>(&one), Err(Error::Memory { .. })));
}

#[test]
fn explanations_say_what_is_orthonormal() {
    for (shape, layout, text) in [
        (
            &[784, 256][..],
            "keras",
            "Orthogonal of shape (784, 256): orthonormal columns of 784 x 256, columns by axis 1, \
             gain 1, stddev 0.0357143",
        ),
        (
            &[3, 8, 8],
            "axes:2/1",
            "Orthogonal of shape (3, 8, 8): orthonormal rows and columns of 8 x 8, columns by axis \
             1, anew for each index of axis 0, gain 1, stddev 0.353553",
        ),
    ] {
        assert_eq!(draw(shape, layout).explanation().to_string(), text);
    }
    let json = serde_json::to_value(draw(&[5, 3], "keras").explanation()).unwrap();
    assert_eq!(
        json["law"],
        serde_json::json!({
            "law": "orthogonal",
            "gain": 1.0,
            "matrix": [5, 3],
            "column_axes": [1],
            "batch_axes": [],
        })
    );
}
