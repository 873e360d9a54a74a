"""Stores the networks of the half-hour runs as weights/*.safetensors, each with its model card.

python experiments/field_regressors/weights.py
"""

from __future__ import annotations

import subprocess
import sys

from run import DOTS, HERE, ROOT, folder, read_results

RUNS = {f"V_to_nint-{kind}": f"converged {kind}" for kind in DOTS} | {
    "nint_to_V-gaas-N2": "converged gaas-N2 inverse",
    "V_to_nint-gaas-N2-paper": "bar gaas-N2 30 min",
    "V_to_all-gaas-N2": "wide gaas-N2 all outputs",
    "V_to_nint-range": "wide range",
}


def main() -> None:
    """Evaluate each run that is there on its test split, and write what it has learned."""
    finished = read_results()  # a run that goes on has a best checkpoint, too
    for name, run in RUNS.items():
        checkpoint = folder(run) / "checkpoints" / "best.ckpt"
        if run not in finished or not (ROOT / checkpoint).exists():
            print(f"{name}: the run {run!r} is not finished here; run.py trains it")
            continue
        save = (HERE / "weights" / name).relative_to(ROOT)
        words = [f"checkpoint='{checkpoint}'", f"save='{save}'"]
        subprocess.run([sys.executable, "evaluate.py", *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
