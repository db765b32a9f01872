"""Services: one's own, and the addresses of others."""

import asyncio
import os
from collections import defaultdict, deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Dict, List, Optional, Type, TypeVar

from ..proto.docarray import TextDoc
from .constants import MCPFuncType, ServiceRoleType, ServiceType
from .http_service import HTTPService
from .logger import CustomLogger
from .utils import check_ports_availability

F = TypeVar("F", bound=Callable[..., Any])

#: The services that register_microservice() has made, by name.
opea_microservices: Dict[str, "MicroService"] = {}

logger = CustomLogger("micro_service")
logflag = os.getenv("LOGFLAG", False)


class MicroService(HTTPService):
    """A step of a megaservice.

    With `use_remote_service` it is an address and nothing else. Otherwise it is a server of one's own: its port is taken
    now (RuntimeError when it is not free), routes are added with add_route(), and start() serves.

    :param name: its name in graphs is `name/MicroService`.
    :param service_type: LLM and LVM get the request's parameters and may stream.
    :param protocol, host, port: where it is asked at; of a server of one's own, `host` and `port` are where it listens.
    :param api_key: sent as a bearer token; `host` is then a whole base URL.
    :param ssl_keyfile, ssl_certfile: files in PEM; with both, a server of one's own speaks TLS.
    :param endpoint: the path; `expose_endpoint` is the RFC's word for it.
    :param input_datatype: what a body is: one that is not is answered with 422, also when a handler reads it by itself.
    :param description: what the service and its tools say of themselves.
    :param dynamic_batching: hands requests in `request_buffer` to dynamic_batching_infer() every
        `dynamic_batching_timeout` seconds, `dynamic_batching_max_batch_size` at most.
    :param enable_mcp: offers `func` by the Model Context Protocol (needs the extra mcp) as a tool, resource or prompt:
        `mcp_func_type`.
    :param output_datatype, provider, provider_endpoint, service_role: kept for those who read them.
    :raises RuntimeError: "port:…", the port of a server of one's own is taken.
    """

    name: str

    def __init__(
        self,
        name: str = "",
        service_role: ServiceRoleType = ServiceRoleType.MICROSERVICE,
        service_type: ServiceType = ServiceType.LLM,
        protocol: str = "http",
        host: str = "localhost",
        port: int = 8080,
        api_key: Optional[str] = None,
        ssl_keyfile: Optional[str] = None,
        ssl_certfile: Optional[str] = None,
        endpoint: Optional[str] = "/",
        input_datatype: Type[Any] = TextDoc,
        output_datatype: Type[Any] = TextDoc,
        provider: Optional[str] = None,
        provider_endpoint: Optional[str] = None,
        use_remote_service: Optional[bool] = False,
        description: Optional[str] = None,
        dynamic_batching: bool = False,
        dynamic_batching_timeout: int = 1,
        dynamic_batching_max_batch_size: int = 32,
        enable_mcp: bool = False,
        mcp_func_type: Enum = MCPFuncType.TOOL,
        func: Optional[Callable[..., Any]] = None,
        expose_endpoint: Optional[str] = None,
    ):
        self.service_role = service_role
        self.service_type = service_type
        self.protocol = protocol
        self.host = host
        self.port = port
        self.api_key = api_key
        self.endpoint = expose_endpoint if expose_endpoint is not None else endpoint
        self.input_datatype = input_datatype
        self.output_datatype = output_datatype
        self.provider = provider
        self.provider_endpoint = provider_endpoint
        self.use_remote_service = use_remote_service
        self.description = description
        self.enable_mcp = enable_mcp
        self.dynamic_batching = dynamic_batching
        self.dynamic_batching_timeout = dynamic_batching_timeout
        self.dynamic_batching_max_batch_size = dynamic_batching_max_batch_size
        self.uvicorn_kwargs = {}
        if ssl_keyfile:
            self.uvicorn_kwargs["ssl_keyfile"] = ssl_keyfile
        if ssl_certfile:
            self.uvicorn_kwargs["ssl_certfile"] = ssl_certfile

        if not use_remote_service:
            self._make_server(name, mcp_func_type, func)
        self.name = f"{name}/{self.__class__.__name__}" if name else self.__class__.__name__

    def _make_server(self, name: str, mcp_func_type: Enum, func: Optional[Callable[..., Any]]) -> None:
        self.endpoints: List[str] = []
        description = self.description or "OPEA Microservice Infrastructure"
        super().__init__(
            uvicorn_kwargs=self.uvicorn_kwargs,
            runtime_args={
                "protocol": self.protocol,
                "host": self.host,
                "port": self.port,
                "title": name,
                "description": description,
            },
        )
        if self.dynamic_batching:
            self.buffer_lock = asyncio.Lock()
            self.request_buffer: Dict[Enum, deque] = defaultdict(deque)
            self.add_startup_event(self._dynamic_batch_processor)
        if self.enable_mcp:
            if not check_ports_availability(self.host, self.port):
                raise RuntimeError(f"port:{self.port}")
            from mcp.server.fastmcp import FastMCP

            self.mcp = FastMCP(name, host=self.host, port=self.port)
            self._add_mcp_function(func, mcp_func_type, self.description)  # type: ignore[arg-type]  # Of a decorator.
        else:
            self.bind()

    def _add_mcp_function(self, func: Callable[..., Any], kind: Enum, description: Optional[str]) -> None:
        if kind == MCPFuncType.TOOL:
            self.mcp.add_tool(func, name=func.__name__, description=description)
        elif kind == MCPFuncType.RESOURCE:
            self.mcp.resource(f"resource://{func.__name__}", name=func.__name__, description=description)(func)
        elif kind == MCPFuncType.PROMPT:
            self.mcp.prompt(name=func.__name__, description=description)(func)
        else:
            raise ValueError(f"Unknown MCP func type: {kind}")

    async def _dynamic_batch_processor(self) -> None:
        """Every `dynamic_batching_timeout` seconds hands what came in since then to dynamic_batching_infer()."""
        while True:
            await asyncio.sleep(self.dynamic_batching_timeout)
            batches: Dict[Enum, List[dict]] = {}
            async with self.buffer_lock:
                for service_type, requests in self.request_buffer.items():
                    count = min(self.dynamic_batching_max_batch_size, len(requests))
                    batches[service_type] = [requests.popleft() for _ in range(count)]
            for service_type, batch in batches.items():
                if batch:
                    await self._answer_batch(service_type, batch)

    async def _answer_batch(self, service_type: Enum, batch: List[dict]) -> None:
        try:
            results = await self.dynamic_batching_infer(service_type, batch)
            for request, result in zip(batch, results, strict=True):
                if not request["response"].done():
                    request["response"].set_result(result)
        except Exception as error:  # Those who wait are told; the next batch is none the worse.
            logger.exception(f"a batch of {len(batch)} failed")
            for request in batch:
                if not request["response"].done():
                    request["response"].set_exception(error)

    async def dynamic_batching_infer(self, service_type: Enum, batch: List[dict]) -> Any:
        """Answers a batch: one result for each of its requests, in their order. To be overridden.

        :param batch: what was put into `request_buffer[service_type]`; "response" of each is the future that waits.
        :raises NotImplementedError: it was not overridden. Whatever it raises is raised where the futures are awaited.
        """
        raise NotImplementedError("Unimplemented dynamic batching inference!")

    def _validate_env(self, *_args: Any) -> None:
        """Raises for what only a server of one's own can do."""
        if self.use_remote_service:
            raise Exception(
                "Method not allowed for a remote service, please "
                "set use_remote_service to False if you want to use a local micro service!"
            )

    def endpoint_path(self, model: Optional[str] = None) -> str:
        """The URL to ask it at. `model`, of the request, is for those who override it."""
        if self.api_key:
            return f"{self.host}{self.endpoint}"
        return f"{self.protocol}://{self.host}:{self.port}{self.endpoint}"

    def start(self) -> None:
        """Serves HTTP, or with `enable_mcp` the Model Context Protocol (SSE); returns when it is told to stop.

        :raises Exception: with `use_remote_service` there is nothing to start.
        """
        self._validate_env()
        if self.enable_mcp:
            self.mcp.run(transport="sse")
        else:
            super().start()

    @property
    def api_key_value(self) -> Optional[str]:
        """The bearer token of requests to it; None: they carry none."""
        return self.api_key


