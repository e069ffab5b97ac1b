"""`python -m pipelines`, and the `lakehouse` command."""

import sys

from pipelines.cli.app import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
