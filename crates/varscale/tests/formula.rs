//! Formulas, as a user draws them: against their expressions, evaluated one by one.

use varscale::{
    Content, Draw, Dtype, DtypeVisitor, Element, Error, Expression, Initializer, Scheme, Slice,
    Stream, Tensor,
};

fn formula(expression: &str) -> Initializer {
    Scheme::formula(expression).unwrap().with_seed(42)
}

fn indices(shape: &[usize], element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut indices: Vec<_> = shape
        .iter()
        .rev()
        .map(|size| {
            let index = rest % size;
            rest /= size;
            index
        })
        .collect();
    indices.reverse();
    indices
}

/// The values by the definition: element by element, with u by `RandomUniform(0, 1)`.
fn expected(expression: &str, shape: &[usize]) -> Vec<f64> {
    let uniform = Scheme::random_uniform(0, 1).unwrap().with_seed(42);
    let uniform: Vec<f64> = uniform.sample(Tensor::new(shape).named("w")).unwrap();
    let expression = Expression::parse(expression).unwrap();
    let rank = shape.len();
    let value = |element: usize| {
        let indices = indices(shape, element);
        let number = |name: &str| {
            Some(
                match name.split_at(name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len())) {
                    ("u", "") => uniform[element],
                    ("rank", "") => rank as f64,
                    ("i", axis) => indices[axis.parse::<usize>().unwrap()] as f64,
                    ("d", axis) => shape[axis.parse::<usize>().unwrap()] as f64,
                    ("d_", axis) => shape[rank - axis.parse::<usize>().unwrap()] as f64,
                    _ => return None,
                },
            )
        };
        expression.evaluate(&number).unwrap()
    };
    (0..shape.iter().product()).map(value).collect()
}

const CASES: [(&str, &[usize]); 14] = [
    // Mamba: A, and the bias of dt.
    ("log(1 + i1)", &[24, 16]),
    ("log(expm1(max(exp(u * (log(0.1) - log(0.001)) + log(0.001)), 1e-4)))", &[1536]),
    // Rotary embeddings.
    ("10000 ** (-2 * i0 / 128)", &[64]),
    // ALiBi's slopes, of 12 heads: those of 8, and every other one of 16.
    ("where(i0 < 8, 2 ** (-8 * (i0 + 1) / 8), 2 ** (-8 * (2 * (i0 - 8) + 1) / 16))", &[12]),
    // arange and linspace, at each place of a matrix.
    ("i1 + d1 * i0", &[5, 700]),
    ("-1 + 2 * i0 / (d0 - 1)", &[1000]),
    // A sinusoidal table.
    (
        "where(i1 % 2 == 0, sin(i0 * 10000 ** (-i1 / d_1)), cos(i0 * 10000 ** (-(i1 - 1) / d_1)))",
        &[50, 64],
    ),
    // DINO's and Swin's: a bias of distances, and an index of relative positions.
    ("-abs(i1 - i0) / d0", &[70, 70]),
    ("(floor(i0 / 7) - floor(i1 / 7) + 6) * 13 + (i0 % 7 - i1 % 7 + 6)", &[49, 49]),
    ("u + 10 * i0 + 100 * i1 + 1000 * i2", &[3, 5, 7]),
    ("u - u ** 2 + i0 * 0", &[3, 300]),
    ("u", &[1]),
    ("rank + 1", &[]),
    ("i0 + u", &[0, 3]),
];

