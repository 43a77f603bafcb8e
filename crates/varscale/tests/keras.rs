//! Against Keras: what it really serializes, and the numbers it really computes.

use serde_json::Value;
use varscale::{ConfigForm, Content, Distribution, Error, Initializer, Law, Mode, Scheme, Tensor};

fn data(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    let list = value.as_array().unwrap();
    assert!(!list.is_empty());
    list
}

/// Among them are generators without a seed, which draw one when they are made.
#[test]
#[cfg(feature = "std")]
fn every_serialized_form_is_written_back_the_same() {
    for serialized in list(&data("keras_configs.json")["serialized"]) {
        let initializer = Initializer::deserialize(serialized).unwrap();
        let written = initializer.serialize(ConfigForm::of(serialized));
        // As text: the order of the keys is Keras's, too.
        assert_eq!(written.to_string(), serialized.to_string());
    }
}

#[test]
fn every_config_is_written_back_the_same() {
    for object in list(&data("keras_configs.json")["get_config"]) {
        let (class, config) = (object["class_name"].as_str().unwrap(), &object["config"]);
        let initializer = Initializer::from_config(class, config).unwrap();
        let form = match config.get("input_axes") {
            Some(_) => ConfigForm::Keras3,
            None => ConfigForm::Keras3WithoutAxes,
        };
        assert_eq!(initializer.get_config(form).to_string(), config.to_string());
    }
}

#[test]
fn identifiers_mean_what_they_mean_in_keras() {
    let configs = data("keras_configs.json");
    for (identifier, expected) in configs["aliases"].as_object().unwrap() {
        // Objects are recorded as their text.
        let identifier =
            serde_json::from_str(identifier).unwrap_or(Value::from(identifier.as_str()));
        match (Initializer::deserialize(&identifier), expected) {
            (Ok(initializer), Value::String(class)) => assert_eq!(initializer.class_name(), class),
            (Ok(initializer), config) => {
                assert_eq!(initializer.get_config(ConfigForm::Keras3), *config);
            }
            (Err(_), expected) => assert!(expected.is_null(), "{identifier} is refused"),
        }
        if expected.is_null() {
            assert!(Initializer::deserialize(&identifier).is_err(), "{identifier}");
        }
    }
}

