"""Which MCP servers to connect to."""

from urllib.parse import urlparse

from pydantic import BaseModel, Field


class OpeaMCPSSEServerConfig(BaseModel):
    """A server that is asked over HTTP with server-sent events."""

    url: str
    api_key: str | None = None


class OpeaMCPStdioServerConfig(BaseModel):
    """A server that is started as a process and asked through its pipes."""

    name: str
    command: str
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)


class OpeaMCPConfig(BaseModel):
    """All servers."""

    sse_servers: list[OpeaMCPSSEServerConfig] = Field(default_factory=list)
    stdio_servers: list[OpeaMCPStdioServerConfig] = Field(default_factory=list)

    def validate_servers(self) -> None:
        """Raises ValueError for a URL that is none, or one that comes twice."""
        urls = [server.url for server in self.sse_servers]
        if len(set(urls)) != len(urls):
            raise ValueError("Duplicate MCP server URLs are not allowed")
        for url in urls:
            parts = urlparse(url)
            if not parts.scheme or not parts.netloc:
                raise ValueError(f"Invalid URL format: {url}")
