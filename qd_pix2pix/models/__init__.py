"""Training methods as LightningModules. Each takes a predictor; none imports a network."""

from qd_pix2pix.models.base import FieldModel, Model
from qd_pix2pix.models.pix2pix import Pix2Pix
from qd_pix2pix.models.regressor import Regressor

__all__ = ["FieldModel", "Model", "Pix2Pix", "Regressor"]
