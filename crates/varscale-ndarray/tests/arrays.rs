//! Arrays hold what the draw's own vector does, whatever their order, strides and slices.

use ndarray::{
    Array, ArrayD, ArrayViewD, Axis, IxDyn, ShapeBuilder, Slice, SliceInfo, SliceInfoElem,
};
use varscale::{Draw, Dtype, DtypeVisitor, Element, Initializer, Scheme, Stream, Tensor};
use varscale_ndarray::{DrawExt, DrawnExt, FillDrawnExt, InitializerExt};

/// None, one, few, and more elements than are drawn at a time; long and short rows.
const SHAPES: [&[usize]; 9] = [
    &[],
    &[1],
    &[0, 5],
    &[7],
    &[300_001],
    &[3, 4, 5, 2],
    &[700, 801],
    &[3, 300_000],
    &[300_000, 3],
];

fn he() -> Initializer {
    Scheme::he_normal().with_seed(42)
}

fn tensor(shape: &[usize]) -> Tensor {
    Tensor::new(shape).named("kernel")
}

fn expected<A: Element>(draw: &Draw) -> ArrayD<A> {
    ArrayD::from_shape_vec(draw.shape(), draw.to_vec().unwrap()).unwrap()
}

/// An array of this shape whose memory has its axes in this order, every second or minus second place
/// of them, and values in between that stay.
fn fill_apart<A: Element>(
    shape: &[usize],
    axes: &[usize],
    backward: bool,
    fill: impl FnOnce(&mut ndarray::ArrayViewMutD<'_, A>),
) -> ArrayD<A> {
    let sizes: Vec<usize> = axes.iter().map(|&axis| 2 * shape[axis] + 1).collect();
    let mut memory = ArrayD::<A>::default(sizes);
    let step = |memory: &mut ndarray::ArrayViewMutD<'_, A>| {
        let slice = Slice::new(1, None, if backward { -2 } else { 2 });
        memory.slice_each_axis_inplace(|_| slice);
    };
    let mut view = memory.view_mut();
    step(&mut view);
    let mut places = vec![0; axes.len()];
    axes.iter().enumerate().for_each(|(place, &axis)| places[axis] = place);
    let mut view = view.permuted_axes(places);
    assert_eq!(view.shape(), shape);
    fill(&mut view);
    let filled = view.to_owned();
    view.fill(A::default());
    assert!(memory.iter().all(|&value| value == A::default()), "written outside the view");
    filled
}

struct EveryOrder<'a>(&'a [usize]);

impl DtypeVisitor for EveryOrder<'_> {
    type Output = ();

    fn visit<A: Element>(self) {
        let (shape, he) = (self.0, he());
        let draw = he.draw(tensor(shape)).unwrap();
        let expected = expected::<A>(&draw);
        let kernel = || he.named("kernel");
        assert_eq!(expected, Array::drawn(IxDyn(shape), kernel()).unwrap());
        assert_eq!(expected, Array::drawn(IxDyn(shape).f(), kernel()).unwrap());
        assert_eq!(expected, ndarray::ArcArray::drawn(IxDyn(shape).f(), kernel()).unwrap());
        assert_eq!(expected, draw.to_array::<A, IxDyn>().unwrap());
        let mut array = ArrayD::default(shape);
        array.fill_drawn(kernel()).unwrap();
        assert_eq!(expected, array);

        let forward: Vec<usize> = (0..shape.len()).collect();
        let rotated = [&forward[shape.len().min(1)..], &forward[..shape.len().min(1)]].concat();
        let reversed: Vec<usize> = forward.iter().copied().rev().collect();
        for axes in [forward, rotated, reversed] {
            for backward in [false, true] {
                let filled = fill_apart(shape, &axes, backward, |view| {
                    view.fill_drawn(kernel()).unwrap();
                });
                assert_eq!(expected, filled, "{shape:?} {axes:?} {backward}");
            }
        }
    }
}

#[test]
fn any_order_and_strides_hold_the_same_in_every_dtype() {
    for shape in SHAPES {
        for &dtype in Dtype::ALL {
            dtype.visit(EveryOrder(shape));
        }
    }
}

