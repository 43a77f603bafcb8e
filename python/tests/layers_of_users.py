"""Layers and models of Keras's users: what their constructors and configs tell, and what not."""

import threading

import numpy as np

try:
    import keras
    from keras import layers as L
except ImportError:
    keras = None


def ones(shape, dtype=None):
    return keras.ops.ones(shape, dtype)


if keras:

    class Plain(L.Layer):
        """Keras has the arguments of its constructor, and no config of its own."""

        def __init__(self, units, start="he_normal", **others):
            super().__init__(**others)
            self.units, self.start = units, start

        def build(self, input_shape):
            self.first = self.add_weight((input_shape[-1], self.units), self.start)
            self.second = self.add_weight((input_shape[-1], self.units), "ones")
            self.made = keras.Variable(lambda shape, dtype: ones(shape), (2,))
            self.given = keras.Variable(0.5)
            self.arbitrary = keras.Variable(np.random.rand(3))

        def call(self, x):
            return x @ self.first

    class Dressed(L.Dense):
        """A subclass with another constructor, whose config is of its base."""

        def __init__(self):
            super().__init__(4, kernel_initializer="lecun_normal")

    class Forgetful(Plain):
        """Its config lacks an argument."""

        def get_config(self):
            return {"units": self.units}

    class Unmakeable(Plain):
        """Nobody can tell how it was made."""

        def __init__(self, thing):
            super().__init__(4, thing.start)

    class Drawing(L.Layer):
        """What it draws depends on more than its config says."""

        before = "zeros"

        def __init__(self, init="zeros", std=0.1, cfg=None, **others):
            super().__init__(**others)
            self.init, self.std, self.cfg = init, getattr(cfg, "std", std), cfg
            self._calls, self.lock = 0, threading.Lock()

        def build(self, input_shape):
            self._calls += 1
            normal = keras.initializers.RandomNormal
            frozen = normal(0.0, 1.0 if self.trainable else 2.0)
            starts = [self.init, normal(0.0, self.std), frozen, self.before]
            self.all = [self.add_weight((3,), start) for start in starts]

        def call(self, x):
            return x

    class Configless(Drawing):
        """Its config is of its base, and lacks its arguments."""

        def get_config(self):
            return L.Layer.get_config(self) if self._auto_config else {"name": self.name}

    class Wide(L.Dense):
        def __init__(self, *arguments, boost=1.0, **others):
            super().__init__(*arguments, bias_initializer=constant(boost), **others)

    class Wrapping(L.Wrapper):
        def __init__(self, layer, std=0.1, **others):
            super().__init__(layer, **others)
            self.normal = keras.initializers.RandomNormal(0.0, std)

        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight((3,), self.normal)

        def call(self, x):
            return x

    class Assigning(L.Layer):
        def build(self, input_shape):
            self.first = self.add_weight((3,), "zeros")
            self.first.assign(np.arange(3.0))
            self.second = self.add_weight((3,), "zeros")

        def call(self, x):
            return x

    class AssigningInner(L.Layer):
        def build(self, input_shape):
            self.inner = L.Dense(3)
            self.inner.build(input_shape)
            self.inner.kernel.assign(np.ones((4, 3)))

        def call(self, x):
            return self.inner(x)

    class Scaled(keras.Model):
        """Of models, Keras keeps no arguments."""

        def __init__(self, std=0.1):
            super().__init__()
            self.scale = self.add_weight((3,), keras.initializers.RandomNormal(0.0, std))
            self.inner = L.Dense(3)

        def call(self, x):
            return self.inner(x) * self.scale

    class Numbered(L.Layer):
        """Each one has another deviation."""

        made = 0

        def __init__(self):
            super().__init__()
            type(self).made += 1
            self.std = self.made + np.random.rand()

        def build(self, input_shape):
            normal = keras.initializers.RandomNormal(0.0, self.std)
            self.all = [self.add_weight((3,), start) for start in (normal, "ones")]

        def call(self, x):
            return x

    def constant(value):
        return keras.initializers.Constant(value)

    class Holder(keras.Model):
        def __init__(self, *held):
            super().__init__()
            self.held = list(held)

        def call(self, x):
            for layer in self.held:
                x = layer(x)
            return x
