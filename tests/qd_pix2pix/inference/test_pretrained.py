"""Files of weights: they predict what the checkpoint predicts, prove themselves, and run no code of strangers."""

import copy
import hashlib
import json
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small import SMALL_REGRESSOR, call, configuration

from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inference.weights import CARD, CHECKSUM, load_predictor, save_weights
from qd_pix2pix.models.base import CARD as KEPT
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.training.settings import make_card


def saved(checkpoint, data_root, output, save):
    done = call(
        "evaluate", f"checkpoint='{checkpoint}'", f"data_root='{data_root}'", f"output='{output}'", f"save='{save}'"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(regressor_run, data_root, tmp_path_factory):
    """With weights, model card, and the results of the evaluation that wrote them."""
    folder = tmp_path_factory.mktemp("weights")
    checkpoint = regressor_run / "checkpoints" / "best.ckpt"
    printed = saved(checkpoint, data_root, folder / "out", folder / "new" / "all.safetensors")
    assert "all.safetensors" in printed and "all.md" in printed
    return folder


@pytest.fixture(scope="module")
def weights(folder):
    return folder / "new" / "all.safetensors"


@pytest.fixture(scope="module")
def surrogate(weights):
    return from_pretrained(weights)


@pytest.fixture(scope="module")
def V(small_store):
    return small_store.split("test").load(["V"])["V"]


def test_weights_predict_what_the_checkpoint_predicts(surrogate, regressor_run, folder, V):
    checkpoint = from_pretrained(regressor_run / "checkpoints" / "best.ckpt")
    stored = Predictions.read(folder / "out" / "predictions.h5").predicted
    found, expected = surrogate.predict(V), checkpoint.predict(V)
    assert found.keys() == expected.keys() == stored.keys() == {"n_int", "n0", "energy", "gap"}
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
        np.testing.assert_allclose(found[name], stored[name], rtol=1e-6)
    np.testing.assert_array_equal(surrogate(V), found["n_int"])
    assert (surrogate.sources, surrogate.target, surrogate.shape) == (("V",), "n_int", (32, 32))
    assert "V -> n_int, n0, energy, gap; quantum dots, N = 2" in repr(surrogate)


def test_shapes_of_all_kinds(surrogate, V):
    single, whole = surrogate.predict(V[0]), surrogate.predict(V[:4].reshape(2, 2, 32, 32))
    assert single["n_int"].shape == (32, 32) and single["energy"].shape == ()
    assert whole["n_int"].shape == (2, 2, 32, 32) and whole["energy"].shape == (2, 2)
    np.testing.assert_allclose(whole["n_int"][0, 0], single["n_int"], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(whole["n_int"][1, 0], surrogate(V[2]), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(whole["energy"][1, 1], surrogate.predict(V[3])["energy"], rtol=1e-5)
    np.testing.assert_allclose(surrogate(V[0].tolist()), single["n_int"])
    np.testing.assert_allclose(surrogate({"V": V[0]}), single["n_int"])
    np.testing.assert_allclose(surrogate(V[0].astype(np.float32)), single["n_int"], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(surrogate(V, batch_size=2), surrogate(V), rtol=1e-5, atol=1e-9)


@pytest.mark.filterwarnings("error:The given NumPy array")
def test_views_are_the_array_that_they_show(surrogate, V):
    for view in (V[::-1, ::-1], V.astype(">f8"), V.astype(np.longdouble), np.broadcast_to(V[0], V.shape)):
        np.testing.assert_array_equal(surrogate(view), surrogate(np.array(view, dtype=np.float64).copy()))


def test_a_larger_square_holds_the_same_electrons(surrogate, V):
    with pytest.warns(UserWarning, match="extent is 48 nm, in training 24; predictions may be wrong"):
        density = surrogate(np.pad(V[0], 16, mode="edge"))
    assert density.shape == (64, 64)
    assert density.mean() * 48.0**2 == pytest.approx(2, rel=1e-6)


def test_averages_on_demand(surrogate, V):
    turned = surrogate(np.rot90(V[0]).copy(), symmetrise=True)
    np.testing.assert_allclose(turned, np.rot90(surrogate(V[0], symmetrise=True)), rtol=1e-4, atol=1e-9)
    assert np.abs(surrogate(np.rot90(V[0]).copy()) - np.rot90(surrogate(V[0]))).max() > 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_electrons": 3}, "n_electrons: .*2 only, got 3"),
        ({"material": "si"}, "material: the network was trained for .* only, got"),
        ({"material": "gold"}, "gaas.*gold"),
        ({"extent": 48.0}, "extent: .*got 48"),
        ({"colour": "red"}, "colour: quantum dots have no such condition"),
        ({"device": "nope"}, "device: expected cpu.*got 'nope'"),
        ({"source": np.zeros(32)}, r"\(..., n_x, n_y\), got \(32,\)"),
        ({"source": np.zeros((32, 16))}, r"as many points along x and y, got shape \(1, 32, 16\)"),
        ({"source": np.zeros((0, 32, 32))}, "shape"),
        ({"source": np.zeros((30, 30))}, r"\(30, 30\).*\(32, 32\)"),
        ({"source": np.full((32, 32), np.inf)}, "infinite"),
        ({"source": np.full((32, 32), "a")}, "numbers"),
        ({"source": {"n_int": np.zeros((32, 32))}}, "expected V; got n_int"),
        ({"source": {"V": np.zeros((32, 32)), "n0": np.zeros((32, 32))}}, "expected V; got V, n0"),
        ({"source": np.ma.masked_array(np.zeros((32, 32)), np.eye(32))}, "V has masked points"),
        ({"source": [np.ma.masked_array(np.zeros((32, 32)), np.eye(32))]}, "input: V: .*masked values"),
        ({"source": np.asmatrix(np.zeros((32, 32)))}, "input: V: expected a plain array, got a matrix"),
    ],
)
def test_what_it_does_not_take_is_refused(surrogate, V, change, message):
    with pytest.raises(ValueError, match=message):
        surrogate(**({"source": V[0]} | change))


def test_another_unit_is_refused(surrogate, V):
    with pytest.raises(ValueError, match="V in eV.*another unit"):
        surrogate(1000 * V)


def test_devices_by_name(weights, V):
    on_cpu = from_pretrained(weights, device="cpu")
    np.testing.assert_array_equal(on_cpu(V[0], device="cpu"), on_cpu(V[0]))
    with pytest.raises(ValueError, match=r"^device: expected cpu, cuda, cuda:1 .*; got 'nope'"):
        from_pretrained(weights, device="nope")


def test_a_predictor_on_another_device_is_tried_there(small_run, weights, V):
    """As after a prediction on a GPU: the next call must not take the device for a wrong shape."""
    moved = from_pretrained(small_run / "checkpoints" / "best.ckpt", device="cpu")
    moved.predictor.to("meta")
    moved.predictor.try_on((32, 32))
    with pytest.raises(ValueError, match="network.levels: .* cannot be halved"):
        moved.predictor.try_on((33, 33))
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta"):  # from a GPU there is a way back
        moved(V[0])


def test_the_default_device_does_not_matter(weights, V):
    expected = from_pretrained(weights, device="cpu")(V[0])
    torch.set_default_device("meta")
    try:
        found = from_pretrained(weights, device="cpu")(V[0])
    finally:
        torch.set_default_device(None)
    np.testing.assert_array_equal(found, expected)


def test_a_network_of_two_sources_takes_both(regressor_words, small_store, V):
    words = [*regressor_words, "mapping.source=[V,n0]"]
    card = make_card(configuration("train", *words), [small_store])
    two = Surrogate(Predictor(card).eval(), card, "cpu")
    given = small_store.split("test").load(["V", "n0"])
    assert two(given).shape == (5, 32, 32)
    assert not np.allclose(two(given), two(given | {"n0": given["n0"][::-1]}))
    with pytest.raises(ValueError, match="expected V, n0; got V"):
        two(V)
    with pytest.raises(ValueError, match="sources of the same shape"):
        two(given | {"n0": given["n0"][:3]})


@pytest.mark.slow
def test_a_range_needs_the_member(range_run, data_root, tmp_path, V):
    saved(range_run / "checkpoints" / "best.ckpt", data_root, tmp_path / "out", tmp_path / "range")
    surrogate = from_pretrained(tmp_path / "range.safetensors")
    for n_electrons in (1, 2):
        density = surrogate(V, n_electrons=n_electrons)
        np.testing.assert_allclose(density.mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-6)
    with pytest.raises(ValueError, match="n_electrons: the network was trained for several values"):
        surrogate(V)
    assert [test["samples"] for test in surrogate.measures] == [5, 5]
    card = (tmp_path / "range.md").read_text()
    assert "N = 1, 24 nm × 24 nm, m* = 0.067, ε_r = 12.9" in card and "N = 2" in card
    assert "for the 2 kinds of dots below" in card and "n_electrons" in card


def test_the_file_holds_weights_and_a_card_only(weights, regressor_run):
    network = load_predictor(regressor_run / "checkpoints" / "best.ckpt")[0].network
    with safe_open(weights, framework="pt") as file:
        assert set(file.keys()) == set(network.state_dict())
        assert set(file.metadata()) == {CARD, CHECKSUM}
        card = json.loads(file.metadata()[CARD])
    assert card["datasets"] and card["recipes"] and card["provenance"]["commit"]
    assert [path.name for path in sorted(weights.parent.iterdir())] == ["all.md", "all.safetensors"]


def test_model_card_shows_the_measures_with_their_spread(folder, surrogate):
    card = (folder / "new" / "all.md").read_text()
    record = Evaluation.read(folder / "out")
    assert surrogate.measures[0]["measures"] == record.measures and surrogate.measures[0]["also"] == record.also
    nmae = record.measures["nmae"]
    row = next(line for line in card.splitlines() if line.startswith("| NMAE"))
    shown = [float(number) for number in re.findall(r"([\d.e+-]+) %", row)]
    assert shown == pytest.approx([100 * nmae[key] for key in ("mean", "median", "p05", "p95")], rel=5e-3)
    for part in (
        "V → n_int, n0, energy, gap",
        "5 dots of the test split",
        "all.safetensors",
        r"ΔE, \|error\|",
        "N = 2",
    ):
        assert part in card
    assert "{{" not in card and "{%" not in card and "kinds of dots" not in card
    table = card[card.index("| | mean") :].split("\n\n")[0]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} == {6}
    assert f"Estimated error of the reference labels: {100 * record.label_error['mean']:.2g} %" in card


def test_error_of_the_labels_is_that_of_the_dataset(folder, small_store):
    stored = small_store.split("test").load(("density_error",))["density_error"]
    found = Evaluation.read(folder / "out").label_error
    assert found["mean"] == pytest.approx(stored.mean()) and found["median"] == pytest.approx(np.median(stored))


def test_the_lines_of_the_model_card_run(folder, V, monkeypatch):
    lines = re.search(r"```python\n(.*?)```", (folder / "new" / "all.md").read_text(), re.DOTALL).group(1)
    monkeypatch.chdir(folder / "new")
    names = {"V": V}
    exec(lines, names)
    assert names["n_int"].shape == (5, 32, 32)


def test_it_is_evaluated_like_a_checkpoint(weights, folder, data_root, tmp_path):
    saved(weights, data_root, tmp_path, tmp_path / "again")
    found, expected = (Evaluation.read(at).measures for at in (tmp_path, folder / "out"))
    for name in ("nmae", "ssim", "l1"):
        assert found[name]["mean"] == pytest.approx(expected[name]["mean"], rel=1e-5)
    assert (tmp_path / "report.html").is_file()
    again, first = (from_pretrained(p).predictor.state_dict() for p in (tmp_path / "again.safetensors", weights))
    assert all(torch.equal(again[name], first[name]) for name in first)


@pytest.mark.parametrize(
    "network",
    [
        ["network=resnet", "network.channels=4", "network.blocks=2"],
        ["network=averaged_unet", "network.network.channels=[2,2]", "network.network.blocks=[1,1]"],
        ["network=fno", "network.modes=4", "network.channels=4", "network.layers=1"],
        ["network=unet", "network.levels=3", "network.channels=2"],
        ["network=unet", "network.levels=3", "network.channels=2", "network.norm=batch"],
        SMALL_REGRESSOR[1:],
    ],
    ids=["resnet", "averaged", "fno", "unet", "batch norm", "equivariant"],
)
def test_every_network_fits_into_such_a_file(network, regressor_words, small_store, tmp_path, V):
    kept = [word for word in regressor_words if word not in SMALL_REGRESSOR]
    card = make_card(configuration("train", *kept, "model=regressor", *network), [small_store])
    predictor = Predictor(card).eval()
    save_weights(tmp_path / "any.safetensors", predictor, card)
    found = from_pretrained(tmp_path / "any.safetensors", "cpu")(V)
    np.testing.assert_allclose(found, Surrogate(predictor, card, "cpu")(V), rtol=1e-6)


@pytest.mark.parametrize("part", ["header", "weights"])
def test_one_flipped_bit_anywhere_is_found(weights, tmp_path, part):
    content = weights.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    low, high = (0, header) if part == "header" else (header, len(content))
    rng, path = np.random.default_rng(0), tmp_path / "flipped.safetensors"
    for place, bit in zip(rng.integers(low, high, 60), rng.integers(0, 8, 60), strict=True):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"checkpoint: .*flipped\.safetensors"):
            from_pretrained(path)


