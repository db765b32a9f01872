"""A client of one MCP server."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Awaitable, Callable, Optional

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult
from pydantic import BaseModel, ConfigDict, Field

from comps.cores.mcp.tool import OpeaMCPClientTool
from comps.cores.mega.logger import CustomLogger

logger = CustomLogger("comps-mcp-client")


class OpeaMCPClient(BaseModel):
    """A connection to a server, and the tools that it offers."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    description: str = "MCP client for server interaction and tool management"
    session: Optional[Any] = None
    exit_stack: AsyncExitStack = Field(default_factory=AsyncExitStack)
    tools: list[OpeaMCPClientTool] = Field(default_factory=list)
    tool_registry: dict[str, OpeaMCPClientTool] = Field(default_factory=dict)

    async def connect_via_sse(self, server_url: str, api_key: Optional[str] = None, timeout: float = 30.0) -> None:
        """Connects over HTTP. Raises ValueError without a URL, asyncio.TimeoutError after `timeout` seconds."""
        if not server_url:
            raise ValueError("Server URL is required.")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else None

        async def open_session() -> None:
            streams = await self.exit_stack.enter_async_context(
                sse_client(url=server_url, headers=headers, timeout=timeout)
            )
            self.session = await self.exit_stack.enter_async_context(ClientSession(*streams))
            await self._initialize_tools()

        await self._connect(server_url, open_session, timeout)

    async def connect_via_stdio(
        self, command: str, args: list[str], env: Optional[dict[str, str]] = None, timeout: float = 30.0
    ) -> None:
        """Starts the server's process and connects to it. Raises ValueError without a command."""
        if not command:
            raise ValueError("Server command is required.")
        parameters = StdioServerParameters(command=command, args=args, env=env or None)

        async def open_session() -> None:
            read, write = await self.exit_stack.enter_async_context(stdio_client(parameters))
            self.session = await self.exit_stack.enter_async_context(ClientSession(read, write))
            await self._initialize_tools()

        await self._connect(command, open_session, timeout)

    async def _connect(self, server: str, open_session: Callable[[], Awaitable[None]], timeout: float) -> None:
        if self.session:
            await self.disconnect()
        try:
            # In this task, not one of its own: what a task enters only that task can leave.
            async with asyncio.timeout(timeout):
                await open_session()
        except Exception as error:
            logger.error(f"Error connecting to {server}: {error!r}")
            await self.disconnect()
            raise

    async def _initialize_tools(self) -> None:
        """Asks the server for its tools."""
        if not self.session:
            raise RuntimeError("Session not initialized.")
        await self.session.initialize()
        offered = (await self.session.list_tools()).tools
        self.tools = [
            OpeaMCPClientTool(name=tool.name, description=tool.description, inputSchema=tool.inputSchema)
            for tool in offered
        ]
        self.tool_registry = {tool.name: tool for tool in self.tools}
        logger.info(f"Connected to server with tools: {list(self.tool_registry)}")

    async def invoke_tool(self, tool_name: str, parameters: dict) -> CallToolResult:
        """Calls a tool. Raises ValueError for one that the server does not offer, RuntimeError without a connection."""
        if tool_name not in self.tool_registry:
            raise ValueError(f"Tool '{tool_name}' not found in the registry.")
        if not self.session:
            raise RuntimeError("Client session is not available.")
        return await self.session.call_tool(name=tool_name, arguments=parameters)

    async def disconnect(self) -> None:
        """Closes the connection, also one that was opened in part."""
        try:
            await self.exit_stack.aclose()
        except Exception as error:
            logger.error(f"Error during disconnect: {error!r}")
        finally:
            self.exit_stack = AsyncExitStack()
            self.session = None
            self.tools = []
            self.tool_registry = {}
