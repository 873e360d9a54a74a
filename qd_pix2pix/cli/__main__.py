"""Entry point of the programs by name: ``python -m qd_pix2pix.cli train ...``, from any folder."""

import sys

from qd_pix2pix.cli import PROGRAMS


def main() -> None:
    """Run the program that the first argument names: ``python -m qd_pix2pix.cli train ...``."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in PROGRAMS:
        print(f"error: expected python -m qd_pix2pix.cli {{{','.join(PROGRAMS)}}} ...; got {name!r}", file=sys.stderr)
        sys.exit(2)
    del sys.argv[1]
    PROGRAMS[name]()


if __name__ == "__main__":
    main()
