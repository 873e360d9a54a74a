"""One training run, from configuration to report."""
