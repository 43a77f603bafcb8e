"""Plots a drawn tensor against the density it should follow: the picture in the README.

Run from the repository root, with numpy and matplotlib:

    varscale sample --shape 1000000 --initializer truncated_normal --seed 42 -o - \\
        | python3 tools/plot_histogram.py docs/histogram.png
"""

import io
import math
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

STDDEV = 0.05  # Keras's default for TruncatedNormal, before truncation

values = np.load(io.BytesIO(sys.stdin.buffer.read()))
bins = np.linspace(-2 * STDDEV, 2 * STDDEV, 201)
mass = math.erf(math.sqrt(2))
x = np.linspace(bins[0], bins[-1], 1000)
density = np.exp(-((x / STDDEV) ** 2) / 2) / (STDDEV * math.sqrt(2 * math.pi) * mass)

figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
axes.hist(values, bins, density=True, color="#7aa6c2", label=f"{values.size:,} values in 200 bins")
axes.plot(x, density, color="#b3411e", linewidth=1.5, label="exact density")
axes.set(xlim=(-0.115, 0.115), xlabel="value", ylabel="density")
axes.set_title("TruncatedNormal(stddev=0.05), seed 42: cut off at ±0.1", fontsize=11)
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(sys.argv[1], dpi=120)
