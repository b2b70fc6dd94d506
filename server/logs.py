"""Sets up logging to standard error for the servers' main programs."""

import logging


def settle() -> None:
    """Shows this project's messages from INFO on, and those of other packages from ERROR on."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s: %(name)s: %(message)s")
    for ours in ("robustness", "server"):
        logging.getLogger(ours).setLevel(logging.INFO)
