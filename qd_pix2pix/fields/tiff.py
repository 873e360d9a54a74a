"""Images of floating-point numbers (.tif, .tiff), through tifffile. Pixel [i, j] is the point [ix, iy]."""

from __future__ import annotations

import logging
from pathlib import Path

from qd_pix2pix.fields.field import Contents


def read_tiff(path: Path) -> Contents:
    """Return the image (nx, ny), or the stack of images (dots, nx, ny).

    Raises:
        ValueError: the pixels are whole numbers, such as grey values without a unit, or have several channels.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it would print each of several remarks on damage
    try:
        with tifffile.TiffFile(path) as file:
            values = file.asarray()
            channels = int(file.pages.first.samplesperpixel)
    except tifffile.TiffFileError as error:
        raise ValueError(f"is damaged or no TIFF file ({error})") from None
    if values.ndim < 2 or values.size == 0:
        raise ValueError("is damaged: it has no image")
    if values.dtype.kind != "f":
        raise ValueError(f"expected floating-point numbers; pixels are {values.dtype}, grey values or colours")
    if channels > 1:
        raise ValueError(f"expected one number in a pixel, got {channels} channels; save each as an image of its own")
    return Contents({path.stem: values})
