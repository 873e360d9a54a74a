"""Layers of volumes: a linear function of x, y and z in files of several formats, on layers and between them."""

import itertools

import h5py
import numpy as np
import pytest
import scipy.io
import xarray

from qd_pix2pix.fields import read_field
from qd_pix2pix.systems.given_potential import read_potential
from solvers import Material

X, Y, Z = np.array([0.5, 1.5, 2.5, 3.5]), np.array([0.25, 0.75, 1.25]), np.array([-2.0, 0.0, 1.0, 5.0, 6.0])


def linear(x, y, z):
    return 1 + x + 10 * y - 100 * z


VOLUME = linear(X[:, None, None], Y[:, None], Z)  # (nx, ny, nz)


def table(path):
    """Lines in any order, with columns in any order."""
    lines = [f"{z},{linear(x, y, z)},{y},{x}" for x, y, z in itertools.product(X, Y, Z)]
    np.random.default_rng(0).shuffle(lines)
    path.write_text("\n".join(["z[nm],V[meV],y[nm],x[nm]", *lines]), encoding="utf-8")


def legacy(path):
    def axis(name, values):
        return f"{name}_COORDINATES {len(values)} double\n{' '.join(map(str, values))}\n"

    head = "# vtk DataFile Version 3.0\nvolume\nASCII\nDATASET RECTILINEAR_GRID\n"
    sizes = f"DIMENSIONS {len(X)} {len(Y)} {len(Z)}\n" + axis("X", X) + axis("Y", Y) + axis("Z", Z)
    values = " ".join(map(repr, VOLUME.transpose(2, 1, 0).ravel().tolist()))
    data = f"POINT_DATA {VOLUME.size}\nSCALARS V double 1\nLOOKUP_TABLE default\n{values}\n"
    path.write_text(head + sizes + data, encoding="utf-8")


def points(path):
    lines = [(x, y, z) for z, y, x in itertools.product(Z, Y, X)]
    head = "# vtk DataFile Version 3.0\nvolume\nASCII\nDATASET STRUCTURED_GRID\n"
    head += f"DIMENSIONS 4 3 5\nPOINTS {len(lines)} double\n"
    data = f"POINT_DATA {len(lines)}\nSCALARS V double 1\nLOOKUP_TABLE default\n"
    values = "\n".join(str(linear(*line)) for line in lines)
    path.write_text(
        head + "\n".join("{} {} {}".format(*line) for line in lines) + "\n" + data + values, encoding="utf-8"
    )


def avs(path):
    names = ("x", "y", "z")
    head = f"# AVS field file\nndim = 3\ndim1 = {len(X)}\ndim2 = {len(Y)}\ndim3 = {len(Z)}\nnspace = 3\nveclen = 1\n"
    head += "data = double\nfield = rectilinear\nlabel = V[meV]\n"
    head += "variable 1 file=v.dat filetype=ascii skip=0 offset=0 stride=1\n"
    head += "".join(
        f"coord {i + 1} file={n}.coord filetype=ascii skip=0 offset=0 stride=1\n" for i, n in enumerate(names)
    )
    path.write_text(head, encoding="utf-8")
    np.savetxt(path.parent / "v.dat", VOLUME.transpose(2, 1, 0).ravel())
    for name, values in zip(names, (X, Y, Z), strict=True):
        np.savetxt(path.parent / f"{name}.coord", values)


def hdf5(path):
    with h5py.File(path, "w") as file:
        for name, values in {"x": X, "y": Y, "z": Z[::-1], "V": VOLUME.transpose(2, 0, 1)[::-1]}.items():
            file[name] = values


