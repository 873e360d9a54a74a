"""Results as pages and figures. No module here imports torch."""
