//! Single tensors: shapes, dtypes, slices, parameters in place, errors.

#![allow(deprecated, reason = "of burn's ndarray backend, which goes on to be tested")]

use burn::{
    module::Param,
    nn::{LinearConfig, LinearLayout},
    tensor::{Bool, DType, Device, Int, Tensor},
};
use varscale::{Initializer, Layout, Scheme, Seed, SeedGenerator};
use varscale_burn::{Error, Slice, initializer};

fn he() -> Initializer {
    Scheme::he_normal().with_seed(42)
}

fn drawn(shape: &[usize], layout: Layout) -> Vec<f32> {
    let tensor = varscale::Tensor::new(shape).named("w").with_layout(layout);
    he().draw(tensor).unwrap().to_vec().unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

#[test]
fn tensors_and_parameters_are_the_cores_values() {
    for device in [Device::flex(), Device::ndarray()] {
        let he = he();
        let tensor: Tensor<2> = initializer(&he, "w").tensor([64, 10], &device).unwrap();
        assert_eq!(values(tensor), drawn(&[64, 10], Layout::keras()));
        let torch = initializer(&he, "w").with_layout(Layout::torch());
        let param = torch.init([8, 3, 5, 5], &device).unwrap();
        assert!(param.is_initialized());
        assert_eq!(values(param.val()), drawn(&[8, 3, 5, 5], Layout::torch()));
        let nothing: Tensor<2> = initializer(&he, "w").tensor([0, 10], &device).unwrap();
        assert_eq!(nothing.dims(), [0, 10]);
    }
    let trained = initializer(&he(), "w").init([4, 3], &Device::flex().autodiff()).unwrap();
    assert!(trained.val().is_require_grad());
}

#[test]
fn slices_are_parts_of_the_whole() {
    let device = Device::flex();
    let whole: Tensor<3> = initializer(&he(), "w").tensor([6, 5, 4], &device).unwrap();
    let slice = Slice::new([1, 2, 0], [3, 2, 4]);
    let part: Tensor<3> = initializer(&he(), "w").slice([6, 5, 4], slice, &device).unwrap();
    assert_eq!(values(part), values(whole.slice([1..4, 2..4, 0..4])));
    for (offset, extent) in [(vec![5, 0, 0], vec![2, 5, 4]), (vec![0, 0, 0], vec![6, 6, 4])] {
        let slice = Slice::new(offset, extent);
        let error =
            initializer(&he(), "w").slice::<3, burn::tensor::Float>([6, 5, 4], slice, &device);
        assert!(matches!(error, Err(Error::Draw { .. })), "{error:?}");
    }
    let error = initializer(&he(), "w").slice::<3, burn::tensor::Float>(
        [6, 5, 4],
        Slice::new([0, 0], [1, 1]),
        &device,
    );
    assert!(matches!(error, Err(Error::Rank { .. })), "{error:?}");
}

/// A parameter in place keeps what it is, and takes values at the indices where it is used.
#[test]
fn parameters_are_filled_in_place() {
    let device = Device::flex();
    let expected = drawn(&[64, 10], Layout::keras());
    for layout in [LinearLayout::Row, LinearLayout::Col] {
        for is_used in [false, true] {
            let weight = LinearConfig::new(64, 10).with_layout(layout).init(&device).weight;
            if is_used {
                weight.val();
            }
            let id = weight.id;
            let weight = initializer(&he(), "w").fill(weight).unwrap();
            assert_eq!(weight.id, id);
            assert_eq!(values(weight.val()), expected, "{layout:?}");
        }
    }
    let half = Tensor::<2>::zeros([4, 3], (&device, DType::F16));
    let filled = initializer(&he(), "w").fill(Param::from_tensor(half)).unwrap();
    assert_eq!(filled.val().dtype(), DType::F16);
}

#[test]
fn each_draw_of_a_generator_is_the_next() {
    let generator = SeedGenerator::new(Some(7)).unwrap();
    let drawn = Scheme::he_normal().with_seed(Seed::generator(&generator));
    let next = || values(initializer(&drawn, "w").tensor::<1, _>([9], &Device::flex()).unwrap());
    assert_ne!(next(), next());
    assert_eq!(generator.counter(), 2);
}

#[test]
fn dtypes_that_cannot_be_are_refused() {
    let device = Device::flex();
    let ones = Scheme::ones().with_seed(1);
    let ids: Tensor<1, Int> = initializer(&ones, "w").tensor([3], (&device, DType::I64)).unwrap();
    assert_eq!(ids.into_data().try_into_vec::<i64>().unwrap(), [1; 3]);
    let mask: Tensor<1, Bool> = initializer(&ones, "w").tensor([3], &device).unwrap();
    assert_eq!(mask.into_data().convert::<bool>().try_into_vec::<bool>().unwrap(), [true; 3]);
    let error = initializer(&ones, "w").tensor::<1, Int>([3], (&device, DType::F32)).unwrap_err();
    assert!(error.to_string().starts_with("tensor \"w\" is Int, which float32 is not"), "{error}");
    let error = initializer(&ones, "w").tensor::<1, burn::tensor::Float>([3], (&device, DType::I8));
    assert!(matches!(error, Err(Error::Stored { .. })), "{error:?}");
    let error = initializer(&he(), "w").tensor::<1, Int>([3], &device).unwrap_err();
    assert!(matches!(error, Error::Integers(_)), "{error}");
    let quantized = DType::QFloat(Default::default());
    let error = initializer(&he(), "w").tensor::<1, burn::tensor::Float>([3], (&device, quantized));
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("tensor \"w\": nothing is drawn in qfloat: use one of bf16, "),
        "{error}"
    );
    let flex32 =
        initializer(&he(), "w").tensor::<1, burn::tensor::Float>([3], (&device, DType::Flex32));
    match flex32 {
        Ok(tensor) => assert_eq!(tensor.dtype(), DType::Flex32),
        Err(error) => assert!(matches!(error, Error::Device { .. }), "{error}"),
    }
}
