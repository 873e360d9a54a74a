"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs, make_run

SMOKE = (
    *("data.train=12", "data.val=8", "data.test=6", "data.n=32", "solver.n_orbitals=6", "data.n_electrons=[1,2]"),
    *("data.weights=null", "data.coupling=[0.5,5.0]", "trainer.val_check_interval=2"),
    *("network.channels=[2,3]", "network.blocks=[1,1]", "loader.batch_size=4"),
)
PAPER = ("data.train=100000", "data.val=1000", "data.test=2000")
"""Number of dots; for a GPU and many cores."""
FIRST = {"laptop": ("data.train=10000", "data.val=600", "data.test=400"), "paper": PAPER, "smoke": SMOKE}
MORE = {"laptop": ("data.train=20000", "data.val=600", "data.test=400"), "paper": PAPER, "smoke": SMOKE}
"""Number of dots at each scale."""


HARDER = "weights:[0.02,0.14,0.27,0.27,0.18,0.12],potential:{weights:[0.2,0.12,0.06,0.06,0.14,0.1,0.1,0.12,0.05,0.05]}"
"""More dots of five and six electrons, more disorder and connected circles."""


def _harder(*datasets: tuple[int, int, int, int]) -> str:
    """Return the override for further datasets with harder dots: of each the seed and its numbers of dots."""
    each = (f"{{seed:{seed},{HARDER},train:{train},val:{val},test:{test}}}" for seed, train, val, test in datasets)
    return f"more_data=[{','.join(each)}]"


BOTH = {
    "laptop": (*MORE["laptop"], _harder((1, 5000, 200, 100))),
    "paper": (*PAPER, _harder((1, 50000, 500, 500))),
    "smoke": (*SMOKE, "more_data=[{seed:1}]"),
}
SMALL = ("network=fast_dot_unet", "mapping.prior=coarse_mean_field")
MORE_TAUGHT = ("data.train=12000", "data.val=400", "data.test=100")
ONE_ORBITAL = "mapping.prior=mean_field"


def _until(scale: str, time: str) -> tuple[str, ...]:
    """Return the length of a training, in hours and minutes on one core."""
    steps = {"laptop": 40000, "paper": 300000, "smoke": 4}[scale]
    return (f"trainer.max_steps={steps}", *([f"trainer.max_time=00:{time}:00"] if scale == "laptop" else []))


def _from(study: Runs, name: str, word: str = "init_from") -> str:
    return f"{word}=runs/universal/{make_run(name, study[name]).key}/checkpoints/best.ckpt"


def _rate(rate: float) -> str:
    return f"model.optimizer.lr={rate:g}"


def one_orbital(scale: str) -> Runs:
    """Return a network that starts from one orbital for all electrons, and a small one that is fast."""
    steps = _until(scale, "01:15")
    fast = {"laptop": ("trainer.max_steps=24000",)}.get(scale, steps)
    return {
        "one orbital": ("experiment=universal", ONE_ORBITAL, *FIRST[scale], *steps),
        "fast": ("experiment=universal", *SMALL, *FIRST[scale], *fast),
    }


def one_orbital_continued(scale: str) -> Runs:
    """Return the run from the weights of that network, at half its learning rate."""
    words = ("experiment=universal", _from(one_orbital(scale), "one orbital"), ONE_ORBITAL, _rate(1e-3))
    return {"one orbital, continued": (*words, *FIRST[scale], *_until(scale, "01:15"))}


def one_orbital_more(scale: str) -> Runs:
    """Return the run from there with twice the dots."""
    start = _from(one_orbital_continued(scale), "one orbital, continued")
    second = _from(one_orbital(scale), "fast", "mapping.second")
    words = ("experiment=universal", start, ONE_ORBITAL, second, _rate(1e-3))
    return {"one orbital, more dots": (*words, *MORE[scale], *_until(scale, "01:25"))}


def orbitals(scale: str) -> Runs:
    """Return a network that starts from Kohn-Sham orbitals."""
    return {"orbitals": ("experiment=universal", *BOTH[scale], *_until(scale, "01:05"))}


def both(scale: str) -> Runs:
    """Return the shipped network, the mean of both: a step without an effect, after which its errors are calibrated."""
    start = _from(orbitals(scale), "orbitals")
    other = _from(one_orbital_more(scale), "one orbital, more dots", "mapping.second")
    words = ("experiment=universal", start, other, "mapping.average=true", _rate(1e-9), *BOTH[scale])
    return {"both": (*words, "trainer.max_steps=1", "trainer.val_check_interval=1")}


def taught(scale: str) -> Runs:
    """Return a fast network, which learns from the shipped network of every dot."""
    dots = {
        "laptop": ("data.train=30000", "data.val=600", "data.test=100", _harder((1, 12000, 200, 50))),
        "paper": ("data.train=400000", "data.val=1000", "data.test=2000", _harder((1, 200000, 500, 500))),
        "smoke": (*BOTH["smoke"], "data.n=64"),
    }
    time = {"laptop": ("trainer.max_steps=200000", "trainer.max_time=00:01:40:00")}.get(scale, _until(scale, ""))
    words = ("experiment=universal", "data=taught_dots", "loader.cache_gib=4.0", *SMALL, *dots[scale], *time)
    return {"fast, taught": words}


def taught_more(scale: str) -> Runs:
    """Return the run from the weights of that one, with other dots, at half its rate."""
    dots = {
        "laptop": (*MORE_TAUGHT, _harder((4, 2000, 150, 50))),
        "paper": ("data.train=400000", "data.val=1000", "data.test=2000", _harder((4, 200000, 500, 500))),
        "smoke": (*BOTH["smoke"], "data.n=64"),
    }
    time = {"laptop": ("trainer.max_steps=200000", "trainer.max_time=00:00:45:00")}.get(scale, _until(scale, ""))
    words = ("experiment=universal", "data=taught_dots", "data.seed=3", "loader.cache_gib=4.0", *SMALL)
    return {"fast, more dots": (*words, _from(taught(scale), "fast, taught"), _rate(1e-3), *dots[scale], *time)}


def taught_harder(scale: str) -> Runs:
    """Return the shipped fast network: the run from the weights of that one, with more of the harder dots."""
    dots = {
        "laptop": (*MORE_TAUGHT, _harder((4, 2000, 150, 50), (5, 14000, 50, 25))),
        "paper": ("data.train=400000", "data.val=1000", "data.test=2000", _harder((5, 400000, 500, 500))),
        "smoke": (*BOTH["smoke"], "data.n=64"),
    }
    time = {"laptop": ("trainer.max_steps=200000", "trainer.max_time=00:00:50:00")}.get(scale, _until(scale, ""))
    words = ("experiment=universal", "data=taught_dots", "data.seed=3", "loader.cache_gib=6.0", *SMALL)
    start = _from(taught_more(scale), "fast, more dots")
    return {"fast, harder dots": (*words, start, _rate(1e-3), *dots[scale], *time)}


STUDIES = {
    study.__name__: study
    for study in (
        one_orbital,
        one_orbital_continued,
        one_orbital_more,
        orbitals,
        both,
        taught,
        taught_more,
        taught_harder,
    )
}
"""In this order; the last three need the weights ``universal`` of the runs before."""
