"""Ways of learning: LightningModules. Each is handed its networks; none imports one."""

from qd_pix2pix.models.base import FieldModel
from qd_pix2pix.models.pix2pix import Pix2Pix
from qd_pix2pix.models.regressor import Regressor

__all__ = ["FieldModel", "Pix2Pix", "Regressor"]
