"""What `_device_verification` asks of a device, by XLA."""

from functools import partial
from typing import Any

import jax
import numpy as np

from varscale import _xla, _xla_laws, _xla_real
from varscale._core import Draw, Transform
from varscale._xla_round import rounded


class JaxDevice:
    """A device of JAX, as `_device_verification.Device` has it."""

    def __init__(self, device: jax.Device):
        self.device = device
        self.name = f"{device.device_kind} {device.id}"

    def values(self, transform: Transform, words: Any) -> Any:
        """The standard values of these words."""
        return np.asarray(_standard(self._put(words), _xla.Law.of(transform)))

    def rounded(self, values: Any, dtype: str) -> Any:
        """Values of float32 in another dtype."""
        return np.asarray(_rounded(self._put(values.view(np.uint32)), dtype))

    def drawn(
        self, draw: Draw, dtype: str, offset: tuple[int, ...], extent: tuple[int, ...]
    ) -> Any:
        """A box of a draw."""
        law, known, shape = _xla.law_of(draw, dtype), draw.native(), tuple(draw.shape)
        assert known is not None and isinstance(law, _xla.Law), "A draw of the verification itself"
        key = self._put(np.array(known.key, np.uint32))
        box = offset, extent
        return np.asarray(_xla.values(key, known.call, shape, law, dtype, box=box))

    def _put(self, array: Any) -> Any:
        return jax.device_put(array, self.device)


@partial(jax.jit, static_argnums=1)
def _standard(words: Any, law: _xla.Law) -> Any:
    if law.standard != "normal":
        value = _xla_laws.standard(law.standard, words, law.numbers)
    else:
        radius, direction = words[0::2, None], words[1::2, None]
        value = _xla_laws.normal(radius, direction, np.array([[False, True]]))
    assert isinstance(value, _xla_real.Real)
    return value.at(0).ravel()


@partial(jax.jit, static_argnums=1)
def _rounded(bits: Any, dtype: str) -> Any:
    return rounded(_xla_real.of_bits(bits), dtype)
