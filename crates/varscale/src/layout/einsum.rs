//! Einsum equations: the roles that they give a kernel.

use alloc::{format, string::String, vec::Vec};

use super::role::Role;

/// The roles that an einsum equation gives the axes of its second operand, or what is wrong with it.
pub(super) fn roles(equation: &str) -> Result<Vec<Role>, String> {
    let parts = equation.split_once("->").and_then(|(operands, output)| {
        operands.split_once(',').map(|(input, kernel)| (input.trim(), kernel.trim(), output.trim()))
    });
    let (input, kernel, output) =
        parts.ok_or("it must read \"input,kernel->output\", as in \"abc,cde->abde\"")?;
    let labels = |text: &str, operand| {
        let plain = text.replacen("...", "", 1);
        match plain.chars().find(|label| !label.is_ascii_alphabetic()) {
            Some(label) => Err(format!("{label:?} in its {operand} is no letter")),
            None => Ok(plain),
        }
    };
    let (input, output) = (labels(input, "input")?, labels(output, "output")?);
    if kernel.contains("...") {
        return Err("the kernel's axes must all have letters".into());
    }
    let kernel = labels(kernel, "kernel")?;
    kernel
        .char_indices()
        .map(|(at, label)| {
            if kernel[..at].contains(label) {
                return Err(format!("the kernel repeats {label:?}"));
            }
            match (input.contains(label), output.contains(label)) {
                (true, false) => Ok(Role::Input),
                (false, true) => Ok(Role::Output),
                (true, true) => Ok(Role::Batch),
                (false, false) => {
                    Err(format!("{label:?} of the kernel is in neither the input nor the output"))
                }
            }
        })
        .collect()
}
