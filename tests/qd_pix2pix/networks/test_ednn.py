"""Extensive networks: tiles by hand, the exact energy of spins, laws of extensive numbers, and equal evaluations."""

from functools import partial

import numpy as np
import pytest
import torch
from chains import chain_card
from torch import nn

from qd_pix2pix import networks
from qd_pix2pix.mapping.heads import Scale, SumHead
from qd_pix2pix.mapping.mapping import Range
from qd_pix2pix.networks import EDNN, MillsCNN, ResidualUNet, Window
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.schema import Domain

SMALL = partial(Window, channels=(6, 5))
DEEP = partial(ResidualUNet, channels=(3,), blocks=(1,))


class Tile(nn.Module):
    """A trunk whose contributions are the points of its tile, one channel each, and which keeps what it was given."""

    def __init__(self, in_channels=1, out_channels=1, shape=()):
        super().__init__()
        self.weight, self.seen = nn.Parameter(torch.ones(())), []

    def forward(self, x):
        self.seen.append(len(x))
        return self.weight * x.flatten(1)[(..., *(None,) * (x.ndim - 2))]


def ising(J=1.0, **options):
    """The energy -J/2 sum_j s_i s_j of each site: |4 s + m| - |4 s - m| = 2 s m where |m| <= 4."""
    network = EDNN(partial(Window, channels=(4,)), focus=1, context=1, padding="circular", **options)
    m = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    s = torch.zeros(3, 3)
    s[1, 1] = 4
    with torch.no_grad():
        network.trunk.layers[0].weight.copy_(torch.stack([s + m, -s - m, s - m, m - s]).flatten(1))
        network.trunk.layers[0].bias.zero_()
        network.trunk.layers[1].weight.copy_(-J / 4 * torch.tensor([[1.0, 1.0, -1.0, -1.0]]))
        network.trunk.layers[1].bias.zero_()
    return network


def spins(*shape, seed=0):
    return 2.0 * torch.randint(2, shape, generator=torch.Generator().manual_seed(seed)) - 1


def energy(s):
    return -(s * s.roll(1, -1)).sum((-1, -2)) - (s * s.roll(1, -2)).sum((-1, -2))


@pytest.mark.parametrize("evaluation", ["tiles", "convolution", "auto"])
@pytest.mark.parametrize("side", [8, 128])
def test_the_energy_of_spins_is_exact(side, evaluation):
    """And so is every site's, on a lattice of any size."""
    s = spins(3, 1, side, side)
    found = ising(evaluation=evaluation)(s)
    assert found.shape == s.shape
    assert torch.equal(found.sum((1, 2, 3)), energy(s[:, 0]))
    m = sum(s.roll(shift, axis) for shift in (-1, 1) for axis in (-1, -2))
    assert torch.equal(found, -s * m / 2)


