"""Fields in files of other programs: readers, units, and the way onto the square grid of a network."""

from qd_pix2pix.fields.field import Field
from qd_pix2pix.fields.read import FORMATS, checksum, read_field
from qd_pix2pix.fields.square import Placed, Placing, place

__all__ = ["FORMATS", "Field", "Placed", "Placing", "checksum", "place", "read_field"]
