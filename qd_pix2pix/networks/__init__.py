"""Architectures: plain ``nn.Module``s, one a file. They know nothing of physics, data or training."""

from qd_pix2pix.networks.patchgan import PatchGAN
from qd_pix2pix.networks.unet import UNet

__all__ = ["PatchGAN", "UNet"]
