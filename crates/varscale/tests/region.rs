//! Regions: what is drawn in a box of a tensor, and what lies outside.

use varscale::{Draw, Dtype, Element, Error, Scheme, Slice, Tensor};

/// A draw of the tensor "w" of this shape.
fn draw(scheme: Scheme, shape: &[usize]) -> Draw {
    scheme.with_seed(7).draw(Tensor::new(shape).named("w")).unwrap()
}

fn normal(stddev: f64) -> Scheme {
    Scheme::random_normal(0, stddev).unwrap()
}

/// Boxes of shape (6, 5, 7), later ones over earlier ones.
fn boxes() -> [Slice; 6] {
    [
        Slice::new([0, 0, 0], [2, 5, 7]),
        Slice::new([1, 2, 3], [3, 2, 4]),
        Slice::new([5, 4, 6], [1, 1, 1]),
        Slice::new([0, 0, 2], [6, 5, 1]),
        Slice::new([3, 1, 0], [2, 3, 7]),
        Slice::new([2, 0, 0], [0, 5, 7]),
    ]
}

const SHAPE: [usize; 3] = [6, 5, 7];

/// What one region of each kind is drawn as, and the values that it has, by the definition.
fn values<T: Element>(kind: usize, slice: &Slice) -> (Draw, Vec<T>) {
    let own = |scheme: Scheme| {
        let draw = draw(scheme, &slice.extent);
        (draw.clone(), draw.to_vec().unwrap())
    };
    let of_places = |scheme: Scheme| {
        let whole = draw(scheme.clone(), &SHAPE);
        (draw(scheme, &slice.extent), whole.slice_to_vec(slice).unwrap())
    };
    match kind {
        0 => own(Scheme::constant(3.5).unwrap()),
        1 => of_places(normal(2.0)),
        2 => of_places(Scheme::random_uniform(1, 2).unwrap()),
        _ => of_places(Scheme::truncated_normal(0, 0.25).unwrap()),
    }
}

/// Row-major places of a box.
fn places(slice: &Slice) -> Vec<usize> {
    let inside = |at: usize, axis: usize| {
        (slice.offset[axis]..slice.offset[axis] + slice.extent[axis]).contains(&at)
    };
    let all = SHAPE.iter().product();
    let is_in = |&at: &usize| inside(at / 35, 0) && inside(at / 7 % 5, 1) && inside(at % 7, 2);
    (0..all).filter(is_in).collect()
}

fn check<T: Element>() {
    for first in 0..4 {
        let mut whole = draw(normal(1.0), &SHAPE);
        let mut expected: Vec<T> = whole.to_vec().unwrap();
        for (at, slice) in boxes().iter().enumerate() {
            let (region, values) = values::<T>((first + at) % 4, slice);
            whole = whole.with_region(&slice.offset[..], region).unwrap();
            for (place, value) in places(slice).into_iter().zip(values) {
                expected[place] = value;
            }
            assert_eq!(whole.to_vec::<T>().unwrap(), expected, "{first} {slice:?}");
        }
        assert_eq!(whole.regions().len(), boxes().len());
        assert!(whole.native().is_none());
        for slice in boxes() {
            let part: Vec<T> = places(&slice).into_iter().map(|place| expected[place]).collect();
            assert_eq!(whole.slice_to_vec::<T>(&slice).unwrap(), part);
            let mut reader = whole.reader::<T>(&slice).unwrap();
            for part in part.chunks(3) {
                let mut values = vec![T::default(); part.len()];
                reader.fill(&mut values).unwrap();
                assert_eq!(values, part);
            }
        }
        let mut middle = vec![T::default(); 100];
        whole.fill_range(50..150, &mut middle).unwrap();
        assert_eq!(middle, expected[50..150]);
    }
}

#[test]
fn a_region_is_drawn_at_its_places_and_the_rest_stays() {
    check::<f32>();
    check::<f64>();
    check::<varscale::half::f16>();
    check::<varscale::half::bf16>();
}

#[test]
fn the_same_law_changes_nothing() {
    let whole = draw(normal(1.0), &[300, 1000]);
    let same = whole.clone().with_region([17, 100], draw(normal(1.0), &[200, 801])).unwrap();
    assert_ne!(whole, same);
    assert_eq!(whole.to_vec::<f32>().unwrap(), same.to_vec::<f32>().unwrap());
    let other = whole.clone().with_region([17, 100], draw(normal(2.0), &[200, 801])).unwrap();
    assert_ne!(whole.to_vec::<f32>().unwrap(), other.to_vec::<f32>().unwrap());
}

