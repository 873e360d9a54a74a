"""Correlators of snapshots pair by pair, equations 10 and 11, jackknife errors, images in files."""

import h5py
import numpy as np
import pytest

from solvers.spins.images import Images, images_of, read_images, write_images
from solvers.spins.snapshots import disc, doping, image_correlator, jackknife, spin_correlator

RNG = np.random.default_rng(0)


def random_snapshots(n=6, shape=(6, 6), p=(0.4, 0.2, 0.4)):
    return RNG.choice(np.array([-1, 0, 1], np.int8), (n, *shape), p=p)


def pair_by_pair(snapshots, squared, mask, periodic):
    """C_s from a list of all pairs at this squared distance; none is longer than half of a periodic side."""
    shape = np.array(snapshots.shape[1:])
    sites = np.argwhere(mask)
    products, ends = [], []
    for a, i in enumerate(sites):
        for j in sites[a + 1 :]:
            d = np.abs(i - j)
            d = np.minimum(d, shape - d) if periodic else d
            if d @ d == squared:
                products.append(snapshots[:, *i].astype(float) * snapshots[:, *j])
                ends += [snapshots[:, *i], snapshots[:, *j]]
    sign = 1 if squared % 2 == 0 else -1  # x + y and x^2 + y^2 are both even or both odd
    return sign * (np.mean(products) - np.mean(ends) ** 2)


@pytest.mark.parametrize("displacement", [(1, 0), (0, 1), (1, 1), (-1, 1), (2, 0), (2, 1)])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_correlators_are_those_of_all_pairs(displacement, periodic, masked):
    snapshots = random_snapshots(p=(0.2, 0.2, 0.6))  # with a mean spin
    mask = RNG.random((6, 6)) < 0.7 if masked else np.ones((6, 6), bool)
    found, error = spin_correlator(snapshots, displacement, mask, periodic)
    assert found == pytest.approx(pair_by_pair(snapshots, sum(d * d for d in displacement), mask, periodic))
    assert error > 0


def test_a_checkerboard_has_correlation_one_of_every_sign():
    board = (-1) ** np.add.outer(np.arange(6), np.arange(6))
    both = np.stack([board, -board, board, -board])  # no mean spin
    for displacement in ((1, 0), (1, 1), (2, 0), (2, 1)):
        assert spin_correlator(both, displacement) == pytest.approx((1, 0))
    assert doping(both).tolist() == [0.0] * 4
    both[0, 0, :3] = 0
    assert doping(both).tolist() == [3 / 36, 0, 0, 0]


def test_both_equations_are_one_identity_on_the_same_snapshots():
    snapshots = random_snapshots(p=(0.2, 0.2, 0.6))
    for displacement in ((1, 0), (1, 1)):
        without = (images_of(snapshots, 1), images_of(snapshots, -1))
        found = image_correlator(without, images_of(snapshots, 0), displacement)[0]
        assert found == pytest.approx(spin_correlator(snapshots, displacement)[0])


def test_both_equations_agree_on_independent_snapshots():
    """Correlated snapshots: each bond of a random half of the sites copies its neighbour with the opposite sign."""
    snapshots = random_snapshots(900, (8, 8), (0.45, 0.1, 0.45))
    snapshots[:, :, ::2] = np.where(RNG.random((900, 8, 4)) < 0.5, -snapshots[:, :, 1::2], snapshots[:, :, ::2])
    direct, error = spin_correlator(snapshots, (1, 0))
    parts = np.split(snapshots, 3)
    without = (images_of(parts[0], 1), images_of(parts[1], -1))
    found, wider = image_correlator(without, images_of(parts[2], 0), (1, 0))
    assert direct == pytest.approx(0.9 * 0.5 / 4, abs=4 * error)  # one of four bonds, half of them, 9 of 10 sites
    assert abs(found - direct) < 3.5 * np.hypot(error, wider) and wider < 0.05


def test_the_disc_of_the_experiment_has_80_sites_and_the_symmetries_of_the_square():
    for side in (10, 12, 32):
        found = disc(side)
        assert found.sum() == 80 and (found == found.T).all() and (found == found[::-1]).all()
    assert disc(7, 7).sum() == 37
    with pytest.raises(ValueError, match="^diameter: expected"):
        disc(9)


def test_the_error_of_a_mean_is_the_standard_error():
    x, y = RNG.normal(size=(2, 50))
    assert jackknife(lambda a: a, x) == pytest.approx((x.mean(), x.std(ddof=1) / 50**0.5))
    assert jackknife(lambda a, b: a - 2 * b, x, y) == pytest.approx(
        ((x - 2 * y).mean(), (x - 2 * y).std(ddof=1) / 50**0.5)
    )


def test_the_error_of_a_correlator_is_its_scatter():
    found = [spin_correlator(random_snapshots(40, (4, 4)), (1, 0)) for _ in range(300)]
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)
    assert abs(values.mean()) < 4 * values.std() / 300**0.5


def test_images_show_one_species():
    snapshots = random_snapshots()
    assert (images_of(snapshots, 1) == (snapshots == -1)).all()  # spin up removed
    assert (images_of(snapshots, -1) == (snapshots == 1)).all()
    assert (images_of(snapshots, 0) == (snapshots != 0)).all()


@pytest.fixture
def images():
    mask = np.add.outer(np.arange(6), np.arange(6)) > 1
    snapshots = random_snapshots(9) * mask
    removed = np.array([1, -1, 0] * 3)
    shown = np.stack([images_of(snapshots, r)[i] for i, r in enumerate(removed)])
    return Images(shown, np.linspace(0, 0.2, 9), removed, mask)


