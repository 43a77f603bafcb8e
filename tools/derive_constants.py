"""Derives every constant of the normal kernels and writes constants.rs.

Run from the repository root, with mpmath 1.3 (no other dependency):

    python3 tools/derive_constants.py > crates/varscale/src/streams/native/constants.rs && cargo fmt

Standard output is the Rust file and nothing else; the approximation errors,
measured in 60 digits before the constants are rounded, go to standard error.
The output is deterministic.

Every constant comes out of one weighted Remez exchange, `remez`, applied to

  quantile    z(u)/u over y = 1 - u^2, a rational function of degree (n, n);
  logarithm   -2 ln(1+f) / s over w = s^2, where s = f/(2+f);
  center      z / erf(z / sqrt(2)) over 1 - erf(z / sqrt(2))^2, for z up to SWITCH;
  tail        z / t over t = sqrt(-2 ln erfc(z / sqrt(2))), for z from SWITCH to END;
  sine        sin(pi/2 x) / x over x^2, for |x| <= 1/2;
  cosine      (cos(pi/2 x) - 1) / x^2 over x^2, for |x| <= 1/2.
"""

import struct
import sys

from mpmath import mp, mpf

mp.dps = 60

ERF_SQRT2 = mp.erf(mp.sqrt(2))  # mass of the normal distribution on [-2, 2]

SWITCH = mpf("3.03125")  # from here on a normal is in a tail; +-3 is not
END = mpf("37.5")  # where the tail's probability is the least that f64 holds

# Steps, in units in the last place, away from the correctly rounded C, A, B.
# f32: found by running the exhaustive test of quantile.rs over neighbouring
# values; they lower its largest relative error from 4.5e-7 to 4.03e-7 and bring
# the end of the range, and the largest |z|, to exactly 2.
QUANTILE_F32_STEPS = [2, *(4, 2, -2), *(3, 1, 0, 0)]
# f64: found by a random search over neighbouring values; they keep the rounding
# errors next to the end of the range from exceeding 2, and lower the relative
# error over 60,000 random words from 1.01e-15 (2.5e-16 rms) to 8.3e-16 (2.0e-16).
QUANTILE_F64_STEPS = [-3, *(-1, 2, 1, 0, -2, -2, 0, -1, 0), *(0, 0, 0, 0, 0, -1, 2, -1, -2, 0)]


def horner(coefficients, x):
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def level(points, x, target, weight, num, den):
    """The rational N/D whose weighted error is +E, -E, +E, ... at the points.

    N is eliminated with divided differences, which annihilate polynomials of
    degree num + den; what is left is a symmetric eigenproblem for D, with E as
    the eigenvalue. Exactly one eigenvector has no sign change on the points.
    """
    xs = [x(t) for t in points]
    fs = [target(t) for t in points]
    hs = [(-1) ** i / weight(t) for i, t in enumerate(points)]
    ds = [1 / mp.fprod(a - b for b in xs if b is not a) for a in xs]
    ds = [d * mp.sign(ds[0]) for d in ds]

    def gram(g):
        moments = [mp.fsum(d * v * a**k for d, v, a in zip(ds, g, xs)) for k in range(2 * den + 1)]
        return mp.matrix([[moments[j + k] for k in range(den + 1)] for j in range(den + 1)])

    inverse = mp.cholesky(gram(hs)) ** -1
    values, vectors = mp.eigsy(-(inverse * gram(fs) * inverse.T))
    for k in range(den + 1):
        denominator = list(inverse.T * vectors[:, k])
        at = [horner(denominator, a) for a in xs]
        if min(at) * max(at) > 0:
            break
    else:
        raise ArithmeticError("no pole-free candidate")
    rows = range(num + 1)
    vandermonde = mp.matrix([[xs[i] ** j for j in rows] for i in rows])
    right = mp.matrix([(fs[i] + hs[i] * values[k]) * at[i] for i in rows])
    return list(mp.lu_solve(vandermonde, right)), denominator


