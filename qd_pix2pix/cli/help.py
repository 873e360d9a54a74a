"""The text of ``--help``: examples, groups with their options, every key with its value and its comment in conf/."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from qd_pix2pix.cli.comments import description, meanings, options
from qd_pix2pix.cli.compose import compose_config

ABOUT = {
    "train": "Train a network: generate its dataset on first use, train, evaluate the test split, write a page.",
    "generate": "Generate a dataset, or verify one. The same command resumes an interrupted one.",
    "solve": "Solve one dot and write a page: densities, energies, J, spectra and couplings, each with an error bar.",
    "evaluate": "Evaluate a network on a split or on your samples; save or export it; run a benchmark.",
}
EXAMPLES = {
    "train": (
        ("model=regressor mapping=V_to_nint", "the surrogate, in 30 minutes"),
        ("model=regressor material=si data.n_electrons=4", "four electrons in silicon"),
        ("model=regressor trainer.max_time=00:00:10:00 trainer.max_epochs=-1", "stop after ten minutes"),
        ("ckpt_path=runs/.../checkpoints/last.ckpt", "resume an interrupted run"),
        ("-m model=regressor seed=0,1,2", "a sweep: one run for each value"),
        ("experiment=ising_energy", "energies of spins"),
    ),
    "generate": (
        ("data.n_electrons=3 data.train=1000", "three electrons"),
        ("preset=converged material=si", "labels with optimised orbitals"),
        ("data=ising", "spins"),
        ("check=data/RandomWells-N3-...", "verify every byte of a dataset"),
    ),
    "solve": (
        ("V=my_dot.npy extent=120", "V[ix, iy] in eV, side in nm"),
        ("V=my_dot.npy extent=120 'n_electrons=[1,2,3]' material=si", "addition energies, in silicon"),
        ("potential=double_gaussian seed=3 n=64 extent=30", "a potential of a family"),
        ("device=chip.yaml material=si_valley", "gates of a chip, with lever arms"),
    ),
    "evaluate": (
        ("checkpoint=universal input=dots.csv n_electrons=2 material=gaas extent=300 verify=true", "your potentials"),
        ("checkpoint=runs/.../checkpoints/best.ckpt split=val", "another split"),
        ("checkpoint=gaas-N2 export=my_network.onnx", "for other programs"),
        ("bench=qdot checkpoint=universal", "a benchmark"),
    ),
}
SEVERAL = ("-m", "several runs: the values of an option are separated by commas")
FLAGS = {
    "--cfg job": "the configuration as YAML, with the class of each part",
    "--help": "this text, for the options that are given beside it",
}
KEYS_ABOVE = 42
"""Columns of keys and values; a longer one has its comment in the next line."""


def help_text(name: str, given: Sequence[str] = (), width: int | None = None) -> str:
    """Return the help of a program with the values that these overrides select.

    Args:
        name: train, generate, evaluate or solve.
        given: overrides, one value each.
        width: columns of the text; by default those of the terminal.
    """
    width = max(72, width or shutil.get_terminal_size((120, 24)).columns)
    config = compose_config(name, given, with_hydra=True)
    chosen = choices(config)
    lines = [
        *textwrap.wrap(ABOUT[name], width),
        "",
        f"usage: python {name}.py [GROUP=OPTION ...] [KEY=VALUE ...] [FLAG]",
        "",
        "Examples",
    ]
    lines += [f"  python {name}.py {example}  # {about}" for example, about in EXAMPLES[name]]
    lines += ["", "Groups: GROUP=OPTION. The option of this command stands first.", ""]
    lines += _columns([(group, _choice(group, option)) for group, option in chosen.items()], width, 14)
    lines += ["", "Keys: KEY=VALUE, with the values of this command. Other options have other keys:"]
    first = next((group for group in ("model", "potential", "launcher") if group in chosen), "")
    lines += [f"python {name}.py {first}={options(first)[0]} --help shows them."]
    lines += _keys(name, config, chosen, width)
    flags = [*([SEVERAL] if name == "train" else []), *FLAGS.items()]
    lines += ["", "Flags", *_columns(flags, width, 14)]
    return "\n".join(lines)


def choices(config: Any) -> dict[str, str | None]:
    """Return the option of each group of a configuration with Hydra's settings, those with keys first."""
    found = {str(group): option for group, option in config.hydra.runtime.choices.items() if "/" not in str(group)}
    return dict(sorted(found.items(), key=lambda item: (item[1] is None, item[0])))


def _choice(group: str, option: str | None) -> str:
    others = [name for name in options(group) if name != option]
    return f"[{option or 'none'}]  {'  '.join(others)}"


def _keys(name: str, config: Any, chosen: Mapping[str, str | None], width: int) -> Iterator[str]:
    """Yield the keys in sections: those of the program, then those of each part."""
    about = meanings("", name)
    for group, option in chosen.items():
        if option is not None:
            about = meanings(group, option) | about
    content = OmegaConf.to_container(config, resolve=False)
    assert isinstance(content, dict)
    parts = {str(part): value for part, value in content.items() if part != "hydra"}
    own = {key: value for key, value in parts.items() if not isinstance(value, dict) or key in ("range", "conditions")}
    yield from _section("", own, about, width)
    for part, value in parts.items():
        if part not in own and value:
            group = "preset" if part == "solver" else part
            option = chosen.get(group)
            title = f"{group}={option}: {description(group, option)}" if option else part
            yield from _section(title, {part: value}, about, width)


def _section(title: str, content: Mapping[str, Any], about: Mapping[str, str], width: int) -> Iterator[str]:
    yield ""
    yield from textwrap.wrap(title, width, subsequent_indent="    ")
    yield from _columns(commented(content, about), width, KEYS_ABOVE)


def commented(content: Mapping[str, Any], about: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each key and value with its comment; a comment on a part stands beside its first key."""
    rows, shown = [], set()
    for key, value in flat(content):
        parts = key.split(".")
        above = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
        texts = [about[part] for part in above if part in about and part not in shown]
        shown |= set(above)
        rows.append((f"{key}={value}", "; ".join(texts)))
    return rows


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield keys and values as on the command line; classes and references to other parts are left out."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{name}.")
        elif not str(key).startswith("_") and not str(value).startswith("${"):
            yield name, as_value(value)


def as_value(value: Any) -> str:
    """Return a value in the grammar of overrides."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {as_value(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_value, value)) + "]"
    return str(value)


def _columns(rows: Sequence[tuple[str, str]], width: int, left: int) -> list[str]:
    """Return rows of two columns; a text that is too long continues in its column."""
    found: list[str] = []
    for head, text in rows:
        wrapped = textwrap.wrap(text, max(20, width - left - 4)) or [""]
        if len(head) > left:
            found.append(f"  {head}")
        else:
            found.append(f"  {head:<{left}}  {wrapped.pop(0)}".rstrip())
        found += [f"  {'':<{left}}  {line}" for line in wrapped if line]
    return found
