"""Further measures of trained generators: the (E, m) plane, larger lattices, what was not asked for, and confidence."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.generators.snapshots import of_snapshots
from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.generated import auroc, diversity, seam
from qd_pix2pix.generators import ConfidentGenerator, DiscreteFlow, make_predictor
from qd_pix2pix.inference.sampler import Sampler
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.ledger import Record
from solvers.spins import (
    FlatSpins,
    along_axes,
    energies,
    estimate_log_g,
    find_clusters,
    magnetisation,
    sample_plane,
    two_point,
)

LARGER = 4
"""Side of the large lattices in units of that of training."""
INSIDE = {1: 300, LARGER: 48}
"""Lattices that are drawn at labels of the test split, by the factor of the side."""
PLANE = (np.linspace(-1.9, 1.9, 20), np.linspace(-0.9, 0.9, 13))
"""Energies per site (J) and magnetisations at which the whole plane is asked for."""
EACH = {1: 4, LARGER: 1}
"""Lattices at each point of the plane, by the factor of the side."""
EQUAL = ((-1.6, 0.0), (-1.2, 0.1), (0.0, 0.0), (1.2, 0.0))
"""Labels at which observables that were not asked for are compared with Monte Carlo."""
COMPARED = {1: 100, LARGER: 16}
ENTROPY_FINAL = 1e-2
"""Last step of the sampling of log g, whose error then is far below the differences that matter here."""
GRAIN = 4
"""Period (sites) of the pattern that a generator with four sites for each random number may have."""
UNSEEN, NEAR = 2000, 0.4
"""Lattices of all energies, and distance (J per site) from those of training up to which energies are near."""


def measures(run: Path, record: Record) -> dict[str, Any]:
    """Return further measures of a finished run."""
    name = record.point["run"]
    sampler = from_pretrained(run / "checkpoints" / "best.ckpt", device="cpu")
    if name in ("RUGAN", "flow"):
        return of_ising(sampler, store_of(run))
    if name.startswith("snapshots"):
        return {"curves": of_snapshots(sampler)}
    if name in ("GAN, low", "density, low"):
        return {"auroc": detection(score_of(sampler), store_of(run))}
    return {}


def store_of(run: Path) -> Store:
    """Return the dataset of a finished run."""
    return Store(Path("data") / next(iter(read_tests(run).values())).model["datasets"][0])


def of_ising(sampler: Sampler, store: Store) -> dict[str, Any]:
    """Return measures of a generator of Ising lattices at the side of training and at a larger one."""
    entropy = entropies(store.schema.domain.shape[0])
    return {
        f"x{factor}": inside(sampler, store, factor) | plane(sampler, factor, entropy) | unasked(sampler, store, factor)
        for factor in INSIDE
    } | {"entropy": plain(entropy)}


def errors(spins: NDArray, energy: NDArray, mean: NDArray) -> dict[str, float]:
    """Return errors of energy per site (J) and magnetisation of lattices (S, L, L) against requested labels (S,)."""
    de = np.abs(energies(spins) / spins[0].size - energy)
    dm = np.abs(magnetisation(spins) - mean)
    return {
        "energy": float(np.median(de)), "energy_p95": float(np.quantile(de, 0.95)),
        "magnetisation": float(np.median(dm)), "magnetisation_p95": float(np.quantile(dm, 0.95)),
    }  # fmt: skip


def inside(sampler: Sampler, store: Store, factor: int) -> dict[str, Any]:
    """Return the errors at labels of the test split."""
    side, n = store.schema.domain.shape[0], INSIDE[factor]
    columns = store.split("test").load(("energy", "magnetisation"))
    energy, mean = columns["energy"][:n] / side**2, columns["magnetisation"][:n]
    spins = sampler.sample(energy=energy, magnetisation=mean, size=factor * side, n=len(energy), seed=0)
    return {"inside": errors(spins, energy, mean), "n": len(energy)}


def entropies(side: int) -> NDArray:
    """Return log g(E, m) / L^2 at the points of ``PLANE``, by Wang-Landau sampling; -inf where no lattice was found."""
    found = estimate_log_g(side, with_magnetisation=True, walkers=1, final=ENTROPY_FINAL)
    assert found.magnetisations is not None
    rows = [np.argmin(np.abs(found.energies / side**2 - e)) for e in PLANE[0]]
    columns = [np.argmin(np.abs(found.magnetisations - m)) for m in PLANE[1]]
    # log g of the nearest cell that a lattice can be in: at some m every second level is empty
    near = np.stack([found.log_g[np.clip(np.array(rows) + d, 0, len(found.energies) - 1)] for d in (-1, 0, 1)])
    return near.max(0)[:, columns] / side**2


def plane(sampler: Sampler, factor: int, entropy: NDArray) -> dict[str, Any]:
    """Return maps (energies, magnetisations) of the median errors, and their means weighed by the number of lattices.

    Points without a lattice are None. The numbers are g(E, m) = exp(L^2 s) with the ``entropy`` s of a site, which is
    that of the small lattices.
    """
    side = factor * sampler.shape[0]
    found = {name: np.full((len(PLANE[0]), len(PLANE[1])), math.nan) for name in ("energy", "magnetisation")}
    each = EACH[factor]
    points = [(int(i), int(j)) for i, j in np.argwhere(np.isfinite(entropy))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # most of the plane is outside the labels of training, on purpose
        at = np.repeat([(PLANE[0][i], PLANE[1][j]) for i, j in points], each, axis=0)
        spins = sampler.sample(energy=at[:, 0], magnetisation=at[:, 1], size=side, n=len(at), seed=1)
    de = np.abs(energies(spins) / side**2 - at[:, 0]).reshape(-1, each)
    dm = np.abs(magnetisation(spins) - at[:, 1]).reshape(-1, each)
    for (i, j), e, m in zip(points, np.median(de, 1), np.median(dm, 1), strict=True):
        found["energy"][i, j], found["magnetisation"][i, j] = e, m
    weights = np.exp(side**2 * (entropy - entropy.max()))
    known = np.isfinite(found["energy"]) & np.isfinite(entropy)
    means = {name: float(np.average(values[known], weights=weights[known])) for name, values in found.items()}
    return {"plane": {name: plain(values) for name, values in found.items()}, "weighed": means}


def plain(values: NDArray) -> list[list[float | None]]:
    """Return a map (n, m) for JSON, with None where it is not finite."""
    return [[round(float(v), 4) if math.isfinite(v) else None for v in row] for row in values]


def unasked(sampler: Sampler, store: Store, factor: int) -> dict[str, Any]:
    """Return observables that were not asked for, against Monte Carlo at equal energy and magnetisation.

    ``correlation`` is the root mean square difference of G(r), ``cluster`` the ratio of the mean sizes of clusters.
    Lattices with the nearest labels of the drawn ones are sampled, so that errors of the labels do not count.
    """
    side, n = factor * store.schema.domain.shape[0], COMPARED[factor]
    found = []
    for energy, mean in EQUAL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = sampler.sample(energy=energy, magnetisation=mean, size=side, n=n, seed=2)
            still = untranslated(sampler) if _period(sampler) > 1 else sampler
            in_place = still.sample(energy=energy, magnetisation=mean, size=side, n=n, seed=2)
        equal = sample_plane(side, energies(drawn) / side**2, magnetisation(drawn), seed=3)
        own, reference = (along_axes(two_point(spins)).mean(0) for spins in (drawn, equal))
        variety, edge = diversity(drawn, equal), seam(in_place, _period(sampler))
        found.append(
            {
                "energy": energy, "magnetisation": mean,
                "correlation": float(np.sqrt(np.mean((own - reference)[1:] ** 2))),
                "cluster": float(find_clusters(drawn).mean_size.mean() / find_clusters(equal).mean_size.mean()),
                "diversity": variety.ratio, "duplicates": variety.duplicates, "seam": edge.deviation,
                "grain": grain(drawn, equal),
            }
        )  # fmt: skip
    return {"unasked": found}


def untranslated(sampler: Sampler) -> Sampler:
    """Return the same generator without random translations, whose boundary is at a known place."""
    schemas = [{**schema, "domain": {**schema["domain"], "translations": False}} for schema in sampler.card.schemas]
    card = replace(sampler.card, schemas=schemas)
    generator = make_predictor(card)
    generator.load_weights(sampler.generator.weights())
    return Sampler(generator.eval(), card, device="cpu")


def _period(sampler: Sampler) -> int:
    """Return the translation under which lattices that are not translated at random are statistically the same."""
    return int(getattr(sampler.generator, "upscale", 1))


def grain(drawn: NDArray, equal: NDArray, period: int = GRAIN) -> float:
    """Return the root mean square pattern of this period in the bonds (J) of lattices, beyond that of equilibrium.

    It is that of single lattices (S, L, L), wherever the pattern lies; ``equal`` are lattices of equilibrium.
    """
    return math.sqrt(max(0.0, _pattern(drawn, period) - _pattern(equal, period)))


def _pattern(spins: NDArray, period: int) -> float:
    """Return the mean square over lattices and both axes of the mean energy of bonds (J) by their place in a period."""
    found = []
    for axis in (1, 2):
        bonds = np.moveaxis(-spins.astype(float) * np.roll(spins, -1, axis), axis, 1)
        profile = bonds.mean(2).reshape(len(bonds), -1, period).mean(1)
        found.append(profile.var(1).mean())
    return float(np.mean(found))


def score_of(sampler: Sampler) -> Callable[[NDArray], NDArray]:
    """Return the function from lattices (S, L, L) to how certain a generator is that it has seen such, (S,)."""
    generator = sampler.generator
    if isinstance(generator, ConfidentGenerator):
        return lambda spins: sampler.confidence(spins)["confidence"]
    assert isinstance(generator, DiscreteFlow)

    def likelihood(spins: NDArray) -> NDArray:
        with torch.inference_mode():
            columns = {"spins": spins, "magnetisation": magnetisation(spins)}
            given = {name: torch.as_tensor(values, dtype=torch.float32) for name, values in columns.items()}
            return -generator.negative_log_likelihood(given, torch.Generator().manual_seed(0)).numpy()

    return likelihood


def detection(score: Callable[[NDArray], NDArray], store: Store) -> dict[str, float]:
    """Return the area under the curve that separates test lattices from those of energies that were not seen.

    ``all`` are lattices at least a tenth of J per site from the energies of training, ``near`` those of them that are
    closer than ``NEAR`` beyond this, ``far`` the others.
    """
    seen, side = store.split("test").load(("spins", "energy")), store.schema.domain.shape[0]
    low, high = seen["energy"].min() / side**2 - 0.1, seen["energy"].max() / side**2 + 0.1
    random, everywhere = np.random.default_rng(0), FlatSpins()
    spins = np.stack([everywhere.sample(random, side) for _ in range(UNSEEN)])
    energy = energies(spins) / side**2
    away = np.maximum(low - energy, energy - high)
    own = score(seen["spins"])
    groups = {"all": away > 0, "near": (away > 0) & (away < NEAR), "far": away >= NEAR}
    return {name: auroc(own, score(spins[chosen])) for name, chosen in groups.items()}
