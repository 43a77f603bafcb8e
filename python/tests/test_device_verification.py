"""The verification of devices, of such that are made of this CPU."""

import numpy as np
import pytest

from varscale import _device_verification as verification
from varscale._arguments import dtype_of


class Cpu:
    name = "a device"

    def values(self, transform, words):
        return transform.values(words)

    def rounded(self, values, dtype):
        return values.astype(dtype_of(dtype))

    def drawn(self, draw, dtype, offset, extent):
        return draw.array(dtype, offset, extent)


def test_what_computes_the_same_is_exact():
    found = verification.verify(Cpu(), 1 << 12)
    assert found and found.exact and not found.differing
    assert found.checked > 1 << 21
    assert str(found) == f"a device: exact, {found.checked} values compared"


def test_every_input_is_compared_once():
    for every in [1, 3, 1000]:
        sample = np.concatenate(list(verification._sample(10_000_000, every, lambda x: x)))
        # One of each stretch.
        assert np.array_equal(sample // every, np.arange(10_000_000 // every))
    # Of even and odd ones.
    assert np.bincount(sample % 2).min() > 4000


def test_one_bit_is_found_and_named():
    class Contracted(Cpu):
        def values(self, transform, words):
            values = transform.values(words)
            if transform.standard == "truncated_normal":
                values.view(np.uint32)[7] ^= 1
            return values

    found = verification.verify(Contracted(), 1 << 16)
    assert not found and found.mismatches == 1
    (one,) = found.differing
    words = np.uint32(one.input)[None]
    draw = verification._scheme("TruncatedNormal", 0.0, 1.0)
    truth = verification.native_of(draw)[1].values(words)
    assert one.law == "truncated_normal" and one.here == truth[0] != one.there
    assert str(found).endswith(f"\n  {one}") and f"{one.input:#x}" in str(one)


@pytest.mark.parametrize("zero", ["values", "rounded", "drawn"])
def test_whatever_differs_is_found_and_the_first_of_it_kept(zero):
    device = Cpu()
    own = getattr(device, zero)
    setattr(device, zero, lambda *arguments: own(*arguments) * 0)
    found = verification.verify(device, 1 << 16)
    assert 8 <= len(found.differing) < 120 < found.mismatches


def test_arrays_of_another_kind_are_refused():
    class Wide(Cpu):
        def values(self, transform, words):
            return transform.values(words).astype(np.float64)

    with pytest.raises(ValueError, match="returned float64"):
        verification.verify(Wide(), 1 << 20)


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (True, TypeError), ("1", TypeError)])
def test_wrong_samples_are_refused(every, error):
    with pytest.raises(error, match="`every` must be"):
        verification.verify(Cpu(), every)