def remez(name, span, x, target, weight, num, den=0, start=0):
    """Minimizes max |weight(t) (N/D(x(t)) - target(t))| for t in (0, span] or [start, span]."""
    n = num + den + 2
    points = [mp.sin(mp.pi * (2 * i + 1) / (4 * n)) for i in range(n)]
    # Evenly over the octaves, where there are several.
    points = [start * (span / start) ** (t**2) if start else span * t for t in points]
    for _ in range(20):
        numerator, denominator = level(points, x, target, weight, num, den)

        def error(t):
            value = horner(numerator, x(t)) / horner(denominator, x(t))
            return weight(t) * (value - target(t))

        knots = [start or span * mpf(10) ** -9, *points, span]
        grid = [a + (b - a) * k / 24 for a, b in zip(knots, knots[1:]) for k in range(24)]
        grid.append(span)
        errors = [error(t) for t in grid]
        peaks = []  # the largest error of each run of equal sign
        for i, e in enumerate(errors):
            if peaks and e * errors[peaks[-1]] >= 0:
                peaks[-1] = max(peaks[-1], i, key=lambda j: abs(errors[j]))
            else:
                peaks.append(i)
        while len(peaks) > n:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        sizes = [abs(errors[i]) for i in peaks]
        points = [grid[i] for i in peaks]
        if max(sizes) < min(sizes) * (1 + mpf(10) ** -3):
            break
    else:
        raise ArithmeticError(f"{name}: no convergence")
    print(f"{name}: {mp.nstr(max(sizes), 3)}", file=sys.stderr)
    return [c / denominator[0] for c in numerator], [c / denominator[0] for c in denominator]


def quantile(name, degree, scale):
    """(C, g, A, B) with z = s (C + prod(v + A) / prod(v + B)), v = g (1 - u^2).

    Parametrized by z itself, so that only erf is needed. With
    z/u = C0 + m prod(y + a)/prod(y + b) and s = scale u, choosing
    g = scale / m makes both products monic.
    """

    def u(z):
        return mp.erf(z / mp.sqrt(2)) / ERF_SQRT2

    def ratio(z):
        return z / u(z)

    numerator, denominator = remez(
        name, mpf(2), lambda z: 1 - u(z) ** 2, ratio, lambda z: 1 / ratio(z), degree, degree
    )
    m, c, a, b = monic(name, numerator, denominator)
    g = scale / m
    return c / g, g, [r * g for r in a], [r * g for r in b]


def erfc(z):
    return mp.erfc(z / mp.sqrt(2))


def center(name, degree):
    """(M, C, A, B) with z = M x (C + prod(q + A) / prod(q + B)), x = erf(z / sqrt(2)), q = 1 - x^2."""

    def ratio(z):
        return z / mp.erf(z / mp.sqrt(2))

    numerator, denominator = remez(
        name, SWITCH, lambda z: erfc(z) * (2 - erfc(z)), ratio, lambda z: 1 / ratio(z), degree, degree
    )
    return monic(name, numerator, denominator)


def monic(name, numerator, denominator):
    """(M, C, A, B) with N/D = M (C + prod(x + A) / prod(x + B))."""
    c = numerator[-1] / denominator[-1]
    rest = [a - c * b for a, b in zip(numerator, denominator)][:-1]

    def roots(coefficients):
        found = mp.polyroots(coefficients[::-1], maxsteps=400, extraprec=600)
        if any(mp.im(r) != 0 or r >= 0 for r in found):
            raise ArithmeticError(f"{name}: a root is not real and negative")
        return sorted(-r for r in found)

    m = rest[-1] / denominator[-1]
    return m, c / m, roots(rest), roots(denominator)


def tail(name, degree):
    """(N, D) with z = t N/D, over t."""

    def t(z):
        return mp.sqrt(-2 * mp.log(erfc(z)))

    return remez(
        name, END, t, lambda z: z / t(z), lambda z: t(z) / z, degree, degree, start=SWITCH
    )


def logarithm(name, degree):
    """q with -2 ln(1+f) = s (-4 + w q(w)), for 1+f between sqrt(1/2) and sqrt(2)."""

    def exact(s):
        return -4 * mp.atanh(s) / s

    return remez(
        name, (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1), lambda s: s**2,
        lambda s: (exact(s) + 4) / s**2, lambda s: s**2 / -exact(s), degree,
    )[0]


