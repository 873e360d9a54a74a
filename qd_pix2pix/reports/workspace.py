"""The layout of the W&B workspace, saved as a view: ``python -m qd_pix2pix.reports.workspace ENTITY [PROJECT]``.

It requires ``pip install -e '.[workspace]'`` and a W&B key; ``logger=wandb`` logs runs there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from qd_pix2pix.evaluation.measures import MEASURES

STEP = "trainer/global_step"
JUDGED = {m.label: f"val/{m.name}" for m in MEASURES.values() if m.of_sample or m.name == "r2" or m.kinds == ("drawn",)}
LOSSES = {
    "generator, adversarial": "train/g_adversarial",
    "generator, reconstruction": "train/g_reconstruction",
    "discriminator, real pairs": "train/d_real",
    "discriminator, generated pairs": "train/d_fake",
    "regressor": "train/loss",
    "learning rate": "train/rate",
}
LOSSES_OF_GENERATORS = {
    "discriminator, labels": "train/labels",
    "critic, drawn − stored": "train/critic",
    "critic, gradient penalty": "train/penalty",
    "critic, consistency": "train/consistency",
    "generator, − drawn": "train/generator",
}
"""Losses of model=gan and model=rugan; model=flow has those above."""
IMAGES = {
    "input, reference, predicted, error; of a generator drawn above stored": "val/dots",
    "evolution of the first sample": "val/evolution",
}
STUDIED = ("receptive_field", "model.lambda_rec", "loader.jitter", "parameters", "seed")
STUDIED_OF_GENERATORS = ("parameters", "model.steps")
"""Settings against which R² of the test split is drawn, of generators the label error: names in the configuration."""


def layout(entity: str, project: str) -> Any:
    """Return the workspace, not saved: measures and images first, then studied settings, losses, speed.

    Runs of a sweep are grouped; lines are their mean with one standard deviation.

    Raises:
        ModuleNotFoundError: wandb-workspaces is not installed.
    """
    import wandb_workspaces.reports.v2 as panels
    import wandb_workspaces.workspaces as workspaces

    def lines(names: dict[str, str], **options: Any) -> list[Any]:
        return [
            panels.LinePlot(
                title=title, x=STEP, y=[name], groupby="Group", groupby_aggfunc="mean", groupby_rangefunc="stddev",
                **options,
            )
            for title, name in names.items()
        ]  # fmt: skip

    pictures = [
        panels.MediaBrowser(title=title, media_keys=[name], mode="gallery", gallery_axis="run", num_columns=1)
        for title, name in IMAGES.items()
    ]
    studied = [
        panels.ScatterPlot(title=f"test {label} against {name}", x=panels.Config(name), y=panels.SummaryMetric(measure))
        for label, measure, names in (
            ("R²", "test/r2", STUDIED),
            ("label error", "test/label_error", STUDIED_OF_GENERATORS),
        )
        for name in names
    ]
    sections = {
        "Measures": lines(JUDGED),
        "Dots": pictures,
        "Study": studied,
        "Losses": lines(LOSSES | LOSSES_OF_GENERATORS, smoothing_factor=0.6, smoothing_type="exponential"),
        "Speed": lines({"dots a second": "train/dots_per_second"}),
    }
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name="Quantum dots",
        sections=[workspaces.Section(name=name, panels=shown, is_open=True) for name, shown in sections.items()],
        settings=workspaces.WorkspaceSettings(x_axis=STEP),
        runset_settings=workspaces.RunsetSettings(groupby=[workspaces.Metric("Group")]),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Save the workspace as a view of the project."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entity", help="W&B user or team")
    parser.add_argument("project", nargs="?", default="qd_pix2pix")
    given = parser.parse_args(arguments)
    try:
        layout(given.entity, given.project).save()
    except ModuleNotFoundError as error:
        parser.exit(1, f"error: {error.name}: pip install -c constraints.txt -e '.[workspace]' installs it\n")


if __name__ == "__main__":
    main()