def test_images_come_back_from_a_file(images, tmp_path):
    write_images(tmp_path / "new" / "images.h5", images)
    found = read_images(tmp_path / "new" / "images.h5")
    for name in ("images", "doping", "removed", "mask"):
        np.testing.assert_array_equal(getattr(found, name), getattr(images, name))
    assert found.of(1).shape == (3, 6, 6) and len(found.of(1, 0.0, 0.1)) == 2
    value, error = image_correlator((found.of(1), found.of(-1)), found.of(0), (1, 0), found.mask, periodic=False)
    assert np.isfinite(value) and error > 0


def test_files_of_another_program_are_read(tmp_path):
    """As the format describes them: plain integers, no mask, other datasets beside."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.eye(6, dtype=np.int64)[None].repeat(2, 0)
        file["doping"] = [0.1, 0.2]
        file["removed"] = [0, 1]
        file["date"] = [1, 2, 3]
    found = read_images(tmp_path / "other.h5")
    assert found.images.dtype == np.int8 and found.mask.all() and found.of(0).sum() == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "got no images"),
        ({"removed": None, "doping": None}, "got no doping, removed"),
        ({"removed": np.zeros(3)}, "removed: expected an array of numbers of shape \\(9,\\)"),
        ({"removed": np.full(9, 2)}, "removed: expected"),
        ({"removed": np.full(9, 0.5)}, "removed: expected -1, 0 and"),
        ({"doping": np.full(9, 1.5)}, "doping: expected"),
        ({"images": np.full((9, 6, 6), 2)}, "images: expected 0, 1 only"),
        ({"images": np.ones((9, 6))}, "images: expected an array"),
        ({"mask": np.ones((5, 5))}, "mask: expected True and False of shape"),
        ({"images": np.ones((9, 6, 6))}, "mask: expected no visible site outside"),
    ],
)
def test_bad_files_get_one_clear_error(images, tmp_path, change, message):
    path = tmp_path / "bad.h5"
    write_images(path, images)
    with h5py.File(path, "a") as file:
        for name, value in change.items():
            del file[name]
            if value is not None:
                file[name] = value
    with pytest.raises(ValueError, match=f"bad.h5: .*{message}"):
        read_images(path)


def test_other_files_are_named(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("text.h5", "missing.h5"):
        with pytest.raises(ValueError, match=f"{name}: expected an HDF5 file"):
            read_images(tmp_path / name)


@pytest.mark.parametrize("link", [h5py.SoftLink("/nothing"), h5py.ExternalLink("nothing.h5", "/x")])
def test_links_to_nothing_are_named(images, tmp_path, link):
    write_images(tmp_path / "linked.h5", images)
    with h5py.File(tmp_path / "linked.h5", "a") as file:
        del file["images"]
        file["images"] = link
    with pytest.raises(ValueError, match=r"linked.h5: expected an HDF5 file with datasets of images"):
        read_images(tmp_path / "linked.h5")


def test_damaged_files_are_named(images, tmp_path):
    """Either the bit does not matter, or the error names the file."""
    write_images(tmp_path / "whole.h5", images)
    whole, path = (tmp_path / "whole.h5").read_bytes(), tmp_path / "damaged.h5"
    for place in np.random.default_rng(0).integers(8 * len(whole), size=200):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            read_images(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")


def test_a_mask_of_records_is_named(images, tmp_path):
    write_images(tmp_path / "records.h5", images)
    with h5py.File(tmp_path / "records.h5", "a") as file:
        del file["mask"]
        file["mask"] = np.zeros((6, 6), dtype=[("seen", "i4")])
    with pytest.raises(ValueError, match=r"records.h5: mask: expected True and False"):
        read_images(tmp_path / "records.h5")


def test_a_folder_is_no_file_of_images(images, tmp_path):
    with pytest.raises(ValueError, match="path: expected a file that can be written, got .*Use another"):
        write_images(tmp_path, images)
    assert not list(tmp_path.parent.glob(".*.part"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: spin_correlator(2 * s, (1, 0)), "snapshots: expected -1, 0, 1 only"),
        (lambda s: spin_correlator(s[0], (1, 0)), "snapshots: expected an array"),
        (lambda s: spin_correlator(s[:1], (1, 0)), "snapshots: expected an array .* n of at least 2"),
        (lambda s: spin_correlator(s, (0.5, 0)), "displacement: expected"),
        (lambda s: spin_correlator(s, (1,)), r"displacement: expected two whole numbers.*got \(1,\)"),
        (lambda s: spin_correlator(s, (1, 0, 0)), "displacement: expected two whole numbers"),
        (lambda s: spin_correlator(s, 1), "displacement: expected two whole numbers.*got 1"),
        (lambda s: image_correlator((s != 0,), s != 0, (1, 0)), "without: expected two arrays"),
        (lambda s: spin_correlator(s, (9, 0), periodic=False), "displacement: expected pairs"),
        (lambda s: spin_correlator(s, (1, 0), np.zeros((6, 6))), "mask: expected"),
        (lambda s: images_of(s, 2), "removed: expected"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_snapshots())


def test_a_wrong_argument_leaves_the_file(tmp_path):
    images = Images(np.ones((2, 4, 4), np.int8), np.zeros(2), np.zeros(2, np.int8))
    write_images(tmp_path / "a.h5", images)
    with pytest.raises(ValueError, match="images: expected an Images"):
        write_images(tmp_path / "a.h5", "foo")
    assert len(read_images(tmp_path / "a.h5").images) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    for arguments in (("up",), (2,), (1, 0.3, 0.1), (1, np.nan)):
        with pytest.raises(ValueError, match="(removed|low|high): expected"):
            images.of(*arguments)
    with pytest.raises(ValueError, match="removed: expected a whole number"):
        images_of(np.ones((2, 4, 4), np.int8), np.array([1, 1]))