def sine(name, degree):
    """p with sin(pi/2 x) = x p(x^2)."""

    def exact(x):
        return mp.sin(mp.pi / 2 * x) / x

    return remez(name, mpf(0.5), lambda x: x**2, exact, lambda x: 1 / exact(x), degree)[0]


def cosine(name, degree):
    """q with cos(pi/2 x) = 1 + x^2 q(x^2)."""
    return remez(
        name, mpf(0.5), lambda x: x**2,
        lambda x: (mp.cos(mp.pi / 2 * x) - 1) / x**2, lambda x: x**2, degree,
    )[0]


def f64(value, steps=0):
    """The shortest decimal for the f64 nearest to value, moved by some steps."""
    word = struct.unpack("<q", struct.pack("<d", float(value)))[0] + steps
    return repr(struct.unpack("<d", struct.pack("<q", word))[0]).replace("e+", "e")


def f32(value, steps=0):
    """The same for f32."""
    word = struct.pack("<i", struct.unpack("<i", struct.pack("<f", float(value)))[0] + steps)
    exact = struct.unpack("<f", word)[0]
    for digits in range(1, 10):
        text = f"{exact:.{digits}g}"
        if struct.pack("<f", float(text)) == word:
            return f64(text)
    raise ArithmeticError(value)


def scalar(doc, name, kind, value):
    print(f"/// {doc}\npub(crate) const {name}: {kind} = {value};\n")


def array(doc, name, kind, values):
    line = f"pub(crate) const {name}: [{kind}; {len(values)}] = [{', '.join(values)}];"
    if len(line) > 100:
        head, body = line[:-2].split("= [")
        line = f"{head}= [\n" + "".join(f"    {v},\n" for v in body.split(", ")) + "];"
    print(f"/// {doc}\n{line}\n")


def print_quantile(kind, degree, scale, show, steps):
    """The constants of one precision, where z is computed from s = scale u."""
    name = f"QUANTILE_{kind.upper()}"
    c, g, a, b = quantile(f"QUANTILE {kind}", degree, scale)
    steps = iter(steps)
    scalar("C in z = s (C + prod(v + A) / prod(v + B)).", f"{name}_C", kind, show(c, next(steps)))
    scalar("G in v = G (1 - u^2).", f"{name}_G", kind, show(g))
    array("A, increasing.", f"{name}_A", kind, [show(r, next(steps)) for r in a])
    array("B, increasing.", f"{name}_B", kind, [show(r, next(steps)) for r in b])


def print_bounded(kind, show, center_degree, tail_degree):
    """The constants of one precision for truncation at any bounds."""
    name = f"BOUNDED_{kind.upper()}"
    doc = "{} in z = M x (C + prod(q + A) / prod(q + B)), in the center."
    m, c, a, b = center(f"CENTER {kind}", center_degree)
    scalar(doc.format("M"), f"{name}_M", kind, show(m))
    scalar(doc.format("C"), f"{name}_C", kind, show(c))
    array(doc.format("A"), f"{name}_A", kind, [show(r) for r in a])
    array(doc.format("B"), f"{name}_B", kind, [show(r) for r in b])
    for letter, values in zip("ND", tail(f"TAIL {kind}", tail_degree)):
        doc = f"{letter} in z = t N/D, of rising powers of t, in a tail."
        array(doc, f"{name}_{letter}", kind, [show(v) for v in values])