/// Rounded once: for 16 bits and fewer by way of float32, as a constant is.
fn rounded<T: Element>(value: f64) -> f64 {
    let value = if T::DTYPE == Dtype::Float64 { value } else { f64::from(value as f32) };
    match Scheme::constant(value).unwrap().with_seed(0).sample::<T>([1]) {
        Ok(values) => values[0].to_f64(),
        Err(Error::Underflow(_)) => 0.0,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn values_are_the_expressions_own_in_any_part_and_dtype() {
    struct Check<'a>(&'a str, &'a [usize]);

    impl DtypeVisitor for Check<'_> {
        type Output = ();

        fn visit<T: Element>(self) {
            let Self(expression, shape) = self;
            let expected = expected(expression, shape);
            if expected.iter().any(|value| value.abs() > T::DTYPE.max_value()) {
                return;
            }
            let draw = formula(expression).draw(Tensor::new(shape).named("w")).unwrap();
            let values = |part: Vec<T>| part.into_iter().map(T::to_f64).collect::<Vec<_>>();
            let whole = values(draw.to_vec().unwrap());
            let rounded: Vec<_> = expected.iter().map(|&value| rounded::<T>(value)).collect();
            assert_eq!(whole, rounded, "{expression} in {}", T::DTYPE);

            let offset: Vec<_> = shape.iter().map(|size| size / 3).collect();
            let extent: Vec<_> = shape.iter().map(|size| size.div_ceil(2)).collect();
            let slice = Slice::new(&offset[..], extent);
            let within = |element: &usize| {
                indices(shape, *element).iter().enumerate().all(|(axis, index)| {
                    (slice.offset[axis]..slice.offset[axis] + slice.extent[axis]).contains(index)
                })
            };
            let part: Vec<_> = (0..whole.len()).filter(within).map(|at| whole[at]).collect();
            assert_eq!(values(draw.slice_to_vec(&slice).unwrap()), part, "{expression}");
            for start in [1, 255, 256].into_iter().filter(|start| *start < whole.len()) {
                let mut tail = vec![T::default(); whole.len() - start];
                draw.fill_range(start as u64..whole.len() as u64, &mut tail).unwrap();
                assert_eq!(values(tail), whole[start..], "{expression} from {start}");
            }
        }
    }

    for (expression, shape) in CASES {
        for dtype in Dtype::ALL {
            dtype.visit(Check(expression, shape));
        }
    }
}

/// Of more values than one thread takes at a time.
#[test]
#[cfg(feature = "parallel")]
fn any_number_of_threads_gives_the_same() {
    use varscale::Pool;
    for expression in ["log(expm1(max(0.001 * 100 ** u, 1e-4)))", "sin(i0 / (1 + i1)) * rank"] {
        let draw = formula(expression).draw([700, 901]).unwrap();
        let on = |threads| Pool::new(threads).unwrap().install(|| draw.to_vec::<f32>().unwrap());
        let whole = on(1);
        assert!([2, 3, 5].into_iter().all(|threads| on(threads) == whole), "{expression}");
    }
}

#[test]
fn only_u_is_drawn() {
    let arange = Scheme::formula("i0").unwrap();
    assert!(arange.class().draws && !arange.draws());
    let last = Stream::ALL[Stream::ALL.len() - 1];
    let unseeded = Initializer::new(arange, None).with_stream(last);
    assert_eq!(unseeded.seed(), None);
    assert_eq!(unseeded.sample::<f32>([3]).unwrap(), [0.0, 1.0, 2.0]);

    let drawn = Scheme::formula("u").unwrap();
    assert!(drawn.draws());
    let draw = |seed: u32, name: &str| {
        let values = drawn.clone().with_seed(seed).draw(Tensor::new([1000]).named(name));
        values.unwrap().to_vec::<f64>().unwrap()
    };
    assert!(draw(1, "a").iter().all(|u| *u > 0.0 && *u < 1.0));
    for (seed, name) in [(2, "a"), (1, "b")] {
        assert!(draw(1, "a").iter().zip(draw(seed, name)).all(|(one, other)| *one != other));
    }
    let again = drawn.clone().with_seed(3).draw([1000]).unwrap().again("a", &1.into()).unwrap();
    assert_eq!(again.to_vec::<f64>().unwrap(), draw(1, "a"));
    assert_eq!(again.native(), None);
    for stream in Stream::ALL.iter().filter(|stream| **stream != Stream::Native) {
        let refused = drawn.clone().with_seed(1).with_stream(*stream).draw([3]).unwrap_err();
        assert!(refused.to_string().contains("draws no formulas"), "{refused}");
    }
}

#[test]
fn regions_have_indices_of_their_own_and_words_of_the_whole() {
    let shape = [6, 80];
    let named = |shape: [usize; 2]| Tensor::new(shape).named("w");
    let whole = formula("u + 10 * i1").draw(named(shape)).unwrap();
    let plain: Vec<f64> = formula("u").draw(named(shape)).unwrap().to_vec().unwrap();
    let region = formula("u + 1000 * i0 + 100000 * i1").draw(named([3, 70])).unwrap();
    let values: Vec<f64> = whole.with_region([2, 5], region).unwrap().to_vec().unwrap();
    for (at, (value, u)) in values.into_iter().zip(plain).enumerate() {
        let (row, column) = (at / 80, at % 80);
        let inside = (2..5).contains(&row) && (5..75).contains(&column);
        let expected = if inside {
            u + 1000.0 * (row - 2) as f64 + 100_000.0 * (column - 5) as f64
        } else {
            u + 10.0 * column as f64
        };
        assert_eq!(value, expected, "{row} {column}");
    }
}

#[test]
fn what_is_no_formula_is_refused() {
    for (expression, expected) in [
        ("log(1 +", "invalid expression \"log(1 +\": the end at character 8"),
        ("width", "invalid expression \"width\": it must be over i0, i1, … (indices)"),
        ("i01", "and not \"i01\""),
        ("d_0", "and not \"d_0\""),
    ] {
        let error = Scheme::formula(expression).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (expression, shape) in [("i2", &[3, 4][..]), ("d2", &[3, 4]), ("d_3", &[3, 4]), ("i0", &[])]
    {
        let error = formula(expression).draw(shape).unwrap_err().to_string();
        let names = match shape.len() {
            0 => "there are rank, u",
            _ => "there are i0, i1, d0, d1, d_1, d_2, rank, u",
        };
        assert!(error.contains(names), "{error}");
    }
}

#[test]
fn values_that_are_none_are_refused_by_their_index() {
    struct Check<'a>(&'a Draw);

    impl DtypeVisitor for Check<'_> {
        type Output = Result<(), Error>;

        fn visit<T: Element>(self) -> Self::Output {
            self.0.to_vec::<T>().map(drop)
        }
    }

    for &dtype in Dtype::ALL {
        let of = |expression: &str| {
            let draw = formula(expression).draw([4, 300]).unwrap();
            dtype.visit(Check(&draw)).unwrap_err().to_string()
        };
        let expected =
            "formula \"1 / (301 - i0 - i1)\" is inf at index [2, 299]: it must be a finite";
        assert!(of("1 / (301 - i0 - i1)").starts_with(expected), "{dtype}");
        assert!(of("log(i1 - 1 + u)").contains("is NaN at index [0, 0]"), "{dtype}");
        let max = dtype.max_value();
        let growing = format!("{max:e} * (1 + (i1 - 200) / 256)");
        let largest = format!("at index [0, 201], which overflows {dtype}, whose largest is ");
        if dtype == Dtype::Float64 {
            assert!(of(&growing).contains("is inf at index [0, 201]"));
        } else {
            assert!(of(&growing).contains(&largest), "{}", of(&growing));
        }
    }
    // Within a region; and what is not read is not refused.
    let whole = formula("i0").draw([5, 5]).unwrap();
    let region = formula("1 / (1 - i1)").draw([2, 2]).unwrap();
    let draw = whole.with_region([3, 3], region).unwrap();
    let error = draw.to_vec::<f32>().unwrap_err().to_string();
    assert!(error.contains("is inf at index [0, 1]"), "{error}");
    assert!(draw.slice_to_vec::<f32>(&Slice::new([0, 0], [5, 4])).is_ok());
}

