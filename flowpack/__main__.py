"""Run the command line as ``python -m flowpack``."""

import sys

from flowpack.cli import main

if __name__ == "__main__":
    sys.exit(main())