def register_microservice(
    name: str,
    service_role: ServiceRoleType = ServiceRoleType.MICROSERVICE,
    service_type: ServiceType = ServiceType.UNDEFINED,
    protocol: str = "http",
    host: str = "localhost",
    port: int = 8080,
    ssl_keyfile: Optional[str] = None,
    ssl_certfile: Optional[str] = None,
    endpoint: Optional[str] = "/",
    input_datatype: Type[Any] = TextDoc,
    output_datatype: Type[Any] = TextDoc,
    provider: Optional[str] = None,
    provider_endpoint: Optional[str] = None,
    methods: List[str] = ["POST"],
    dynamic_batching: bool = False,
    dynamic_batching_timeout: int = 1,
    dynamic_batching_max_batch_size: int = 32,
    enable_mcp: bool = False,
    description: Optional[str] = None,
    mcp_func_type: Enum = MCPFuncType.TOOL,
) -> Callable[[F], F]:
    """A decorator that serves a function at `endpoint` of the service `name`, for `methods` of HTTP.

    The first use of a name makes the service, with these settings, which are MicroService's; later ones add to it. Start
    it with `opea_microservices[name].start()`. The function stays what it is.

    :raises RuntimeError: "port:…", the port is taken; at the first use of a name.
    """

    def decorator(func: F) -> F:
        service = opea_microservices.get(name)
        if service is None:
            service = opea_microservices[name] = MicroService(
                name=name,
                service_role=service_role,
                service_type=service_type,
                protocol=protocol,
                host=host,
                port=port,
                ssl_keyfile=ssl_keyfile,
                ssl_certfile=ssl_certfile,
                endpoint=endpoint,
                input_datatype=input_datatype,
                output_datatype=output_datatype,
                provider=provider,
                provider_endpoint=provider_endpoint,
                description=description,
                dynamic_batching=dynamic_batching,
                dynamic_batching_timeout=dynamic_batching_timeout,
                dynamic_batching_max_batch_size=dynamic_batching_max_batch_size,
                enable_mcp=enable_mcp,
                mcp_func_type=mcp_func_type,
                func=func,
            )
        elif enable_mcp:
            service._add_mcp_function(func, mcp_func_type, description)
        service.add_route(endpoint, func, methods=methods)  # type: ignore[arg-type]  # OPEA's Optional.
        return func

    return decorator
