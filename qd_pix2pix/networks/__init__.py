"""Architectures: plain ``nn.Module``s, one a file. They know nothing of physics, data or training.

A generator or regressor maps fields (B, in_channels, n, n) to (B, out_channels, n, n) without bounds: what its numbers
mean is the model's business.
"""

from qd_pix2pix.networks.fno import FNO
from qd_pix2pix.networks.group_average import GroupAverage
from qd_pix2pix.networks.patchgan import PatchGAN
from qd_pix2pix.networks.residual_unet import ResidualUNet
from qd_pix2pix.networks.resnet import ResNet
from qd_pix2pix.networks.unet import UNet

__all__ = ["FNO", "GroupAverage", "PatchGAN", "ResNet", "ResidualUNet", "UNet"]
