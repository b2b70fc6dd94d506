"""Who sends a request: whom its jobs belong to, and whom its limits count."""

import ipaddress
from dataclasses import dataclass

from starlette.types import Scope

CLIENT = "steadfast.client"
"""Key of the client in a request's scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Whoever sends a request."""

    owner: str
    """Whom jobs belong to: `key:NAME`, `browser:ID` or `address:IP`; on a server that only this
    machine reaches, all are one owner, the empty text."""
    counted: str
    """Whom the limits count; empty where there are none."""

    @property
    def known(self) -> bool:
        """Whether nobody else can be taken for the client, as with an address that many share."""
        return not self.owner.startswith("address:")


LOCAL = Client(owner="", counted="")
"""The one client of a server without keys that only this machine reaches."""


def holder(name: str) -> Client:
    """The client that holds a key."""
    return Client(owner=f"key:{name}", counted=f"key:{name}")


def stranger(scope: Scope, browser: str | None) -> Client:
    """A client without a key, on a server that others reach.

    Args:
        scope: The request.
        browser: Id of the browser's session; None without one.
    """
    address = network_of(scope)
    owner = f"address:{address}" if browser is None else f"browser:{browser}"
    return Client(owner=owner, counted=f"address:{address}")


def network_of(scope: Scope) -> str:
    """The client's address; of an IPv6 address its network, since a client has many."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def of(scope: Scope) -> Client:
    """The client of a request that came through the gate."""
    client = scope.get(CLIENT, LOCAL)
    assert isinstance(client, Client)
    return client
