"""The port of a server: a free one, and whether the one that was asked for can be had."""

import errno
import os
import socket

from robustness.errors import InputError
from server.settings import Settings


def free() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def check(settings: Settings) -> None:
    """Checks that the server can listen on its port.

    The port stays free until the server takes it, so that nobody waits on it while a model loads.

    Raises:
        InputError: Another program listens on it, this user may not, or the host is not of this
            machine.
    """
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise InputError(_told(error, host, port)) from error
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as tried:
            if os.name == "posix":
                # As the server itself: connections of an earlier one that fade away do not count.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(address)
            except OSError as error:
                raise InputError(_told(error, host, port)) from error


def _told(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} of {host} is in use; stop what listens there, or choose another: "
                "--port"
            )
        case errno.EACCES:
            return f"port {port} may not be used by this user; choose one above 1023: --port"
        case _:
            return f"--host {host}: {error.strerror}; give an address of this machine"
