"""The six programs: validation of overrides, one-line error messages, resumable runs.

``python train.py ...``, ``qd-train ...`` and ``python -m qd_pix2pix.cli train ...`` are equivalent. This module imports
the standard library only, so that Ctrl-C works from the start, and workers start fast.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from omegaconf import DictConfig

INTERRUPTED = 130
"""Exit status after Ctrl-C."""
INVALID = 2
"""Exit status after invalid input."""
WAIT_BRIEFLY = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
"""Settings of OpenMP, of GNU and of LLVM, with which threads spin for at most a millisecond before they sleep."""
AUTO = "ckpt_path=auto"


def guarded(task: Callable[[], Any]) -> Any:
    """Call ``task`` and return its result; invalid input exits with one clear error and status 2, Ctrl-C with 130."""
    tolerate_terminal()
    wait_briefly()
    try:
        return task()
    except KeyboardInterrupt:
        leave()
    except Exception as error:
        from qd_pix2pix.cli.errors import is_expected

        if not is_expected(error):
            raise
        fail(error)


def wait_briefly() -> None:
    """Let threads that wait for each other sleep soon, unless the user has chosen otherwise.

    By default they spin for milliseconds and occupy the core that the other thread needs where another program is
    busy, too. OpenMP reads these variables when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in WAIT_BRIEFLY.items():
            os.environ.setdefault(name, value)


def fail(error: BaseException) -> NoReturn:
    """Print one clear error and exit with its status, 2 for invalid input. HYDRA_FULL_ERROR=1 shows the traceback."""
    from qd_pix2pix.cli.errors import first_cause

    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"error: {first_cause(error)}", file=sys.stderr)
    sys.exit(getattr(error, "status", INVALID))


def leave() -> NoReturn:
    """Exit after Ctrl-C."""
    print("\nstopped", file=sys.stderr)
    sys.exit(INTERRUPTED)


