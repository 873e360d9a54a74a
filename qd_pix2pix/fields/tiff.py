"""Images of floating-point numbers (.tif, .tiff), through tifffile. Pixel [i, j] is the point [ix, iy]."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from qd_pix2pix.fields.field import Contents


def read_tiff(path: Path) -> Contents:
    """Return the image (nx, ny), or all images of the file (dots, nx, ny).

    Raises:
        ValueError: the pixels are whole numbers, such as grey values without a unit, or have several channels; or the
            images differ in size.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it would print each of several remarks on damage
    try:
        with tifffile.TiffFile(path) as file:
            parts = [series.asarray() for series in file.series]  # images that were appended are series of their own
            channels = max(int(series.keyframe.samplesperpixel) for series in file.series)
    except tifffile.TiffFileError as error:
        raise ValueError(f"is damaged or no TIFF file ({error})") from None
    if any(part.ndim < 2 or part.size == 0 for part in parts):
        raise ValueError("is damaged: it has no image")
    if strange := [part.dtype for part in parts if part.dtype.kind != "f"]:
        raise ValueError(f"expected floating-point numbers; pixels are {strange[0]}, grey values or colours")
    if channels > 1:
        raise ValueError(f"expected one number in a pixel, got {channels} channels; save each as an image of its own")
    if len({part.shape[-2:] for part in parts}) > 1:
        sizes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"expected images of one size, got {sizes}; save each size as a file of its own")
    several = [part.reshape(-1, *part.shape[-2:]) for part in parts]
    return Contents({path.stem: parts[0] if len(parts) == 1 else np.concatenate(several)})
