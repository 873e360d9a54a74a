"""Results as pages and pictures. No torch here."""