/// A linear congruential generator.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0) * end as u128) >> 64) as usize
    }

    fn entry(&mut self, size: usize) -> SliceInfoElem {
        if size > 0 && self.below(4) == 0 {
            let index = self.below(size) as isize;
            return SliceInfoElem::Index(if self.below(2) == 0 {
                index
            } else {
                index - size as isize
            });
        }
        let ends = [self.below(size + 1), self.below(size + 1)];
        let [start, end] =
            if self.below(8) == 0 { ends } else { [ends[0].min(ends[1]), ends[0].max(ends[1])] };
        let start = if self.below(2) == 0 || start == size {
            start as isize
        } else {
            start as isize - size as isize
        };
        let end = (self.below(3) > 0).then_some(end as isize);
        let steps = [1, 1, 1, -1, 2, -2, 3, -7, 1000, isize::MIN + 1];
        SliceInfoElem::Slice { start, end, step: steps[self.below(steps.len())] }
    }

    /// A slice of a shape, with new axes here and there.
    fn slice(&mut self, shape: &[usize]) -> SliceInfo<Vec<SliceInfoElem>, IxDyn, IxDyn> {
        let mut entries = Vec::new();
        for &size in shape {
            if self.below(5) == 0 {
                entries.push(SliceInfoElem::NewAxis);
            }
            entries.push(self.entry(size));
        }
        entries.try_into().unwrap()
    }
}

fn check_slices(draw: &Draw, count: usize, choices: &mut Choices) {
    let whole = expected::<f32>(draw);
    for _ in 0..count {
        let slice = choices.slice(draw.shape());
        let expected: ArrayViewD<'_, f32> = whole.slice(&slice);
        let array: ArrayD<f32> = draw.slice_to_array(&slice).unwrap();
        assert_eq!(expected, array, "{slice:?} of {:?}", draw.shape());
        let axes: Vec<usize> = (0..expected.ndim()).rev().collect();
        let filled = fill_apart::<f32>(expected.shape(), &axes, true, |view| {
            draw.fill_array_slice(&slice, view).unwrap();
        });
        assert_eq!(expected, filled, "{slice:?} of {:?}", draw.shape());
    }
}

#[test]
fn slices_are_those_that_ndarray_takes_of_the_whole() {
    let mut choices = Choices(7);
    for shape in SHAPES {
        let count = if shape.iter().product::<usize>() > 1000 { 12 } else { 60 };
        check_slices(&he().draw(tensor(shape)).unwrap(), count, &mut choices);
    }
}

#[test]
fn slices_of_what_is_drawn_otherwise_are_the_same_too() {
    let mut choices = Choices(8);
    let torch = he().with_stream(Stream::KerasTorch);
    let numpy = he().with_stream(Stream::KerasNumpy);
    let orthogonal = Scheme::orthogonal(1.0).unwrap().with_seed(42);
    let formula = Scheme::formula("i0 * 1000 + i1 + u").unwrap().with_seed(42);
    let zeros = Scheme::zeros().with_seed(0);
    let in_parts = he().draw([90, 70]).unwrap();
    let in_parts = in_parts.with_region([10, 20], zeros.draw([50, 40]).unwrap()).unwrap();
    for draw in [
        torch.draw([900, 701]).unwrap(),
        numpy.draw([90, 70]).unwrap(),
        orthogonal.draw([90, 70]).unwrap(),
        formula.draw([90, 70]).unwrap(),
        Scheme::identity(1.0).unwrap().with_seed(0).draw([90, 70]).unwrap(),
        in_parts,
    ] {
        check_slices(&draw, 20, &mut choices);
    }
}

/// `drawn_slice` and `fill_drawn_slice` by ndarray's own types.
#[test]
fn slices_are_drawn_by_type() {
    use ndarray::{Array1, Array2, Array3, NewAxis, s};
    let he = he();
    let whole = Array2::<f64>::drawn((40, 50), he.named("kernel")).unwrap();
    let kernel = || he.named("kernel");
    let row: Array1<f64> = Array::drawn_slice((40, 50), s![-1, ..], kernel()).unwrap();
    assert_eq!(row, whole.row(39));
    let block: Array2<f64> = Array::drawn_slice([40, 50], s![3..9, 5..=7], kernel()).unwrap();
    assert_eq!(block, whole.slice(s![3..9, 5..=7]));
    let new: Array3<f64> = Array::drawn_slice((40, 50), s![..;-3, NewAxis, ..4], kernel()).unwrap();
    assert_eq!(new, whole.slice(s![..;-3, NewAxis, ..4]));
    let mut columns = Array2::<f64>::zeros((2, 40));
    columns.view_mut().reversed_axes().fill_drawn_slice((40, 50), s![.., 7..9], kernel()).unwrap();
    assert_eq!(columns.t(), whole.slice(s![.., 7..9]));
    // A part of a tensor that no machine holds.
    let corner: Array2<f32> =
        Array::drawn_slice((1 << 31, 1 << 30), s![-2.., -3..], kernel()).unwrap();
    let last = varscale::Slice::new([(1 << 31) - 2, (1 << 30) - 3], [2, 3]);
    let draw = he.draw(tensor(&[1 << 31, 1 << 30])).unwrap();
    assert_eq!(corner.as_slice().unwrap(), draw.slice_to_vec::<f32>(&last).unwrap());
    assert_eq!(new.len_of(Axis(1)), 1);
}
