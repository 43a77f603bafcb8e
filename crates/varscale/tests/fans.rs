//! Fans and layouts: the cases that Keras does not have, and every refusal.

use varscale::{Error, Fans, Layout, LayoutError, Mode, Role};

fn fans(shape: &[usize], layout: &str) -> (u64, u64) {
    let layout: Layout = layout.parse().unwrap();
    assert_eq!(layout.to_string().parse::<Layout>(), Ok(layout.clone()), "text round trip");
    let fans = Fans::new(shape, &layout).unwrap();
    (fans.fan_in.whole().unwrap(), fans.fan_out.whole().unwrap())
}

fn refused(shape: &[usize], layout: &str) -> String {
    match layout.parse::<Layout>() {
        Ok(layout) => Fans::new(shape, &layout).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn named_layouts() {
    assert_eq!(fans(&[784, 256], "keras"), (784, 256));
    assert_eq!(fans(&[256, 784], "torch"), (784, 256));
    assert_eq!(fans(&[3, 3, 16, 32], "keras"), (144, 288));
    assert_eq!(fans(&[32, 16, 3, 3], "torch"), (144, 288));
    // Transposed convolutions: Keras's own rule takes the two for each other.
    assert_eq!(fans(&[3, 3, 32, 16], "keras-transpose"), (144, 288));
    assert_eq!(fans(&[3, 3, 32, 16], "keras"), (288, 144));
    assert_eq!(fans(&[16, 32, 3, 3], "torch-transpose"), (144, 288));
    // Depthwise: each output sees one channel.
    assert_eq!(fans(&[3, 3, 64, 2], "keras-depthwise"), (9, 18));
    for layout in ["keras", "torch", "keras-transpose", "keras-depthwise", "torch-transpose"] {
        assert_eq!(fans(&[], layout), (1, 1));
        assert_eq!(fans(&[7], layout), (7, 7));
    }
}

#[test]
fn groups_divide_the_side_that_they_narrow() {
    assert_eq!(fans(&[64, 2, 3, 3], "torch:groups=32"), (18, 18));
    assert_eq!(fans(&[3, 3, 2, 64], "keras:groups=32"), (18, 18));
    assert_eq!(fans(&[64, 2, 3, 3], "torch-transpose:groups=32"), (18, 18));
    assert_eq!(fans(&[64, 1, 3, 3], "torch:groups=64"), fans(&[3, 3, 64, 1], "keras-depthwise"));
    assert!(refused(&[64, 2, 3, 3], "torch:groups=7").contains("groups 7"));
    assert!(refused(&[64, 2], "torch:groups=2").contains("3 or more"));
    assert!(refused(&[], "torch:groups=0").contains("at least 1"));
    assert!(refused(&[], "keras-depthwise:groups=2").contains("invalid layout"));
    assert!(Layout::keras_depthwise().with_groups(2).is_err());
}

#[test]
fn jaxs_axes_may_coincide() {
    // Shape, layout, fans and the roles as shown: number of elements / (outputs · batch), and
    // / (inputs · batch).
    let cases: [(&[usize], &str, &str, &str); 9] = [
        (&[5000, 64], "jax:-2/0/", "64 64", "input and output, receptive"),
        (&[5000, 64], "jax:-1/-1/", "5000 5000", "receptive, input and output"),
        (&[7], "jax:0/0/", "1 1", "input and output"),
        (&[8, 512, 1024], "jax:-2/-1/-2", "8 16", "receptive, input and batch, output"),
        (&[4, 6], "jax:-2/-1/-1", "2/3 1", "input, output and batch"),
        (&[4, 6], "jax:0,1/1/", "4 1", "input, input and output"),
        (&[4, 6], "jax:0/0/0", "3/2 3/2", "input, output and batch, receptive"),
        (&[1 << 20, 2], "jax:0,0,0/1/", "1048576 1/549755813888", "input, output"),
        (&[3, 0], "jax:1/1/", "0 0", "receptive, input and output"),
    ];
    for (shape, layout, expected, roles) in cases {
        let fans = Fans::new(shape, &layout.parse().unwrap()).unwrap();
        let shown: Vec<_> = fans.roles.iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(", "), roles, "{shape:?} {layout}");
        assert_eq!(format!("{} {}", fans.fan_in, fans.fan_out), expected, "{shape:?} {layout}");
    }
    // No less than 1 is Keras's rule: JAX divides by fractions below it.
    let fans = Fans::new(&[4, 6], &"jax:-2/-1/-1".parse().unwrap()).unwrap();
    assert_eq!(fans.divisor(Mode::FanIn), 2.0 / 3.0);
    assert_eq!(fans.divisor(Mode::FanAvg), (2.0 / 3.0 + 1.0) / 2.0);
    // What no fraction of 64-bit numbers is.
    let error = refused(&[1 << 40, 2], "jax:0,0,0/1/");
    assert!(error.contains("jax:0,0,0/1/") && error.contains("too often"), "{error}");
}

#[test]
fn explicit_axes() {
    // Keras: axes in neither list count in no fan.
    assert_eq!(fans(&[4, 5, 6], "axes:0/1,2"), (4, 30));
    assert_eq!(fans(&[4, 5, 6], "axes:-1/0"), (6, 4));
    assert_eq!(fans(&[4, 5, 6], "axes:/"), (1, 1));
    // JAX: they are the receptive field, unless batch axes.
    assert_eq!(fans(&[4, 5, 6], "jax:-2/-1"), (20, 24));
    assert_eq!(fans(&[4, 5, 6], "jax:-2/-1/0"), (5, 6));
    assert_eq!(fans(&[4, 5, 6], "jax:0,1/2/"), (20, 6));
    assert!(refused(&[4, 5, 6], "axes:3/0").contains("input_axes names axis 3"));
    assert!(refused(&[4, 5, 6], "axes:0/-4").contains("output_axes names axis -4"));
    assert!(refused(&[], "axes:0/0").contains("axes none"));
    assert!(refused(&[4, 5], "axes:0,0/1").contains("already the input axis"));
    assert!(refused(&[4, 5], "axes:0,-2/1").contains("already the input axis"));
    assert!(refused(&[4, 5], "axes:0/0").contains("already the input axis"));
}

#[test]
fn fans_themselves() {
    for shape in [&[][..], &[7], &[3, 3, 4, 5], &[0]] {
        assert_eq!(fans(shape, "fans:784/0"), (784, 0));
    }
    assert_eq!(fans(&[2], &format!("fans:{}/1", u64::MAX)), (u64::MAX, 1));
}

#[test]
fn einsum() {
    assert_eq!(fans(&[512, 8, 64], "einsum:abc,cde->abde"), (512, 512));
    assert_eq!(fans(&[8, 64, 512], "einsum:abcd,cde->abe"), (512, 512));
    // A label in both operands and the output is a batch axis: one kernel per expert.
    assert_eq!(fans(&[16, 128, 256], "einsum:ebd,edf->ebf"), (128, 256));
    assert_eq!(fans(&[128, 256], "einsum:...x,xy->...y"), (128, 256));
    let roles = Layout::einsum("ebd,edf->ebf").unwrap().roles(&[16, 128, 256]).unwrap();
    assert_eq!(roles, [Role::Batch, Role::Input, Role::Output]);
    for (equation, part) in [
        ("ab", "input,kernel->output"),
        ("ab,bc", "input,kernel->output"),
        ("ab,bb->ab", "repeats"),
        ("ab,bz->ac", "neither"),
        ("ab,b...->a", "letters"),
        ("a1,b->a", "'1'"),
        ("a,b,c->a", "no letter"),
    ] {
        let message = refused(&[], &format!("einsum:{equation}"));
        assert!(message.contains(part) && message.contains(equation), "{message}");
    }
    assert!(refused(&[4, 5], "einsum:abc,cde->abde").contains("has rank 2"));
}

#[test]
fn unknown_layouts_are_refused() {
    for layout in [
        "",
        "Keras",
        "torch:",
        "torch:groups=",
        "torch:groups=x",
        "axes:0",
        "axes:a/b",
        "jax:0",
        "jax:0/1/2/3",
        "fans:1",
        "fans:1/-1",
        "fans:1/2/3",
        "oihw",
    ] {
        assert!(matches!(layout.parse::<Layout>(), Err(LayoutError::Unknown { .. })), "{layout}");
    }
}

#[test]
fn products_are_exact_or_refused() {
    // Three of them, since one of 2^40 is no usize of 32 bits.
    let big = 1usize << 31;
    let error = Fans::new(&[big, big, big], &Layout::keras()).unwrap_err();
    assert!(matches!(error, Error::Shape(_)), "{error}");
    // 2^62 elements fit, and so do the fans.
    assert_eq!(fans(&[big, big], "keras"), (1 << 31, 1 << 31));
    // Empty shapes are valid wherever the zero stands.
    assert_eq!(fans(&[big, big, big, 0, 3], "keras"), (0, u64::MAX));
    assert_eq!(fans(&[0, big, big, big], "keras"), (0, 0));
    // No fan divides by less than 1.
    assert_eq!(Fans::new(&[0, 5], &Layout::keras()).unwrap().divisor(Mode::FanIn), 1.0);
}

#[test]
fn divisors() {
    let fans = Fans::new(&[4, 25], &Layout::keras()).unwrap();
    let divisors: Vec<_> = Mode::ALL.iter().map(|&mode| fans.divisor(mode)).collect();
    assert_eq!(divisors, [4.0, 25.0, 14.5, 10.0, 1.0]);
}
