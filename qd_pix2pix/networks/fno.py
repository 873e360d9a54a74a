"""Fourier neural operator (Li et al. 2021), as implemented in the library ``neuraloperator``.

The layers are y = silu(W x + F^-1 R F x) with R on the frequencies |k_x|, |k_y| <= ``modes`` / 2. The field is padded
with zeros first, since the walls of a dot are not periodic.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from solvers.checks import check_integer


class FNO(nn.Module):
    """A map from (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *points), for any number of points.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        modes: frequencies kept per direction, both signs counted: twice the k_max of the paper.
        channels: features of every layer.
        layers: number of Fourier layers.
        padding: fraction of the side by which fields are padded; 0 in a periodic domain.
        dims: number of dimensions of the fields.
        periodic: True for a periodic domain.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        modes: int = 16,
        channels: int = 32,
        layers: int = 4,
        padding: float = 0.125,
        dims: int = 2,
        periodic: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("modes", modes), ("channels", channels), ("layers", layers)):
            check_integer(f"network.{name}", value, 1)
        if not 0 <= padding < 1:
            raise ValueError(f"network.padding: expected a share of the side in [0, 1), got {padding!r}")
        # imported here, so that other networks do not pay for the import of the library
        try:
            from neuralop.models import FNO as NeuralOperator
            from tensorly.plugins import use_default_einsum
        except ImportError:
            raise ValueError(
                "network=fno: the library neuraloperator is missing; pip install 'qd_pix2pix[fno]'"
            ) from None
        use_default_einsum()  # the search for an order of contractions would fix the batch of an exported program
        padding = 0.0 if periodic else padding

        self.operator = NeuralOperator(
            n_modes=(modes,) * dims,
            in_channels=in_channels,
            out_channels=out_channels,
            hidden_channels=channels,
            n_layers=layers,
            domain_padding=padding or None,
            positional_embedding="grid" if padding else None,  # periodic: no coordinates, for symmetry
        )
        self.register_state_dict_post_hook(_leave_out_arguments)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *points) from ``x`` (B, in_channels, *points)."""
        return self.operator(x)


def _leave_out_arguments(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Remove the constructor's arguments, which the library stores: they include functions, unsafe in a checkpoint."""
    state.pop("_metadata", None)
