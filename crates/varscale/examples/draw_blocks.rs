//! Draws as many blocks of 256 values as each line of its input says: what `cargo xtask
//! instructions` counts the instructions of.
//!
//! It prints the instruction set, and then, for every line such as `truncated_normal float32 4`,
//! `begin` before they are filled and `end` after.

use std::io::{BufRead, stdin};

use varscale::{
    Distribution, Dtype, DtypeVisitor, Element, Error, Mode, Scheme, Slice, instruction_set,
};

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
        let draw = scheme.with_seed(42).draw([2 * blocks * BLOCK])?;
        // Opened before, since the allocator does not take as many instructions each time.
        let mut reader = draw.reader(&Slice::whole(draw.shape()))?;
        let values = &mut [T::default(); 9 * BLOCK][..blocks * BLOCK];
        reader.fill(values)?;
        println!("begin");
        reader.fill(values)?;
        println!("end");
        Ok(())
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
        dtype.visit(Blocks { distribution, blocks })?;
    }
    Ok(())
}
