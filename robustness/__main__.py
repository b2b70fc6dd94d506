"""`python -m robustness`: settles threads and other libraries' output, then runs the command."""

from robustness import cli, garbage, quiet, threads


def main() -> None:
    """Runs the command line."""
    # Before torch and the others are loaded, which read these settings once.
    garbage.settle()
    threads.settle()
    quiet.settle()
    cli.main()


if __name__ == "__main__":
    main()
