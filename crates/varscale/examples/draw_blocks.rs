//! Draws as many blocks of 256 values as each line of its input says: what `cargo xtask
//! instructions` counts the instructions of.
//!
//! It prints the instruction set, and then, for every line such as `truncated_normal float32 4`,
//! `begin` before the draw and `end` after it.

use std::io::{BufRead, stdin};

use varscale::{
    Distribution, Dtype, Element, Error, Initializer, Mode, VarianceScaling,
    half::{bf16, f16},
    instruction_set,
};

const BLOCK: usize = 256;

fn draw<T: Element>(distribution: Distribution, blocks: usize) -> Result<(), Error> {
    let rule = VarianceScaling::new(1.0, Mode::FanIn, distribution)?;
    let draw = Initializer::variance_scaling(rule, 42).draw([blocks * BLOCK])?.with_threads(1);
    draw.fill(&mut [T::default(); 9 * BLOCK][..blocks * BLOCK])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", instruction_set());
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let [distribution, dtype, blocks] = words[..] else {
            return Err(format!("not three words: {line:?}").into());
        };
        let (distribution, dtype) = (distribution.parse()?, dtype.parse()?);
        let blocks = blocks.parse::<usize>()?.min(9);
        println!("begin");
        match dtype {
            Dtype::Float16 => draw::<f16>(distribution, blocks)?,
            Dtype::BFloat16 => draw::<bf16>(distribution, blocks)?,
            Dtype::Float32 => draw::<f32>(distribution, blocks)?,
            Dtype::Float64 => draw::<f64>(distribution, blocks)?,
        }
        println!("end");
    }
    Ok(())
}
