"""Figures and numbers of each study of the paper, from its finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.field_regressors.inverse import verified_dots
from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.verify import verify_inverse
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.provenance import read_overrides
from qd_pix2pix.reports.curve_figures import curves
from qd_pix2pix.reports.figures import COLOURS, COLUMNS, Frame, Line, evolution, lines_figure
from qd_pix2pix.reports.history import read_history, read_snapshots, spread
from qd_pix2pix.reports.study import Study
from qd_pix2pix.reports.sweep_figures import against_axis, heat_map, learning_curves
from qd_pix2pix.sweeps.ledger import Record

Drawn = tuple[dict[str, Figure], dict[str, Any]]
IMAGE = 64
"""Side of the field in points: discriminators with a larger receptive field are ImageGANs."""
LOSSES = {
    "train/g_adversarial": "generator, adversarial",
    "train/g_reconstruction": "generator, L1 (scaled)",
    "train/d_real": "discriminator, real pairs",
    "train/d_fake": "discriminator, generated pairs",
}


def first_runs(study: Study) -> dict[tuple[str, ...], Record]:
    """Return the first seed at each point, by the values on the axes."""
    return {tuple(point.values[axis] for axis in study.axes): point.records[0] for point in study.points}


def folder_of(study: Study, record: Record) -> Path:
    """Return the folder of a run."""
    return study.folder / record.key


def predictions_of(study: Study, record: Record) -> Predictions:
    """Return the predictions of a run's test split."""
    return Predictions.read(folder_of(study, record) / "test" / "predictions.h5")


def network_of(run: Path) -> Surrogate:
    """Return the trained network of a run."""
    return from_pretrained(run / "checkpoints" / "best.ckpt")


def span_of(network: Surrogate) -> float:
    """Return the range of the target in training."""
    return network.predictor.ranges[network.target].span


def target_of(p: Predictions) -> tuple[NDArray, NDArray]:
    """Return predictions and references of the target."""
    return np.asarray(p.predicted[p.target.name], float), np.asarray(p.reference[p.target.name], float)


def side_by_side(found: dict[str, Predictions], dot: int) -> Figure:
    """Return a figure of one test dot, with one row per run."""
    lines = []
    for p in found.values():
        predicted, reference = target_of(p)
        given = [(p.schema[name], values[dot]) for name, values in p.given.items()]
        lines.append(Line(Frame(p.schema), given, p.target, reference[dot], predicted[dot]))
    return lines_figure(lines, ("given", *COLUMNS), list(found))


