"""What all tests of the framework share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def same_weights():
    """Networks of a test begin with the same weights in every run."""
    torch.manual_seed(0)
