"""Write the networks of the 30-minute runs as weights of the package, each with its model card.

    python -m experiments.field_regressors.weights

``from_pretrained("gaas-N2")`` finds them by these names.
"""

from __future__ import annotations

import subprocess
import sys

from experiments.field_regressors.run import ROOT, folder, read_results
from experiments.field_regressors.studies import DOTS

WEIGHTS = ROOT / "qd_pix2pix" / "inference" / "weights"
RUNS = {kind: f"converged {kind}" for kind in DOTS} | {
    "gaas-N2-inverse": "converged gaas-N2 inverse",
    "gaas-N2-paper": "bar gaas-N2 30 min",
    "gaas-N2-all": "wide gaas-N2 all outputs",
    "range": "wide range",
}


def main() -> None:
    """Evaluate each finished run on its test split and write its weights."""
    finished = read_results()  # an unfinished run has a best checkpoint, too
    for name, run in RUNS.items():
        checkpoint = folder(run) / "checkpoints" / "best.ckpt"
        if run not in finished or not (ROOT / checkpoint).exists():
            print(f"{name}: the run {run!r} is not finished here; run.py trains it")
            continue
        save = (WEIGHTS / name).relative_to(ROOT)
        words = [f"checkpoint='{checkpoint}'", f"save='{save}'"]
        subprocess.run([sys.executable, "evaluate.py", *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
