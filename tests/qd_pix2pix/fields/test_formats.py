"""Files of every format, written by its own library or by hand after its documentation, and read back."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import xarray

from qd_pix2pix.fields import FORMATS, checksum, read_field
from qd_pix2pix.systems.given_potential import read_potential
from solvers import Material

VTK = Path(__file__).parent / "vtk"
"""Written by VTK 9.7.2: x = 0.125, 0.375, ...; y = 0.25, 0.75, ...; V = 0, 1/16, 2/16, ..., with y fastest."""
rng = np.random.default_rng(0)
X, Y = np.array([0.5, 1.5, 2.5, 3.5, 4.5]), np.array([0.25, 0.75, 1.25, 1.75])
V = rng.normal(size=(5, 4))
MANY = rng.normal(size=(3, 5, 4))


def rows(order=None, values=V):
    """Lines x, y, V in any order."""
    x, y = np.meshgrid(X, Y, indexing="ij")
    lines = np.c_[x.ravel(), y.ravel(), values.ravel()]
    return lines if order is None else lines[order]


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def table(path, head="", comma=",", order=None, style="%.17g"):
    return write(path, head + "\n".join(comma.join(style % v for v in line) for line in rows(order)) + "\n")


def expect(path, values=V, x=X, y=Y, unit=None, length_unit=None, **options):
    found = read_field(path, **options)
    np.testing.assert_array_equal(found.values, values)
    assert found.values.dtype == np.float64
    for along, wanted in ((found.x, x), (found.y, y)):
        assert along is None if wanted is None else np.array_equal(along, wanted)
    assert (found.unit, found.length_unit) == (unit, length_unit)
    return found


SHUFFLED = np.random.default_rng(1).permutation(20)
TABLES = {
    "plain.csv": {},
    "shuffled.csv": {"order": SHUFFLED},
    "spaces.dat": {"comma": "  ", "order": SHUFFLED},
    "tabs.txt": {"comma": "\t"},
    "comments.txt": {"head": "# made by hand\n% in 2026\n! really\n\n"},
    "header.csv": {"head": "x,y,V\n", "order": SHUFFLED},
    "quotes.csv": {"head": '"x","y","V"\n'},
    "mark.csv": {"head": "\ufeffx;y;V\n", "comma": ";"},
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_points_in_any_order(tmp_path, name):
    expect(table(tmp_path / name, **TABLES[name]))


@pytest.mark.parametrize(
    "head",
    [
        "x[nm],y[nm],V[meV]\n",
        "# x [nm], y [nm], V [meV]\n",
        "x (nm),y (nm),V (meV)\n",
        "# dots\n# x[nm],y[nm],V[meV]\n",
        "x / nm,y / nm,V / meV\n",
        "x/nm,y/nm,V/meV\n",
        "x / [nm],y / (nm),V / (meV)\n",
        "x_nm,y_nm,V_meV\n",
        "x nm,y nm,V meV\n",
        "x in nm,y in nm,V in meV\n",
        "x pos [nm],y pos [nm],E in meV\n",
    ],
)
def test_units_in_the_names_of_columns(tmp_path, head):
    path = table(tmp_path / "dots.csv", head)
    expect(path, unit="meV", length_unit="nm")
    found = read_field(path, unit="eV", length_unit="\u00b5m")
    assert (found.unit, found.length_unit) == ("eV", "um")


@pytest.mark.parametrize(
    "head", ["x / nm   y / nm   V / meV\n", "# x nm y nm V meV\n", "# x_nm y_nm V_meV\n", "x in nm y in nm V in meV\n"]
)
def test_units_in_names_between_spaces(tmp_path, head):
    expect(table(tmp_path / "dots.dat", head, "  "), unit="meV", length_unit="nm")


ORIGIN = {
    "names, units": ("x\ty\tV\nnm\tnm\tmeV\n", "meV", "nm"),
    "also a remark": ("x\ty\tV\nnm\tnm\tmeV\nscan\tscan\tdot 1\n", "meV", "nm"),
    "below short names": ("A(X)\tB(Y)\tC(Z)\nx\ty\tV\nnm\tnm\tmeV\n", "meV", "nm"),
    "of values only": ("x\ty\tV\n\t\tmeV\n", "meV", None),
    "of lengths only": ("x\ty\tV\nnm\tnm\n", None, "nm"),
    "in brackets": ("x\ty\tV\n[nm]\t[nm]\t[meV]\n", "meV", "nm"),
    "in comments": ("# x\ty\tV\n# nm\tnm\tmeV\n", "meV", "nm"),
    "unknown": ("x\ty\tV\nnm\tnm\tfoo\n", "foo", "nm"),
    "beside a name": ("x (nm)\ty (nm)\tV\nnm\tnm\tmeV\n", "meV", "nm"),
    "words": ("x\ty\tV\nfirst\tsecond\tthird\n", None, None),
}


@pytest.mark.parametrize("name", ORIGIN)
def test_a_line_of_units_below_the_names_as_origin_writes_it(tmp_path, name):
    head, unit, length = ORIGIN[name]
    path = table(tmp_path / "dots.txt", head, "\t", SHUFFLED)
    expect(path, unit=unit, length_unit=length)


def test_titles_of_the_lines_above_the_numbers(tmp_path):
    head = "Long Name\tx\ty\tV\nUnits\tnm\tnm\tmeV\nComments\t\t\t\n"
    lines = "".join("".join(f"\t{v:.17g}" for v in line) + "\n" for line in rows())
    expect(write(tmp_path / "dots.txt", head + lines), unit="meV", length_unit="nm")


def test_units_of_a_chain_below_its_names(tmp_path):
    path = write(tmp_path / "chain.txt", "x\tV\nnm\tmeV\n0\t3\n1\t4\n2\t5\n")
    found = read_field(path, dims=1)
    assert found.unit == "meV" and found.values.tolist() == [3, 4, 5]


def test_text_as_excel_writes_it(tmp_path):
    lines = "\n".join(";".join(f"{v:.17g}".replace(".", ",") for v in line) for line in rows())
    expect(write(tmp_path / "sep.csv", f"sep=;\r\nx;y;V\n{lines}\n"))
    quoted = "\n".join(",".join(f'"{v:.17g}"' for v in line) for line in rows())
    expect(write(tmp_path / "quoted.csv", f'"x","y","V"\n{quoted}\n'))
    expect(write(tmp_path / "commas.csv", f'"x","y","V"\n{quoted.replace(".", ",")}\n'))


def test_units_as_texts_of_numpy(tmp_path):
    path = tmp_path / "dots.npz"
    np.savez(path, V=V, x=X, y=Y, unit="meV", length_unit="um", extent=5.0)
    expect(path, unit="meV", length_unit="um")
    np.savez(path, **{"V_eV": V, "x": X, "y": Y, "units": "meV"})
    expect(path, unit="eV")
    np.savez(path, V=V, n_int=V, x=X, y=Y, unit="meV")  # of which of them?
    expect(path)


@pytest.mark.parametrize("name", ["V / foo", "V[foo]", "V/foo", "V in foo"])
def test_unknown_units_in_names_are_stated_and_refused(tmp_path, name):
    path = table(tmp_path / "dots.csv", f"x,y,{name}\n")
    assert read_field(path).unit == "foo"
    with pytest.raises(ValueError, match=r"unit: expected eV, meV, J, hartree; got 'foo' in .*dots.csv"):
        read_potential(path, Material(0.067, 12.9))


@pytest.mark.parametrize("name", ["V_top", "V_a", "V_2", "E_m", "n_int", "V_Hartree", "Gamma bandedge"])
def test_indices_of_names_are_no_units(tmp_path, name):
    found = read_field(table(tmp_path / "dots.csv", f"x,y,{name}\n"))
    assert found.name == name and found.unit is None


@pytest.mark.parametrize("unit", ["meV", np.bytes_("meV"), np.array(["meV"], h5py.string_dtype()), [b"meV"]])
@pytest.mark.parametrize("attribute", ["units", "unit", "Unit", "UNITS"])
def test_units_in_attributes_of_hdf5(tmp_path, attribute, unit):
    with h5py.File(tmp_path / "dots.h5", "w") as file:
        file["V"], file["x"], file["y"] = V, X, Y
        file["V"].attrs[attribute] = unit
    expect(tmp_path / "dots.h5", unit="meV")


@pytest.mark.parametrize("attribute", ["units", "unit", "Units"])
def test_units_in_attributes_of_netcdf(tmp_path, attribute):
    coords = {"x": ("x", X, {attribute: "um"}), "y": ("y", Y, {attribute: "um"})}
    data = xarray.Dataset({"V": (("x", "y"), V, {attribute: "meV"})}, coords)
    data.to_netcdf(tmp_path / "dots.nc", engine="h5netcdf")
    expect(tmp_path / "dots.nc", unit="meV", length_unit="um")


def test_each_coordinate_has_its_own_unit(tmp_path):
    """Files with x and y in other units: y, and z of a volume, are converted to the unit of x."""
    V_of = {"V": V, "x": X, "y": Y * 1e-3}
    table(tmp_path / "dots.csv", "x [nm],y [um],V\n")
    with h5py.File(tmp_path / "dots.h5", "w") as file:
        for name, values in V_of.items():
            file[name] = values
        file["x"].attrs["units"], file["y"].attrs["units"] = "nm", "um"
    coords = {"x": ("x", X, {"units": "nm"}), "y": ("y", Y * 1e-3, {"units": "um"})}
    xarray.Dataset({"V": (("x", "y"), V)}, coords).to_netcdf(tmp_path / "dots.nc", engine="h5netcdf")
    np.savez(tmp_path / "dots.npz", V_meV=V, x_nm=X, y_um=Y * 1e-3)
    scipy.io.savemat(tmp_path / "dots.mat", {"V_meV": V, "x_nm": X, "y_um": Y * 1e-3})
    for name, factor in (("dots.csv", 1e3), ("dots.h5", 1), ("dots.nc", 1), ("dots.npz", 1), ("dots.mat", 1)):
        found = read_field(tmp_path / name)
        assert found.length_unit == "nm" and found.unit == ("meV" if name[5:] in ("npz", "mat") else None)
        np.testing.assert_allclose(found.x, X, rtol=1e-12)
        np.testing.assert_allclose(found.y, Y * factor, rtol=1e-12)
        given = read_field(tmp_path / name, length_unit="um")  # replaces both
        np.testing.assert_allclose(given.y, Y * factor / 1e3, rtol=1e-12)
        assert given.length_unit == "um"
    assert read_field(tmp_path / "dots.npz", column="V_meV").unit == "meV"
    only = read_field(table(tmp_path / "only.csv", "x,y [um],V\n"))
    assert only.length_unit == "um" and np.array_equal(only.x, X)
    with pytest.raises(ValueError, match=r"strange.csv: expected coordinates in nm, .*; got y in 'foo'"):
        read_field(table(tmp_path / "strange.csv", "x [nm],y [foo],V\n"))


def test_columns_of_one_name_in_several_units_keep_their_names(tmp_path):
    both = np.c_[rows(), 1000 * rows()[:, 2]]
    lines = "\n".join(",".join(f"{v:.17g}" for v in line) for line in both)
    path = write(tmp_path / "both.csv", "x,y,V [eV],V [meV]\n" + lines)
    with pytest.raises(ValueError, match="columns with different names"):
        read_field(path)
    np.savez(tmp_path / "both.npz", x=X, y=Y, **{"V [eV]": V, "V [meV]": 1000 * V})
    expect(tmp_path / "both.npz", 1000 * V, column="V [meV]", unit="meV")


NAMES = ["{} position [nm]", "{}pos", "{}-coordinate", "{}_pos", "pos_{}_nm", "position {} (nm)", "{}_pos_m", "i{}"]


@pytest.mark.parametrize("name", [*NAMES, "{} coords / nm", "{}_axis", "coordinate_{}", "{} in nm", "{}_center"])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_names_of_x_and_y_decide_in_any_order_of_columns(tmp_path, name, order):
    head = [name.format("x"), name.format("Y"), "V [eV]"]
    lines = [",".join(f"{line[i]:.17g}" for i in order) for line in rows()]
    path = write(tmp_path / "dots.csv", "\n".join([",".join(head[i] for i in order), *lines]))
    found = expect(path, unit="eV", length_unit="nm" if "nm" in name else "m" if name[-1] == "m" else None)
    assert found.name == "V"


@pytest.mark.parametrize("name", ["p{},p{},V", "{}1,{}1,V", "V,{}1,{}1", "# d{} d{} V", "{}0;{}0;V"])
@pytest.mark.parametrize("axes", ["xy", "yx", "ji", "ab"])
def test_columns_with_unknown_names_are_refused(tmp_path, name, axes):
    path = table(tmp_path / "dots.csv", name.format(*axes) + "\n")
    with pytest.raises(ValueError, match=r"dots.csv: expected columns named x and y; got .*V.* as x,y,V$"):
        read_field(path)


@pytest.mark.parametrize("head", ["y x\n", "# y,x\n", "# y position [nm]  x position [nm]  V\n", "V,W,y,x\n"])
def test_other_numbers_of_names_than_columns_are_refused(tmp_path, head):
    path = table(tmp_path / "dots.csv", head)
    with pytest.raises(ValueError, match=r"dots.csv has \d names for 3 columns: "):
        read_field(path)


@pytest.mark.parametrize("head", ["x,y,V\n", "V,W,U,x,y,E\n", "# x,y,V\n"])
def test_names_of_axes_never_stand_above_a_plain_grid(tmp_path, head):
    """Columns and names differ in number, as where decimal commas separate columns, too."""
    lines = [",".join(str(v) for v in (*row, 0.0)) for row in rows()]
    path = write(tmp_path / "dots.csv", head.replace(",E", "") + "\n".join(line + ",0,1" for line in lines))
    with pytest.raises(ValueError, match=r"dots.csv has \d names for 6 columns: .*x, y"):
        read_field(path)


SWEEP = "x                       y                        V (V) @ Vg=0.1, B=2      V (V) @ Vg=0.2, B=2"


def test_columns_of_a_sweep_in_comsol(tmp_path):
    lines = [f"{x:<24.17g} {y:<24.17g} {v:<24.17g} {2 * v:<24.17g}" for x, y, v in rows()]
    path = write(tmp_path / "sweep.txt", "\n".join(["% Length unit:        nm", f"% {SWEEP}", *lines]))
    expect(path, unit="V", length_unit="nm", column="V (V) @ Vg=0.1, B=2")
    expect(path, 2 * V, unit="V", length_unit="nm", column="V @ Vg=0.2, B=2")
    with pytest.raises(ValueError, match=r"got V @ Vg=0.1, B=2 \(5, 4\), V @ Vg=0.2, B=2 \(5, 4\). Give column=NAME"):
        read_field(path)
    quoted = '% x,y,"V (meV) @ Vg=0.1, B=2"\n'
    expect(table(tmp_path / "sweep.csv", quoted), unit="meV")


def test_atomic_units_of_coordinates_are_bohr(tmp_path):
    path = table(tmp_path / "dots.csv", "x [a.u.],y [a.u.],V [a.u.]\n")
    expect(path, unit="hartree", length_unit="bohr")
    assert read_field(table(tmp_path / "plain.csv"), length_unit="a.u.").length_unit == "bohr"


def test_text_of_a_spreadsheet(tmp_path):
    lines = ["x\ty\tV", *("\t".join(f"{v:.17g}".replace(".", ",") for v in row) for row in rows())]
    expect(write(tmp_path / "tabs.txt", "\r\n".join(lines)))
    (tmp_path / "unicode.txt").write_text("\n".join(lines), encoding="utf-16")
    expect(tmp_path / "unicode.txt")
    (tmp_path / "western.csv").write_bytes("x [µm],y [µm],V\n1,2,3\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"western.csv is not text in UTF-8: save it as such"):
        read_field(tmp_path / "western.csv")


def test_names_are_in_any_comment_and_x_is_preferred_to_an_index(tmp_path):
    lines = [f"{y:.17g} {x:.17g} {v:.17g}" for x, y, v in rows()]
    expect(write(tmp_path / "late.txt", "\n".join(["# y x V", "# made by hand", "#", *lines])))
    expect(table(tmp_path / "empty.txt", "#\n"))
    lines = [f"{i // 4},{i % 4},{y:.17g},{x:.17g},{v:.17g}" for i, (x, y, v) in enumerate(rows())]
    expect(write(tmp_path / "both.csv", "\n".join(["iy,ix,y_nm,x_nm,V", *lines])), column="V", length_unit="nm")
    with pytest.raises(ValueError, match=r"expected one name of x; got x_pos, pos_x\. Rename all but one"):
        read_field(write(tmp_path / "two.csv", "x_pos,pos_x,y,V\n1,1,1,1\n1,1,2,1\n2,2,1,1\n2,2,2,1\n"))


def test_columns_of_comsol(tmp_path):
    """The comments above its exported tables: the unit of length is in one of its own."""
    head = "% Model:              dot.mph\n% Dimension:          2\n% Nodes:              20\n% Expressions:        1\n"
    head += (
        "% Description:        Electric potential\n% Length unit:        {}\n% X                       Y          {}\n"
    )
    expect(table(tmp_path / "m.txt", head.format("m", "V (meV)"), "   "), unit="meV", length_unit="m")
    expect(table(tmp_path / "um.txt", head.format("\u00b5m", "V (meV)"), "   "), unit="meV", length_unit="um")
    named = head.format("m", "V (eV)").replace("X  ", "X (nm)").replace("Y  ", "Y (nm)")
    expect(table(tmp_path / "named.txt", named, "   "), unit="eV", length_unit="nm")
    lines = "".join(f"{x:.17g} {y:.17g} {z} {v + z:.17g}\n" for z in (1, 2) for x, y, v in rows())
    volume = write(tmp_path / "volume.txt", head.format("nm", "Z  V (meV)") + lines)
    expect(volume, V + 2, unit="meV", length_unit="nm", z=2.0)
    with pytest.raises(ValueError, match=r"length_unit: expected nm, .*; got 'foo'"):
        read_potential(table(tmp_path / "foo.txt", head.format("foo", "V (meV)"), "   "), Material(0.067, 12.9))


def grid_of_comsol(*blocks, more=()):
    """The grid format of its exports: the points of each axis in a line, then a line of values along x for each y."""
    lines = [
        "% Model:              dot.mph",
        "% Length unit:        nm",
        "% Grid",
        *(" ".join(map(repr, a)) for a in more),
    ]
    for title, values in blocks:
        lines += ["% Data", *([f"% {title}"] if title else []), *("   ".join(map(repr, row)) for row in values)]
    return "\n".join(lines) + "\n"


def test_grids_of_comsol(tmp_path):
    axes = [X.tolist(), Y.tolist()]
    plain = grid_of_comsol(("", V.T.tolist()), more=axes)
    expect(write(tmp_path / "dot.txt", plain), length_unit="nm")
    expect(write(tmp_path / "close.txt", plain.replace("% Grid", "%Grid").replace("% Data", "%Data")), length_unit="nm")
    two = grid_of_comsol(("V (meV)", V.T.tolist()), ("rho (C/m^2)", (2 * V).T.tolist()), more=axes)
    expect(write(tmp_path / "two.txt", two), unit="meV", length_unit="nm", column="V")
    named = plain.replace("% Data", "% Data (V (meV))")
    expect(write(tmp_path / "named.txt", named), unit="meV", length_unit="nm")
    expect(write(tmp_path / "windows.txt", plain.replace("\n", "\r\n")), length_unit="nm")
    titled = "% grid\n% made by hand\n" + "\n".join(" ".join(map(repr, row)) for row in V.tolist())
    np.testing.assert_array_equal(read_field(write(tmp_path / "plain.txt", titled)).values, V)
    layers = [((k + 1) * V).T.tolist() for k in range(3)]
    volume = grid_of_comsol(("V (meV)", [row for layer in layers for row in layer]), more=[*axes, [-1.0, 0.0, 4.0]])
    expect(write(tmp_path / "volume.txt", volume), 3 * V, unit="meV", length_unit="nm", z=4.0)


@pytest.mark.parametrize(
    ("axes", "lines", "said"),
    [
        ([X.tolist()], [[1.0] * 5], r"the points of x and y, or of x, y and z, below % Grid; got 1 lines"),
        ([X.tolist(), Y.tolist()], V.T.tolist()[:3], r"expected 5 x 4 values below % Data, got 15 of V \(meV\)"),
        ([X.tolist(), Y.tolist()], [["a", "b"]], r"expected numbers in a grid of COMSOL, got "),
    ],
)
def test_grids_of_comsol_that_are_incomplete(tmp_path, axes, lines, said):
    with pytest.raises(ValueError, match=said):
        read_field(write(tmp_path / "dot.txt", grid_of_comsol(("V (meV)", lines), more=axes)))
    with pytest.raises(ValueError, match="expected 5 x 4 values below % Data, got 0 of dot"):
        read_field(write(tmp_path / "dot.txt", grid_of_comsol(more=[X.tolist(), Y.tolist()]) + "% end\n"))


def test_columns_of_nextnano(tmp_path):
    """The layout of its .dat files: names padded with spaces, two variables."""
    both = np.c_[rows(), -rows()[:, 2]]
    lines = "".join("".join(f"{v:<25.17g}" for v in line) + "\n" for line in both)
    path = write(tmp_path / "bandedges.dat", f"{'x[nm]':<25}{'y[nm]':<25}{'Gamma[eV]':<25}{'HH[eV]':<25}\n" + lines)
    expect(path, unit="eV", length_unit="nm", column="Gamma")
    expect(path, values=-V, unit="eV", length_unit="nm", column="hh")
    with pytest.raises(ValueError, match=r"expected an array named V; got Gamma \(5, 4\), HH .* Give column=NAME"):
        read_field(path)


def test_numbers_of_fortran_and_decimal_commas(tmp_path):
    text = "\n".join(" ".join(f"{v:.17e}".replace("e", "D") for v in line) for line in rows())
    expect(write(tmp_path / "fortran.dat", text))
    text = "x;y;V\n" + "\n".join(";".join(f"{v:.17g}".replace(".", ",") for v in line) for line in rows())
    expect(write(tmp_path / "comma.csv", text))
    whole = "1;1;2\n1;2;3\n" + "2;1;0,5\n2;2;1e-3\n"  # commas only where a number is not whole
    found = read_field(write(tmp_path / "later.csv", whole))
    np.testing.assert_array_equal(found.values, [[2, 3], [0.5, 1e-3]])
    later = "1 1 2\n1 2 3\n2 1 5D-1\n2 2 1D-3\n"
    np.testing.assert_array_equal(read_field(write(tmp_path / "later.dat", later)).values, [[2, 3], [0.5, 1e-3]])
    text = "\n".join(", ".join(f"{v:.17g}" for v in line) + "," for line in rows())
    expect(write(tmp_path / "ends.csv", text))


def test_a_plain_grid_of_numbers_has_x_along_its_lines(tmp_path):
    np.savetxt(tmp_path / "grid.txt", V, header="V in eV")
    np.savetxt(tmp_path / "grid.csv", V, delimiter=",")
    for name, unit in (("grid.txt", "eV"), ("grid.csv", None)):
        expect(tmp_path / name, x=None, y=None, unit=unit)


@pytest.mark.parametrize(
    ("comment", "unit"),
    [
        ("meV", "meV"),
        ("V, meV", "meV"),
        ("units: meV", "meV"),
        ("V", None),
        ("5 meV", None),
        ("V of a dot detuned by 5 meV", None),
    ],
)
def test_the_unit_of_a_plain_grid_may_be_its_whole_comment(tmp_path, comment, unit):
    np.savetxt(tmp_path / "grid.txt", V, header=comment)
    expect(tmp_path / "grid.txt", x=None, y=None, unit=unit)


def test_numbers_of_columns_as_pandas_writes_them_are_no_values(tmp_path):
    names = ",".join(str(i) for i in range(4))
    lines = "\n".join(",".join(f"{v:.17g}" for v in line) for line in V)
    found = expect(write(tmp_path / "frame.csv", f"{names}\n{lines}\n"), x=None, y=None)
    assert found.note == "table below its first line, the numbers of columns 0 ... 3"
    found = read_field(write(tmp_path / "float.csv", f"{names.replace(',', '.0,')}.0\n{lines}\n"))
    assert found.values.shape == (6, 4) and not found.note, "numbers of a row"
    found = read_field(write(tmp_path / "named.csv", "x,y,z,V\n0,1,2,3\n1,1,2,4\n0,2,2,5\n1,2,2,6\n"))
    assert found.values[0, 0] == 3, "a point"


def test_arrays_of_numpy(tmp_path):
    np.save(tmp_path / "a.npy", MANY)
    expect(tmp_path / "a.npy", MANY, None, None)
    np.savez(tmp_path / "a.npz", V=MANY, x=X, y=Y, n0=MANY)
    expect(tmp_path / "a.npz", MANY)
    np.savez(tmp_path / "b.npz", anything=V[::-1], X=X[::-1], Y=Y)
    expect(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", V=V, x=rows()[:, 0].reshape(5, 4), y=rows()[:, 1].reshape(5, 4))
    expect(tmp_path / "c.npz")
    x, y = np.meshgrid(X, Y, indexing="ij")
    np.savez(tmp_path / "d.npz", V=MANY, x=x, y=y)
    expect(tmp_path / "d.npz", MANY)
    np.savez(tmp_path / "e.npz", V=MANY.swapaxes(1, 2), x=x.T, y=y.T)
    expect(tmp_path / "e.npz", MANY)


def test_matrices_of_matlab(tmp_path):
    x, y = np.meshgrid(X, Y)  # as MATLAB does: y along the first axis
    scipy.io.savemat(tmp_path / "meshgrid.mat", {"X": x, "Y": y, "V": V.T})
    expect(tmp_path / "meshgrid.mat")
    scipy.io.savemat(tmp_path / "vectors.mat", {"x": X, "y": Y, "V": V, "note": "text", "part": {"a": 1.0}})
    expect(tmp_path / "vectors.mat")
    scipy.io.savemat(tmp_path / "zip.mat", {"V": np.arange(20).reshape(5, 4), "c": {"x": X}}, do_compression=True)
    expect(tmp_path / "zip.mat", np.arange(20).reshape(5, 4), None, None)
    scipy.io.savemat(tmp_path / "complex.mat", {"V": V * 1j})
    with pytest.raises(ValueError, match="real numbers in .*complex128"):
        read_field(tmp_path / "complex.mat")
    scipy.io.savemat(tmp_path / "parts.mat", {"dot": {"V": V}})
    with pytest.raises(ValueError, match="no array of numbers but in structures or cells; save it as an array"):
        read_field(tmp_path / "parts.mat")
    scipy.io.savemat(tmp_path / "old.mat", {"V": V}, format="4")
    with pytest.raises(ValueError, match="of version 4; save it in MATLAB with the option -v7"):
        read_field(tmp_path / "old.mat")
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:  # version 7.3 stores axes reversed
        for name, values in {"V": V, "x": X[:, None], "y": Y[None]}.items():
            file[name] = values.T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    with (tmp_path / "new.mat").open("r+b") as file:
        file.write(head)
    expect(tmp_path / "new.mat")


@pytest.mark.parametrize("names", ["xx yy", "XX YY", "x_grid y_grid", "X Y x y", "x y X Y"])
def test_a_mesh_states_the_axes_of_a_square_field(tmp_path, names):
    """A field of as many points along x and y has the axes of the mesh, not those of its own order."""
    own = np.random.default_rng(2).normal(size=(5, 5))
    mesh = dict(zip("xy", np.meshgrid(X, X), strict=True))
    arrays = {n: X if n in ("x", "y") else mesh[n[0].lower()] for n in names.split()} | {"V": own.T}
    np.savez(tmp_path / "mesh.npz", **arrays)
    scipy.io.savemat(tmp_path / "mesh.mat", arrays)
    with h5py.File(tmp_path / "mesh.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    for suffix in ("npz", "mat", "h5"):
        expect(tmp_path / f"mesh.{suffix}", own, X, X)


def test_numbers_of_dots_with_names_of_axes_are_no_coordinates(tmp_path):
    np.savez(tmp_path / "centres.npz", V=MANY, x_center=np.arange(3.0), y_center=np.arange(3.0), nx=5, ny=4)
    expect(tmp_path / "centres.npz", MANY, None, None)
    np.savez(tmp_path / "two.npz", V=V, x_pos=X, x_axis=X, y_pos=Y)
    with pytest.raises(ValueError, match=r"two.npz: expected one name of x; got x_pos, x_axis. Rename all but one"):
        read_field(tmp_path / "two.npz")


def test_lists_of_points_in_any_order(tmp_path):
    x, y, values = rows(SHUFFLED).T
    np.savez(tmp_path / "points.npz", x=x, y=y, V=values, note=np.zeros(3))
    scipy.io.savemat(tmp_path / "points.mat", {"X": x[:, None], "Y": y[:, None], "V": values[:, None]})
    expect(tmp_path / "points.npz")
    expect(tmp_path / "points.mat")
    np.savez(tmp_path / "part.npz", x=x[1:], y=y[1:], V=values[1:])
    with pytest.raises(ValueError, match=r"part.npz: expected each point of a rectangular grid once; got 19 points"):
        read_field(tmp_path / "part.npz")


def test_volumes_at_the_points_of_a_mesh(tmp_path):
    z = np.array([0.0, 1.0, 3.0])
    x, y, heights = np.meshgrid(X, Y, z)  # as MATLAB does: y along the first axis
    scipy.io.savemat(tmp_path / "mesh.mat", {"X": x, "Y": y, "Z": heights, "V": MANY.transpose(2, 1, 0)})
    points = {"x": x.ravel(), "y": y.ravel(), "z": heights.ravel(), "V": MANY.transpose(2, 1, 0).ravel()}
    np.savez(tmp_path / "points.npz", **points)
    for name in ("mesh.mat", "points.npz"):
        expect(tmp_path / name, MANY[2], z=3.0)


def test_packed_numbers_of_netcdf_in_hdf5(tmp_path):
    field = np.arange(20.0).reshape(5, 4) / 8 - 1
    packed = {"V": {"dtype": "i2", "scale_factor": 0.125, "add_offset": -1.0, "_FillValue": -1}}
    for name, stored in (("whole", field), ("gap", np.where(field > 1, np.nan, field))):
        xarray.Dataset({"V": (("x", "y"), stored)}, {"x": X, "y": Y}).to_netcdf(
            tmp_path / f"{name}.h5", engine="h5netcdf", encoding=packed
        )
        expect(tmp_path / f"{name}.h5", stored)


def test_hdf5(tmp_path):
    with h5py.File(tmp_path / "dots.h5", "w") as file:
        file["run/V"], file["run/x"], file["run/y"], file["seed"] = MANY, X, Y, 5
        file["run/V"].attrs["units"] = "meV"
        file["run/x"].attrs["units"] = "nm"
    expect(tmp_path / "dots.h5", MANY, unit="meV", length_unit="nm")
    with h5py.File(tmp_path / "groups.h5", "w") as file:
        for i, group in enumerate(("dot1", "dot2")):
            file[f"{group}/V"], file[f"{group}/x"], file[f"{group}/y"] = V + i, X * (i + 1), Y
            file[f"{group}/x"].attrs["units"] = ("nm", "um")[i]
    expect(tmp_path / "groups.h5", V, column="dot1/V", length_unit="nm")
    expect(tmp_path / "groups.h5", V + 1, 2 * X, column="dot2/V", length_unit="um")
    with pytest.raises(ValueError, match=r"expected an array named V; got dot1/V \(5, 4\), dot2/V \(5, 4\)\. Give"):
        read_field(tmp_path / "groups.h5")
    with h5py.File(tmp_path / "above.h5", "w") as file:
        file["run/x"], file["run/y"], file["run/a/V"], file["run/b/V"] = X, Y, V, -V
        file["run/b/x"], file["run/b/y"] = 3 * X, 3 * Y
        file["grid/x"], file["grid/y"] = 9 * X, 9 * Y
    expect(tmp_path / "above.h5", V, column="run/a/V")
    expect(tmp_path / "above.h5", -V, 3 * X, 3 * Y, column="run/b/V")
    with h5py.File(tmp_path / "apart.h5", "w") as file:
        file["grid/x_um"], file["grid/y_um"], file["run/V_meV"] = X, Y, V
    expect(tmp_path / "apart.h5", unit="meV", length_unit="um")
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file.create_dataset("V", (4, 4), "f8", external=[(str(tmp_path / "raw"), 0, 128)])
    with pytest.raises(ValueError, match="holds V in another file"):
        read_field(tmp_path / "linked.h5")


@pytest.mark.parametrize(("engine", "name"), [("h5netcdf", "dots.nc"), ("scipy", "classic.nc")])
def test_netcdf(tmp_path, engine, name):
    data = xarray.Dataset(
        {"V": (("y", "x", "dot"), MANY.transpose(2, 1, 0), {"units": "meV"})},
        {"x": ("x", X, {"units": "nm"}), "y": ("y", Y, {"units": "nm"})},
    )
    data.to_netcdf(tmp_path / name, engine=engine)
    expect(tmp_path / name, MANY, unit="meV", length_unit="nm")
    data.drop_vars(["x", "y"]).to_netcdf(tmp_path / name, engine=engine)
    expect(tmp_path / name, MANY, None, None, unit="meV")


def test_netcdf_with_variables_at_other_points(tmp_path):
    data = xarray.Dataset(
        {"map": (("time", "run"), np.zeros((2, 7))), "V": (("x", "y"), V), "fine": (("u", "v"), -V)},
        {"x": X, "y": Y, "u": 2 * X, "v": 2 * Y},
    )
    data.to_netcdf(tmp_path / "several.nc", engine="h5netcdf")
    expect(tmp_path / "several.nc")
    expect(tmp_path / "several.nc", -V, 2 * X, 2 * Y, column="fine")
    expect(tmp_path / "several.nc", np.zeros((2, 7)), None, None, column="map")


DIMS = (("a", X, "x"), ("b", Y, "y"))
NETCDF = {
    "vectors": ((("ny", "nx"), V.T), {"x": ("nx", X), "y": ("ny", Y)}),
    "suffix": ((("y_nm", "x_nm"), V.T), {"x_nm": ("x_nm", X), "y_nm": ("y_nm", Y)}),
    "pos": ((("ypos", "xpos"), V.T), {"xpos": ("xpos", X), "ypos": ("ypos", Y)}),
    "first": ((("x_pos", "y_pos"), V), {"x_pos": ("x_pos", X), "y_pos": ("y_pos", Y)}),
    "rows": ((("row", "col"), V.T), {"x": ("col", X), "y": ("row", Y), "col": np.arange(5)}),
    "indices": ((("ny", "nx"), V.T), {"x": ("nx", X), "y": ("ny", Y), "nx": range(5), "ny": range(4)}),
    "mesh": (
        (("row", "col"), V.T),
        {"X": (("row", "col"), np.meshgrid(X, Y)[0]), "Y": (("row", "col"), np.meshgrid(X, Y)[1])},
    ),
    "mesh of indices": (
        (("ny", "nx"), V.T),
        {"X": (("ny", "nx"), np.meshgrid(X, Y)[0]), "Y": (("nx", "ny"), np.meshgrid(X, Y)[1].T), "nx": range(5)},
    ),
    "attribute": ((("b", "a"), V.T), {"a": ("a", X, {"axis": "X"}), "b": ("b", Y, {"axis": "Y"})}),
    "map": ((("lat", "lon"), V.T), {"lat": Y, "lon": X}),
    "long map": ((("Latitude", "Longitude"), V.T), {"Latitude": Y, "Longitude": X}),
    "standard": (
        (("b", "a"), V.T),
        {dim: (dim, along, {"standard_name": f"projection_{axis}_coordinate"}) for dim, along, axis in DIMS},
    ),
    "long name": ((("b", "a"), V.T), {dim: (dim, along, {"long_name": axis}) for dim, along, axis in DIMS}),
}


@pytest.mark.parametrize("name", NETCDF)
@pytest.mark.parametrize("as_data", [False, True])
def test_axes_of_netcdf_by_names_and_coordinates(tmp_path, name, as_data):
    (dims, values), coords = NETCDF[name]
    data = xarray.Dataset({"V": (dims, values, {"units": "meV"})}, coords)
    data = data.reset_coords() if as_data else data
    data.to_netcdf(tmp_path / "dots.nc", engine="h5netcdf")
    expect(tmp_path / "dots.nc", unit="meV", length_unit="nm" if name == "suffix" else None)
    with_dots = xarray.concat([data.assign(V=i + data["V"]) for i in range(3)], "dot", data_vars=["V"])
    with_dots.to_netcdf(tmp_path / "dots.nc", engine="h5netcdf")
    expect(
        tmp_path / "dots.nc",
        V + np.arange(3)[:, None, None],
        unit="meV",
        length_unit="nm" if name == "suffix" else None,
    )


def test_names_of_netcdf_that_leave_x_and_y_open(tmp_path):
    data = xarray.Dataset({"V": (("row", "col"), V), "w": (("u", "v"), V)}, {"u": X})
    data.to_netcdf(tmp_path / "silent.nc", engine="h5netcdf")
    expect(tmp_path / "silent.nc", V, None, None)
    bad = {"half": (("y", "col"), {}), "same": (("x", "xpos"), {}), "plane": (("z", "x"), {}), "x": (("row", "nx"), {})}
    bad["against"] = (("y", "x"), {"y_pos": ("x", Y)})
    for name, (dims, coords) in bad.items():
        path = tmp_path / f"{name}.nc"
        data = xarray.Dataset({"V": (dims, V), "w": (("u", "v"), -V)}, coords)
        data.to_netcdf(path, engine="h5netcdf")
        with pytest.raises(
            ValueError, match=rf"{name}.nc: expected (dimensions named x and y; got|coordinates x along)"
        ):
            read_field(path)
        with pytest.raises(
            ValueError, match=rf"{name}.nc: expected (dimensions named x and y; got|coordinates x along)"
        ):
            read_field(path, preferred=("density",))
        expect(path, -V, None, None, column="w")


def test_dimensions_of_hdf5(tmp_path):
    def scaled(path, names, labels, values=V.T):
        with h5py.File(path, "w") as file:
            file["run/V"] = values
            for i, (name, along) in enumerate(zip(names, (Y, X), strict=False)):
                file[f"axes/{name}"] = along
                file[f"axes/{name}"].make_scale(name)
                file["run/V"].dims[i].attach_scale(file[f"axes/{name}"])
            for i, label in enumerate(labels):
                file["run/V"].dims[i].label = label
        return path

    expect(scaled(tmp_path / "scales.h5", ("y", "x"), ()))
    expect(scaled(tmp_path / "names.h5", ("ypos_nm", "xpos_nm"), ()), length_unit="nm")
    expect(scaled(tmp_path / "both.h5", ("y", "x"), ("y", "x")))
    expect(scaled(tmp_path / "labels.h5", (), ("y", "x")), x=None, y=None)
    expect(scaled(tmp_path / "silent.h5", ("u", "v"), ("", "lateral"), V.T), V.T, None, None)
    for labels, message in (
        (("y", ""), "expected dimensions named x and y; got y, one without a name. Name both"),
        (("y", "col"), "expected dimensions named x and y; got y, col"),
    ):
        with pytest.raises(ValueError, match=f"bad.h5: {message}"):
            read_field(scaled(tmp_path / "bad.h5", (), labels))
    with pytest.raises(ValueError, match=r"bad.h5: expected scales of the names .*; y lies along x"):
        read_field(scaled(tmp_path / "bad.h5", ("y", "x"), ("x", "y")))
    with h5py.File(scaled(tmp_path / "beside.h5", (), ("y", "x")), "a") as file:
        file["run/x"], file["run/y"] = X, Y
    expect(tmp_path / "beside.h5")
    with h5py.File(scaled(tmp_path / "mesh.h5", (), ("y", "x")), "a") as file:
        file["run/X"], file["run/Y"] = np.meshgrid(X, Y)
    expect(tmp_path / "mesh.h5")
    data = xarray.Dataset({"V": (("ny", "nx"), V.T)}, {"x": ("nx", X), "y": ("ny", Y)})
    data.to_netcdf(tmp_path / "netcdf.h5", engine="h5netcdf")
    expect(tmp_path / "netcdf.h5")


def test_images_of_floats(tmp_path):
    tifffile.imwrite(tmp_path / "dots.tif", MANY.astype("f4"), photometric="minisblack")
    expect(tmp_path / "dots.tif", MANY.astype("f4"), None, None)
    for name, options in {"rgb": {}, "planes": {"planarconfig": "separate"}}.items():
        values = np.zeros((3, 16, 16) if options else (16, 16, 3), "f4")
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="rgb", **options)
        with pytest.raises(ValueError, match=r"expected one number in a pixel, got 3 channels"):
            read_field(tmp_path / f"{name}.tif")
    tifffile.imwrite(tmp_path / "grey.tif", np.zeros((5, 4), "u1"))
    with pytest.raises(ValueError, match="expected floating-point numbers; pixels are uint8"):
        read_field(tmp_path / "grey.tif")


def test_images_that_were_appended_are_dots(tmp_path):
    with tifffile.TiffWriter(tmp_path / "dots.tif") as file:
        for dot in MANY:
            file.write(dot.astype("f4"))
    expect(tmp_path / "dots.tif", MANY.astype("f4"), None, None)
    tifffile.imwrite(tmp_path / "dots.tif", np.zeros((4, 4), "f4"), append=True)
    with pytest.raises(ValueError, match=r"expected images of one size, got \(5, 4\), .*\(4, 4\); save each size"):
        read_field(tmp_path / "dots.tif")


def test_points_outside_of_the_data_of_paraview_have_no_value(tmp_path):
    arrays = {"V": V, "vtkValidPointMask": V != V[1, 2], "vtkGhostType": 2 * (V == V[1, 2])}
    lines = ["# vtk DataFile Version 3.0", "resampled", "ASCII", "DATASET STRUCTURED_POINTS", "DIMENSIONS 5 4 1"]
    lines += ["ORIGIN 0.5 0.25 0", "SPACING 1 0.5 1", "POINT_DATA 20"]
    for name, values in arrays.items():
        lines += [f"SCALARS {name} double", "LOOKUP_TABLE default", *(f"{float(v):.17g}" for v in values.T.ravel())]
    path = write(tmp_path / "resampled.vtk", "\n".join(lines))
    expect(path, np.where(V == V[1, 2], np.nan, V))
    expect(write(path, "\n".join(lines).replace("SCALARS V ", "SCALARS W ")), np.where(V == V[1, 2], np.nan, V))


@pytest.mark.parametrize("binary", [False, True])
def test_parts_of_legacy_files_of_vtk_beside_the_scalars(tmp_path, binary):
    def numbers(values, kind=">f8"):
        values = np.ravel(values)
        return values.astype(kind).tobytes() if binary else " ".join(f"{v:.17g}" for v in values).encode()

    head = b"# vtk DataFile Version 3.0\ncoloured\n" + (b"BINARY" if binary else b"ASCII")
    grid = b"DATASET POLYDATA\nPOINTS 20 double\n" + numbers([(x, y, 0) for y in Y for x in X])
    parts = [head, grid, b"VERTICES 20 40\n" + numbers([(1, i) for i in range(20)], ">i4"), b"POINT_DATA 20"]
    parts += [
        b"COLOR_SCALARS shade 3\n" + numbers(np.zeros(60), "u1"),
        b"TENSORS stress double\n" + numbers(np.ones(180)),
    ]
    parts += [
        b"TEXTURE_COORDINATES place 2 double\n" + numbers(np.ones(40)),
        b"NORMALS up double\n" + numbers(np.ones(60)),
    ]
    parts += [
        b"SCALARS V double 1\nLOOKUP_TABLE mine\n" + numbers(V.T),
        b"LOOKUP_TABLE mine 2\n" + numbers(np.zeros(8), "u1"),
    ]
    (tmp_path / "dots.vtk").write_bytes(b"\n".join(parts) + b"\n")
    expect(tmp_path / "dots.vtk")


@pytest.mark.parametrize("path", [p for p in sorted(VTK.iterdir()) if p.stem != "lz4"], ids=lambda p: p.name)
def test_files_of_vtk(path):
    x, y = np.arange(5) / 4 + 1 / 8, np.arange(4) / 2 + 1 / 4
    unit = "meV" if path.name == "text.vtr" else None
    expect(path, np.arange(20).reshape(5, 4) / 16, x, y, unit)


def test_a_compression_without_a_library_is_named():
    with pytest.raises(ValueError, match="vtkLZ4DataCompressor; write it with zlib"):
        read_field(VTK / "lz4.vtr")


HEAD = """# AVS/Express field file
#
ndim = 2
dim1 = 5
dim2 = 4
nspace = 2
veclen = 2
data = double
field = rectilinear
"""


def avs_files(folder, kind):
    """The three layouts of nextnano: all in one file, values beside it as text, and as binary numbers."""
    values, axes = [V.T.ravel(), -V.T.ravel()], [X, Y]
    lines = ["\n".join(f"{v:.17g}" for v in part) + "\n" for part in (*axes, *values)]
    if kind == "one":
        head = HEAD + "label = Gamma[eV]\nlabel = HH[eV]\n\n"
        skips = np.cumsum([head.count("\n") + 5, 6, 5, 20])  # four lines of places and an empty one; then empty lines
        names = ("coord 1", "coord 2", "variable 1", "variable 2")
        where = [
            f"{n} file=dot.fld filetype=ascii skip={s} offset=0 stride=1" for n, s in zip(names, skips, strict=True)
        ]
        return write(
            folder / "dot.fld", head + "\n".join(where) + "\n\n" + "\n".join(lines[:2]) + "\n" + "".join(lines[2:])
        )
    write(folder / "dot.coord", lines[0] + "\n" + lines[1])
    places = "coord 1 file = dot.coord filetype = ascii\ncoord 2 file = dot.coord filetype = ascii skip = 6\n"
    if kind == "text":  # the layout of nextnano3: variables side by side
        write(folder / "dot.dat", "\n".join(f"{a:.17e} {b:.17e}" for a, b in zip(*values, strict=True)))
        places += "".join(
            f"variable {i + 1} file = dot.dat filetype = ascii offset = {i} stride = 2\n" for i in range(2)
        )
    else:
        (folder / "dot.dat").write_bytes(b"".join(part.astype("<f8").tobytes() for part in values))
        places += "".join(f"variable {i + 1} file=C:\\out\\dot.dat filetype=binary skip={160 * i}\n" for i in range(2))
    return write(folder / "dot.fld", HEAD + "label = Gamma[eV] HH[eV]\n" + places)


@pytest.mark.parametrize("kind", ["one", "text", "binary"])
def test_fields_of_avs_as_nextnano_writes_them(tmp_path, kind):
    path = avs_files(tmp_path, kind)
    expect(path, unit="eV", column="Gamma")
    expect(path, -V, unit="eV", column="HH")


def test_the_checksum_of_a_field_of_avs_is_that_of_all_its_files(tmp_path):
    path = avs_files(tmp_path, "binary")
    before = checksum(path)
    content = bytearray((tmp_path / "dot.dat").read_bytes())
    content[7] ^= 1
    (tmp_path / "dot.dat").write_bytes(content)
    assert checksum(path) != before
    (tmp_path / "dot.dat").unlink()
    with pytest.raises(ValueError, match=r"dot\.fld names dot\.dat, which is not beside it"):
        read_field(path, column="HH")


def bad(folder, kind):
    """A file that cannot be used, and the words of its error."""
    lines = rows()
    half = {
        "cut.npy": lambda p: np.save(p, V),
        "cut.npz": lambda p: np.savez(p, V=V),
        "cut.mat": lambda p: scipy.io.savemat(p, {"V": np.random.default_rng(0).normal(size=(40, 40))}),
        "cut.h5": lambda p: h5py.File(p, "w").create_dataset("V", data=np.ones((40, 40))).file.close(),
        "cut.nc": lambda p: xarray.Dataset({"V": (("x", "y"), V)}).to_netcdf(p, engine="h5netcdf"),
        "cut.tif": lambda p: tifffile.imwrite(p, V.astype("f4")),
        "cut.vtr": lambda p: p.write_bytes((VTK / "appended.vtr").read_bytes()),
        "cut.vtu": lambda p: p.write_bytes((VTK / "points.vtu").read_bytes()),
        "cut.vtk": lambda p: p.write_bytes((VTK / "binary.vtk").read_bytes()),
        "cut.fld": lambda p: p.write_bytes(avs_files(p.parent, "one").read_bytes().replace(b"dot.fld", b"cut.fld")),
    }
    path = folder / kind
    if kind in half:
        half[kind](path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        return path, "damaged|truncated|not readable|expected"
    text = "\n".join(",".join(f"{v:g}" for v in line) for line in lines)
    written = {
        "missing.csv": (
            "\n".join(text.splitlines()[:-1]),
            r"each point of a rectangular grid once.*\(4.5, 1.75\) is missing",
        ),
        "twice.csv": (text + "\n" + text.splitlines()[3], r"\(0.5, 1.75\) is there more than once"),
        "ragged.csv": (text + "\n1,2", "lines of as many numbers each"),
        "words.csv": ("a,b\nc,d", "no rows of numbers|as many numbers"),
        "empty.csv": ("# nothing", "holds no numbers"),
        "index.csv": (",0,1,2\nr,1,2,3\n", "without names of rows and columns"),
        "one.dat": ("1\n2\n3\n4\n", "one column instead of x, y and V"),
        "names.csv": ("a,b,c,d\n1,2,3,4\n5,6,7,8", "columns named x and y; got a, b, c, d"),
        "line.csv": ("0,0,1\n1,0,2\n2,0,3\n3,0,4", "points in a plane"),
    }
    if kind in written:
        write(path, written[kind][0])
        return path, written[kind][1]
    if kind == "pickled.npy":
        np.save(path, np.array([{"V": 1}], dtype=object))
        return path, "holds Python objects instead of numbers$"
    if kind == "complex.npy":
        np.save(path, V * 1j)
        return path, "expected real numbers in .*, got complex128 in its array complex$"
    if kind == "text.npy":
        np.save(path, np.array([["a"]]))
        return path, "real numbers"
    path.write_bytes(b"\x00\x01\xff" * 100)
    return path, "is not text"


BAD = [f"cut{suffix}" for suffix in (".npy", ".npz", ".mat", ".h5", ".nc", ".tif", ".vtr", ".vtu", ".vtk", ".fld")]
BAD += ["missing.csv", "twice.csv", "ragged.csv", "words.csv", "empty.csv", "index.csv", "one.dat", "names.csv"]
BAD += ["line.csv", "pickled.npy", "complex.npy", "text.npy", "binary.dat"]


@pytest.mark.parametrize("kind", BAD)
def test_one_error_names_a_bad_file(tmp_path, kind):
    path, message = bad(tmp_path, kind)
    with pytest.raises(ValueError, match=message) as caught:
        read_field(path)
    assert str(caught.value).startswith(("input: ", "column: ")) and path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_true_and_false_are_no_potential(tmp_path):
    np.save(tmp_path / "flags.npy", V > 0)
    expect(tmp_path / "flags.npy", V > 0, None, None)
    with pytest.raises(ValueError, match=r"V: expected real numbers in .*, got bool in its array flags$"):
        read_potential(tmp_path / "flags.npy", Material(0.067, 12.9), extent=10.0)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_no_content_ends_in_another_error(tmp_path, suffix):
    """Bytes at random, the beginnings of other formats, and nothing."""
    heads = [
        b"",
        b"# AVS\n",
        b"# vtk DataFile Version 3.0\nx\nASCII\nDATASET ",
        b"<VTKFile type='ImageData'>",
        b"\x89HDF",
    ]
    for i, head in enumerate([*heads, b"PK\x03\x04", b"II*\x00", b"MATLAB 5.0 MAT-file", b"\x93NUMPY\x01\x00"]):
        path = tmp_path / f"{i}{suffix}"
        path.write_bytes(head + np.random.default_rng(i).bytes(300 if head else 0))
        with pytest.raises(ValueError, match=path.name):
            read_field(path)


def test_a_library_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "dots.tif", MANY.astype("f4"), photometric="minisblack")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs tifffile; pip install 'qd_pix2pix\[files\]'"):
        read_field(tmp_path / "dots.tif")


def test_libraries_of_formats_are_imported_with_the_first_file_only():
    code = "import sys, qd_pix2pix.fields; print({'h5py', 'xarray', 'tifffile', 'pandas'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.5\n2.5\n-1\n", [1.5, 2.5, -1]),
        ("# V[J]\n1.5\n2.5\n-1\n", [1.5, 2.5, -1]),
        ("0,1.5\n1,2.5\n2,-1\n", [1.5, 2.5, -1]),
        ("V x\n-1 2\n1.5 0\n2.5 1\n", [1.5, 2.5, -1]),
        ("1 2 3\n4 5 6\n", [[1, 2, 3], [4, 5, 6]]),
        ("0 1 2\n3 4 5\n6 7 8\n9 10 11\n", np.arange(12).reshape(4, 3)),
    ],
)
def test_tables_of_chains(tmp_path, text, values):
    """Values by site, with or without x, in any order; or a chain in each line."""
    write(tmp_path / "chain.csv", text)
    np.testing.assert_array_equal(read_field(tmp_path / "chain.csv", dims=1).values, values)


def test_a_chain_has_each_site_once(tmp_path):
    write(tmp_path / "chain.txt", "0 1\n0 2\n1 3\n")
    with pytest.raises(ValueError, match=r"chain.txt: expected each x once"):
        read_field(tmp_path / "chain.txt", dims=1)