def tolerate_terminal() -> None:
    """Print characters that a terminal cannot show (R², ×, ⁻) as question marks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@contextmanager
def loading() -> Iterator[None]:
    """Exit at once on Ctrl-C while modules are imported: an interrupted import may raise any error, or none."""

    def leave_at_once(*_: Any) -> NoReturn:
        os.write(2, b"\nstopped\n")
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, as in the background of a script, or handled by others
        return
    signal.signal(signal.SIGINT, leave_at_once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def train() -> None:
    """Train a model, or with -m several: ``python train.py model=pix2pix mapping=V_to_nint``; see conf/train.yaml."""
    guarded(_train)


def _train() -> None:
    with loading():
        from qd_pix2pix.cli import overrides
        from qd_pix2pix.cli.folders import claimed, resumed
    flags, given = split_arguments(sys.argv[1:])
    given = overrides.own_network(overrides.keep_text(given))
    many = "--multirun" in flags
    if set(flags) - {"--multirun", "--run"}:
        show("train", flags, given)
        return
    if many:
        given = [word for word in given if word != AUTO]  # every run of a sweep is resumed by default
        overrides.check_overrides("train", given, many=True)
        with loading():
            from qd_pix2pix.sweeps.run import sweep
        sys.exit(sweep(given))
    given = overrides.own_network(resumed(given))
    config = overrides.check_overrides("train", given)
    run_hydra("train", _train_one, [*given, *claimed(config, given)])


def _train_one(config: dict[str, Any]) -> None:
    """Execute one run: dataset, training, evaluation, report."""
    with loading():  # here, so that the solver's processes do not import torch
        from hydra.core.hydra_config import HydraConfig

        from qd_pix2pix.cli.overrides import lasting
        from qd_pix2pix.training.loggers import quiet
        from qd_pix2pix.training.run import train
    quiet()
    hydra_config = HydraConfig.get()
    words = [*hydra_config.overrides.hydra, *hydra_config.overrides.task]
    train(config, Path(hydra_config.runtime.output_dir), lasting(words))


def generate() -> None:
    """Generate a dataset, ``python generate.py data.n_electrons=4``, or verify one, ``check=data/...``."""
    of_experiment = any(word.startswith("experiment=") for word in sys.argv[1:])
    guarded(_generate_all if of_experiment else lambda: _simple("generate", _generate))


def _generate(config: dict[str, Any]) -> None:
    """Generate a dataset or verify one."""
    with loading():
        from qd_pix2pix.data.generate import check, generate, make_launcher
        from qd_pix2pix.reports.dataset_page import ensure_dataset_page
    path = config["check"] or generate(config["data"], config["data_root"], make_launcher(config["launcher"]))
    sizes = ", ".join(f"{size} {split}" for split, size in check(path).items())
    print(f"{path}: complete and unaltered, {sizes}; see {ensure_dataset_page(path)}")


def _generate_all() -> None:
    """Generate the datasets of an experiment, which has the options of a training: ``experiment=chain``."""
    with loading():
        from qd_pix2pix.cli import overrides
        from qd_pix2pix.sweeps.plan import resolve
        from qd_pix2pix.training.settings import recipes_of_run
    flags, given = split_arguments(sys.argv[1:])
    given = overrides.keep_text(given)
    if "--multirun" in flags:
        raise ValueError("-m: expected no sweep beside experiment=; lists in range., if any, make a dataset each")
    if flags:
        show("train", flags, given)
        return
    overrides.check_overrides("train", given)
    config = resolve(given)
    for recipe in recipes_of_run(config):
        _generate({**config, "data": recipe, "check": None})


def evaluate() -> None:
    """Evaluate a checkpoint on a split or on your samples: ``python evaluate.py checkpoint=... input=my.npy``."""
    guarded(lambda: _simple("evaluate", _evaluate))


def _evaluate(config: dict[str, Any]) -> None:
    """Write predictions, measures and the report of a checkpoint, or its network as a file of other programs."""
    with loading():
        from qd_pix2pix.cli.bench import benchmark
        from qd_pix2pix.cli.functions import evaluated, exported
    if config.get("bench"):
        print("score        {}\nleaderboard  {}".format(*benchmark(config)))
        return
    if config["export"]:
        differences = ", ".join(f"{name} {value:.1e}" for name, value in exported(config).items())
        print(f"{config['export']}\nlargest relative difference from the predictor  {differences}")
        return
    _, saved = evaluated(config)
    if saved:
        print("weights      {}\nmodel card   {}".format(*saved))


def solve() -> None:
    """Solve one dot and write its page: ``python solve.py V=my_dot.npy extent=120``; see conf/solve.yaml."""
    guarded(lambda: _simple("solve", _solve))


def _solve(config: dict[str, Any]) -> None:
    """Write numbers, fields and page of one dot."""
    with loading():
        from hydra.core.hydra_config import HydraConfig

        from qd_pix2pix.cli.solve import solved, summary
        from qd_pix2pix.reports.solve_page import write_solve_page
    dot, folder = solved(config, list(HydraConfig.get().overrides.task))
    page = write_solve_page(folder)
    print(f"{summary(dot)}\nnumbers  {folder / 'numbers.csv'}\nfields   {folder / 'fields.npz'}\npage     {page}")


def _simple(name: str, task: Callable[[dict[str, Any]], None]) -> None:
    """Run a program without a run folder."""
    with loading():
        from qd_pix2pix.cli import overrides
    flags, given = split_arguments(sys.argv[1:])
    given = overrides.keep_text(given)
    if name == "evaluate":
        given = overrides.with_conditions(given)
    if set(flags) - {"--multirun", "--run"}:
        show(name, flags, given)
        return
    overrides.check_overrides(name, given, many="--multirun" in flags)
    run_hydra(name, task, [*flags, *given])


def report() -> None:
    """Write the page of a sweep, ``python report.py sweep=discriminator``, or of several runs, ``runs=[A,B]``."""
    guarded(_report)


def _report() -> None:
    with loading():
        from qd_pix2pix.cli.report import reported
    print(reported(sys.argv[1:]))


def studio() -> None:
    """Serve the studio, a local web page: ``qd-studio port=8080``; Ctrl-C ends it."""
    guarded(_studio)


def _studio() -> None:
    with loading():
        from qd_pix2pix.cli.studio_options import STUDIO_HELP, studio_options
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(STUDIO_HELP.rstrip())
        return
    host, port, browser = studio_options(sys.argv[1:])
    with loading():
        from qd_pix2pix.studio.page import serve
    print(f"the studio is at http://{host}:{port}; Ctrl-C ends it", flush=True)
    serve(host, port, browser)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return Hydra's flags, each as one argument (``--cfg=job``), and the overrides.

    Raises:
        ValueError: a flag is not one of Hydra's, or an override has no equals sign.
    """
    from hydra._internal.utils import get_args_parser

    from qd_pix2pix.cli.hints import check_equals

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    known, rest = parser.parse_known_args(list(arguments))
    unknown = [word for word in rest if word.startswith("-")]
    if unknown:
        name = unknown[0].lstrip("-").partition("=")[0]
        raise ValueError(f"{unknown[0]}: no such flag; options are given as {name}=..., --help lists the flags")
    found = {
        name: value for name, value in vars(known).items() if value not in (None, False, []) and name != "overrides"
    }
    flags = [f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in found.items()]
    given = [*known.overrides, *rest]
    check_equals(given)
    return flags, given


def show(name: str, flags: Sequence[str], given: Sequence[str]) -> None:
    """Print the help, or pass flags such as --cfg to Hydra; of several values in an override the first is shown."""
    from qd_pix2pix.cli.compose import parse
    from qd_pix2pix.cli.overrides import check_overrides, single

    if "--help" in flags:
        from qd_pix2pix.cli.help import help_text

        check_overrides(name, given, many=True)
        print(help_text(name, [single(override) for override in parse(given)]))
        return
    if "--multirun" in flags:
        moved = [flag for flag in flags if flag.startswith("--config-")]
        if moved:
            raise ValueError(f"{moved[0]}: not with -m; hydra.searchpath=[file://FOLDER] adds a folder of options")
        given = [single(override) for override in parse(given)]
    run_hydra(name, _train_one, [*(flag for flag in flags if flag != "--multirun"), *given])


def run_hydra(name: str, task: Callable[[dict[str, Any]], None], arguments: Sequence[str]) -> None:
    """Run a task that takes plain containers under Hydra, with these arguments of the command line."""
    import hydra
    from omegaconf import OmegaConf

    from qd_pix2pix.files import conf_folder

    def run(config: DictConfig) -> None:
        guarded(lambda: task(OmegaConf.to_container(config, resolve=True)))  # type: ignore[arg-type]

    run.__module__ = name  # the job's name in Hydra
    sys.argv[1:] = arguments
    hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(run)()


PROGRAMS = {
    "train": train,
    "generate": generate,
    "evaluate": evaluate,
    "solve": solve,
    "report": report,
    "studio": studio,
}