#[test]
fn contents_say_what_they_are() {
    let draw = formula("log(1 + i1)").draw([3, 4]).unwrap();
    assert!(matches!(draw.content(), Content::Formula(formula) if !formula.draws()));
    assert_eq!(draw.law(), None);
    let explanation = draw.explanation().to_string();
    assert_eq!(explanation, "Formula of shape (3, 4): formula log(1 + i1)");
}

#[cfg(feature = "serde")]
#[test]
fn configs_come_back() {
    use serde_json::json;
    let config =
        json!({"class_name": "Formula", "config": {"expression": "0.5*u + i0", "seed": 3}});
    let initializer = Initializer::deserialize(&config).unwrap();
    assert_eq!(initializer.scheme(), &Scheme::formula("0.5*u + i0").unwrap());
    let form = varscale::ConfigForm::of(&config);
    assert_eq!(initializer.serialize(form), config);
    let explanation = serde_json::to_value(initializer.explain([3]).unwrap()).unwrap();
    assert_eq!(explanation["law"], json!({"law": "formula", "expression": "0.5*u + i0"}));
    for (config, expected) in [
        (json!({"expression": 3}), "invalid expression 3 of Formula: it must be a string"),
        (json!({"expression": "3 +"}), "invalid expression \"3 +\""),
    ] {
        let error = Scheme::from_config("formula", &config).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
