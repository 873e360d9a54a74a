"""Every experiment's configuration runs, minimised."""

import pytest
from small import ROOT, configuration

from qd_pix2pix.train import train

EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_runs_minimised(name, small_words, tmp_path):
    best = train(configuration("train", f"experiment={name}", *small_words), tmp_path)
    assert best.is_file()
    assert (tmp_path / "test" / "report.html").is_file()
