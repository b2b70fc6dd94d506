"""Sets up logging to standard error for the server's two main programs."""

import logging


def settle() -> None:
    """Shows this project's messages from INFO on, and those of other packages from WARNING on."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(name)s: %(message)s")
    logging.getLogger("server").setLevel(logging.INFO)
