"""``plot``: fields the right way round, with their unit; what is no field is refused."""

import numpy as np
import pytest
import torch

from qd_pix2pix import plot


def drawn(figure):
    return [panel.images[0] for panel in figure.axes if panel.images]


def test_a_field_lies_the_right_way_round():
    V = np.zeros((8, 8))
    V[6, 1] = 1.0  # at the right, at the bottom
    (image,) = drawn(plot(V, extent=30, unit="nm^-2"))
    array = np.asarray(image.get_array())
    assert image.origin == "lower" and array[1, 6] == 1 and array.sum() == 1
    assert image.get_extent() == [0, 30, 0, 30]
    figure = plot(V, extent=30, unit="nm^-2")
    assert figure.axes[-1].get_ylabel() == "nm$^{-2}$" and figure.axes[0].get_xlabel() == "x (nm)"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_fields_share_their_colours_and_tensors_are_taken():
    fields = torch.arange(3.0, requires_grad=True)[:, None, None].expand(3, 4, 6)
    figure = plot(fields, titles=["a", "b", "$"])
    images = drawn(figure)
    assert len(images) == 3 and {image.get_clim() for image in images} == {(0.0, 2.0)}
    assert images[0].get_extent() == [-0.5, 3.5, -0.5, 5.5]
    assert [panel.get_title() for panel in figure.axes[:3]] == ["a", "b", r"\$"]
    signed = plot(np.array([[-1.0, 3.0]]))
    assert drawn(signed)[0].get_clim() == (-3.0, 3.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"field": np.zeros(4)}, r"field: .*\(fields, n_x, n_y\), got \(4,\)"),
        ({"field": np.full((4, 4), np.nan)}, "field: 16 values are NaN"),
        ({"field": np.full((4, 4), "a")}, "field: expected an array of real numbers"),
        ({"field": np.ma.masked_array(np.zeros((2, 2)), np.eye(2))}, "field: .*masked"),
        (
            {"field": 1j * np.ones((4, 4))},
            "field: expected an array of real numbers, got complex ones; plot field.real",
        ),
        ({"field": torch.ones(4, 4) * 1j}, "field: expected an array of real numbers, got complex ones"),
        ({"field": [[1.0, 2j]]}, "field: expected an array of real numbers, got complex ones"),
        ({"field": np.zeros((99, 4, 4))}, "field: expected at most 48"),
        ({"extent": -1}, "extent: expected a positive number"),
        ({"titles": ["a", "b"]}, "titles: expected one for each of 1"),
    ],
)
def test_what_is_no_field_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        plot(**({"field": np.zeros((4, 4))} | change))


def test_a_rectangle_has_both_sides():
    square = plot(np.zeros((4, 4)), extent=np.array(30.0))
    assert square.axes[0].get_images()[0].get_extent() == [0.0, 30.0, 0.0, 30.0]
    figure = plot(np.arange(8.0).reshape(4, 2), extent=(60.0, 30.0), unit="eV")
    assert figure.axes[0].get_images()[0].get_extent() == [0.0, 60.0, 0.0, 30.0]
    with pytest.raises(ValueError, match="^extent: expected one side, or the sides along x and y, got"):
        plot(np.zeros((4, 4)), extent=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="^extent: expected a positive number"):
        plot(np.zeros((4, 4)), extent=(1.0, -2.0))
