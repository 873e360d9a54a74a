"""Images of a quantum gas microscope: which sites are visible, with or without one spin species.

Each image has its doping and the species that was removed before it was taken. Holes and doublons are dark in all
images. Experimental images come from an HDF5 file with

    images   (n, X, Y)  whole numbers: 1 where an atom was detected, 0 elsewhere
    doping   (n,)       fraction of holes at which the image was taken, in [0, 1]
    removed  (n,)       whole numbers: +1 spin up removed, -1 spin down removed, 0 neither
    mask     (X, Y)     optional: 1 on the sites that were imaged, 0 elsewhere; without it, all

Other datasets and all attributes are ignored. The lattice is not periodic: ``periodic=False`` in ``image_correlator``
and ``detect_strings``, to which ``mask`` belongs as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_integer, check_kind, check_number, check_path, writing
from solvers.spins.ising import Floats, Spins
from solvers.spins.snapshots import as_mask, as_snapshots

REMOVED = (-1, 0, 1)


@dataclass(frozen=True)
class Images:
    """Images with their conditions; see the module.

    Attributes:
        images: 1 on visible sites, int8 (n, X, Y).
        doping: (n,).
        removed: +1, -1 or 0, int8 (n,).
        mask: sites that were imaged, (X, Y).

    Raises:
        ValueError: an array has another shape or other values.
    """

    images: Spins
    doping: Floats
    removed: Spins
    mask: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        images = as_snapshots("images", self.images, (0, 1))
        removed = check_array("removed", self.removed, (len(images),), -1, 1)
        if not np.isin(removed, REMOVED).all():
            raise ValueError("removed: expected -1, 0 and +1 only, got other values")
        doping = check_array("doping", self.doping, (len(images),), 0.0, 1.0).astype(np.float64)
        values = (images, doping, removed.astype(np.int8), as_mask(self.mask, images.shape[1:]))
        for name, value in zip(("images", "doping", "removed", "mask"), values, strict=True):
            object.__setattr__(self, name, value)
        if (images * ~values[3]).any():
            raise ValueError("mask: expected no visible site outside, got some. Set these sites to 0.")

    def of(self, removed: int, low: float = 0.0, high: float = 1.0) -> Spins:
        """Return the images with ``removed`` +1, -1 or 0 and a doping in [low, high], (k, X, Y).

        Raises:
            ValueError: an argument is out of range.
        """
        check_integer("removed", removed, -1, high=1)
        check_number("low", low, 0.0, 1.0)
        check_number("high", high, low, 1.0)
        return self.images[(self.removed == removed) & (self.doping >= low) & (self.doping <= high)]


def images_of(snapshots: Any, removed: int) -> Spins:
    """Return images of ``snapshots`` (n, L, L) of +1, -1 and 0, with one species removed or, for 0, none.

    Raises:
        ValueError: an argument has other values.
    """
    given = as_snapshots("snapshots", snapshots)
    check_integer("removed", removed, -1, high=1)
    return ((given == -removed) if removed else (given != 0)).astype(np.int8)


def read_images(path: Path | str) -> Images:
    """Return the images of an HDF5 file; the module describes its format.

    Raises:
        ValueError: the file is not HDF5, a dataset is missing, or it has another shape or other values.
    """
    try:
        with h5py.File(path, "r") as file:
            found = {name: file[name][...] for name in ("images", "doping", "removed", "mask") if name in file}
    except (OSError, RuntimeError, KeyError, AttributeError, TypeError, ValueError) as error:  # a broken link: KeyError
        raise ValueError(
            f"{path}: expected an HDF5 file with datasets of images, could not read it ({error})"
        ) from None
    if missing := [name for name in ("images", "doping", "removed") if name not in found]:
        raise ValueError(f"{path}: expected datasets images, doping and removed, got no {', '.join(missing)}")
    try:
        return Images(**found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_images(path: Path | str, images: Images) -> None:
    """Write ``images`` as ``read_images`` reads them; an existing file is replaced, a missing folder made.

    Raises:
        ValueError: ``path`` is no path, ``images`` are none, or the file cannot be written.
    """
    check_path("path", path, "a file")
    check_kind("images", images, Images, "Images(images, doping, removed)")
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with writing("path", path):
            with h5py.File(unfinished, "w") as file:
                for name in ("images", "removed", "doping"):
                    file.create_dataset(name, data=getattr(images, name), compression="gzip")
                file["mask"] = np.asarray(images.mask, dtype=np.int8)
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