WRITERS = {
    "volume.csv": table,
    "volume.vtk": legacy,
    "points.vtk": points,
    "volume.fld": avs,
    "volume.h5": hdf5,
    "volume.npz": lambda path: np.savez(path, x=X, y=Y, z=Z, V=VOLUME),
    "volume.mat": lambda path: scipy.io.savemat(path, {"x": X, "y": Y, "z": Z, "V": VOLUME}),
    "volume.nc": lambda path: xarray.Dataset(
        {"V": (("y", "z", "x"), VOLUME.transpose(1, 2, 0))}, {"x": X, "y": Y, "z": Z}
    ).to_netcdf(path, engine="h5netcdf"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_layer_of_a_volume(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    for z, said in (
        (1.0, "layer at z = 1"),
        (3.0, "layer at z = 3, linear between 1 and 5"),
        (-2.0, "layer at z = -2"),
    ):
        found = read_field(path, z=z)
        np.testing.assert_allclose(found.values, linear(X[:, None], Y, z), rtol=1e-12)
        np.testing.assert_allclose((found.x[0], found.y[-1]), (X[0], Y[-1]))
        assert found.note == said
    with pytest.raises(ValueError, match=r"holds a volume of 5 layers at z = -2 \.\.\. 6; give the height of one, z="):
        read_field(path)
    with pytest.raises(
        ValueError, match=r"^z: expected a height within 5 layers at z = -2 \.\.\. 6, got 6.5 in .*volume|points"
    ):
        read_field(path, z=6.5)


def test_the_height_is_in_the_unit_of_x(tmp_path):
    lines = [f"{x},{y},{z / 1000},{linear(x, y, z)}" for x, y, z in itertools.product(X, Y, Z)]
    (tmp_path / "um.csv").write_text("\n".join(["x[nm],y[nm],z[um],V", *lines]), encoding="utf-8")
    np.testing.assert_allclose(read_field(tmp_path / "um.csv", z=3.0).values, linear(X[:, None], Y, 3.0), rtol=1e-9)


@pytest.mark.parametrize("name", ["cube.npz", "cube.mat", "cube.h5"])
def test_a_cube_whose_axes_are_not_known_is_refused(tmp_path, name):
    """Layers 1, 2, 3, 4 times a plane: along the wrong axis a layer would be another function."""
    plane = linear(X[:, None], X, 0.0)
    arrays = {"V": np.stack([plane * k for k in (1, 2, 3, 4)]), "x": X, "y": X, "z": np.arange(4.0)}
    if name.endswith("h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file.update(arrays)
    else:
        (np.savez if name.endswith("npz") else scipy.io.savemat)(
            tmp_path / name, **(arrays if name.endswith("npz") else {"mdict": arrays})
        )
    with pytest.raises(ValueError, match=r"expected V with z as the first or as the last axis; its shape .* fits both"):
        read_field(tmp_path / name, z=2.0)
    data = xarray.Dataset({"V": (("z", "x", "y"), arrays.pop("V"))}, arrays)
    data.to_netcdf(tmp_path / "cube.nc", engine="h5netcdf")
    np.testing.assert_allclose(read_field(tmp_path / "cube.nc", z=2.0).values, 3 * plane)


def test_a_plane_has_no_layers(tmp_path):
    np.save(tmp_path / "plane.npy", VOLUME[..., 0])
    with pytest.raises(ValueError, match=r"^z: the file holds a plane, not a volume; leave it out"):
        read_field(tmp_path / "plane.npy", z=1.0)
    with pytest.raises(ValueError, match=r"^z: expected a number, got 'top'"):
        read_field(tmp_path / "plane.npy", z="top")


def test_an_array_named_z_may_be_the_field_or_the_height_of_a_plane(tmp_path):
    plane = VOLUME[..., 0]
    np.savez(tmp_path / "field.npz", x=X, y=Y, z=plane)
    np.savez(tmp_path / "height.npz", x=X, y=Y, z=45.0, V=plane)
    np.savez(tmp_path / "single.npz", x=X, y=Y, z=[45.0], V=plane[..., None])
    np.savez(tmp_path / "labels.npz", x=X, y=Y, z=np.arange(7.0), V=plane)
    lines = [f"{x},{y},{linear(x, y, Z[0])}" for x, y in itertools.product(X, Y)]
    (tmp_path / "field.csv").write_text("\n".join(["x,y,z", *lines]), encoding="utf-8")
    for name in ("field.npz", "height.npz", "single.npz", "labels.npz", "field.csv"):
        np.testing.assert_allclose(read_field(tmp_path / name, column="z" if "field" in name else None).values, plane)
    np.testing.assert_allclose(read_field(tmp_path / "single.npz", z=45.0).values, plane)
    with pytest.raises(ValueError, match="z: expected a height within 1 layer at z = 45"):
        read_field(tmp_path / "single.npz", z=40.0)


def test_layers_have_the_same_points(tmp_path):
    lines = [f"{x} {y} {z} 0" for x, y, z in itertools.product(X, Y, Z)]
    (tmp_path / "gap.txt").write_text("x y z V\n" + "\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"gap.txt: expected each point of a rectangular grid once"):
        read_field(tmp_path / "gap.txt", z=0.0)


def test_electrons_gather_where_an_electrostatic_potential_is_high(tmp_path):
    x = 2.0 * np.arange(40) + 1
    phi = 0.05 * np.exp(-((x[:, None] - 40) ** 2 + (x - 40) ** 2) / 400)
    with h5py.File(tmp_path / "phi.h5", "w") as file:
        for name, values in {"x": x, "y": x, "potential": phi}.items():
            file[name] = values
        file["potential"].attrs["units"] = "V"
    material = Material(0.067, 12.9)
    np.testing.assert_allclose(read_potential(str(tmp_path / "phi.h5"), material, unit="V").V, -phi)
    with pytest.raises(ValueError, match="unit: .* got 'V' in .*phi.h5"):
        read_potential(str(tmp_path / "phi.h5"), material)


def test_the_potential_of_a_layer_is_solved_with_a_remark(tmp_path):
    x, z = 2.0 * np.arange(40) + 1, np.array([10.0, 20.0])
    V = 1e-5 * ((x[:, None, None] - 40) ** 2 + (x[:, None] - 40) ** 2) * (z / 10)
    np.savez(tmp_path / "trap.npz", x=x, y=x, z=z, V=V)
    found = read_potential(str(tmp_path / "trap.npz"), Material(0.067, 12.9), z=15.0)
    np.testing.assert_allclose(found.V, 1.5 * V[..., 0])
    assert "layer at z = 15, linear between 10 and 20" in str(found.notes)
