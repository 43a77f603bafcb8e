//! Readers: the same values into whatever buffers they go.

use core::sync::atomic::AtomicBool;
use std::format;

use super::*;
#[cfg(feature = "parallel")]
use crate::Pool;

/// The values of a slice, read into buffers of any lengths.
fn read<T: Reference>(draw: &Draw, slice: &Slice, choices: &mut Choices, most: usize) -> Vec<T> {
    let mut reader = draw.reader::<T>(slice).unwrap();
    let mut values = Vec::new();
    while reader.remaining() > 0 {
        let mut buffer = vec![T::default(); choices.below(most + 1)];
        buffer.truncate(reader.remaining() as usize);
        reader.fill(&mut buffer).unwrap();
        values.extend(buffer);
    }
    assert!(reader.fill(&mut [T::default()]).is_err());
    reader.fill(&mut []).unwrap();
    values
}

#[test]
fn readers_give_the_same_however_they_are_split() {
    fn check<T: Reference>(stream: Stream, draw: &Draw, choices: &mut Choices, what: &str) {
        if !stream.dtypes().contains(&T::DTYPE) {
            return;
        }
        let bits = |values: Vec<T>| values.into_iter().map(T::bits).collect::<Vec<_>>();
        let shape = draw.shape();
        let whole = Slice::whole(shape);
        let columns = Slice::new([1, shape[1] / 3], [shape[0] - 1, shape[1] / 2]);
        for slice in [whole, columns] {
            let expected = bits(draw.slice_to_vec(&slice).unwrap());
            for most in [7, 700, 30_000, 3 * expected.len()] {
                // Single values of a few only: every fill may start threads.
                let most = if expected.len() > 10_000 { most.max(700) } else { most };
                let values = bits(read(draw, &slice, choices, most));
                assert!(values == expected, "{what} {:?} {slice:?} {most}", T::DTYPE);
            }
        }
    }

    let mut choices = Choices(11);
    for &stream in Stream::ALL {
        for &distribution in Distribution::ALL {
            // Not multiples of 16, for torch's tail; the first one for its small tensors.
            for shape in [[2, 3], [13, 9], [101, 57], [311, 503]] {
                let scheme =
                    Scheme::variance_scaling(1.0, crate::Mode::FanIn, distribution).unwrap();
                let initializer = scheme.with_seed(3).with_stream(stream);
                let draw = initializer.draw(shape).unwrap();
                let what = format!("{stream} {distribution} {shape:?}");
                check::<f16>(stream, &draw, &mut choices, &what);
                check::<bf16>(stream, &draw, &mut choices, &what);
                check::<f32>(stream, &draw, &mut choices, &what);
                check::<f64>(stream, &draw, &mut choices, &what);
            }
        }
    }
}

/// In every kind of stream: of random access, sequential, by boxes.
#[test]
fn what_is_skipped_changes_nothing_else() {
    let he = || Scheme::he_normal().with_seed(3);
    for initializer in [
        he(),
        #[cfg(feature = "keras-streams")]
        he().with_stream(Stream::KerasTorch),
        Scheme::orthogonal(1.0).unwrap().with_seed(3),
    ] {
        let draw = initializer.draw([311, 503]).unwrap();
        for slice in [Slice::whole(draw.shape()), Slice::new([1, 170], [309, 250])] {
            let expected = draw.slice_to_vec::<f32>(&slice).unwrap();
            let mut reader = draw.reader::<f32>(&slice).unwrap();
            let mut next = 0;
            for (skipped, read) in [(0, 7), (1, 1), (2000, 250), (0, 3), (60_000, 10_000)] {
                reader.skip(skipped).unwrap();
                next += skipped as usize;
                let mut values = vec![0.0; read];
                reader.fill(&mut values).unwrap();
                assert_eq!(values, expected[next..next + read]);
                next += read;
            }
            let left = reader.remaining();
            reader.skip(left + 1).unwrap_err();
            reader.skip(u64::MAX).unwrap_err();
            assert_eq!(reader.remaining(), left);
            reader.skip(left).unwrap();
            assert_eq!(reader.remaining(), 0);
        }
    }
}

