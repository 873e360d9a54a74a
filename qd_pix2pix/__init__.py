"""Deep learning of the maps between confinement potentials, densities and energies of quantum systems.

The functions import torch, Lightning and Matplotlib when they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qd_pix2pix.cli.functions import Outcome
    from qd_pix2pix.inference.pretrained import Surrogate
    from qd_pix2pix.inversion.hamiltonian import Hamiltonian
    from qd_pix2pix.inversion.near import Near
    from qd_pix2pix.inversion.result import Solutions
    from qd_pix2pix.reports.picture import Extent, Picture

__all__ = [
    "__version__", "design", "evaluate", "from_pretrained", "learn_hamiltonian", "plot", "predict", "sample_near",
    "train",
]  # fmt: skip
__version__ = "0.2.0"


def from_pretrained(
    path: Path | str, device: str | None = None, trust: str | Sequence[str] = (), bf16: bool = False
) -> Surrogate:
    """Return a trained network by its name or from a file; see ``inference.pretrained``. The call imports torch."""
    from qd_pix2pix.inference.pretrained import from_pretrained

    return from_pretrained(path, device, trust, bf16)


def train(*overrides: str) -> Outcome:
    """Train as ``python train.py`` does with these overrides, ``train("model=regressor", "data.n_electrons=3")``.

    Returns:
        Folder, best checkpoint and test measures of the run: ``path``, ``checkpoint``, ``measures``.

    Raises:
        ValueError: an override is invalid; before any long calculation.
        KeyboardInterrupt: the training was stopped; its last checkpoint is stored.
    """
    from qd_pix2pix.cli.functions import train

    return train(*overrides)


def evaluate(checkpoint: Path | str, *overrides: str) -> Outcome:
    """Evaluate as ``python evaluate.py`` does: ``evaluate(path, "split=val")`` or ``evaluate(path, "input=dots.npy")``.

    Returns:
        Folder, measures and predictions: ``path``, ``measures``, ``predictions``.

    Raises:
        ValueError: the checkpoint or an override is invalid.
        FileNotFoundError: a file does not exist.
    """
    from qd_pix2pix.cli.functions import evaluate

    return evaluate(checkpoint, *overrides)


def predict(checkpoint: Path | str, source: Any, trust: str | Sequence[str] = (), **conditions: Any) -> Any:
    """Return the target of samples: ``predict("range", V, n_electrons=3, material="si")``.

    The network is loaded in every call; for many calls use ``from_pretrained``.

    Args:
        checkpoint: name of a shipped network, file of weights or checkpoint.
        source: fields (..., *points), an array or a tensor; for several sources a dictionary by name.
        trust: modules outside this project whose networks may be imported.
        conditions: conditions of the samples, and options of ``Surrogate.predict``.

    Raises:
        ValueError: the network does not take these samples, or is a generator.
    """
    from qd_pix2pix.inference.pretrained import Surrogate, from_pretrained

    found = from_pretrained(checkpoint, trust=trust)
    if not isinstance(found, Surrogate):
        raise ValueError("checkpoint: a generator draws samples; use from_pretrained(...).sample(...)")
    return found(source, **conditions)


def plot(field: Any, extent: Extent = None, unit: str = "", titles: Sequence[str] = (), length: str = "nm") -> Picture:
    """Return a Matplotlib figure of fields, which a notebook shows; ``plot(V, extent=30, unit="eV")``.

    Args:
        field: one field (n_x, n_y), or several (S, n_x, n_y) with the same colours; an array or a tensor.
        extent: side of the square, or sides along x and y, in the unit ``length``; None for a lattice of sites.
        unit: unit of the values, such as "nm^-2".
        titles: one for each field.
        length: unit of the side.

    Raises:
        ValueError: the field is not an array of finite numbers of such a shape.
    """
    from qd_pix2pix.reports.picture import picture

    return picture(field, extent, unit, titles, length)


def design(surrogate: Any, target: Any = None, **options: Any) -> Solutions:
    """Return potentials whose outputs are near a target, or of low cost: ``design("universal", n, bounds=(0, 0.05))``.

    Gradient descent through the network, from many starts at once; docs/design.md has examples.

    Args:
        surrogate: name or file of a network, a ``Surrogate``, or a function of tensors (B, *points).
        target: a field, the requested first output, or fields and numbers by name of the output.

    Keyword Args:
        cost: in place of a target, a function from outputs (S, ...) by name to costs (S,), in torch.
        bounds: (low, high) of the potential, numbers or fields; by default those of the training.
        start: potentials (..., *points) where the descent starts.
        starts: number of random ones, by default 8.
        tolerance: allowed deviation of a target, that of the network or its noise; a number, or numbers by name. By
            default 1 % of its largest magnitude. The misfit is the mean square of deviation / tolerance.
        mask: weights (*points) of fields.
        smoothness: weight of |grad V|^2; "discrepancy" adapts it until the misfit is 1, for targets with noise.
        variation: weight of the total variation, or "discrepancy".
        scale: standard deviation, in points, of the blur that keeps potentials smooth; 0 for free points.
        steps: number of steps of the descent.
        rate: first step.
        seed: seed of random starts.
        identify: calculate what the outputs determine, which takes as long as some tens of steps.
        shape: points of the potentials.
        verify: solve the best one, True or a function from potentials (1, *points) to outputs (1, ...).
        progress: show the rate, also that of the solver in a verification.
        conditions: conditions of the samples, such as n_electrons=2, material="gaas", extent=60.0.

    Raises:
        ValueError: an argument is not valid.
    """
    from qd_pix2pix.inversion.design import design

    return design(surrogate, target, **options)


def learn_hamiltonian(surrogate: Any, densities: Any, **options: Any) -> Hamiltonian:
    """Return couplings and potential of densities: ``learn_hamiltonian("universal", n, unknown=["eps_r"], ...)``.

    Args:
        surrogate: see ``design``.
        densities: densities (K, *points), or outputs (K, ...) by name.

    Keyword Args:
        known: conditions; a list has one value for each density: {"n_electrons": [1, 2], "extent": 60.0, ...}.
        unknown: names of the couplings to learn, in the range of the training, or {name: (low, high)}.
        shared: all densities belong to one potential (True), or each to its own.
        shift: numbers (K,) added to the shared potential, such as minus the chemical potentials of a lattice.
        start, bounds, starts, tolerance, mask, smoothness, variation, scale, steps, rate, seed, identify, progress: see
            ``design``.

    Raises:
        ValueError: an argument is not valid.
    """
    from qd_pix2pix.inversion.hamiltonian import learn_hamiltonian

    return learn_hamiltonian(surrogate, densities, **options)


def sample_near(generator: Any, n: int = 1, attempts: int = 4, **options: Any) -> Near:
    """Return samples whose labels the solver has computed: ``sample_near("ising-rugan", 16, energy=-1.2, ...)``.

    Each is the nearest of several attempts, and later attempts allow for the errors of earlier ones; docs/drawing.md.

    Args:
        generator: name or file of a generator with labels, or what ``from_pretrained`` returns for it.
        n: number of samples.
        attempts: draws of each sample.

    Keyword Args:
        size: points per side; by default those of training.
        seed: seed of all random numbers.
        labels, conditions: by name, as for ``from_pretrained(...).sample``.

    Raises:
        ValueError: an argument is not valid, or the system has no solver of drawn samples.
    """
    from qd_pix2pix.inversion.near import sample_near

    return sample_near(generator, n, attempts=attempts, **options)
