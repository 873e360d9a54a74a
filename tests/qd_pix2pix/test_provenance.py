"""Where a result comes from: this commit, never that of another repository."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from small import ROOT

from qd_pix2pix import provenance
from qd_pix2pix.provenance import git_commit, runs_of


def git(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("1")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "first")
    git_commit.cache_clear()
    yield folder
    git_commit.cache_clear()


def test_the_commit_is_that_of_the_folder(repository):
    commit = git(repository, "rev-parse", "--short=12", "HEAD")
    assert git_commit(repository) == commit
    git_commit.cache_clear()
    (repository / "file").write_text("2")
    assert git_commit(repository) == f"{commit}+changes"


def test_a_copy_inside_another_repository_has_no_commit(repository):
    """From a zip file, or copied into an image."""
    (repository / "copy").mkdir()
    assert git_commit(repository / "copy") == "unknown"


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_variables_of_hooks_name_no_other_repository(repository, tmp_path, monkeypatch, name):
    commit = git(repository, "rev-parse", "--short=12", "HEAD")
    other = tmp_path / "other"
    shutil.copytree(repository, other)
    (other / "file").write_text("3")
    git(other, "commit", "-qam", "second")
    monkeypatch.setenv(name, str(other / ".git" if name == "GIT_DIR" else other))
    assert git_commit(repository) == commit


def test_git_takes_no_lock_of_the_index(repository, monkeypatch):
    """It would make a git of the user fail that runs at the same time."""
    asked = []

    def run(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=str(repository))

    monkeypatch.setattr(provenance.subprocess, "run", run)
    git_commit(repository)
    assert asked and all(command[:2] == ["git", "--no-optional-locks"] for command in asked)


def test_without_a_repository_there_is_no_commit(tmp_path):
    assert git_commit(tmp_path) == "unknown"


def test_the_root_of_the_package_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(provenance, "git_commit", lambda folder: asked.append(folder) or "c")
    assert provenance.provenance()["commit"] == "c" and asked == [ROOT]


def test_a_run_is_found_as_it_is_named_and_behind_links(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "r").mkdir()
    (tmp_path / "r/checkpoints").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/last.ckpt").touch()
    named, behind = runs_of(tmp_path / "r/checkpoints/last.ckpt")
    assert (named, behind) == (tmp_path / "r", tmp_path.resolve())
    assert runs_of(Path("a/checkpoints/../checkpoints/x.ckpt"))[0] == Path("a").absolute()
