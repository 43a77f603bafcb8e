//! Inspections: statistics of stored values in every dtype, whatever the threads.

use std::{collections::BTreeSet, fs, sync::atomic::AtomicBool};

use half::{bf16, f16};
use safetensors::{Dtype, tensor::TensorView};
use tempfile::TempDir;
use varscale::{F8E4M3, F8E5M2};
use varscale_model::{Basis, Checkpoint, InspectError, Inspection, Selection, Statistics, inspect};

type Error = Box<dyn std::error::Error>;

/// A tensor of each dtype: how it is stored, and its numbers.
fn stored(dtype: Dtype, numbers: &[f64]) -> (Vec<u8>, Vec<f64>) {
    fn all<const N: usize>(
        numbers: &[f64],
        bytes: impl Fn(f64) -> [u8; N],
        number: impl Fn([u8; N]) -> f64,
    ) -> (Vec<u8>, Vec<f64>) {
        let bytes: Vec<[u8; N]> = numbers.iter().map(|&number| bytes(number)).collect();
        (bytes.concat(), bytes.into_iter().map(number).collect())
    }
    macro_rules! as_is {
        ($type:ty) => {
            all(
                numbers,
                |number| (number as $type).to_le_bytes(),
                |bytes| <$type>::from_le_bytes(bytes) as f64,
            )
        };
    }
    match dtype {
        Dtype::F64 => as_is!(f64),
        Dtype::F32 => as_is!(f32),
        Dtype::I64 => as_is!(i64),
        Dtype::U64 => as_is!(u64),
        Dtype::I32 => as_is!(i32),
        Dtype::U32 => as_is!(u32),
        Dtype::I16 => as_is!(i16),
        Dtype::U16 => as_is!(u16),
        Dtype::I8 => as_is!(i8),
        Dtype::U8 => as_is!(u8),
        Dtype::BOOL => all(numbers, |x| [u8::from(x > 0.0)], |[byte]| byte.into()),
        Dtype::F16 => all(
            numbers,
            |x| f16::from_f32(x as f32).to_le_bytes(),
            |bytes| f16::from_le_bytes(bytes).into(),
        ),
        Dtype::BF16 => all(
            numbers,
            |x| bf16::from_f32(x as f32).to_le_bytes(),
            |bytes| bf16::from_le_bytes(bytes).into(),
        ),
        // Their bits are taken as they come: among them are NaN and infinities.
        Dtype::F8_E4M3 => {
            all(numbers, |x| [x as i64 as u8], |[byte]| F8E4M3::from_bits(byte).to_f32().into())
        }
        _ => all(numbers, |x| [x as i64 as u8], |[byte]| F8E5M2::from_bits(byte).to_f32().into()),
    }
}

/// Of the definition, two passes over all values.
fn defined(numbers: &[f64]) -> Statistics {
    let finite: Vec<f64> = numbers.iter().copied().filter(|x| x.is_finite()).collect();
    let count = |what: fn(f64) -> bool| numbers.iter().filter(|&&x| what(x)).count() as u64;
    let n = finite.len() as f64;
    let mean = finite.iter().sum::<f64>() / n;
    let moment = |power| finite.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let distinct: BTreeSet<u64> =
        numbers.iter().filter(|x| !x.is_nan()).map(|x| (x + 0.0).to_bits()).collect();
    Statistics {
        values: numbers.len() as u64,
        mean: Some(mean),
        stddev: Some(moment(2).sqrt()),
        min: finite.iter().copied().reduce(f64::min),
        max: finite.iter().copied().reduce(f64::max),
        excess_kurtosis: Some(moment(4) / moment(2).powi(2) - 3.0),
        zeros: count(|x| x == 0.0),
        nan: count(f64::is_nan),
        negative_infinite: count(|x| x == f64::NEG_INFINITY),
        positive_infinite: count(|x| x == f64::INFINITY),
        distinct: distinct.len() as u64,
        distinct_is_exact: true,
    }
}

fn inspected(
    checkpoint: &Checkpoint,
    globs: &[&str],
    threads: usize,
) -> Result<Inspection, InspectError> {
    let selection = Selection::new(globs)?;
    inspect(
        checkpoint,
        &Basis::usual_laws(),
        &selection,
        threads,
        &AtomicBool::new(false),
        &mut |_, _| (),
    )
}

const DTYPES: [Dtype; 15] = [
    Dtype::F64,
    Dtype::F32,
    Dtype::F16,
    Dtype::BF16,
    Dtype::F8_E4M3,
    Dtype::F8_E5M2,
    Dtype::I64,
    Dtype::U64,
    Dtype::I32,
    Dtype::U32,
    Dtype::I16,
    Dtype::U16,
    Dtype::I8,
    Dtype::U8,
    Dtype::BOOL,
];