def typical(p: Predictions) -> int:
    """Return the index of the test dot with the median error."""
    return int(np.argsort(p.measures[p.target.name]["l1"])[len(p.sample) // 2])


def mappings(study: Study) -> Drawn:
    """Figures 3, 4, 5, 10, 11, A3 and A7, for the mappings of the study."""
    runs = {values[0] if values else "V_to_nint": record for values, record in first_runs(study).items()}
    found = {name: predictions_of(study, record) for name, record in runs.items()}
    main = "V_to_nint" if "V_to_nint" in runs else next(iter(runs))
    folder, dot = folder_of(study, runs[main]), typical(found[main])
    history = read_history(folder)
    own, others = against_others(found[main], span_of(network_of(folder)))
    figures = {
        "figure3-mappings": side_by_side({n.replace("_to_", " → "): p for n, p in found.items()}, dot),
        "figure4-losses": curves(history, LOSSES, "loss"),
        "figureA3-means": mean_maps(store_of(folder)),
        "figureA7-others": histograms(own, others),
    }
    numbers: dict[str, Any] = {
        "r2": {name: scores(p) for name, p in found.items()},
        "ssim_own": metrics.mean_and_spread(own),
        "ssim_others": metrics.mean_and_spread(others),
    }
    for name in ("V_to_nint", "nint_to_V"):
        if name in runs:
            figures[f"figure11-evolution-{name}"] = evolution_of(folder_of(study, runs[name]), found[name])
    figures["figure5-similarity"] = similarity(folder)
    if "nint_to_V" in runs:
        figures["figure10-inverse"], numbers["inverse"] = inverse(folder_of(study, runs["nint_to_V"]))
    return figures, numbers


def store_of(run: Path) -> Store:
    """Return the dataset of a run."""
    words = read_overrides(run) or []
    root = next((word.removeprefix("data_root=") for word in words if word.startswith("data_root=")), "data")
    return Store(Path(root) / network_of(run).card.datasets[0])


def similarity(run: Path) -> Figure:
    """Figure 5: SSIM, MSSIM and the norms of validation dots during training; all values on the right."""
    network, snapshots = network_of(run), read_snapshots(run)
    name, steps = network.target, sorted(snapshots)
    reference = store_of(run).split("val").load((name,))[name][: len(snapshots[steps[0]])]
    context = metrics.Context(span_of(network))
    found = [metrics.sample_measures("field", snapshots[step], reference, context) for step in steps]
    names = {"ssim": "SSIM", "mssim": "MSSIM", "l1": "L1", "l2": "L2", "linf": "L∞"}
    figure = Figure(figsize=(7.5, 8.5), layout="constrained")
    panels = figure.subplots(len(names), 2, sharey="row", sharex="col", width_ratios=(4, 1))
    for (name, label), (left, right) in zip(names.items(), panels, strict=True):
        values = np.array([f[name] for f in found])
        left.plot(steps, values, lw=0.7, alpha=0.6, color=COLOURS[0])
        right.hist(values.ravel(), bins=40, orientation="horizontal", color=COLOURS[0])
        left.set_ylabel(label if name.endswith("ssim") else f"{label} (nm⁻²)")
    panels[-1, 0].set_xlabel("training step")
    panels[-1, 1].set_xlabel("dots × steps")
    return figure


def evolution_of(run: Path, p: Predictions) -> Figure:
    """Figure 11: the first validation dot from the first steps on."""
    snapshots = read_snapshots(run)
    steps = spread(sorted(snapshots))
    name = p.target.name
    reference = store_of(run).split("val").load((name,))[name][0]
    return evolution(Frame(p.schema), p.target, steps, [snapshots[s][0] for s in steps], reference)


def mean_maps(store: Store) -> Figure:
    """Figure A3: averages over the training split."""
    names = ("V", "n0", "n_int")
    fields = store.split("train").load(names)
    extent = store.schema.constants["extent"]
    figure = Figure(figsize=(9, 2.7), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    panels[0].set_ylabel("y (nm)")
    for panel, name in zip(panels, names, strict=True):
        column = store.schema[name]
        factor, unit = (100, "10⁻² nm⁻²") if column.integral else (1, "eV")
        mean = factor * fields[name].mean(axis=0)
        drawn = panel.imshow(mean.T, extent=(0, extent, 0, extent), cmap="magma" if column.integral else "cividis")
        figure.colorbar(drawn, ax=panel, label=f"mean ${column.tex}$ ({unit})")
        panel.set_xlabel("x (nm)")
    return figure


def against_others(p: Predictions, span: float) -> tuple[NDArray, NDArray]:
    """Figure A7: SSIM of predictions with their reference fields (S,), and with those of other dots (S (S - 1),)."""
    predicted, reference = target_of(p)
    table = np.stack([metrics.ssim(predicted, np.broadcast_to(other, predicted.shape), span) for other in reference])
    same = np.eye(len(reference), dtype=bool)
    return table[same], table[~same]


def histograms(own: NDArray, others: NDArray) -> Figure:
    """Two distributions of SSIM."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    bins = np.linspace(min(others.min(), own.min()), 1, 60)
    for values, colour, label in ((others, COLOURS[5], "all other dots"), (own, COLOURS[1], "its own")):
        panel.hist(values, bins=bins, density=True, alpha=0.8, color=colour, label=f"reference: {label}")
    panel.set_xlabel("SSIM of a predicted field with a reference")
    panel.set_ylabel("probability density")
    panel.legend(fontsize=8)
    return figure


def inverse(run: Path) -> tuple[Figure, dict[str, Any]]:
    """Figure 10: the density of every generated potential of the test split, compared with the given density.

    ``points_wrong`` is the share of points where the potential is wrong by more than half of its range, and
    ``charge_there`` the share of the charge on them.
    """
    store = store_of(run)
    dots = store.split("test").load(("V", "n_int"))
    V, n = dots["V"], np.asarray(dots["n_int"], float)
    proposed = network_of(run)(n)
    n_max = store.statistics["n_int"]["max"]
    found = verify_inverse(store.recipe, store.schema, {"V": proposed}, {"n_int": n}, n_max)
    summary = metrics.summarise("density", found.reference, found.given, found.measures)
    wrong = np.abs(proposed - V) > np.ptp(V) / 2
    summary["points_wrong"] = float(wrong.mean())
    summary["charge_there"] = float(n[wrong].sum() / n.sum())
    order = np.argsort(found.measures["nmae"])
    return verified_dots(found, order[[len(order) // 10, len(order) // 2, 9 * len(order) // 10]], 1), summary


def discriminator(study: Study) -> Drawn:
    """Figure 6: R^2 over training, and against the receptive field of the discriminator."""
    figure = Figure(figsize=(9.5, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    groups = {"PixelGAN": COLOURS[2], "PatchGAN": COLOURS[0], "ImageGAN": COLOURS[1]}
    for point in study.points:
        for record in point.records:
            size = record.receptive_field
            colour = groups[group_of(size)]
            steps, values = read_history(folder_of(study, record))["val/r2"]
            left.plot(steps, values, color=colour, lw=1, alpha=0.7)
            right.plot(size, record.measures["r2"], "o", ms=4, color=colour, alpha=0.8)
    for name, colour in groups.items():
        right.plot([], [], "o", color=colour, label=name)
    left.set(xlabel="training step", ylabel="R² of the validation split", ylim=(0.5, 1))
    right.set(xlabel="receptive field of the discriminator (points)", ylabel="R² of the test split", xscale="log")
    right.legend(fontsize=8)
    table = heat_map(study, *study.axes[:2], "r2", "R²", 1) if len(study.axes) > 1 else None
    return {"figure6-patches": figure} | ({"figure6-table": table} if table else {}), {}


def group_of(receptive_field: int) -> str:
    """Return the group of the paper."""
    return "PixelGAN" if receptive_field == 1 else "PatchGAN" if receptive_field <= IMAGE else "ImageGAN"


def training_size(study: Study) -> Drawn:
    """Figure 7: training against validation; R^2 against the number of training dots."""
    figures = {"figure7b-size": against_axis(study, "data.train", None, "r2", "R² of the test split", 1)}
    last = study.points[-1].records[0]
    run = folder_of(study, last)
    history = read_history(run)
    steps, values = history["val/l1"]
    history["val/l1"] = steps, values * (2 / span_of(network_of(run)))
    names = {"train/g_reconstruction": "training, each dot", "val/l1": "validation"}
    figures["figure7a-validation"] = curves(history, names, "L1 (scaled to [-1, 1])", log=True)
    return figures, {}


def jitter(study: Study) -> Drawn:
    """Figure 8: measures against the size before the crop."""
    axis = "loader.jitter"
    by = "mapping" if "mapping" in study.axes else None
    names = {"r2": ("R²", 1.0), "l1": ("L1", 1.0), "l2": ("L2", 1.0), "linf": ("L∞", 1.0)}
    return {f"figure8-{name}": against_axis(study, axis, by, name, *of) for name, of in names.items()}, {}


def electrons(study: Study) -> Drawn:
    """Figure 9: one to four electrons in the same potential."""
    found = {f"N = {values[0]}": predictions_of(study, r) for values, r in first_runs(study).items()}
    dot = typical(next(iter(found.values())))
    figures = {
        "figure9-electrons": side_by_side(found, dot),
        "figure9-r2": against_axis(study, "data.n_electrons", None, "r2", "R² of the test split", 1),
    }
    return figures, {"r2": {name: scores(p) for name, p in found.items()}}


def reconstruction(study: Study) -> Drawn:
    """Figure A5: one dot with each weight of the reconstruction."""
    found = {f"λ = {values[0]}": predictions_of(study, r) for values, r in first_runs(study).items()}
    dot = typical(next(iter(found.values())))
    axis = "model.lambda_rec"
    figures = {
        "figureA5-lambda": side_by_side(found, dot),
        "figureA5-r2": against_axis(study, axis, None, "r2", "R² of the test split", 1),
        "figureA5-nmae": against_axis(study, axis, None, "nmae", "NMAE (%)", 100),
    }
    return figures, {}


def as_images(fields: NDArray) -> NDArray[np.float64]:
    """Return each field on 256 levels between its lowest and highest value, as in an image file."""
    low, high = (f(fields, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    return np.asarray(np.round(255 * (fields - low) / (high - low)) / 255)


def r2_of_norms(predicted: NDArray, exact: NDArray) -> float:
    """1 - sum_i ||r_i|| / sum_i ||t_i||: equations 17-19 without the squares."""
    residual, total = (np.linalg.norm(d, axis=(1, 2)).sum() for d in (exact - predicted, exact - exact.mean(axis=0)))
    return float(1 - residual / total)


def scores(p: Predictions) -> dict[str, float]:
    """Return R^2 of the same predictions as fields, as pictures, and without the squares."""
    fields = target_of(p)
    pictures = [as_images(f) for f in fields]
    found = {"fields": metrics.r2(*fields), "pictures": metrics.r2(*pictures)}
    return {name: float(value) for name, value in found.items()} | {"norms": r2_of_norms(*fields)}


def why(study: Study) -> Drawn:
    """Scores of each way of training."""
    numbers = {}
    for values, record in first_runs(study).items():
        name = ", ".join(f"{axis.split('.')[-1]} {value}" for axis, value in zip(study.axes, values, strict=True))
        numbers[name] = scores(predictions_of(study, record))
    figure = Figure(figsize=(7, 1.2 + 0.5 * len(numbers)), layout="constrained")
    panel = figure.subplots()
    kinds = {"fields": "R² of fields", "pictures": "R² of 8-bit pictures", "norms": "of fields, norms not squared"}
    for i, (kind, label) in enumerate(kinds.items()):
        panel.barh(np.arange(len(numbers)) + 0.26 * i, [n[kind] for n in numbers.values()], 0.24, color=COLOURS[i])
        panel.plot([], [], "s", color=COLOURS[i], label=label)
    panel.axvspan(0.78, 0.84, color="0.85", zorder=0, label="paper")
    panel.set_yticks(np.arange(len(numbers)) + 0.26, list(numbers))
    panel.set_xlim(0.5, 1)
    figure.legend(fontsize=8, loc="outside upper center", ncols=2)
    curves_of = [
        (name, read_history(folder_of(study, r))["val/r2"])
        for name, r in zip(numbers, first_runs(study).values(), strict=True)
    ]
    return {"r2": figure, "r2-steps": learning_curves(curves_of, "validation R²", 1, log=False)}, {"r2": numbers}