/// Fans and what is laid out are the region's own.
#[test]
fn a_region_is_as_a_tensor_of_its_own_shape() {
    let whole = draw(Scheme::zeros(), &[64, 192]);
    let whole = whole.with_region([0, 64], draw(Scheme::glorot_uniform(), &[64, 64])).unwrap();
    let limit = (6.0f32 / 128.0).sqrt();
    let values: Vec<f32> = whole.to_vec().unwrap();
    let largest = values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    assert!(largest <= limit && largest > 0.99 * limit);
    let whole = draw(Scheme::zeros(), &[4, 5]);
    let eye = draw(Scheme::identity(2.0).unwrap(), &[2, 3]);
    let values: Vec<f32> = whole.with_region([1, 2], eye).unwrap().to_vec().unwrap();
    let places: Vec<_> = (0..20).filter(|&at| values[at] != 0.0).collect();
    assert_eq!((places, values[7]), (vec![7, 13], 2.0));
}

#[test]
fn regions_of_regions_lie_in_the_whole() {
    let inner = draw(Scheme::ones(), &[2, 2]).with_region([1, 1], draw(normal(1.0), &[1, 1]));
    let whole = draw(Scheme::zeros(), &[4, 4]).with_region([2, 1], inner.unwrap()).unwrap();
    let values: Vec<f32> = whole.to_vec().unwrap();
    let normal: Vec<f32> = draw(normal(1.0), &[4, 4]).to_vec().unwrap();
    let mut expected = [0.0; 16];
    for place in [9, 10, 13] {
        expected[place] = 1.0;
    }
    expected[14] = normal[14];
    assert_eq!(values, expected);
}

#[test]
fn another_name_and_seed_draw_regions_again_too() {
    let at = |name: &str, seed: i32| {
        let draw = |scheme: Scheme, shape: &[usize]| {
            scheme.with_seed(seed).draw(Tensor::new(shape).named(name)).unwrap()
        };
        let whole = draw(normal(1.0), &[8, 8]);
        whole.with_region([1, 1], draw(Scheme::he_normal(), &[4, 4])).unwrap()
    };
    assert_eq!(at("a", 1).again("b", &2.into()).unwrap(), at("b", 2));
    assert!(at("a", 1).again("b", &(1i128 << 64).into()).is_err());
}

#[test]
fn what_does_not_fit_is_refused() {
    let whole = draw(normal(1.0), &[4, 4]);
    for (offset, shape) in [(vec![1, 0], vec![4, 4]), (vec![0], vec![4]), (vec![], vec![4, 4])] {
        let refused = whole.clone().with_region(offset, draw(Scheme::ones(), &shape));
        assert!(matches!(refused, Err(Error::Shape(_))));
    }
    let large = draw(Scheme::constant(1e6).unwrap(), &[1, 1]);
    let whole = whole.with_region([0, 0], large).unwrap();
    assert!(whole.check(Dtype::Float16).is_err() && whole.to_vec::<f32>().is_ok());
}

#[cfg(feature = "keras-streams")]
#[test]
fn frameworks_streams_take_regions_that_are_laid_out() {
    use varscale::Stream;
    for &stream in Stream::ALL.iter().filter(|&&stream| stream != Stream::Native) {
        let framework = |shape: &[usize]| {
            let he = Scheme::he_normal().with_seed(7).with_stream(stream);
            he.draw(Tensor::new(shape)).unwrap()
        };
        let whole = framework(&[9, 20]);
        let refused = whole.clone().with_region([0, 0], framework(&[2, 2]));
        assert!(
            matches!(refused, Err(Error::Stream(varscale::StreamError::Region { .. }))),
            "{stream}"
        );
        let mut expected: Vec<f32> = whole.to_vec().unwrap();
        let zeros = whole.with_region([2, 3], draw(Scheme::zeros(), &[5, 10])).unwrap();
        for row in 2..7 {
            expected[row * 20 + 3..row * 20 + 13].fill(0.0);
        }
        assert_eq!(zeros.to_vec::<f32>().unwrap(), expected, "{stream}");
        let slice = Slice::new([1, 2], [7, 9]);
        let rows = (1..8).flat_map(|row| expected[row * 20 + 2..row * 20 + 11].to_vec());
        let rows: Vec<f32> = rows.collect();
        assert_eq!(zeros.slice_to_vec::<f32>(&slice).unwrap(), rows, "{stream}");
        let mut reader = zeros.reader::<f32>(&slice).unwrap();
        for part in rows.chunks(5) {
            let mut values = vec![0.0; part.len()];
            reader.fill(&mut values).unwrap();
            assert_eq!(values, part, "{stream}");
        }
    }
}