#[test]
fn the_family_has_keras_names_defaults_and_order_of_keys() {
    for (names, config) in [
        (&["zeros", "Zeros", "zero"][..], "{}"),
        (&["ones", "Ones", "one"], "{}"),
        (&["constant", "Constant"], r#"{"value":0.0}"#),
        (&["identity", "Identity", "IdentityInitializer"], r#"{"gain":1.0}"#),
        (&["random_normal", "RandomNormal", "normal"], r#"{"seed":null,"mean":0.0,"stddev":0.05}"#),
        (&["truncated_normal", "TruncatedNormal"], r#"{"seed":null,"mean":0.0,"stddev":0.05}"#),
        (
            &["random_uniform", "RandomUniform", "uniform"],
            r#"{"seed":null,"minval":-0.05,"maxval":0.05}"#,
        ),
    ] {
        for &name in names {
            let initializer = Initializer::deserialize(&name.into()).unwrap();
            assert_eq!(initializer.get_config(ConfigForm::Keras3).to_string(), config);
        }
    }
}

#[test]
#[cfg(feature = "std")]
fn generators_take_booleans_and_names_as_in_keras() {
    for (seed, name) in [("true", "a"), ("false", "b"), ("null", "c"), ("-1", "d")] {
        let config = format!(
            r#"{{"seed":{{"module":"keras.random","class_name":"SeedGenerator","config":{{"seed":{seed},"name":"{name}"}},"registered_name":null}},"input_axes":null,"output_axes":null}}"#
        );
        let value = serde_json::from_str(&config).unwrap();
        let initializer = Initializer::from_config("HeNormal", &value).unwrap();
        assert_eq!(initializer.get_config(ConfigForm::Keras3).to_string(), config);
    }
}

#[test]
fn axes_survive_forms_that_have_none() {
    let config = serde_json::json!({"seed": 1, "input_axes": [0], "output_axes": [1, 2]});
    let initializer = Initializer::from_config("HeNormal", &config).unwrap();
    for form in [ConfigForm::Keras3, ConfigForm::Keras3WithoutAxes, ConfigForm::Keras2] {
        assert_eq!(Initializer::deserialize(&initializer.serialize(form)).unwrap(), initializer);
    }
}

#[test]
fn fans_and_parameters_are_keras_bits() {
    for case in list(&data("keras_fans.json")["cases"]) {
        let text = |key: &str| case[key].as_str().unwrap();
        let integers = |key: &str| {
            case[key].as_array().map(|list| list.iter().map(|item| item.as_i64().unwrap()))
        };
        let axes = |key: &str| integers(key).map(|list| list.map(|axis| axis as isize).collect());
        let scheme = Scheme::variance_scaling(
            case["scale"].as_f64().unwrap(),
            text("mode").parse().unwrap(),
            text("distribution").parse().unwrap(),
        )
        .unwrap()
        .with_axes(axes("input_axes"), axes("output_axes"))
        .unwrap();
        let shape: Vec<usize> = integers("shape").unwrap().map(|size| size as usize).collect();
        let explanation = scheme.with_seed(0).explain(Tensor::new(shape)).unwrap();

        let fans = explanation.scaling.unwrap().fans;
        assert_eq!(fans.fan_in.whole(), case["fan_in"].as_u64(), "{case}");
        assert_eq!(fans.fan_out.whole(), case["fan_out"].as_u64(), "{case}");
        let parameter = match explanation.content {
            Content::Random(Law::TruncatedNormal { stddev, .. } | Law::Normal { stddev, .. }) => {
                stddev
            }
            Content::Random(Law::Uniform { high, .. }) => high,
            content => panic!("{content}"),
        };
        assert_eq!(format!("{:016x}", parameter.to_bits()), text("param_bits"), "{case}");
    }
}

/// What a config makes of the bad inputs whose outcome in the frameworks is recorded, and of those
/// that they accept and should not: class, config, and what the message must name.
#[test]
fn bad_configs_are_refused_by_name() {
    let scaling = "VarianceScaling";
    for (class, config, parts) in [
        (scaling, r#"{"scale": 0}"#, ["scale", "0", "positive"]),
        (scaling, r#"{"scale": 0.0}"#, ["scale", "0.0", "positive"]),
        (scaling, r#"{"scale": -1.0}"#, ["scale", "-1.0", "positive"]),
        (
            scaling,
            r#"{"scale": 1e308, "distribution": "uniform"}"#,
            ["1.22474e154", "float32", "3.40282e38"],
        ),
        (scaling, r#"{"scale": true}"#, ["scale", "true", "number"]),
        (scaling, r#"{"scale": "1"}"#, ["scale", "\"1\"", "number"]),
        (scaling, r#"{"scale": null}"#, ["scale", "null", "number"]),
        (scaling, r#"{"mode": "FAN_IN"}"#, ["mode", "FAN_IN", "fan_avg"]),
        (scaling, r#"{"mode": "Fan_Avg"}"#, ["mode", "Fan_Avg", "fan_out"]),
        (scaling, r#"{"mode": ""}"#, ["mode", "\"\"", "fan_in"]),
        (scaling, r#"{"mode": null}"#, ["mode", "null", "string"]),
        (scaling, r#"{"mode": ["fan_in"]}"#, ["mode", "fan_in", "string"]),
        (scaling, r#"{"distribution": "gaussian"}"#, ["distribution", "gaussian", "uniform"]),
        (scaling, r#"{"distribution": 3}"#, ["distribution", "3", "string"]),
        (scaling, r#"{"seed": "a"}"#, ["seed", "\"a\"", "integer"]),
        (scaling, r#"{"seed": 1.5}"#, ["seed", "1.5", "integer"]),
        (scaling, r#"{"seed": 1.0}"#, ["seed", "1.0", "integer"]),
        (scaling, r#"{"seed": [1]}"#, ["seed", "[1]", "integer"]),
        (scaling, r#"{"seed": {}}"#, ["initializer", "{}", "class_name"]),
        (scaling, r#"{"seed": 18446744073709551616}"#, ["seed", "1.8446744073709552e+19", "2^64"]),
        (scaling, r#"{"seed": -9223372036854775809}"#, ["seed", "-9.223372036854776e+18", "2^63"]),
        (scaling, r#"{"input_axes": 0}"#, ["input_axes", "0", "list"]),
        (scaling, r#"{"input_axes": [0.5]}"#, ["input_axes", "0.5", "integers"]),
        (scaling, r#"{"foo": 1, "bar": 2}"#, ["foo", "bar", "scale"]),
        ("GlorotUniform", r#"{"scale": 1.0}"#, ["GlorotUniform", "scale", "seed"]),
        ("Zeros", r#"{"seed": 1}"#, ["Zeros", "seed", "takes"]),
        ("Zeros", "[]", ["initializer", "[]", "config"]),
        ("RandomNormal", r#"{"stddev": -1}"#, ["stddev", "-1", "at least 0"]),
        ("TruncatedNormal", r#"{"stddev": "x"}"#, ["stddev", "\"x\"", "number"]),
        ("RandomUniform", r#"{"minval": 2, "maxval": 1}"#, ["maxval", "1", "minval"]),
        ("Constant", r#"{"value": [1, 2]}"#, ["[2]", "broadcast", "[2, 3]"]),
        ("Orthogonal", r#"{"gain": "x"}"#, ["gain", "\"x\"", "number"]),
        (
            "LogUniform",
            r#"{"maxval": 1}"#,
            ["LogUniform", "\"minval\"", "required, such as \"0.001\""],
        ),
        (
            "LogUniform",
            r#"{"minval": 1}"#,
            ["LogUniform", "\"maxval\"", "required, such as \"0.1\""],
        ),
        ("formula", "{}", ["Formula", "\"expression\"", "required, such as \"u\""]),
        ("Formula", r#"{"expression": null}"#, ["expression", "null", "a string"]),
        ("STFT", r#"{"side": "real"}"#, ["STFT", "Keras", "not drawn here yet"]),
        ("stft", "{}", ["stft", "Keras", "not drawn here yet"]),
        ("STFTV2", "{}", ["STFTV2", "Keras", "not drawn here yet"]),
        ("NoSuchClass", "{}", ["unknown", "NoSuchClass", "HeNormal"]),
        ("HE_NORMAL", "{}", ["unknown", "HE_NORMAL", "HeNormal"]),
    ] {
        let config = serde_json::from_str(config).unwrap();
        let sample = Initializer::from_config(class, &config)
            .and_then(|initializer| initializer.with_seed(1).sample::<f32>([2, 3]));
        let message = sample.expect_err(&format!("{class} {config}")).to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

/// As public models hold them; what they say is written in today's form.
#[test]
fn configs_of_every_version_of_keras_are_read() {
    let (uniform, zeros) =
        (r#""GlorotUniform", "config": {"seed": null"#, r#""Zeros", "config": {"#);
    let modules = [
        "keras.initializers",
        "keras.src.initializers",
        "keras.src.initializers.random_initializers",
        "keras.src.initializers.initializers",
        "keras.initializers.initializers_v1",
        "keras.initializers.initializers_v2",
        "keras_core.initializers",
        "keras_core.src.initializers.random_initializers",
        "tf_keras.initializers",
        "tf_keras.src.initializers.initializers",
        "tensorflow.keras.initializers",
        "tensorflow.python.keras.initializers.initializers_v2",
    ];
    let mut saved: Vec<(String, &str)> = vec![
        (format!(r#"{{"class_name": {uniform}, "dtype": "float32"}}}}"#), "GlorotUniform"),
        (format!(r#"{{"class_name": {zeros}"dtype": "float32"}}}}"#), "Zeros"),
        (format!(r#"{{"class_name": {zeros}}}, "shared_object_id": 140123}}"#), "Zeros"),
        (r#"{"class_name": "glorot_uniformV2", "config": {}}"#.to_owned(), "GlorotUniform"),
        (r#"{"class_name": "RandomUniform", "config": {"minval": -0.05, "maxval": 0.05, "seed": null, "dtype": "float32"}}"#.to_owned(), "RandomUniform"),
    ];
    for module in modules {
        for registered in ["null", r#""GlorotUniform""#] {
            saved.push((
                format!(r#"{{"module": "{module}", "class_name": {uniform}}}, "registered_name": {registered}}}"#),
                "GlorotUniform",
            ));
        }
    }
    let required = |class: &&varscale::Class| class.parameters.iter().any(|one| one.required);
    for class in varscale::Class::ALL.iter().filter(|class| !required(class)) {
        let config = format!(r#"{{"class_name": "{}V2", "config": {{}}}}"#, class.name);
        saved.push((config, class.name));
    }
    for (text, class) in saved {
        let initializer = Initializer::deserialize(&serde_json::from_str(&text).unwrap());
        let initializer = initializer.unwrap_or_else(|error| panic!("{text}: {error}"));
        let form = ConfigForm::Keras3;
        let defaults = Initializer::deserialize(&class.into()).unwrap().serialize(form);
        assert_eq!(initializer.serialize(form), defaults, "{text}");
    }
    for module in ["keras.random", "keras.backend", "keras.src.random.seed_generator"] {
        let seed = format!(
            r#"{{"seed": {{"module": "{module}", "class_name": "SeedGenerator", "config": {{"seed": 3}}, "registered_name": null}}}}"#
        );
        Initializer::from_config("HeNormal", &serde_json::from_str(&seed).unwrap()).unwrap();
    }
}

/// Class of the array, its value, the shape it fills, and the values.
#[test]
fn constants_take_arrays() {
    let numpy = |value: &str, dtype: &str| {
        format!(r#"{{"class_name":"__numpy__","config":{{"value":{value},"dtype":"{dtype}"}}}}"#)
    };
    let tensor = numpy("[[0.5],[2.0]]", "float32").replace("__numpy__", "__tensor__");
    for (value, shape, values) in [
        ("[1,2,3]".to_owned(), &[3][..], &[1.0, 2.0, 3.0][..]),
        ("[1,2.5]".to_owned(), &[2, 2], &[1.0, 2.5, 1.0, 2.5]),
        (numpy("[[1,2]]", "int32"), &[2, 2], &[1.0, 2.0, 1.0, 2.0]),
        (tensor, &[2, 3], &[0.5, 0.5, 0.5, 2.0, 2.0, 2.0]),
        (numpy("3.0", "float64"), &[2], &[3.0, 3.0]),
        ("[]".to_owned(), &[0], &[]),
    ] {
        let text = format!(r#"{{"class_name":"Constant","config":{{"value":{value}}}}}"#);
        let initializer = Initializer::deserialize(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(initializer.serialize(ConfigForm::Keras2).to_string(), text);
        assert_eq!(initializer.sample::<f32>(shape).unwrap(), values, "{value}");
        initializer.explain(shape).unwrap();
    }
    for value in [
        "[1,[2]]",
        "[[1,2],[3]]",
        "[true]",
        "[null]",
        r#"["1"]"#,
        &numpy("[1.5]", "int32"),
        &numpy("[1]", "complex64"),
        &numpy("[1]", "float32").replace("__numpy__", "__lambda__"),
    ] {
        let config = serde_json::from_str(&format!(r#"{{"value": {value}}}"#)).unwrap();
        let error = Initializer::from_config("Constant", &config).unwrap_err().to_string();
        assert!(error.contains("value") && error.contains("array"), "{error}");
    }
    let error = varscale::Array::new([2], [1.into(), f64::NAN.into()]).unwrap_err();
    assert_eq!(error.to_string(), "invalid value NaN: it must be finite numbers");
    let config = serde_json::json!({"gain": [1]});
    assert!(Initializer::from_config("Identity", &config).is_err());
}

/// Any slice of an array that broadcasts holds the whole's values.
#[test]
fn slices_of_arrays_are_parts_of_the_whole() {
    let shape = [3, 4, 5];
    for own in [&[][..], &[5], &[4, 1], &[3, 1, 5], &[1, 4, 5], &[3, 4, 5]] {
        let count: usize = own.iter().product();
        let values: Vec<varscale::Number> = (0..count as i32).map(Into::into).collect();
        let scheme = Scheme::constant_array(varscale::Array::new(own, values).unwrap());
        let draw = scheme.with_seed(0).draw(shape).unwrap();
        let whole = draw.to_vec::<f64>().unwrap();
        for (index, value) in whole.iter().enumerate() {
            let at = [index / 20, index / 5 % 4, index % 5];
            let own_at = own.iter().zip(&at[3 - own.len()..]);
            let place =
                own_at.fold(0, |sum, (&size, &at)| sum * size + if size == 1 { 0 } else { at });
            assert_eq!(*value, place as f64, "{own:?} {at:?}");
        }
        let slice = varscale::Slice::new([1, 2, 1], [2, 2, 3]);
        let part: Vec<f64> = draw.slice_to_vec(&slice).unwrap();
        let expected: Vec<f64> =
            (0..12).map(|n| whole[(1 + n / 6) * 20 + (2 + n / 3 % 2) * 5 + 1 + n % 3]).collect();
        assert_eq!(part, expected, "{own:?}");
        let mut range = [0.0; 17];
        draw.fill_range(13..30, &mut range).unwrap();
        assert_eq!(range, whole[13..30]);
    }
    let array = varscale::Array::new([3], [1, 2, 3].map(Into::into)).unwrap();
    let error = Scheme::constant_array(array).with_seed(0).draw([3, 2]).unwrap_err();
    assert!(error.to_string().contains("[3] does not broadcast to shape [3, 2]"), "{error}");
}

#[test]
fn bad_wrappers_are_refused() {
    for wrapper in [
        "3",
        "null",
        "{}",
        r#"{"class_name": "HeNormal"}"#,
        r#"{"config": {}}"#,
        r#"{"class_name": 3, "config": {}}"#,
        r#"{"class_name": "HeNormal", "config": {}, "extra": 1}"#,
        r#"{"module": "my", "class_name": "HeNormal", "config": {}, "registered_name": null}"#,
        r#"{"module": null, "class_name": "HeNormal", "config": {}}"#,
        r#"{"module": "keras.srcs.initializers", "class_name": "HeNormal", "config": {}}"#,
        r#"{"module": "my.keras.initializers", "class_name": "HeNormal", "config": {}}"#,
        r#"{"module": "keras.initializers", "class_name": "HeNormal", "config": {}, "registered_name": "my>He"}"#,
        r#"{"class_name": "HeNormal", "config": {}, "registered_name": "my_pkg>HeNormal"}"#,
        r#"{"class_name": "HeNormalV2V2", "config": {}}"#,
        r#"{"class_name": "HeNormal", "config": {"seed": {"class_name": "HeNormal", "config": {}}}}"#,
    ] {
        let wrapper = serde_json::from_str(wrapper).unwrap();
        assert!(matches!(Initializer::deserialize(&wrapper), Err(Error::Config(_))), "{wrapper}");
    }
}

#[test]
fn nonsense_that_the_frameworks_accept_is_refused() {
    for scale in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
        let error = Scheme::variance_scaling(scale, Mode::FanIn, Default::default()).unwrap_err();
        assert!(error.to_string().contains("positive finite"), "{error}");
    }
    // Keras draws infinities here.
    let huge = Scheme::variance_scaling(1e300, Mode::FanIn, Default::default()).unwrap();
    let huge = huge.with_seed(1);
    assert!(matches!(huge.sample::<f32>([2, 3]), Err(Error::Overflow(_))));
    assert!(huge.sample::<f64>([2, 3]).unwrap().iter().all(|value| value.is_finite()));
    // And here its own arithmetic overflows: 3 * 1e308.
    let uniform = Scheme::variance_scaling(1e308, Mode::FanIn, Distribution::Uniform).unwrap();
    let error = uniform.with_seed(1).sample::<f64>([1]).unwrap_err();
    assert!(error.to_string().contains("invalid scale 1e308"), "{error}");
    // And zeros here.
    let tiny = Scheme::variance_scaling(1e-320, Mode::FanIn, Default::default()).unwrap();
    let tiny = tiny.with_seed(1);
    assert!(matches!(tiny.sample::<f32>([2, 3]), Err(Error::Underflow(_))));
    assert!(tiny.sample::<f64>([2, 3]).unwrap().iter().all(|&value| value != 0.0));
}

/// Configs load where no seed can be drawn, and draw once they have one.
#[test]
fn configs_without_a_seed_need_no_entropy() {
    let initializer = Initializer::deserialize(&"he_normal".into()).unwrap();
    let values: Vec<f32> = initializer.with_seed(42).sample([2, 3]).unwrap();
    assert_eq!(values, Scheme::he_normal().with_seed(42).sample::<f32>([2, 3]).unwrap());
    let unset = Initializer::new(Scheme::he_normal(), None);
    assert_eq!(unset.seed().is_some(), cfg!(feature = "std"));
    assert_eq!(unset.sample::<f32>([2]).is_ok(), cfg!(feature = "std"));
}
