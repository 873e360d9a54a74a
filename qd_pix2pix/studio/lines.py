"""The Python lines that do what the page does with a dot; they need neither the page nor its extra."""

from __future__ import annotations

import base64
import zlib

from qd_pix2pix.studio.dot import STORED, Dot
from qd_pix2pix.studio.potential import effective_wells

HEAD = """import numpy as np
from qd_pix2pix import from_pretrained
from solvers import PRESETS, Grid, Material, solve
"""


def python_lines(dot: Dot) -> str:
    """Return a script that builds the potential of a dot, predicts and solves it, and prints the results."""
    imports, body = HEAD, [f"grid = Grid(n={dot.n}, extent={dot.side!r})  # nm"]
    body.append("V = np.zeros((grid.n, grid.n))  # eV")
    if dot.background is not None:
        extra, lines = _background(dot)
        imports = "import base64\nimport zlib\n\n" + imports + extra
        body += lines
    if wells := effective_wells(dot):
        imports += "from solvers.quantum_dots.potentials import GaussianWells\n"
        middle = dot.side / 2
        body += [
            f"depth = np.array({[w.depth for w in wells]!r})  # meV",
            f"center = np.array({[(w.x, w.y) for w in wells]!r}) - {middle!r}  # nm from the middle",
            f"width = np.array({[(w.width, w.width) for w in wells]!r})  # nm",
            "V += GaussianWells(1e-3 * depth, center, width)(grid)",
        ]
    if dot.gates:
        imports += "from solvers.quantum_dots.potentials import Gates\n"
        body += _gates(dot)
    if dot.strokes or dot.target:
        imports += "from qd_pix2pix.studio.brush import Stroke\n"
    if dot.strokes:
        for s in dot.strokes:
            body.append(
                f"V += 1e-3 * Stroke({s.points!r}, size={s.size!r}, height={s.height!r})(*grid.mesh())  # nm, meV"
            )
    body += [
        "",
        f"given = {{'n_electrons': {dot.n_electrons}, 'm_eff': {dot.m_eff!r}, 'eps_r': {dot.eps_r!r}}}",
        'p = from_pretrained("universal")(V, extent=grid.extent, **given)',
        "print(p.energy, p.gap, p.spin, p.density_error, p.verdict)  # eV",
        f"dot = solve(V, grid, {dot.n_electrons}, Material({dot.m_eff!r}, {dot.eps_r!r}), **PRESETS['converged'])",
        "print(dot.energy, dot.energy_error + dot.grid_error, dot.gap, dot.gap_error, dot.spins[0])  # eV",
    ]
    if dot.target:
        imports = imports.replace("import from_pretrained", "import design, from_pretrained")
        body += _design(dot)
    return imports + "\n" + "\n".join(body).replace("'", '"') + "\n"


def _background(dot: Dot) -> tuple[str, list[str]]:
    """Return imports and lines for a potential from a file, whose numbers are part of the script."""
    b = dot.background
    assert b is not None
    text = base64.b64encode(zlib.compress(b.levels, 9)).decode()
    lines = [
        f'levels = zlib.decompress(base64.b64decode("{text}"))',
        f'share = np.frombuffer(levels, dtype="<u2").reshape({STORED}, {STORED}) / 65535',
        f"stored = 1e-3 * ({b.low!r} + ({b.high!r} - {b.low!r}) * share)  # eV, indexed [ix, iy]",
    ]
    if dot.n == STORED:
        return "", [*lines, "V += stored"]
    places = f"own = (np.arange({STORED}) + 0.5) / {STORED}"
    resampled = "V += on_cells(stored, (own, own), (1.0, 1.0), grid.shape)"
    return "from qd_pix2pix.fields.square import on_cells\n", [*lines, places, resampled]


def _design(dot: Dot) -> list[str]:
    """Return lines that propose potentials for the painted density."""
    strokes = ", ".join(f"Stroke({s.points!r}, {s.size!r}, {s.height!r})" for s in dot.target)
    return [
        "",
        f"painted = sum(stroke(*grid.mesh()) for stroke in ({strokes},)).clip(min=0)",
        f"n = painted * {dot.n_electrons} / (painted.sum() * grid.cell_area)  # nm^-2",
        "options = {'bounds': (0.0, 0.03), 'starts': 2, 'steps': 60, 'verify': True}  # V in eV",
        "found = design('universal', n, extent=grid.extent, **options, **given)",
        "distance = abs(found.verified['n_int'][0] - n).sum() * grid.cell_area / given['n_electrons']",
        "print(found.verified['energy'], distance)  # eV",
    ]


def _gates(dot: Dot) -> list[str]:
    middle = dot.side / 2
    rows = [(g.x - g.width / 2, g.x + g.width / 2, g.y - g.height / 2, g.y + g.height / 2) for g in dot.gates]
    return [
        f"edges = np.array({rows!r}) - {middle!r}  # left, right, bottom, top, nm from the middle",
        f"voltage = np.array({[g.voltage for g in dot.gates]!r})  # mV",
        f"V += Gates(edges, -1e-3 * voltage, gas_depth={dot.gas_depth!r})(grid)",
    ]