#[test]
fn statistics_are_those_of_the_definition() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    // Far from 0, and with values of few and of many digits.
    let numbers: Vec<f64> = (0..6000).map(|k| f64::from(k * k % 6007) / 8.0 - 100.0).collect();
    let mut odd = numbers.clone();
    odd[17] = f64::NAN;
    odd[4097] = f64::INFINITY;
    odd[4098] = f64::NEG_INFINITY;
    let all: Vec<_> = DTYPES
        .into_iter()
        .flat_map(|dtype| [(dtype, stored(dtype, &numbers)), (dtype, stored(dtype, &odd))])
        .collect();
    let views = all.iter().enumerate().map(|(place, (dtype, (bytes, _)))| {
        let view = TensorView::new(*dtype, vec![60, 100], bytes);
        (format!("{place:02}"), view.expect("sizes fit"))
    });
    safetensors::serialize_to_file(views, &None, &path)?;

    let checkpoint = Checkpoint::open(&path)?;
    let found = inspected(&checkpoint, &[], 1)?;
    assert_eq!(found.tensors.len(), all.len());
    for tensor in &found.tensors {
        let (dtype, (_, numbers)) = &all[tensor.name.parse::<usize>()?];
        let (found, expected) = (tensor.statistics.expect("all are read"), defined(numbers));
        let near = |found: Option<f64>, expected: Option<f64>, unit: f64| {
            let (found, expected) = (found.expect("it has some"), expected.expect("it has some"));
            assert!((found - expected).abs() <= 1e-12 * unit, "{dtype:?}: {found} {expected}");
        };
        let size = expected.max.unwrap_or(0.0).abs().max(expected.min.unwrap_or(0.0).abs());
        near(found.mean, expected.mean, size);
        near(found.stddev, expected.stddev, size);
        near(found.excess_kurtosis, expected.excess_kurtosis, 1e4);
        let same = Statistics {
            mean: found.mean,
            stddev: found.stddev,
            excess_kurtosis: found.excess_kurtosis,
            ..expected
        };
        assert_eq!(found, same, "{dtype:?}");
    }
    for threads in [2, 7] {
        assert_eq!(inspected(&checkpoint, &[], threads)?, found);
    }
    Ok(())
}

#[test]
fn large_tensors_are_put_together_in_one_order() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let numbers: Vec<f64> = (0..3_000_000_u32)
        .map(|k| 1e6 + f64::from(k.wrapping_mul(2_654_435_761) >> 8) / 16_777_216.0)
        .collect();
    let wide = stored(Dtype::F64, &numbers).0;
    let narrow = stored(Dtype::BF16, &numbers.iter().map(|x| x - 1e6).collect::<Vec<_>>());
    let views = [
        ("wide", TensorView::new(Dtype::F64, vec![3_000_000], &wide)?),
        ("narrow", TensorView::new(Dtype::BF16, vec![1500, 2000], &narrow.0)?),
        ("empty", TensorView::new(Dtype::F32, vec![0, 3], &[])?),
    ];
    safetensors::serialize_to_file(views, &None, &path)?;
    let checkpoint = Checkpoint::open(&path)?;
    let found = inspected(&checkpoint, &[], 3)?;
    for other in [1, 2] {
        assert_eq!(inspected(&checkpoint, &[], other)?, found);
    }
    let of = |name: &str| {
        let tensor = found.tensors.iter().find(|tensor| &*tensor.name == name);
        tensor.and_then(|tensor| tensor.statistics).expect("it is there")
    };
    let (wide, stddev) = (of("wide"), (1.0_f64 / 12.0).sqrt());
    assert!((wide.mean.unwrap_or(0.0) - 1e6 - 0.5).abs() < 1e-3);
    assert!((wide.stddev.unwrap_or(0.0) / stddev - 1.0).abs() < 1e-3);
    assert!((wide.excess_kurtosis.unwrap_or(0.0) + 1.2).abs() < 1e-2);
    assert!((wide.distinct as f64 / 2_750_000.0 - 1.0).abs() < 0.1 && !wide.distinct_is_exact);
    assert!(of("narrow").distinct_is_exact);
    assert_eq!((of("empty").values, of("empty").mean, of("empty").distinct), (0, None, 0));
    Ok(())
}

#[test]
fn globs_select_and_refuse() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let bytes = [0; 8];
    let view = || TensorView::new(Dtype::F32, vec![2], &bytes);
    safetensors::serialize_to_file([("h.0.w", view()?), ("h.1.b", view()?)], &None, &path)?;
    let checkpoint = Checkpoint::open(&path)?;
    let one = inspected(&checkpoint, &["*.b"], 1)?;
    assert_eq!(one.tensors.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["h.1.b"]);
    for (glob, message) in [
        ("x*", "\"x*\" matches no tensor: there are \"h.0.w\", \"h.1.b\""),
        ("[", "invalid glob \"[\": "),
    ] {
        let error = inspected(&checkpoint, &[glob], 1).expect_err("it is refused");
        assert!(error.is_input() && error.to_string().starts_with(message), "{error}");
    }
    fs::OpenOptions::new().write(true).open(&path)?.set_len(40)?;
    assert!(inspected(&checkpoint, &[], 1).is_err());
    Ok(())
}
