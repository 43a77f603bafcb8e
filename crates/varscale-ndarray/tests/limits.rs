//! What is rarely drawn: nothing, more than there is, diagonals, shared arrays, views of several threads.

use ndarray::{
    ArcArray2, Array1, Array2, ArrayD, ArrayViewMut, CowArray, IxDyn, ShapeBuilder, SliceInfoElem,
    s,
};
use varscale::{Initializer, Scheme, SeedGenerator};
use varscale_ndarray::{DrawExt, DrawnExt, FillDrawnExt, InitializerExt};

fn he() -> Initializer {
    Scheme::he_normal().with_seed(42)
}

#[test]
fn shapes_of_nothing_are_arrays() {
    let shapes: [&[usize]; 5] = [&[0], &[1 << 40, 0], &[1, 0, 1], &[0, 0], &[3, 0, 5]];
    for shape in shapes {
        let drawn = ArrayD::<f32>::drawn(IxDyn(shape), &he()).unwrap();
        assert_eq!(drawn.shape(), shape);
        assert_eq!(drawn, ArrayD::<f32>::drawn(IxDyn(shape).f(), &he()).unwrap());
        let every = SliceInfoElem::Slice { start: 0, end: None, step: -3 };
        let draw = he().draw(shape).unwrap();
        let slice: ArrayD<f32> = draw.slice_to_array(vec![every; shape.len()]).unwrap();
        let expected: Vec<usize> = shape.iter().map(|size| size.div_ceil(3)).collect();
        assert_eq!(slice.shape(), expected);
    }
    // Those that ndarray cannot have are refused.
    for shape in [&[usize::MAX, 0][..], &[0, usize::MAX, usize::MAX], &[1 << 62, 1]] {
        ArrayD::<f32>::drawn(IxDyn(shape), &he()).unwrap_err();
        ArrayD::<f32>::drawn(IxDyn(shape).f(), &he()).unwrap_err();
    }
}

/// What varscale itself does: the draw is made before its memory is asked for.
#[test]
fn what_finds_no_memory_has_been_counted() {
    let generator = SeedGenerator::new(Some(5)).unwrap();
    let he = Scheme::he_normal().with_seed(&generator);
    he.sample::<f32>([1 << 40, 1 << 20]).unwrap_err();
    Array2::<f32>::drawn((1 << 40, 1 << 20), &he).unwrap_err();
    Array2::<f32>::drawn((1 << 40, 1 << 20).f(), &he).unwrap_err();
    assert_eq!(generator.counter(), 3);
}

#[test]
fn any_view_is_filled_and_nothing_else() {
    let he = he();
    let kernel = || he.named("kernel");
    let row = Array2::<f32>::drawn((1, 5), kernel()).unwrap();
    let mut memory = [0f32; 5];
    // An axis of one index has any stride.
    ArrayViewMut::from_shape((1, 5).strides((0, 1)), &mut memory)
        .unwrap()
        .fill_drawn(kernel())
        .unwrap();
    assert_eq!(row.as_slice().unwrap(), memory);

    let mut matrix = Array2::<f32>::zeros((6, 6));
    matrix.diag_mut().fill_drawn(kernel()).unwrap();
    assert_eq!(matrix, Array2::from_diag(&Array1::<f32>::drawn(6, kernel()).unwrap()));

    let (mut even, mut odd) = matrix.multi_slice_mut((s![..;2, ..], s![1..;2, ..;-1]));
    std::thread::scope(|scope| {
        scope.spawn(|| even.fill_drawn(he.named("kernel")).unwrap());
        scope.spawn(|| odd.fill_drawn(he.named("kernel")).unwrap());
    });
    assert_eq!(matrix.slice(s![..;2, ..]), Array2::<f32>::drawn((3, 6), kernel()).unwrap());
    assert_eq!(matrix.slice(s![..;2, ..]), matrix.slice(s![1..;2, ..;-1]));

    // What others hold of it stays.
    let zeros = ArcArray2::<f32>::zeros((3, 3));
    let mut shared = zeros.clone();
    shared.fill_drawn(kernel()).unwrap();
    let mut borrowed = CowArray::from(zeros.view());
    borrowed.fill_drawn(kernel()).unwrap();
    assert_eq!(shared, borrowed);
    assert!(zeros.iter().all(|&value| value == 0.0));
    assert_eq!(shared, Array2::<f32>::drawn((3, 3), kernel()).unwrap());
}
