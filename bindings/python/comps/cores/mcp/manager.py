"""All MCP servers as one set of tools."""

import functools
import json
from types import TracebackType
from typing import Any, List, Optional, Type, Union

from comps.cores.mcp.client import OpeaMCPClient
from comps.cores.mcp.config import OpeaMCPConfig, OpeaMCPSSEServerConfig, OpeaMCPStdioServerConfig
from comps.cores.mega.logger import CustomLogger

logger = CustomLogger("comps-mcp-manager")

ServerConfig = Union[OpeaMCPSSEServerConfig, OpeaMCPStdioServerConfig]


class OpeaMCPToolsManager:
    """The tools of several servers. Each is also a coroutine method under its name.

    async with await OpeaMCPToolsManager.create(config) as manager:
        await manager.execute_tool("add", {"a": 1, "b": 2})
    """

    def __init__(self, config: OpeaMCPConfig):
        self.config = config
        self.tools_registry: List[dict] = []
        self.clients: List[OpeaMCPClient] = []

    @classmethod
    async def create(cls, config: OpeaMCPConfig) -> "OpeaMCPToolsManager":
        """A manager that is connected to the servers of `config`; those that cannot be reached are logged."""
        manager = cls(config)
        manager.clients = await manager._initialize_clients([*config.sse_servers, *config.stdio_servers])
        await manager._register_tools()
        return manager

    @property
    def tools(self) -> List[dict]:
        """All tools as OpenAI's function calling wants them."""
        return self.tools_registry

    async def _initialize_clients(self, server_configs: List[ServerConfig]) -> List[OpeaMCPClient]:
        clients = []
        for server in server_configs:
            client = OpeaMCPClient()
            try:
                if isinstance(server, OpeaMCPSSEServerConfig):
                    await client.connect_via_sse(server.url, server.api_key)
                else:
                    await client.connect_via_stdio(server.command, server.args, server.env)
                clients.append(client)
            except Exception as error:
                # Not the configuration itself: it holds keys.
                name = server.url if isinstance(server, OpeaMCPSSEServerConfig) else server.command
                logger.error(f"Failed to connect to server {name}: {error!r}")
        return clients

    async def _register_tools(self) -> None:
        for tool in self._extract_tools_from_clients(self.clients):
            name = tool.get("function", {}).get("name")
            if not name:
                logger.error(f"Tool metadata missing 'name': {tool}")
            elif hasattr(type(self), name):
                logger.warning(f"The tool '{name}' is called by execute_tool() only: the manager has a method of that name.")
            else:
                setattr(self, name, functools.partial(self._call_tool, name))

    async def _call_tool(self, tool_name: str, /, **parameters: Any) -> str:
        return await self.execute_tool(tool_name, parameters)

    def _extract_tools_from_clients(self, clients: List[OpeaMCPClient]) -> List[dict]:
        self.tools_registry = [tool.to_param() for client in clients for tool in client.tools]
        return self.tools_registry

    async def execute_tool(self, tool_name: str, parameters: dict) -> str:
        """Calls a tool; its result as JSON. Raises ValueError when no server offers it."""
        if not self.clients:
            raise ValueError("No MCP clients are currently connected.")
        for client in self.clients:
            if any(tool.name == tool_name for tool in client.tools):
                result = await client.invoke_tool(tool_name, parameters)
                return json.dumps(result.model_dump(mode="json"))
        raise ValueError(f"No MCP client found that provides the tool: {tool_name}")

    async def __aenter__(self) -> "OpeaMCPToolsManager":
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        for client in self.clients:
            try:
                await client.disconnect()
            except Exception as error:
                logger.error(f"Error while disconnecting MCP client: {error!r}")
