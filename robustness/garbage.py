"""Makes Python look for garbage less often, and not at the end of a program.

Importing torch and transformers makes a million objects that last as long as the process. By
default Python looks through the newest after every 700, and through all of them once more when the
program ends, where it takes longer than a prediction. Nothing happens at import: each program calls
`settle()` first.
"""

import atexit
import gc

_NEW_OBJECTS = 50_000
"""Number of new objects after which they are looked through."""


def settle() -> None:
    """Sets the collector for this process; what an exit leaves, the operating system frees."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    # What is frozen is not looked through. Registered first, and so run after all that others do
    # at the exit.
    atexit.register(gc.freeze)
