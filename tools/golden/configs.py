"""Serializes initializers in this process's Keras: configs.py keras|tf_keras FILE.

`generate.py` starts it in each environment. It leaves in FILE, as JSON, what `serialize`,
`get_config` and `get` made of everything below.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

PRESETS = ("GlorotUniform", "GlorotNormal", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform")
# The last two are written in other words than they are given in.
SCALINGS = (
    (1.0, "fan_in", "truncated_normal"),
    (2.0, "fan_out", "untruncated_normal"),
    (0.5, "fan_avg", "uniform"),
    (1, "fan_avg", "normal"),
    (3, "fan_in", "UNIFORM"),
)
SEEDS = (42, 0, None, True)
# Seed and name of generators; without a name, Keras makes one.
GENERATORS = ((5, "my_sg"), (None, "free_sg"), (5, None))
IDENTIFIERS = (
    "glorot_uniform",
    "GlorotUniform",
    "he_normal",
    "HeNormal",
    "lecun_uniform",
    "lecun_normal",
    "variance_scaling",
    "VarianceScaling",
    "glorotuniform",
    "xavier",
    "HE_NORMAL",
)
OBJECTS = (
    {
        "class_name": "VarianceScaling",
        "config": {"scale": 2.0, "mode": "fan_out", "distribution": "uniform", "seed": 3},
    },
    {"class_name": "GlorotUniform", "config": {"seed": 3}},
)


def alias(keras: Any, identifier: Any) -> Any:
    """What an identifier stands for: a class, or for an object its config; nothing if refused."""
    try:
        initializer = keras.initializers.get(identifier)
    except ValueError:
        return None
    return type(initializer).__name__ if isinstance(identifier, str) else initializer.get_config()


def serialize(package: str) -> dict[str, Any]:
    """The results of one package, in the order of the data file."""
    keras = importlib.import_module(package)
    initializers = keras.initializers
    serialized, configs = [], []

    def add(initializer: Any, config: bool = True) -> None:
        serialized.append(initializers.serialize(initializer))
        if package == "tf_keras":
            serialized.append(initializers.serialize(initializer, use_legacy_format=True))
        if config:
            name = type(initializer).__name__
            configs.append({"class_name": name, "config": initializer.get_config()})

    for seed in SEEDS:
        for arguments in SCALINGS:
            add(initializers.VarianceScaling(*arguments, seed=seed))
        for name in PRESETS:
            add(getattr(initializers, name)(seed=seed))
    if package == "keras":

        def generator(seed: int | None, name: str | None) -> Any:
            # Names that Keras makes are numbered from here on.
            keras.utils.clear_session()
            return keras.random.SeedGenerator(seed, name=name)

        # `get_config` returns the live generator: only what `serialize` makes of it is data.
        for given in GENERATORS:
            for arguments in SCALINGS[:2]:
                seeded = initializers.VarianceScaling(*arguments, seed=generator(*given))
                add(seeded, config=False)
            for name in PRESETS:
                add(getattr(initializers, name)(seed=generator(*given)), config=False)
        add(initializers.VarianceScaling(seed=1, input_axes=[0], output_axes=[1, 2]))
    aliases = {name: alias(keras, name) for name in IDENTIFIERS}
    aliases |= {json.dumps(item): alias(keras, item) for item in OBJECTS}
    return {"serialized": serialized, "get_config": configs, "aliases": aliases}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(serialize(sys.argv[1])))
