//! What is refused, and in which words.

use half::f16;
use ndarray::{Array, Array1, Array2, ArrayD, Axis, Ix1, IxDyn, ShapeBuilder, SliceInfoElem, s};
use varscale::{Layout, Scheme, SeedGenerator};
use varscale_ndarray::{DrawExt, DrawnExt, Error, FillDrawnExt, InitializerExt};

fn slice(start: isize, end: isize, step: isize) -> [SliceInfoElem; 1] {
    [SliceInfoElem::Slice { start, end: Some(end), step }]
}

#[test]
fn errors_say_what_was_received_and_what_is_allowed() {
    let he = Scheme::he_normal().with_seed(42);
    let draw = he.draw([4, 6]).unwrap();
    let flat = he.draw([5]).unwrap();
    let of_flat = |slice: &[SliceInfoElem]| flat.slice_to_array::<f32, IxDyn>(slice).map(drop);
    let mut array = Array2::<f32>::zeros((4, 5));
    let cases: Vec<(Result<(), Error>, &str)> = vec![
        (
            draw.to_array::<f32, Ix1>().map(drop),
            "a draw of shape [4, 6] does not fit an array of rank 1",
        ),
        (draw.fill_array(&mut array), "the array has shape [4, 5], but [4, 6] is to be drawn"),
        (
            array.fill_drawn_slice((4, 6), s![.., ..;2], &he),
            "the array has shape [4, 5], but [4, 3] is to be drawn",
        ),
        (
            draw.slice_to_array::<f32, Ix1>(s![1..]).map(drop),
            "a slice of 1 axes does not fit shape [4, 6]: give one entry for each axis",
        ),
        (of_flat(&slice(2, 6, 1)), "2..6 leaves axis 0, which has 5 indices"),
        (of_flat(&slice(-6, 2, 1)), "-6..2 leaves axis 0, which has 5 indices"),
        (of_flat(&slice(6, 2, -2)), "6..2;-2 leaves axis 0, which has 5 indices"),
        (
            of_flat(&slice(isize::MIN, 2, 1)),
            "-9223372036854775808..2 leaves axis 0, which has 5 indices",
        ),
        (of_flat(&[SliceInfoElem::Index(5)]), "5 leaves axis 0, which has 5 indices"),
        (of_flat(&[SliceInfoElem::Index(-6)]), "-6 leaves axis 0, which has 5 indices"),
        (of_flat(&slice(0, 2, 0)), "invalid slice 0..2;0 of axis 0: its step must not be 0"),
        (
            ArrayD::<f32>::drawn(IxDyn(&[usize::MAX, 2]), &he).map(drop),
            "shape [18446744073709551615, 2] has too many elements: at most 2^64 - 1 are allowed",
        ),
        (
            Array2::<f32>::drawn((usize::MAX, 1), &he).map(drop),
            "no array has shape [18446744073709551615, 1]: ShapeError/Overflow: arithmetic overflow",
        ),
        (
            Array2::<f32>::drawn((1 << 40, 1 << 20).f(), &he).map(drop),
            "cannot allocate 4611686018427387904 bytes: draw slices of the tensor instead",
        ),
        (
            Array2::<f32>::drawn((1 << 40, 1 << 20), &he).map(drop),
            "cannot allocate 4611686018427387904 bytes: draw slices of the tensor instead",
        ),
    ];
    for (result, message) in cases {
        assert_eq!(result.unwrap_err().to_string(), message);
    }
    assert!(array.iter().all(|&value| value == 0.0));
}

#[test]
fn what_is_refused_advances_no_generator() {
    let generator = SeedGenerator::new(Some(5)).unwrap();
    let wide = Scheme::random_normal(0, 1e6).unwrap().with_seed(&generator);
    let he = Scheme::he_normal().with_seed(&generator);
    let product: Layout = "einsum:ab,bc->ac".parse().unwrap();
    let mut array = Array1::<f32>::zeros(3);
    for result in [
        Array1::<f16>::drawn(4, &wide).map(drop),
        Array2::<f32>::drawn((usize::MAX, 1), &wide).map(drop),
        Array1::<f32>::drawn_slice(4, s![..5], &wide).map(drop),
        array.fill_drawn_slice(4, s![..2], &wide),
        Array1::<f32>::drawn(4, he.named("w").with_layout(product)).map(drop),
    ] {
        result.unwrap_err();
    }
    assert_eq!(generator.counter(), 0);
    let first = Array::<f32, Ix1>::drawn(4, &wide).unwrap();
    assert_eq!(generator.counter(), 1);
    array.fill_drawn(&wide).unwrap();
    assert_eq!(generator.counter(), 2);
    assert_ne!(first.slice_axis(Axis(0), (..3).into()), array);
}
