"""Files of weights: they say what the checkpoint says, of dots that the network knows, and run no strangers' code."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small import SMALL_REGRESSOR, configuration, evaluation

from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.inference.pretrained import save_pretrained
from qd_pix2pix.training.checkpoint import CARD, build_model, load_model
from qd_pix2pix.training.run import make_card


@pytest.fixture(scope="module")
def folder(regressor_run, data_root, tmp_path_factory):
    """With weights, model card, and the results of the evaluation that wrote them."""
    folder = tmp_path_factory.mktemp("weights")
    save = str(folder / "new" / "all.safetensors")
    evaluate(evaluation(regressor_run, data_root, folder / "out", save=save))
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


def test_weights_say_what_the_checkpoint_says(surrogate, regressor_run, folder, V):
    checkpoint = from_pretrained(regressor_run / "checkpoints" / "best.ckpt")
    stored = Predictions.read(folder / "out" / "predictions.h5")
    found, expected = surrogate.predict(V), checkpoint.predict(V)
    assert found.keys() == expected.keys() == {"n_int", "n0", "energy", "gap"}
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    np.testing.assert_allclose(found["n_int"], stored.predicted, rtol=1e-6)
    np.testing.assert_array_equal(surrogate(V), found["n_int"])
    assert (surrogate.source, surrogate.target) == ("V", "n_int") and (surrogate.n, surrogate.extent) == (32, 24.0)


def test_shapes_of_all_kinds(surrogate, V):
    single, whole = surrogate.predict(V[0]), surrogate.predict(V[:4].reshape(2, 2, 32, 32))
    assert single["n_int"].shape == (32, 32) and single["energy"].shape == ()
    assert whole["n_int"].shape == (2, 2, 32, 32) and whole["energy"].shape == (2, 2)
    np.testing.assert_allclose(whole["n_int"][0, 0], single["n_int"], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(whole["n_int"][1, 0], surrogate(V[2]), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(whole["energy"][1, 1], surrogate.predict(V[3])["energy"], rtol=1e-5)
    np.testing.assert_allclose(surrogate(V[0].tolist()), single["n_int"])
    np.testing.assert_allclose(surrogate(V[0].astype(np.float32)), single["n_int"], rtol=1e-4, atol=1e-8)


def test_a_larger_square_holds_the_same_electrons(surrogate, V):
    density = surrogate(np.pad(V[0], 16, mode="edge"))
    assert density.shape == (64, 64)
    assert density.mean() * 48.0**2 == pytest.approx(2, rel=1e-6)


def test_averages_on_demand(surrogate, V):
    turned = surrogate(np.rot90(V[0]).copy(), symmetrise=True)
    np.testing.assert_allclose(turned, np.rot90(surrogate(V[0], symmetrise=True)), rtol=1e-4, atol=1e-9)
    assert np.abs(surrogate(np.rot90(V[0]).copy()) - np.rot90(surrogate(V[0]))).max() > 1e-4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_electrons": 3}, "n_electrons: .*2 only, got 3"),
        ({"material": "si"}, "m_eff: .*0.067 only, got 0.19"),
        ({"material": "gold"}, "gaas.*gold"),
        ({"extent": 48.0}, "extent: .*got 48"),
        ({"source": np.zeros(32)}, r"\(..., n, n\), got \(32,\)"),
        ({"source": np.zeros((32, 16))}, r"shape.*\(1, 32, 16\)"),
        ({"source": np.zeros((0, 32, 32))}, "shape"),
        ({"source": np.zeros((30, 30))}, r"\(30, 30\).*\(32, 32\).*24 nm"),
        ({"source": np.full((32, 32), np.inf)}, "infinite"),
        ({"source": np.full((32, 32), "a")}, "numbers"),
    ],
)
def test_dots_that_it_does_not_know_are_refused(surrogate, V, change, said):
    with pytest.raises(ValueError, match=said):
        surrogate(**({"source": V[0]} | change))


def test_another_unit_is_refused(surrogate, V):
    with pytest.raises(ValueError, match="V in eV.*another unit"):
        surrogate(1000 * V)


def test_a_range_is_asked_for_its_members(range_run, data_root, tmp_path, V):
    evaluate(evaluation(range_run, data_root, tmp_path / "out", save=str(tmp_path / "range")))
    surrogate = from_pretrained(tmp_path / "range.safetensors")
    for n_electrons in (1, 2):
        density = surrogate(V, n_electrons=n_electrons)
        np.testing.assert_allclose(density.mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-6)
    assert [test["dots"] for test in surrogate.measures] == [5, 5]
    card = (tmp_path / "range.md").read_text()
    assert "N = 1, m* = 0.067, ε_r = 12.9, L = 24 nm" in card and "N = 2" in card


def test_the_file_holds_weights_and_a_card_only(weights, regressor_run):
    network = load_model(regressor_run / "checkpoints" / "best.ckpt").network
    with safe_open(weights, framework="pt") as file:
        assert set(file.keys()) == set(network.state_dict())
        assert list(file.metadata()) == [CARD]
        card = json.loads(file.metadata()[CARD])
    assert card["datasets"] and card["recipes"] and card["provenance"]["commit"]
    assert [path.name for path in sorted(weights.parent.iterdir())] == ["all.md", "all.safetensors"]


def test_model_card_tells_the_measures_with_their_spread(folder, surrogate):
    card = (folder / "new" / "all.md").read_text()
    record = json.loads((folder / "out" / "metrics.json").read_text())
    assert surrogate.measures[0]["measures"] == record["measures"] and surrogate.measures[0]["also"] == record["also"]
    nmae = record["measures"]["nmae"]
    row = next(line for line in card.splitlines() if line.startswith("| NMAE"))
    told = [float(number) for number in re.findall(r"([\d.e+-]+) %", row)]
    assert told == pytest.approx([100 * nmae[key] for key in ("mean", "median", "p05", "p95")], rel=5e-3)
    for part in (
        "V → n_int, n0, energy, gap",
        "5 dots of the test split",
        "all.safetensors",
        r"ΔE, \|error\|",
        "N = 2",
    ):
        assert part in card
    assert "{{" not in card and "{%" not in card
    assert "kinds of dots" not in card
    table = card[card.index("| | mean") :].split("\n\n")[0]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} == {6}
    assert f"{100 * record['label_error']['mean']:.2g} % from the converged ones" in card


def test_error_of_the_labels_is_that_of_the_dataset(folder, small_store):
    stored = small_store.split("test").load(("density_error",))["density_error"]
    told = json.loads((folder / "out" / "metrics.json").read_text())["label_error"]
    assert told["mean"] == pytest.approx(stored.mean()) and told["median"] == pytest.approx(np.median(stored))


def test_the_lines_of_the_model_card_run(folder, V, monkeypatch):
    lines = re.search(r"```python\n(.*?)```", (folder / "new" / "all.md").read_text(), re.DOTALL).group(1)
    monkeypatch.chdir(folder / "new")
    names = {"V": V}
    exec(lines, names)
    assert names["n_int"].shape == (5, 32, 32)


def test_it_is_evaluated_like_a_checkpoint(weights, regressor_run, folder, data_root, tmp_path):
    evaluate(evaluation(regressor_run, data_root, tmp_path, checkpoint=str(weights), save=str(tmp_path / "again")))
    found, expected = (json.loads((at / "metrics.json").read_text())["measures"] for at in (tmp_path, folder / "out"))
    for name in ("nmae", "ssim", "l1"):
        assert found[name]["mean"] == pytest.approx(expected[name]["mean"], rel=1e-5)
    assert (tmp_path / "report.html").is_file()
    again = from_pretrained(tmp_path / "again.safetensors").model.network.state_dict()
    first = from_pretrained(weights).model.network.state_dict()
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
def test_every_network_fits_into_such_a_file(network, regressor_words, small_store, folder, tmp_path, V):
    kept = [word for word in regressor_words if word not in SMALL_REGRESSOR]
    model = build_model(make_card(configuration("train", *kept, "model=regressor", *network), [small_store]))
    content = {CARD: model.card, "state_dict": model.state_dict(), "global_step": 1, "train_seconds": 1.0}
    torch.save(content, tmp_path / "any.ckpt")
    record = json.loads((folder / "out" / "metrics.json").read_text())
    path, card = save_pretrained(tmp_path / "any.ckpt", tmp_path / "any", [record])
    assert (path.name, card.name) == ("any.safetensors", "any.md")
    np.testing.assert_allclose(from_pretrained(path)(V), from_pretrained(tmp_path / "any.ckpt")(V), rtol=1e-6)


def rewritten(weights, path, metadata=None, change=lambda card: card, tensors=lambda tensors: tensors):
    """The same file with something else in it."""
    with safe_open(weights, framework="pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()[CARD])
    save_file(tensors(held), path, metadata={CARD: json.dumps(change(card))} if metadata is None else metadata)
    return path


def without(key):
    return lambda content: {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize("position", [0, 8, 0.3, 0.999])
def test_a_damaged_file_is_refused(weights, tmp_path, position):
    content = weights.read_bytes()
    end = position if isinstance(position, int) else int(position * len(content))
    for name, rest in (("cut", content[:end]), ("noise", bytes(range(256)) * 8)):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(rest)
        with pytest.raises(ValueError, match=f"{name}.safetensors is damaged"):
            from_pretrained(path)


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, *({CARD: t} for t in ("", "{", "[]", '"card"', "{}"))])
def test_a_file_of_others_is_refused(weights, tmp_path, metadata):
    with pytest.raises(ValueError, match="checkpoint: .*(not of this project|another version)"):
        from_pretrained(rewritten(weights, tmp_path / "foreign.safetensors", metadata))


@pytest.mark.parametrize("key", ["model", "mapping", "recipes", "statistics"])
def test_a_card_that_lacks_a_part_is_refused(weights, tmp_path, key):
    with pytest.raises(ValueError, match=f"checkpoint: .*{key}"):
        from_pretrained(rewritten(weights, tmp_path / "part.safetensors", change=without(key)))


@pytest.mark.parametrize("tensors", [without("stem.bias"), lambda held: held | {"stem.bias": torch.zeros(3)}])
def test_weights_that_do_not_fit_are_refused(weights, tmp_path, tensors):
    with pytest.raises(ValueError, match=r"(?s)does not fit its own card .*stem\.bias"):
        from_pretrained(rewritten(weights, tmp_path / "other.safetensors", tensors=tensors))


@pytest.mark.parametrize("target", ["os.system", "builtins.exec", "qd_pix2pix.data.store.os.system"])
@pytest.mark.parametrize("part", ["model", "network", "mapping", "recipe"])
def test_no_code_of_strangers_is_run(weights, tmp_path, monkeypatch, part, target):
    monkeypatch.chdir(tmp_path)

    def evil(card):
        at = {"model": card["model"], "mapping": card["mapping"], "recipe": card["recipes"][0]["potential"]}
        node = card["model"]["network"] if part == "network" else at[part]
        node |= {"_target_": target, "_args_": ["touch evil-was-here"], "command": "touch evil-was-here"}
        return card

    with pytest.raises(ValueError, match=re.escape(target)):
        from_pretrained(rewritten(weights, tmp_path / "evil.safetensors", change=evil))
    assert not (tmp_path / "evil-was-here").exists()


SAVE = "{_target_: numpy.savetxt, fname: evil-was-here, X: [1]}"


@pytest.mark.parametrize(
    "text",
    [f'${{oc.create:"{SAVE}"}}', f"${{oc.decode:'{SAVE}'}}", "${oc.env:HOME}", "${optimizer.lr}", "a ${oc.env:HOME} b"],
)
@pytest.mark.parametrize("place", ["optimizer", "lr", "list", "network", "mapping", "recipe", "key"])
def test_no_interpolation_of_strangers_is_resolved(weights, tmp_path, monkeypatch, place, text):
    monkeypatch.chdir(tmp_path)

    def evil(card):
        at = {"optimizer": (card["model"], "optimizer"), "lr": (card["model"]["optimizer"], "lr")}
        at |= {"list": (card["model"]["network"]["channels"], 0), "network": (card["model"], "network")}
        at |= {"mapping": (card["mapping"], "source"), "recipe": (card["recipes"][0], "potential")}
        node, key = at.get(place, (card["model"], text))
        node[key] = text
        return card

    with pytest.raises(ValueError, match="interpolation.*not loaded"):
        from_pretrained(rewritten(weights, tmp_path / "evil.safetensors", change=evil))
    assert not (tmp_path / "evil-was-here").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        from_pretrained(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="nothing.ckpt"):
        from_pretrained(str(tmp_path / "nothing.ckpt"))