#[test]
fn iterators_give_the_same_values() {
    let draw = Scheme::he_normal().with_seed(3).draw([97, 503]).unwrap();
    for slice in [Slice::whole(draw.shape()), Slice::new([1, 170], [90, 250])] {
        let expected = draw.slice_to_vec::<f32>(&slice).unwrap();
        let values = || draw.reader::<f32>(&slice).unwrap().into_iter();
        assert_eq!(values().size_hint(), (expected.len(), Some(expected.len())));
        let all: Result<Vec<f32>, crate::Error> = values().collect();
        assert_eq!(all.unwrap(), expected);
        for step in [1, 3, 4000, 5000, 20_000, usize::MAX] {
            let some: Result<Vec<f32>, crate::Error> = values().step_by(step).collect();
            assert_eq!(some.unwrap(), expected.iter().copied().step_by(step).collect::<Vec<_>>());
        }
        let mut beyond = values();
        beyond.next();
        assert!(beyond.nth(expected.len() - 1).is_none() && beyond.next().is_none());
        assert_eq!(beyond.size_hint(), (0, Some(0)));
    }
    // A value that is none ends it.
    let formula = Scheme::formula("1 / (i0 - 4100)").unwrap().with_seed(0).draw([5000]).unwrap();
    let mut values = formula.reader::<f32>(&Slice::whole(&[5000])).unwrap().into_iter();
    let good = values.by_ref().take_while(Result::is_ok).count();
    assert_eq!((good, values.next()), (4096, None));
}

/// The state of a sequential stream stands where the values end, in the middle of its own blocks.
#[test]
#[cfg(feature = "parallel")]
#[cfg_attr(target_family = "wasm", ignore = "there are no threads")]
fn readers_go_on_across_large_buffers() {
    for stream in [Stream::KerasTorch, Stream::KerasNumpy] {
        for initializer in
            [Scheme::he_normal().with_seed(3), Scheme::random_normal(0, 1).unwrap().with_seed(3)]
        {
            let draw = initializer.with_stream(stream).draw([1500, 1999]).unwrap();
            let expected: Vec<f32> = draw.to_vec().unwrap();
            let slice = Slice::whole(draw.shape());
            for threads in [1, 3] {
                let values: Vec<f32> = Pool::new(threads)
                    .unwrap()
                    .install(|| read(&draw, &slice, &mut Choices(5), 900_000));
                assert!(values == expected, "{stream} {threads}");
            }
        }
    }
}

/// What stands far behind the values before it is passed in steps, between runs too.
#[test]
fn what_is_passed_in_steps_is_passed() {
    for stream in [Stream::KerasTorch, Stream::KerasNumpy] {
        let shape = [2, (1 << 25) + 21];
        let he = Scheme::he_normal().with_seed(3).with_stream(stream);
        let draw = he.draw(shape).unwrap();
        let slice = Slice::new([0, shape[1] - 5], [2, 5]);
        let mut reader = draw.reader::<f32>(&Slice::whole(&shape)).unwrap();
        let mut expected = Vec::new();
        let mut row = vec![0.0; shape[1]];
        for _ in 0..2 {
            reader.fill(&mut row).unwrap();
            expected.extend_from_slice(&row[shape[1] - 5..]);
        }
        assert_eq!(draw.slice_to_vec::<f32>(&slice).unwrap(), expected, "{stream}");
    }
}

/// An interrupted reader stops, wherever its values come from.
#[test]
fn interrupted_readers_stop() {
    let interrupted = AtomicBool::new(true);
    for stream in Stream::ALL {
        let he = Scheme::he_normal().with_seed(3).with_stream(*stream);
        let draw = he.draw([1 << 20, 1 << 20]).unwrap();
        let slice = Slice::new([(1 << 20) - 2, 7], [2, 3]);
        let mut values = [9.0; 6];
        let mut reader = draw.reader::<f32>(&slice).unwrap();
        assert_eq!(reader.fill_unless(&mut values, &interrupted), Ok(false), "{stream}");
        assert_eq!((values, reader.remaining()), ([9.0; 6], 0), "{stream}");
    }
}
