"""Images of floating-point numbers (.tif, .tiff), through tifffile. Pixel [i, j] is the point [ix, iy]."""

from __future__ import annotations

from pathlib import Path

from qd_pix2pix.fields.field import Contents


def read_tiff(path: Path) -> Contents:
    """Return the image (nx, ny), or the stack of images (dots, nx, ny).

    Raises:
        ValueError: the pixels are whole numbers, such as grey values without a unit, or have several channels.
    """
    import tifffile

    try:
        values = tifffile.imread(path)
    except tifffile.TiffFileError as error:
        raise ValueError(f"is damaged or no TIFF file ({error})") from None
    if values.dtype.kind != "f":
        raise ValueError(
            f"expected an image of floating-point numbers; pixels are {values.dtype}, grey values or colours"
        )
    return Contents({path.stem: values})
