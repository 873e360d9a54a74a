"""Random voltages of a given device: a family of potentials for datasets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from solvers.checks import check_kind, check_path, check_range
from solvers.grid import Grid
from solvers.quantum_dots.device_files import load_device
from solvers.quantum_dots.devices import Device
from solvers.quantum_dots.potentials.polygon_gates import PolygonGates


@dataclass(frozen=True)
class RandomVoltages:
    """A distribution of voltages, uniform and independent, of the device of a YAML file.

    ``voltages`` has the range [low, high] in V of each gate that varies; all others keep the voltage of the file.
    ``path`` is the file, which holds the corners of all gates, as ``save_device`` writes them; ``sha256`` its
    checksum.

    Raises:
        ValueError: there is no file, it is another one or names a layout, or a gate or range does not exist.
    """

    path: str
    sha256: str
    voltages: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        check_path("potential.path", self.path, "the path of a YAML file with a device")
        if not isinstance(self.voltages, Mapping) or not self.voltages:
            raise ValueError(
                f"potential.voltages: expected ranges [low, high] by the names of gates, got {self.voltages!r}. Use "
                "potential.voltages='{P1: [0.0, 0.1]}'"
            )
        device = _device(str(self.path), str(self.sha256))
        for name, bounds in self.voltages.items():
            if name not in device.names:
                raise ValueError(f"potential.voltages: expected names out of {', '.join(device.names)}; got {name!r}")
            check_range(f"potential.voltages.{name}", bounds)

    @property
    def title(self) -> str:
        """The name of the file."""
        return Path(self.path).name

    def sample(self, rng: np.random.Generator, grid: Grid) -> PolygonGates:
        """Draw one potential.

        Raises:
            ValueError: the side of the grid is not that of the window of the device.
        """
        check_kind("rng", rng, np.random.Generator)
        device = _device(str(self.path), str(self.sha256))
        device.check_grid(grid)
        return device.potential({name: rng.uniform(*self.voltages[name]) for name in sorted(self.voltages)})


@lru_cache(maxsize=4)
def _device(path: str, sha256: str) -> Device:
    """Return the device of a file with this checksum."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"potential.path: expected a YAML file with a device, got {path}: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"potential.sha256: expected {found}, that of {path}, got {sha256}: the file has changed since the dataset "
            "was made"
        )
    try:
        named = yaml.safe_load(content)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"potential.path: expected a YAML file, got {path}: {' '.join(str(error).split())}") from None
    if isinstance(named, Mapping) and named.get("gds") is not None:
        raise ValueError(
            f"potential.path: expected a device with the corners of its gates, got {path}, which names a layout. Write "
            "it with save_device(load_device(path), 'corners.yaml')"
        )
    return load_device(path)
