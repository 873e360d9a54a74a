"""What is given, what is asked, and what the numbers of a network mean."""

from qd_pix2pix.mapping.mapping import Mapping

__all__ = ["Mapping"]
