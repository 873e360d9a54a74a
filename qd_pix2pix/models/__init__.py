"""Training methods as LightningModules. Each takes a predictor; none imports a network."""

from qd_pix2pix.models.base import Diverged, FieldModel, Model
from qd_pix2pix.models.flow import FlowMatching
from qd_pix2pix.models.gan import GAN
from qd_pix2pix.models.generative import GenerativeModel
from qd_pix2pix.models.pix2pix import Pix2Pix
from qd_pix2pix.models.regressor import Regressor
from qd_pix2pix.models.rugan import RUGAN

__all__ = [
    "GAN",
    "RUGAN",
    "Diverged",
    "FieldModel",
    "FlowMatching",
    "GenerativeModel",
    "Model",
    "Pix2Pix",
    "Regressor",
]
