"""Few-electron quantum dots: one electron in the sine basis, many by full configuration interaction."""