def test_the_network_of_the_paper_by_hand():
    """9 -> 288 -> 64 -> 64 -> 1 for f = c = 1, and 32 . 49 features for c = 3."""
    assert sum(p.numel() for p in EDNN(Window).parameters()) == 25_601
    wide = EDNN(partial(Window, channels=(32 * 49, 64, 64)), context=3)
    assert sum(p.numel() for p in wide.parameters()) == 183_041


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize(
    ("focus", "context", "points"),
    [(1, 1, (4, 6)), (2, 1, (4, 6)), (3, 4, (6, 9)), (2, 0, (4,)), (2, 3, (4, 6, 4))],
)
@pytest.mark.parametrize("chunk", [None, 1, 5])
def test_tiles_are_cut_as_in_the_paper(padding, focus, context, points, chunk):
    """X_t = x[t f - c : t f + f + c], from an array that is padded by NumPy."""
    dims, x = len(points), torch.randn(2, 3, *points, generator=torch.Generator().manual_seed(0))
    side = focus + 2 * context
    network = EDNN(Tile, 3, 3 * side**dims, focus, context, padding, chunk=chunk, dims=dims)
    kept = np.pad(
        x.numpy(), [(0, 0)] * 2 + [(context, context)] * dims, mode="wrap" if padding == "circular" else "constant"
    )
    with torch.no_grad():
        found = network(x).numpy()
    tiles = tuple(n // focus for n in points)
    assert found.shape == (2, 3 * side**dims, *tiles)
    for t in np.ndindex(tiles):
        tile = kept[(..., *(slice(i * focus, i * focus + side) for i in t))]
        np.testing.assert_array_equal(found[(..., *t)], tile.reshape(2, -1))
    assert max(network.trunk.seen) <= (chunk or 10**9) and sum(network.trunk.seen) == 2 * np.prod(tiles)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize(
    ("focus", "context", "points"),
    [(1, 1, (8, 6)), (2, 1, (8, 6)), (3, 2, (6, 9)), (4, 3, (16,)), (2, 1, (4, 6, 4))],
)
def test_a_convolution_is_the_sum_of_its_tiles(padding, focus, context, points):
    """To rounding in double precision, with all gradients; in slabs too, where no gradient is needed."""
    torch.manual_seed(0)
    make = partial(EDNN, SMALL, 2, 3, focus, context, padding, dims=len(points))
    tiles, whole, slabs = (
        make(evaluation=e, chunk=c).double() for e, c in (("tiles", None), ("auto", None), ("auto", 3))
    )
    assert whole.slides and not tiles.slides
    whole.load_state_dict(tiles.state_dict())
    slabs.load_state_dict(tiles.state_dict())
    x = torch.randn(2, 2, *points, dtype=torch.float64, requires_grad=True)
    found = []
    for network in (tiles, whole):
        y = network(x)
        y.sin().sum().backward()
        found.append((y, x.grad, *(p.grad for p in network.parameters())))
        x.grad = None
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(slabs(x), found[0][0], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "trunk", [SMALL, partial(ResidualUNet, channels=(3,), blocks=(1,)), partial(MillsCNN, channels=4, width=8)]
)
@pytest.mark.parametrize("focus", [2, 4])
def test_periodic_contributions_move_with_the_field(trunk, focus):
    """By multiples of f, whatever the trunk; with zeros beyond the edge they do not."""
    torch.manual_seed(0)
    x, shift = torch.randn(1, 1, 8, 16), (focus, -2 * focus)
    for padding in ("circular", "zeros"):
        network = EDNN(trunk, focus=focus, context=2, padding=padding)
        for p in network.parameters():
            p.data += 0.1 * torch.randn_like(p)
        straight, moved = network(x), network(x.roll(shift, (2, 3)))
        assert straight.std() > 1e-3, "the contributions differ"
        assert torch.allclose(moved, straight.roll((1, -2), (2, 3)), atol=1e-5) == (padding == "circular")


@pytest.mark.parametrize("trunk", [SMALL, DEEP, partial(MillsCNN, channels=4, width=8)])
def test_chunks_are_evaluated_in_mixed_precision(trunk):
    torch.manual_seed(0)
    network, x = EDNN(trunk, focus=2, context=1, chunk=3), torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        exact = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            found = network(x)
    torch.testing.assert_close(found.float(), exact, rtol=0.05, atol=0.05)


def test_a_tile_is_a_domain_with_walls():
    """Its shape is that of the tile, and its padding is zeros also in a periodic domain."""
    make = networks.on_domain(
        partial(EDNN, partial(MillsCNN, channels=2, width=3), focus=4, context=2),
        Domain(("x", "y"), (32, 32), boundary="periodic"),
    )
    network = make()
    assert network.circular and not network.trunk.circular and network.trunk.shape == (8, 8)


@pytest.mark.parametrize("focus", [1, 2, 4])
def test_the_sum_head_gives_extensive_numbers_of_natural_size(focus):
    """A trunk that returns z predicts decode(z) for a sample of training, whatever f is, and twice that for two."""
    described = {"class": "Window", "channels": [4]}
    card = chain_card(target="energy", network={"class": "EDNN", "trunk": described, "focus": focus, "context": 1})
    predictor = Predictor(card)
    x = torch.randn(3, 16)
    columns = {"h": x, "coupling": torch.full((3,), 1.5)}
    twice = columns | {"h": torch.cat([x, x], 1)}
    with torch.no_grad():
        torch.testing.assert_close(predictor(twice)["energy"], 2 * predictor(columns)["energy"], rtol=1e-5, atol=1e-5)
        predictor.network.trunk.layers[-1].weight.zero_()
        predictor.network.trunk.layers[-1].bias.fill_(0.3)
        energies = predictor(columns)["energy"]
    torch.testing.assert_close(energies, torch.full((3,), predictor.ranges["energy"].decode(0.3)), rtol=1e-5, atol=1e-5)


def test_all_heads_of_numbers_and_classes_take_a_map_of_tiles():
    card = chain_card(
        target="energy",
        also=["spacing", "pairs", "phase"],
        network={"class": "EDNN", "trunk": {"class": "Window", "channels": [4]}, "focus": 4, "context": 2},
    )
    predictor = Predictor(card)
    columns = {"h": torch.randn(3, 16), "coupling": torch.rand(3)}
    assert predictor.raw(columns)["phase"].shape == (3, 3, 4)
    found = predictor(columns)
    assert {name: tuple(v.shape) for name, v in found.items()} == dict.fromkeys(found, (3,))


def test_one_point_per_sample_serves_the_sum_head_too():
    card = chain_card(target="energy", network={"class": "MillsCNN", "channels": 3, "between": 2, "width": 4})
    predictor = Predictor(card)
    with torch.no_grad():
        predictor.network.head.weight.zero_()
        predictor.network.head.bias.fill_(-0.2)
        found = predictor({"h": torch.randn(2, 16), "coupling": torch.rand(2)})["energy"]
    torch.testing.assert_close(found, torch.full((2,), predictor.ranges["energy"].decode(-0.2)))


def test_exact_spins_through_the_head():
    """Labels in [-128, 128] for 8 x 8: the raw number of a site is half its energy; on 16 x 16 the sum is exact."""
    network = ising(J=0.5)
    for side in (8, 16):
        s = spins(4, 1, side, side)
        found = SumHead()(network(s), Scale(Range(-128.0, 128.0), points=64))
        assert torch.equal(found, energy(s[:, 0]))


def test_energies_of_spins_are_learned():
    """From sums alone, at f = c = 1; then a larger lattice without further training."""
    torch.manual_seed(0)
    network = EDNN(partial(Window, channels=(32, 16)), padding="circular")
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    s = spins(256, 1, 6, 6, seed=1)
    for _ in range(250):
        optimizer.zero_grad()
        loss = (network(s).sum((1, 2, 3)) - energy(s[:, 0])).square().mean()
        loss.backward()
        optimizer.step()
    larger = spins(16, 1, 24, 24, seed=2)
    with torch.no_grad():
        error = (network(larger).sum((1, 2, 3)) - energy(larger[:, 0])).square().mean().sqrt()
    assert error < 0.2 * energy(larger[:, 0]).std()


@pytest.mark.parametrize(("options", "points", "match"), [
    ({"focus": 3, "context": 1}, (8, 8), r"focus: \(8, 8\) points are no multiple of focus=3; use one of 1, 2, 4, 8"),
    ({"focus": 4, "context": 0}, (6, 9), "use one of 1, 3"),
    ({"focus": 2, "context": 5, "padding": "circular"}, (4, 8), "tiles reach 5 points .* at least 6 points"),
])  # fmt: skip
def test_fields_that_cannot_be_cut_are_named(options, points, match):
    with pytest.raises(ValueError, match=match):
        EDNN(SMALL, **options)(torch.zeros(1, 1, *points))


@pytest.mark.parametrize(("bad", "match"), [
    ({"focus": 0}, "network.focus"),
    ({"context": -1}, "network.context"),
    ({"padding": "reflect"}, "network.padding"),
    ({"evaluation": "fast"}, "network.evaluation"),
    ({"chunk": 0}, "network.chunk"),
    ({"evaluation": "convolution", "trunk": partial(ResidualUNet, channels=(2,), blocks=(1,))}, "got a ResidualUNet"),
    ({"evaluation": "convolution", "trunk": partial(Window, size=2)}, r"= 3 points .*got a Window of \(2, 2\)"),
])  # fmt: skip
def test_bad_arguments_are_named(bad, match):
    with pytest.raises(ValueError, match=match):
        EDNN(**{"trunk": SMALL} | bad)


def test_a_smaller_window_is_averaged_over_its_tile():
    torch.manual_seed(0)
    network = EDNN(partial(Window, size=2, channels=(4,)), focus=2, context=1, padding="circular")
    assert not network.slides
    x = torch.randn(1, 1, 4, 4)
    tile = x.roll((1, 1), (2, 3))
    torch.testing.assert_close(network(x)[0, 0, 0, 0], network.trunk(tile).mean())


@pytest.mark.parametrize("bad", [{"size": 0}, {"size": 2.0}, {"channels": ()}, {"channels": (4, 0)}])
def test_bad_windows_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Window(**bad)


def test_a_window_needs_as_many_points():
    assert Window(size=3, channels=(2,))(torch.zeros(1, 1, 5, 3)).shape == (1, 1, 3, 1)
    with pytest.raises(ValueError, match=r"size: expected at least \(3, 3\) points, got \(2, 5\)"):
        Window(size=3)(torch.zeros(1, 1, 2, 5))
