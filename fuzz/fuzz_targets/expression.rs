#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| varscale_properties::expression(bytes));
