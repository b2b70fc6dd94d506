"""What the page and the API of a server share: who may come in, the queues, the counters."""

from typing import TYPE_CHECKING

from starlette.types import Scope

from robustness.errors import RobustnessError
from server import clients, keys
from server.admission import admission_of
from server.clients import Client
from server.hosts import Hosts
from server.limits import Limits
from server.metrics import Metrics
from server.settings import Settings

if TYPE_CHECKING:
    from robustness.scoring.batch import Plan


class Access:
    """The keys, hosts, limits, queues and counters of one server."""

    def __init__(self, settings: Settings) -> None:
        """Reads the keys.

        Raises:
            InputError: See `keys.read`.
        """
        self.settings = settings
        self.keys = keys.read(settings.api_key_file, settings.api_key)
        self.hosts = Hosts(settings.host, settings.allow_hosts, settings.allow_origins)
        self.admission = admission_of(settings)
        self.metrics = Metrics()
        self.metrics.watch_queues(self.admission)
        self._limits = Limits(settings)

    def holder(self, key: str, scope: Scope) -> str | None:
        """Name of the holder of a key that a request gives; None if it is wrong.

        Raises:
            BusyError: Its address has sent too many wrong keys.
        """
        address = clients.network_of(scope)
        try:
            self._limits.check_keys(address)
        except RobustnessError as error:
            self.metrics.refused("keys", f"{address}: {error}")
            raise
        name = self.keys.holder(key)
        if name is None:
            self._limits.wrong_key(address)
        return name

    def spend(self, what: str, client: Client, number: int = 1) -> None:
        """Counts what a client asks for: see `Limits.spend`; there are none for oneself.

        Raises:
            BusyError, InputError: See `Limits.spend`.
        """
        if self.settings.public:
            try:
                self._limits.spend(what, client, number)
            except RobustnessError as error:
                self.metrics.refused(what, f"{client.counted}: {error}")
                raise

    def charge(self, client: Client, plan: "Plan") -> None:
        """Counts what a job takes.

        Raises:
            BusyError, InputError: See `Limits.spend`.
        """
        self.spend("prompts", client, plan.calls)
        self.spend("rows", client, plan.rows)
