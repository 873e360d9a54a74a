"""Evaluate the networks of this folder in mHa: on all classes, and on rotated copies. Writes energies.json.

    python -m experiments.one_electron.energies                 # finished runs on this machine, scale laptop
    python -m experiments.one_electron.energies --scale smoke   # runs/one_electron/smoke-energies.json

Potentials of another class are given within the range of a network's training: V beyond it is cut. The energy of a
predicted density is its Rayleigh quotient in the given V.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from omegaconf import OmegaConf

from experiments.one_electron.run import EXPERIMENT
from experiments.one_electron.studies import CLASSES
from experiments.trained import SCALES
from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.systems import make_recipe
from solvers import rayleigh_quotient

OTHERS, ROTATED = 200, 100
"""Test potentials of another class, and potentials that are rotated."""
FINER = 24
"""Test potentials that are solved on the grid of the paper."""
ACCURATE = 1.6
"""Chemical accuracy in mHa."""
COLUMNS = ("V", "n_int", "energy", "gap", "kinetic")
Columns = dict[str, NDArray[Any]]


def predicted(network: Surrogate, V: NDArray, recipe: Any) -> Columns:
    """Return ``energy`` and further outputs of potentials ``V`` (S, n, n) by name, in hartree and bohr^-2."""
    span = network.predictor.ranges["V"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fields within the range of training, with other means
        found = network.predict(np.clip(V, span.low, span.high))
    if network.target != "n_int":
        return found
    n_modes = recipe.solver.keywords["n_modes"]
    quotient = rayleigh_quotient(found["n_int"], V, recipe.grid, recipe.material, n_modes)
    return {"energy": quotient.energy, "kinetic": quotient.kinetic, "n_int": found["n_int"]}


def errors(found: NDArray, exact: NDArray) -> dict[str, float]:
    """Return the spread of the errors in mHa; ``lowest`` is signed."""
    error = 1e3 * (found - exact)
    size = np.abs(error)
    return {
        "median": float(np.median(size)),
        "mean": float(size.mean()),
        "p95": float(np.quantile(size, 0.95)),
        "max": float(size.max()),
        "lowest": float(error.min()),
        "accurate": float((size < ACCURATE).mean()),
        "samples": len(size),
    }


def on_class(network: Surrogate, store: Store, samples: int | None) -> dict[str, Any]:
    """Return the errors of all energies on the first ``samples`` test potentials of a dataset."""
    exact = {name: values[:samples] for name, values in store.split("test").load(COLUMNS).items()}
    found = predicted(network, exact["V"], make_recipe(store.recipe))
    measured: dict[str, Any] = {n: errors(found[n], exact[n]) for n in ("energy", "kinetic") if n in found}
    if "gap" in found:
        measured["excited"] = errors(found["energy"] + found["gap"], exact["energy"] + exact["gap"])
    if "n_int" in found:
        wrong = np.abs(found["n_int"] - exact["n_int"]).sum((1, 2)) / exact["n_int"].sum((1, 2))
        measured["nmae"] = float(wrong.mean())
    return measured


def rotation(network: Surrogate, store: Store) -> dict[str, float]:
    """Return the differences between the energies of potentials and of their rotated copies, in mHa."""
    V, recipe = store.split("test").load(("V",))["V"][:ROTATED], make_recipe(store.recipe)
    plain, *turned = (predicted(network, np.rot90(V, k, (1, 2)).copy(), recipe)["energy"] for k in range(4))
    return errors(np.concatenate(turned), np.tile(plain, 3))


def label_floor(store: Store) -> dict[str, float]:
    """Return the Rayleigh quotients of the stored densities, minus the stored energies, in mHa."""
    exact, recipe = store.split("test").load(COLUMNS), make_recipe(store.recipe)
    n_modes = recipe.solver.keywords["n_modes"]
    found = rayleigh_quotient(exact["n_int"], exact["V"], recipe.grid, recipe.material, n_modes).energy
    return errors(found, exact["energy"])


def of_finer_grid(name: str, store: Store) -> dict[str, float]:
    """Return stored energies minus those of the same draws on the 256 x 256 points of the paper, in mHa."""
    with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
        config = OmegaConf.to_container(compose("generate", list(CLASSES[name])), resolve=True)
    recipe: Any = make_recipe(config["data"])  # type: ignore[index, call-overload, arg-type]
    exact = recipe.solve({"V": np.stack([recipe.draw("test", i) for i in range(FINER)])})["energy"]
    return errors(store.split("test").load(("energy",))["energy"][:FINER], exact)


def datasets(scale: str = "laptop") -> dict[str, Store]:
    """Return the dataset of each class that has a finished run."""
    results = EXPERIMENT.results(scale)
    known = {name.split()[1]: result["dataset"] for name, result in results.items() if len(name.split()) == 2}
    return {name: Store(Path("data") / known[name]) for name in CLASSES if name in known}


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the runs that are new."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=SCALES, default="laptop")
    scale = parser.parse_args(arguments).scale
    file = path(scale)
    results, kept = EXPERIMENT.results(scale), json.loads(file.read_text()) if file.exists() else {}
    stores = datasets(scale)
    for name, store in stores.items():
        kept.setdefault("labels", {})[name] = label_floor(store)
        if scale == "laptop" and name not in kept.setdefault("finer", {}):
            kept["finer"][name] = of_finer_grid(name, store)
    for run, result in results.items():
        best = EXPERIMENT.run_folder(run, scale) / "checkpoints" / "best.ckpt"
        old = kept.get(run, {})
        old = old if old.get("words") == result["words"] else {}
        own, whole = run.split()[1], len(run.split()) == 2
        missing = [name for name in stores if (name == own or whole) and name not in old.get("classes", {})]
        if not best.exists() or not missing:
            continue
        network = from_pretrained(best)
        found = {name: on_class(network, stores[name], None if name == own else OTHERS) for name in missing}
        turned = old.get("rotation") or rotation(network, stores[own])
        kept[run] = {"words": result["words"], "classes": old.get("classes", {}) | found, "rotation": turned}
        print(run, {name: round(value["energy"]["median"], 3) for name, value in found.items()}, flush=True)
        _write(file, kept)
    _write(file, kept)


def _write(file: Path, kept: dict[str, Any]) -> None:
    write_text(file, json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


def path(scale: str) -> Path:
    """Return the file of the results of a scale."""
    if scale == "laptop":
        return Path(__file__).parent / "energies.json"
    return EXPERIMENT.folder / f"{scale}-energies.json"


if __name__ == "__main__":
    main()
