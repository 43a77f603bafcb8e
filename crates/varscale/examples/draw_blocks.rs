//! Draws as many blocks of 256 values as each line of its input says: what `cargo xtask
//! instructions` counts the instructions of.
//!
//! It prints the instruction set, and then, for every line such as `truncated_normal float32 4`,
//! `begin` before the draw and `end` after it.

use std::io::{BufRead, stdin};

use varscale::{Distribution, Dtype, DtypeVisitor, Element, Error, Mode, Scheme, instruction_set};

const BLOCK: usize = 256;

struct Blocks {
    distribution: Distribution,
    blocks: usize,
}

impl DtypeVisitor for Blocks {
    type Output = Result<(), Error>;

    fn visit<T: Element>(self) -> Self::Output {
        let Self { distribution, blocks } = self;
        let scheme = Scheme::variance_scaling(1.0, Mode::FanIn, distribution)?;
        let draw = scheme.with_seed(42).draw([blocks * BLOCK])?;
        draw.fill(&mut [T::default(); 9 * BLOCK][..blocks * BLOCK])
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", instruction_set());
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let [distribution, dtype, blocks] = words[..] else {
            return Err(format!("not three words: {line:?}").into());
        };
        let (distribution, dtype): (_, Dtype) = (distribution.parse()?, dtype.parse()?);
        let blocks = blocks.parse::<usize>()?.min(9);
        // Once before: the allocator is in the same state then, whatever the last line was.
        dtype.visit(Blocks { distribution, blocks })?;
        println!("begin");
        dtype.visit(Blocks { distribution, blocks })?;
        println!("end");
    }
    Ok(())
}