def print_reference():
    """Tables of mpmath values for the unit tests, over words that reach both ends."""
    golden = 0x9E3779B97F4A7C15
    ends = [0, 1 << 32, 5 << 33, 1 << 45, 0x7FFFFFFF << 32, 0x7FFFFFF0 << 32, 0x7FFF0000 << 32]
    ends += [(~w) & (2**64 - 1) for w in ends]
    words = ends + [golden * k & (2**64 - 1) for k in range(1, 27)]
    print("/// Reference values for the tests, rounded from 60 digits.\n#[cfg(test)]")
    print("pub(crate) mod reference {\n    /// (word, truncated normal quantile).")
    print(f"    pub(crate) const QUANTILE: [(u64, f64); {len(words)}] = [")
    for w in words:
        s = (w | 1) - ((w >> 63) << 64)
        z = mp.sqrt(2) * mp.erfinv(mpf(s) / 2**63 * ERF_SQRT2)
        print(f"        (0x{w:016x}, {f64(z)}),")
    print("    ];\n\n    /// (radius word, angle word, radius, cosine, sine).")
    print(f"    pub(crate) const BOX_MULLER: [(u64, u64, f64, f64, f64); {len(words)}] = [")
    for k, w0 in enumerate(words):
        w1 = words[(11 * k + 3) % len(words)]
        radius = mp.sqrt(-2 * mp.log(mpf(w0 | 1) / 2**64))
        angle = mpf(w1 | 1) / 2**63
        row = [f"0x{w0:016x}", f"0x{w1:016x}"]
        row += [f64(v) for v in (radius, mp.cospi(angle), mp.sinpi(angle))]
        print("        (\n" + "".join(f"            {v},\n" for v in row) + "        ),")
    print("    ];\n\n    /// (lower, upper, word, quantile between these bounds).")
    bounds = [(-3, 3), (-1, 1), (-2.5, 2.5), (0, 1), (0, "inf"), (2, "inf"), (4, 6), (-6, -4)]
    bounds += [(-1, 3), (-3, 0.5), (-37.5, 37.5), (37, "inf"), (12, 13), (-0.5, -0.25), (3, 3.25)]
    words = words[:3] + words[4:6] + words[7:10] + words[11:13] + words[14:22]
    print(f"    pub(crate) const BOUNDED: [(f64, f64, u64, f64); {len(bounds) * len(words)}] = [")
    for lower, upper in bounds:
        for w in words:
            z = bounded(mpf(lower), mpf(upper), w)
            ends = ["f64::INFINITY" if b == "inf" else f64(mpf(b)) for b in (lower, upper)]
            print(f"        ({', '.join(ends)}, 0x{w:016x}, {f64(z)}),")
    print("    ];\n}")


def bounded(lower, upper, word):
    """The quantile of a word, by Newton's method on the probability beyond it."""
    s = (word | 1) - ((word >> 63) << 64)
    u = mpf(s) / 2**63
    if lower + upper < 0:
        return -bounded(-upper, -lower, ~word & (2**64 - 1))
    mp.dps = 60 + 330
    tail = (erfc(lower) * (1 - u) + erfc(upper) * (1 + u)) / 2
    z = mp.sqrt(max(-2 * mp.log(tail), 0))
    while True:
        # Of its logarithm, which is nearly linear in a tail.
        step = mp.log(erfc(z) / tail) * erfc(z) * mp.sqrt(mp.pi / 2) * mp.exp(z * z / 2)
        z += step
        if abs(step) < mpf(10) ** -50:
            mp.dps = 60
            return z


def main():
    print("// Generated by tools/derive_constants.py; do not edit.\n")
    print("// The sine starts with pi/2, because it was fitted so.")
    print("#![allow(clippy::approx_constant, clippy::unreadable_literal)]\n")
    print_quantile("f32", 4, mpf(2) ** 31, f32, QUANTILE_F32_STEPS)
    print_quantile("f64", 10, mpf(2) ** 63, f64, QUANTILE_F64_STEPS)
    for kind, show, log, sin, cos in (("f32", f32, 2, 3, 2), ("f64", f64, 5, 6, 5)):
        name = f"BOX_MULLER_{kind.upper()}"
        scalar("-2 ln 2.", f"{name}_LN2", kind, show(-2 * mp.log(2)))
        fits = ("LOG", logarithm, log), ("SIN", sine, sin), ("COS", cosine, cos)
        for part, fit, degree in fits:
            doc = fit.__doc__.splitlines()[0].replace("q with", "q in").replace("p with", "p in")
            values = fit(f"{part} {kind}", degree)
            array(doc, f"{name}_{part}", kind, [show(v) for v in values])
    print_bounded("f32", f32, 6, 4)
    print_bounded("f64", f64, 15, 9)
    doc = "The probability outside +-3.03125, from where on a normal is in a tail."
    scalar(doc, "BOUNDED_SWITCH", "f64", f64(erfc(SWITCH)))
    print_reference()


main()