def test_one_flipped_bit_in_a_checkpoint_is_found(regressor_run, tmp_path):
    content = (regressor_run / "checkpoints" / "best.ckpt").read_bytes()
    rng, path = np.random.default_rng(0), tmp_path / "flipped.ckpt"
    whole = from_pretrained(regressor_run / "checkpoints" / "best.ckpt").predictor.state_dict()
    for place, bit in zip(rng.integers(0, len(content), 60), rng.integers(0, 8, 60), strict=True):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:  # padding and times of the archive hold nothing
            found = from_pretrained(path).predictor.state_dict()
        except ValueError as error:
            assert "flipped.ckpt" in str(error)
        else:
            assert all(torch.equal(found[name], whole[name]) for name in whole)


def rewritten(weights, path, metadata=None, change=lambda card: card, tensors=lambda tensors: tensors):
    """The same file with something else in it, and with a checksum that fits: a stranger makes one, too."""
    with safe_open(weights, framework="pt") as file:
        held = tensors({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        card = json.loads(file.metadata()[CARD])
    if metadata is None:
        metadata = {CARD: json.dumps(change(card))}
    text = metadata.get(CARD, "")
    checksum = hashlib.sha256(text.encode())
    for name in sorted(held):
        checksum.update(f"{name} {held[name].dtype} {tuple(held[name].shape)}".encode())
        checksum.update(held[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    save_file(held, path, metadata={**metadata, CHECKSUM: checksum.hexdigest()})
    return path


def as_checkpoint(weights, path, change):
    """The same as a checkpoint of a run."""
    predictor, card = load_predictor(weights)
    state = {f"predictor.{name}": value for name, value in predictor.state_dict().items()}
    torch.save({CARD: change(card.to_dict()), "state_dict": state, "global_step": 1}, path)
    return path


def test_checkpoints_and_weights_keep_their_card_under_one_key():
    assert CARD == KEPT


def without(key):
    return lambda content: {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize("position", [0, 8, 0.3, 0.999])
def test_a_damaged_file_is_refused(weights, tmp_path, position):
    content = weights.read_bytes()
    end = position if isinstance(position, int) else int(position * len(content))
    for name, rest in (("cut", content[:end]), ("noise", bytes(range(256)) * 8)):
        for suffix in ("safetensors", "ckpt"):
            path = tmp_path / f"{name}.{suffix}"
            path.write_bytes(rest)
            with pytest.raises(ValueError, match=f"{name}.{suffix} is damaged"):
                from_pretrained(path)


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, *({CARD: t} for t in ("", "{", "[]", '"card"', "{}", "7"))])
def test_a_file_of_others_is_refused(weights, tmp_path, metadata):
    with pytest.raises(ValueError, match="checkpoint: .*(not of this project|another version)"):
        from_pretrained(rewritten(weights, tmp_path / "foreign.safetensors", metadata))


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_of_a_diverged_training_are_refused(weights, tmp_path, value):
    """Of NaN a network of spins would draw lattices of one sign, and a regressor predicts NaN."""
    predictor, card = load_predictor(weights)
    name, parameter = next(iter(predictor.network.named_parameters()))
    with torch.no_grad():
        parameter.view(-1)[0] = value
    save_weights(tmp_path / "diverged.safetensors", predictor, card)
    with pytest.raises(ValueError, match=rf"diverged\.safetensors holds numbers that are NaN or infinite, in .*{name}"):
        from_pretrained(tmp_path / "diverged.safetensors")


@pytest.mark.parametrize("key", ["schemas", "mapping", "network", "heads", "logarithm", "statistics"])
def test_a_card_that_lacks_a_part_is_refused(weights, tmp_path, key):
    with pytest.raises(ValueError, match=f"checkpoint: its card has no {key}; it is incomplete, or of another version"):
        from_pretrained(rewritten(weights, tmp_path / "part.safetensors", change=without(key)))


@pytest.mark.parametrize("tensors", [without("stem.bias"), lambda held: held | {"stem.bias": torch.zeros(3)}])
def test_weights_that_do_not_fit_are_refused(weights, tmp_path, tensors):
    with pytest.raises(ValueError, match=r"other\.safetensors does not fit its own card: stem\.bias"):
        from_pretrained(rewritten(weights, tmp_path / "other.safetensors", tensors=tensors))


def test_a_file_of_an_earlier_version_is_refused_in_one_sentence(weights, tmp_path):
    """Earlier files had no checksum, and a card with other keys."""
    with safe_open(weights, framework="pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    old = {"model": {"_target_": "qd_pix2pix.models.Regressor", "network": {}}, "mapping": {}, "statistics": {}}
    save_file(held, tmp_path / "old.safetensors", metadata={CARD: json.dumps(old)})
    with pytest.raises(ValueError, match=r"old\.safetensors was written by an earlier version") as caught:
        from_pretrained(tmp_path / "old.safetensors")
    assert "\n" not in str(caught.value)
    torch.save({CARD: old, "state_dict": held}, tmp_path / "old.ckpt")
    with pytest.raises(ValueError, match="of another version of qd_pix2pix: train again, or use that version"):
        from_pretrained(tmp_path / "old.ckpt")


SAVE = "{_target_: numpy.savetxt, fname: evil-was-here, X: [1]}"
EVIL = {"_target_": "os.system", "_args_": ["touch evil-was-here"], "command": "touch evil-was-here"}
HOSTILE = [
    f'${{oc.create:"{SAVE}"}}', f"${{oc.decode:'{SAVE}'}}", "${oc.env:HOME}", "os.system", "builtins.exec", "Predictor",
    "__import__", "qd_pix2pix.predictor.Card", EVIL, {"class": "os.system", "command": "touch evil-was-here"},
    {"class": EVIL}, [EVIL], [[[[]]]], {"a": {"b": {"c": {}}}}, None, True, 1e308, -1, 10**30, 0.5, "", [],
]  # fmt: skip
PLACES = {
    "network": lambda card, evil: card.update(network=evil),
    "class": lambda card, evil: card["network"].update({"class": evil}),
    "channels": lambda card, evil: card["network"].update(channels=evil),
    "a channel": lambda card, evil: card["network"]["channels"].__setitem__(0, evil),
    "an argument": lambda card, evil: card["network"].update(padding=evil),
    "unknown argument": lambda card, evil: card["network"].update(evil=evil),
    "mapping": lambda card, evil: card.update(mapping=evil),
    "source": lambda card, evil: card["mapping"].update(source=evil),
    "target": lambda card, evil: card["mapping"].update(target=evil),
    "also": lambda card, evil: card["mapping"].update(also=evil),
    "heads": lambda card, evil: card.update(heads=evil),
    "head": lambda card, evil: card["heads"].update(density=evil),
    "statistics": lambda card, evil: card.update(statistics=evil),
    "statistics of V": lambda card, evil: card["statistics"].update(V=evil),
    "a statistic": lambda card, evil: card["statistics"]["V"].update(min=evil),
    "schemas": lambda card, evil: card.update(schemas=evil),
    "schema": lambda card, evil: card["schemas"].__setitem__(0, evil),
    "columns": lambda card, evil: card["schemas"][0].update(columns=evil),
    "column": lambda card, evil: card["schemas"][0]["columns"].__setitem__(0, evil),
    "role": lambda card, evil: card["schemas"][0]["columns"][0].update(role=evil),
    "integral": lambda card, evil: card["schemas"][0]["columns"][2].update(integral=evil),
    "domain": lambda card, evil: card["schemas"][0].update(domain=evil),
    "shape": lambda card, evil: card["schemas"][0]["domain"].update(shape=evil),
    "sides": lambda card, evil: card["schemas"][0]["domain"].update(sides=evil),
    "symmetry": lambda card, evil: card["schemas"][0]["domain"].update(symmetry=evil),
    "constants": lambda card, evil: card["schemas"][0].update(constants=evil),
    "extent": lambda card, evil: card["schemas"][0]["constants"].update(extent=evil),
    "conditions": lambda card, evil: card["schemas"][0].update(conditions=evil),
    "few statistics": lambda card, evil: card["statistics"].update(V={"min": 0.0, "max": 1.0, "mean": evil}),
    "blocks": lambda card, evil: card["network"].update(blocks=[evil, evil]),
    "units": lambda card, evil: card["schemas"][0].update(units=evil),
    "presets": lambda card, evil: card["schemas"][0].update(presets=evil),
    "tests": lambda card, evil: card.update(tests=evil),
    "recipes": lambda card, evil: card.update(recipes=evil),
    "logarithm": lambda card, evil: card.update(logarithm=evil),
}


@pytest.mark.parametrize("place", PLACES)
def test_hostile_cards_run_nothing_and_end_in_one_error(weights, tmp_path, monkeypatch, V, place):
    """Whatever stands wherever: a ValueError, or a predictor of this project that predicts or refuses."""
    monkeypatch.chdir(tmp_path)
    original = load_predictor(weights)[1].to_dict()
    for i, evil in enumerate(HOSTILE):
        card = copy.deepcopy(original)
        PLACES[place](card, copy.deepcopy(evil))
        try:
            found = Surrogate(*loaded(card, weights, tmp_path, as_file=i % 2))
            found(V[0])
        except ValueError as error:
            assert str(error), evil
        assert not (tmp_path / "evil-was-here").exists(), evil


def loaded(card, weights, tmp_path, as_file):
    if as_file:
        return load_predictor(rewritten(weights, tmp_path / "evil.safetensors", change=lambda _: card))
    return load_predictor(as_checkpoint(weights, tmp_path / "evil.ckpt", lambda _: card))


def test_a_network_is_one_of_this_project(weights, tmp_path):
    for name in ("os.system", "Predictor", "nn.Module", "torch.nn.Linear", "factory", "_plain", "inspect"):
        evil = rewritten(
            weights, tmp_path / "evil.safetensors", change=lambda card, n=name: card | {"network": {"class": n}}
        )
        with pytest.raises(ValueError, match=f"names the network '{name}'; expected one of EDNN, FNO, GroupAverage"):
            from_pretrained(evil)


def test_a_cut_checkpoint_of_a_resumable_run_says_what_to_do(tmp_path):
    for name, advice in (("last.ckpt", r"\); without it ckpt_path=auto starts the run anew"), ("best.ckpt", r"\)")):
        torch.save({CARD: {}, "state_dict": {}}, tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-40])
        with pytest.raises(ValueError, match=f"{name} is damaged .*{advice}$"):
            from_pretrained(tmp_path / name)


def test_a_checkpoint_with_code_is_not_run(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return open, ("evil-was-here", "w")

    monkeypatch.chdir(tmp_path)
    torch.save({CARD: Evil(), "state_dict": {}}, "evil.ckpt")
    with pytest.raises(ValueError, match=r"evil\.ckpt is damaged or holds more than weights; not loaded"):
        from_pretrained("evil.ckpt")
    assert not (tmp_path / "evil-was-here").exists()


@pytest.mark.parametrize(
    "target", ["os.system", "builtins.exec", "qd_pix2pix.systems.build.import_module", "solvers.import_module", EVIL]
)
@pytest.mark.parametrize("part", ["recipe", "potential", "solver"])
def test_recipes_of_strangers_are_refused_where_something_is_solved(
    weights, data_root, tmp_path, monkeypatch, small_store, part, target
):
    """``evaluate.py checkpoint=stranger.ckpt``, with its dataset missing, and with verify=true."""
    monkeypatch.chdir(tmp_path)

    def evil(card):
        recipe = card["recipes"][0]
        node = recipe if part == "recipe" else recipe[part]
        node.update({**EVIL, "_target_": target})
        return card

    np.save("my.npy", small_store.split("test").load(["V"])["V"])
    path = as_checkpoint(weights, tmp_path / "stranger.ckpt", evil)
    for words in (["input=my.npy", "verify=true"], ["data_root=elsewhere"]):
        done = call("evaluate", f"checkpoint={path}", f"output={tmp_path / 'out'}", "launcher.workers=1", *words)
        assert done.returncode == 2 and "no part of qd_pix2pix; not loaded" in done.stderr, (done.stdout, done.stderr)
    assert not (tmp_path / "evil-was-here").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        from_pretrained(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="nothing.ckpt"):
        from_pretrained(str(tmp_path / "nothing.ckpt"))


def test_a_card_of_plain_containers_comes_back_as_it_was(weights):
    card = load_predictor(weights)[1]
    assert Card.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_shape_is_tried_once(surrogate, V, monkeypatch):
    """A second call evaluates the network once; another shape is tried anew."""
    evaluated, forward = [], surrogate.predictor.network.forward
    monkeypatch.setattr(
        surrogate.predictor.network, "forward", lambda *given: evaluated.append(given[0].shape) or forward(*given)
    )
    surrogate(V[0])
    before = len(evaluated)
    surrogate(V[0])
    assert len(evaluated) == before + 1
    with pytest.raises(ValueError, match="does not take fields"):
        surrogate(V[0][:-3, :-3])
