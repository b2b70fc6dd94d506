"""What the server says on standard error.

Refuses to act at import: each main calls `settle()`.
"""

import logging


def settle() -> None:
    """This project's own notes, and warnings alone of everything else."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(name)s: %(message)s")
    logging.getLogger("server").setLevel(logging.INFO)
