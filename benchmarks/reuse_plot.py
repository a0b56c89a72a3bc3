"""The curves of results/reuse-curve.json as PNG. Needs matplotlib.

python benchmarks/reuse_plot.py
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent


def main() -> None:
    points = json.loads((HERE / "results" / "reuse-curve.json").read_text())["points"]
    counts = [p["documents"] for p in points]
    cold = [(p["documents"], p["cold"]) for p in points if p["cold"] is not None]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.loglog(*zip(*cold, strict=True), "o-", label="first query (cold)")
    axes.loglog(counts, [p["warm"] for p in points], "o-", label="every later query (warm)")
    axes.set(xlabel="documents", ylabel="seconds", title="Random m0, one image and one text each")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(HERE / "results" / "reuse-time.png", dpi=120)
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(counts, [p["bytes"] / 2**20 for p in points], "o-")
    axes.set(xlabel="documents", ylabel="MiB kept", title="What is kept (float32)")
    axes.grid(alpha=0.3)
    figure.savefig(HERE / "results" / "reuse-bytes.png", dpi=120)


if __name__ == "__main__":
    main()
