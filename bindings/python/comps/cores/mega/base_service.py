"""What every service has: a name, addresses, a life."""

import abc
from types import SimpleNamespace
from typing import Any, Dict, List, Optional

from .logger import CustomLogger

__all__ = ["BaseService"]


class BaseService:
    """What each kind of server has.

    :param name: of its logger, and its title when `runtime_args` has none.
    :param runtime_args: its settings: protocol, host, port (or a list of them), title, description.
    """

    def __init__(self, name: Optional[str] = "Base service", runtime_args: Optional[Dict] = None, **kwargs: Any):
        self.name = name
        self.runtime_args: Any = runtime_args or {}
        self._process_runtime_args()
        self.title = getattr(self.runtime_args, "title", name)
        self.description = getattr(self.runtime_args, "description", None)
        self.logger = CustomLogger(self.name)
        self.server: Any = None

    def _process_runtime_args(self) -> None:
        args = self.runtime_args
        self.runtime_args = SimpleNamespace(**(args if isinstance(args, dict) else vars(args)))

    @property
    def primary_port(self) -> int:
        """The first port."""
        return self.all_ports[0]

    @property
    def all_ports(self) -> List[int]:
        """All ports."""
        port = self.runtime_args.port
        return port if isinstance(port, list) else [port]

    @property
    def protocols(self) -> List[str]:
        """The protocols of the ports."""
        protocol = self.runtime_args.protocol
        return protocol if isinstance(protocol, list) else [protocol]

    @property
    def host_address(self) -> str:
        """The address that it listens at."""
        return self.runtime_args.host or "127.0.0.1"

    @abc.abstractmethod
    async def initialize_server(self) -> None:
        """Makes the server. To be overridden."""

    @abc.abstractmethod
    async def execute_server(self) -> None:
        """Serves until it is told to stop. To be overridden."""

    @abc.abstractmethod
    async def terminate_server(self) -> None:
        """Tells the server to stop. To be overridden."""

    @staticmethod
    def check_server_readiness(ctrl_address: str, protocol: Optional[str] = "http", **kwargs: Any) -> bool:
        """Whether a server answers at "host:port"; blocks. Raises ValueError for a protocol other than "http"."""
        if protocol not in (None, "http"):
            raise ValueError(f"Unsupported protocol: {protocol}")
        from .http_service import HTTPService

        return HTTPService.check_server_readiness(ctrl_address, **kwargs)

    @staticmethod
    async def async_check_server_readiness(
        ctrl_address: str, protocol: Optional[str] = "http", **kwargs: Any
    ) -> bool:
        """check_server_readiness() beside the event loop."""
        if protocol not in (None, "http"):
            raise ValueError(f"Unsupported protocol: {protocol}")
        from .http_service import HTTPService

        return await HTTPService.async_check_server_readiness(ctrl_address, **kwargs)
