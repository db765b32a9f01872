"""A tool of an MCP server."""

from typing import Any

from mcp.types import Tool
from pydantic import ConfigDict


class OpeaMCPClientTool(Tool):
    """A tool as its server describes it."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")

    def to_param(self) -> dict[str, Any]:
        """The tool as OpenAI's function calling wants it."""
        function = {"name": self.name, "description": self.description, "parameters": self.inputSchema}
        return {"type": "function", "function": function}
