//! Values of at most 16 bits, by how often each of their codes occurs: all statistics follow from
//! these counts, exactly.

use varscale::{DtypeVisitor, Element};

use crate::{Integer, StoredDtype};

/// Tables of counts, between which values take turns: a count waits for the one before it where both
/// are of one code.
const TABLES: usize = 2;

/// Counts of the codes of many values, which are kept from one tensor to the next.
#[derive(Debug, Default)]
pub(super) struct Counter {
    tables: [Vec<u32>; TABLES],
}

/// How often codes occur: those that do, in order.
pub(super) type Counts = Vec<(u16, u64)>;

impl Counter {
    /// Counts the codes of up to 2^32 values of `size` bytes each, in native order.
    pub(super) fn count(&mut self, bytes: &[u8], size: usize) -> Counts {
        let codes = 1 << (8 * size);
        self.tables.iter_mut().for_each(|table| table.resize(1 << 16, 0));
        let [even, odd] = self.tables.each_mut().map(|table| &mut table[..]);
        let (Ok(even), Ok(odd)) =
            (<&mut [u32; 1 << 16]>::try_from(even), <&mut [u32; 1 << 16]>::try_from(odd))
        else {
            return Counts::new();
        };
        let mut pair = |a: u16, b: u16| {
            even[usize::from(a)] += 1;
            odd[usize::from(b)] += 1;
        };
        match size {
            1 => {
                let (pairs, rest) = bytes.as_chunks::<2>();
                pairs.iter().for_each(|&[a, b]| pair(a.into(), b.into()));
                rest.iter().for_each(|&last| even[usize::from(last)] += 1);
            }
            _ => {
                let (pairs, rest) = bytes.as_chunks::<4>();
                for &[a, b, c, d] in pairs {
                    pair(u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
                }
                if let &[a, b] = rest {
                    even[usize::from(u16::from_ne_bytes([a, b]))] += 1;
                }
            }
        }
        let mut counts = Counts::new();
        for (code, (even, odd)) in even.iter_mut().zip(odd).enumerate().take(codes) {
            let count = u64::from(std::mem::take(even)) + u64::from(std::mem::take(odd));
            if count > 0 {
                counts.push((code as u16, count));
            }
        }
        counts
    }
}

/// Adds counts up.
pub(super) fn merge(counts: &mut Counts, other: &Counts) {
    if counts.is_empty() {
        counts.clone_from(other);
        return;
    }
    let mut merged = Counts::with_capacity(counts.len().max(other.len()));
    let (mut a, mut b) = (counts.iter().peekable(), other.iter().peekable());
    while let (Some(&&(code, count)), Some(&&(other, more))) = (a.peek(), b.peek()) {
        merged.push((code.min(other), if code <= other { count } else { 0 }));
        if code <= other {
            a.next();
        }
        if other <= code {
            if let Some(last) = merged.last_mut() {
                last.1 += more;
            }
            b.next();
        }
    }
    merged.extend(a.chain(b));
    *counts = merged;
}

/// The number that a code stands for, in a dtype of at most 16 bits.
pub(super) fn number(dtype: StoredDtype, code: u16) -> f64 {
    struct Code(u16);
    impl DtypeVisitor for Code {
        type Output = f64;

        fn visit<T: Element>(self) -> f64 {
            let bytes = self.0.to_le_bytes();
            let mut bytes = bytes[..size_of::<T>().min(2)].to_vec();
            if cfg!(target_endian = "big") {
                bytes.reverse();
            }
            bytemuck::try_pod_read_unaligned::<T>(&bytes).map_or(f64::NAN, T::to_f64)
        }
    }
    match dtype {
        StoredDtype::Drawn(dtype) => dtype.visit(Code(code)),
        StoredDtype::Integer(Integer::Int8) => f64::from(code as u8 as i8),
        StoredDtype::Integer(Integer::Int16) => f64::from(code as i16),
        StoredDtype::Integer(_) => f64::from(code),
    }
}

#[cfg(test)]
mod tests {
    use varscale::Dtype;

    use super::*;

    #[test]
    fn every_value_is_counted_once() {
        let mut counter = Counter::default();
        let words: Vec<u16> = (0..5001).map(|k| k % 7 * 9000).collect();
        let counts = counter.count(bytemuck::cast_slice(&words), 2);
        let codes: Vec<_> = counts.iter().map(|&(code, _)| code).collect();
        assert_eq!(codes, [0, 9000, 18000, 27000, 36000, 45000, 54000]);
        assert_eq!(counts.iter().map(|&(_, count)| count).sum::<u64>(), 5001);
        assert_eq!(counter.count(&[255, 0, 255], 1), [(0, 1), (255, 2)]);
        assert_eq!(counter.count(&[], 2), []);
    }

    #[test]
    fn counts_add_up() {
        let mut counts = vec![(1, 1), (3, 1)];
        merge(&mut counts, &vec![(0, 2), (3, 5), (9, 1)]);
        assert_eq!(counts, [(0, 2), (1, 1), (3, 6), (9, 1)]);
        merge(&mut counts, &Counts::new());
        assert_eq!(counts.len(), 4);
    }

    #[test]
    fn codes_stand_for_their_numbers() {
        for (dtype, code, expected) in [
            (StoredDtype::Drawn(Dtype::BFloat16), 0x3f80, 1.0),
            (StoredDtype::Drawn(Dtype::Float16), 0xbc00, -1.0),
            (StoredDtype::Drawn(Dtype::Float8E4M3Fn), 0x38, 1.0),
            (StoredDtype::Drawn(Dtype::Float8E5M2), 0x3c, 1.0),
            (StoredDtype::Integer(Integer::Int8), 0xff, -1.0),
            (StoredDtype::Integer(Integer::Int16), 0xffff, -1.0),
            (StoredDtype::Integer(Integer::UInt8), 0xff, 255.0),
            (StoredDtype::Integer(Integer::UInt16), 0xffff, 65535.0),
            (StoredDtype::Integer(Integer::Bool), 1, 1.0),
        ] {
            assert_eq!(number(dtype, code), expected, "{dtype}");
        }
    }
}
