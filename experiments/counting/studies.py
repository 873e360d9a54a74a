"""The runs of this folder: those of table 1 of Mills and Tamblyn (2021), with the digits and shapes of this project."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.trained import Runs

EXPERIMENT = "experiment=counting"
SIDES = {"laptop": 128, "paper": 256, "smoke": 64}
"""Pixels per side at each scale."""
SIZES = {
    "laptop": ("data.train=20000", "trainer.max_steps=8000", "trainer.val_check_interval=1000", "loader.batch_size=8"),
    "paper": (
        *("data.train=20000", "data.val=1000", "data.test=2000", "trainer.max_steps=-1", "trainer.max_epochs=100"),
        *("network.trunk.channels=[64,64,64]", "network.trunk.width=1024", "network.gain=32.0"),
    ),
    "smoke": (
        *("data.train=16", "data.val=8", "data.test=8", "data.shard_size=8", "trainer.max_steps=4"),
        *("trainer.val_check_interval=2", "loader.batch_size=4", "network.gain=8.0"),
    ),
}
"""Number of collages, length of the training and width of the network at each scale."""


@dataclass(frozen=True)
class Task:
    """One row of the table.

    Attributes:
        paper: name in the paper.
        classes: classes that are counted, as in ``data.objects.classes``.
        most: largest number of objects of a class in the paper, on 256 x 256 pixels.
        accuracy: fraction of correct counts in the paper, in percent, for each class in its order; the lowest one
            alone where the paper states no other.
        overrides: overrides of the data.
        per_area: True if the number of objects is reduced in proportion to the area.
    """

    paper: str
    classes: tuple[str, ...]
    most: int
    accuracy: tuple[float, ...]
    overrides: tuple[str, ...] = ()
    per_area: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are counted."""
        return tuple(f"digit_{name}" if name.isdigit() else name for name in self.classes)

    def limit(self, side: int) -> int:
        """Return the largest number of objects of a class on so many pixels per side."""
        return max(1, -(-self.most * side**2 // 256**2)) if self.per_area else self.most

    def run(self, scale: str) -> tuple[str, ...]:
        """Return the overrides of the run at a scale."""
        target, *also = self.columns
        side = SIDES[scale]
        return (
            *(EXPERIMENT, "data=collages" if self.overrides[:1] == SHAPES[:1] else "data=digits"),
            *(f"data.side={side}", f"data.most={self.limit(side)}", f"data.objects.classes=[{','.join(self.classes)}]"),
            *(
                *(f"mapping.target={target}", f"mapping.also=[{','.join(also)}]"),
                *(*self.overrides, *SIZES[scale]),
            ),
        )


OVERLAP = "data.overlap=true"
SHAPES = ("data.objects.radius=[6.0,9.0]", OVERLAP)
"""Shapes of random size and direction, which may overlap as the ducks do."""
TASKS = {
    "digits-1": Task("MNIST-1", ("5",), 25, (100.0,)),
    "digits-2": Task("MNIST-2", ("4", "8"), 12, (100.0, 100.0)),
    "digits-10": Task("MNIST-10", tuple("5012346789"), 6, (98.08,)),
    "digits-2-occ": Task("MNIST-2-occ", ("4", "8"), 15, (84.82, 88.50), (OVERLAP,)),
    "digits-2-occ-vs": Task(
        "MNIST-2-occ-vs", ("4", "8"), 15, (56.68, 54.72), (OVERLAP, "data.objects.size=[14.0,28.0]")
    ),
    "shapes-1": Task("RD-1", ("cross",), 5, (99.39,), SHAPES, per_area=False),
    "shapes-2": Task("RD-2", ("cross", "disc"), 5, (99.58, 99.38), SHAPES, per_area=False),
}


def table(scale: str) -> Runs:
    """Return all runs of the table."""
    return {name: task.run(scale) for name, task in TASKS.items()}


STUDIES = {"table": table}
