"""Pictures as users see them."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture(scope="package", autouse=True)
def fine_pictures(coarse_pictures):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", coarse_pictures)
        yield
