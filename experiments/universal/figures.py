"""Draw families.png from families.json.

python -m experiments.universal.figures
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments.universal.tables import columns, read
from qd_pix2pix.reports.colours import COLOURS

HERE = Path(__file__).parent


def main() -> None:
    """Draw the error of each family, and the estimated against the true error of each dot."""
    found = read("families.json")["families"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=(1, 1.1))
    names = list(found)
    errors = [100 * columns(found[name]["dots"])["nmae"] for name in names]
    places = np.arange(len(names))[::-1]
    left.boxplot(errors, positions=places, orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.6)
    left.set_yticks(places, [name if found[name]["seen"] else f"{name}*" for name in names])
    left.set_xscale("log")
    left.set_xlabel("NMAE, % (box: half of the dots, whiskers: 90 %)")
    left.set_title("* never trained", loc="left", fontsize=9)
    for seen, label, colour in ((True, "trained families", COLOURS[0]), (False, "never trained", COLOURS[1])):
        dots = columns(dot for family in found.values() if family["seen"] is seen for dot in family["dots"])
        right.loglog(100 * dots["estimated"], 100 * dots["nmae"], ".", ms=4, color=colour, label=label)
    ends = np.array(right.get_xlim())
    right.plot(ends, ends, color="0.4", lw=1)
    right.set_xlabel("estimated error, %")
    right.set_ylabel("NMAE, %")
    right.legend(frameon=False)
    figure.savefig(HERE / "families.png", dpi=110)


if __name__ == "__main__":
    main()
