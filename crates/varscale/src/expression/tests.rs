//! Expressions as text, as values, and as exact bits.

use std::string::ToString;

use super::*;

fn numbers(name: &str) -> Option<f64> {
    [("layers", 12.0), ("x", 0.5), ("d_1", 64.0)].iter().find(|n| n.0 == name).map(|n| n.1)
}

fn value(text: &str) -> f64 {
    Expression::parse(text).unwrap().evaluate(&numbers).unwrap()
}

#[test]
fn operators_bind_as_in_python() {
    for (text, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 2 - 3", 5.0),
        ("48 / 4 / 3 * 2", 8.0),
        ("-2 ** 2", -4.0),
        ("(-2) ** 2", 4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ** -1", 0.5),
        ("--2", 2.0),
        ("2 - -2", 4.0),
        ("-3 % 5", 2.0),
        ("3 % -5", -2.0),
        ("-(3 % 5)", -3.0),
        ("7.5 % 2", 1.5),
        ("0.1 % 0.01", 0.1 % 0.01),
        ("1 + 1 == 2", 1.0),
        ("2 < 1", 0.0),
        ("(1 < 2) + (2 <= 2) + (3 > 2) + (3 >= 4) + (1 != 1)", 3.0),
        (".5 + 1. + 1e-3 + 2E+2", 201.501),
        ("pi", core::f64::consts::PI),
        ("0.02 / sqrt(2 * layers)", 0.02 / 24.0_f64.sqrt()),
        ("layers+layers*x", 18.0),
        ("d_1", 64.0),
        ("min(3, 1, 2) + max(3, 1, 4, 2)", 5.0),
        ("abs(-3) + floor(-0.5) + floor(2)", 4.0),
        ("where(x < 1, 10, 1 / 0)", 10.0),
        ("where(x > 1, log(-1), -1)", -1.0),
        ("where(0.1, 2, 3)", 2.0),
        ("exp(-1 / 0)", 0.0),
        ("0 ** 0", 1.0),
        ("(-2) ** 3", -8.0),
        ("(-8) ** -1", -0.125),
        ("10 ** 22", 1e22),
        ("3 ** 33", 5_559_060_566_555_523.0),
        ("4 ** 0.5", 2.0),
        ("2 ** 0.5 - sqrt(2)", 0.0),
        ("2 ** -1074", 5e-324),
        ("log(exp(1))", 1.0),
        ("sin(0) + cos(0)", 1.0),
        ("expm1(0) + log1p(0)", 0.0),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn texts_are_refused_where_they_end_to_be_expressions() {
    let deep = |count: usize| ["(".repeat(count), "1".into(), ")".repeat(count)].concat();
    assert!(Expression::parse(&deep(64)).is_ok());
    for (text, expected) in [
        ("", "the end at character 1, where a number"),
        ("  ", "the end at character 3"),
        ("1 +", "the end at character 4"),
        ("2 * (3", "the end at character 7, where an operator or \")\" must stand"),
        ("2 3", "\"3\" at character 3, where an operator or the end must stand"),
        ("2layers", "\"layers\" at character 2"),
        ("1 + é", "\"é\" at character 5"),
        ("é", "\"é\" at character 1"),
        ("1 < 2 < 3", "\"<\" at character 7"),
        ("1)", "\")\" at character 2"),
        ("2 ^ 3", "\"^\" at character 3"),
        ("2 * * 3", "\"*\" at character 5"),
        ("+1", "\"+\" at character 1"),
        ("sqrt", "the end at character 5, where \"(\" must stand"),
        ("sqrt 2", "\"2\" at character 6, where \"(\""),
        ("sqrt(1, 2)", "\"sqrt\" (character 1) has 2 arguments, but it takes 1"),
        ("sqrt()", "has 0 arguments, but it takes 1"),
        ("1 + max(1)", "\"max\" (character 5) has 1 arguments, but it takes 2 or more"),
        ("where(1, 2)", "has 2 arguments, but it takes 3"),
        ("max(1, )", "\")\" at character 8, where a number"),
        ("max(1 2)", "\"2\" at character 7, where an operator, \",\" or \")\""),
        ("tanh(1)", "no function \"tanh\" (character 1), but sqrt, exp, log, "),
        ("1e", "\"e\" at character 2"),
        ("1.2.3", "\".\" at character 4"),
        (&deep(65), "at character 66, more than 64"),
        (&"-".repeat(4000), "more than 64"),
        (&"2**".repeat(1000), "more than 64"),
        (&"sqrt(".repeat(800), "more than 64"),
        (&"1+".repeat(2049), "it has 4098 bytes, and at most 4096 are read"),
    ] {
        let error = Expression::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(error.starts_with("invalid expression \""), "{error}");
    }
}

#[test]
fn values_are_refused_that_are_no_numbers() {
    for (text, expected) in [
        ("1 / 0", "expression \"1 / 0\" is inf: it must be a finite number"),
        ("log(-1)", "is NaN"),
        ("max(log(-1), 0)", "is NaN"),
        ("min(0, log(-1))", "is NaN"),
        ("log(-1) < 0", "is NaN"),
        ("where(log(-1), 0, 1)", "is NaN"),
        ("sqrt(-1)", "is NaN"),
        ("(-8) ** (1 / 3)", "is NaN"),
        ("5 % 0", "is NaN"),
        ("0 ** -1", "is inf"),
        ("exp(710)", "is inf"),
        ("sin(1 / 0)", "is NaN"),
        ("1 + y", "expression \"1 + y\" reads \"y\", which stands for no number"),
    ] {
        let error = Expression::parse(text).unwrap().evaluate(&numbers).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn names_are_replaced_by_the_same_numbers() {
    let expression = Expression::parse("x*y + min(x, pi)**x_1 - y").unwrap();
    assert_eq!(expression.names(), ["x", "y", "x_1"]);
    for number in [0.1, -0.1, 3.0, -3.0, -0.0, 1e300, 5e-324, 123_456_789_012_345_678.0] {
        let all = |_: &str| Some(number);
        let replaced = expression.with(&|name| (name != "y").then_some(number)).unwrap();
        assert_eq!(replaced.names(), ["y"]);
        let again = replaced.with(&all).unwrap();
        let value = |expression: &Expression| expression.evaluate(&all).map(f64::to_bits);
        let same = |one, other: &Expression| match one {
            Ok(bits) => assert_eq!(value(other), Ok(bits), "{other}"),
            Err(_) => assert!(value(other).is_err(), "{other}"),
        };
        same(value(&expression), &replaced);
        same(value(&expression), &again);
    }
    let refused = expression.with(&|_| Some(f64::NAN)).unwrap_err();
    assert_eq!(refused.to_string(), "expression \"x\" is NaN: it must be a finite number");
}

/// Every function and the operator `**` at arguments from all over: forever these bits.
#[test]
fn bits_are_stable() {
    /// FNV-1a of the values.
    fn digest(text: &str, arguments: impl Iterator<Item = f64>) -> u64 {
        let expression = Expression::parse(text).unwrap();
        arguments.fold(0xcbf2_9ce4_8422_2325, |hash, x| {
            let bits = match expression.evaluate(&|_| Some(x)) {
                Ok(value) => value.to_bits(),
                Err(_) => 0,
            };
            bits.to_le_bytes().into_iter().fold(hash, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            })
        })
    }
    // Every size that there is, and the usual ones.
    let wide = |from: u64, to: u64| {
        let step = (to - from) / 9973;
        (0..9973).map(move |at| f64::from_bits(from + at * step))
    };
    let sizes = || wide(1, f64::MAX.to_bits());
    let usual = || (0..20_000).map(|at| (f64::from(at) - 9_999.5) * 0.005);
    let all = || sizes().chain(sizes().map(|x| -x)).chain(usual());
    for (text, expected) in [
        ("exp(x)", 0x5578_6014_9074_a746_u64),
        ("log(abs(x))", 0x7d67_9821_d5fa_4ead),
        ("expm1(x)", 0x8857_7b2b_d97f_dd82),
        ("log1p(x)", 0x9a38_6cb8_d6ab_78d4),
        ("sin(x)", 0x7af4_1454_5960_ec35),
        ("cos(x)", 0x13de_f2f5_468c_a1d5),
        ("abs(x) ** 0.7", 0x2560_5d44_eb6d_cf21),
        ("1.25 ** x", 0x1bac_192d_8796_7eb2),
        ("x ** 7", 0x4591_857c_6043_3271),
        ("x ** -3", 0x0a7e_2c05_fae4_cedd),
        ("x % 0.7 + floor(x) / sqrt(abs(x))", 0xd234_6f88_2b6e_0eca),
    ] {
        let found = digest(text, all());
        assert_eq!(found, expected, "{text}: {found:#x}");
    }
}

/// To one unit in the last place of another library's values, which is within one itself.
#[test]
fn functions_are_another_librarys() {
    let ulps = |own: f64, other: f64| {
        if own == other || own.is_nan() && other.is_nan() {
            return 0;
        }
        (own.to_bits() as i64).abs_diff(other.to_bits() as i64)
    };
    let of = |text: &str, other: fn(f64) -> f64| {
        let expression = Expression::parse(text).unwrap();
        let arguments = (0..200_000_u64).flat_map(|at| {
            let word = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let spread = (word >> 11) as f64 / (1_u64 << 53) as f64;
            // All bits; all of the usual; close to 0.
            [f64::from_bits(word), (spread - 0.5) * 1500.0, (spread - 0.5) * 2.0]
        });
        for x in arguments.filter(|x| x.is_finite()) {
            let own = match expression.evaluate(&|_| Some(x)) {
                Ok(value) | Err(ExpressionError::NotFinite { value, .. }) => value,
                Err(error) => panic!("{error}"),
            };
            assert!(ulps(own, other(x)) <= 1, "{text} of {x:e}: {own:e}, not {:e}", other(x));
        }
    };
    of("exp(x)", libm::exp);
    of("expm1(x)", libm::expm1);
    of("log(x)", libm::log);
    of("log1p(x)", libm::log1p);
    of("sin(x)", libm::sin);
    of("cos(x)", libm::cos);
    of("x ** 2.5", |x| libm::pow(x, 2.5));
    of("x ** 3", |x| libm::pow(x, 3.0));
    of("x ** -17", |x| libm::pow(x, -17.0));
    of("1.5 ** x", |x| libm::pow(1.5, x));
    of("floor(x)", libm::floor);
}
