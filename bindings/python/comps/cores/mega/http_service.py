"""A FastAPI application, its server, and the routes that every service has."""

import asyncio
import errno
import inspect
import logging
import os
import socket
from typing import Any, Awaitable, Callable, List, Optional, Union

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from comps._edge import Edge
from comps._errors import tell_clients_their_mistakes
from comps.version import __version__

from ..proto.docarray import TextDoc
from .base_service import BaseService
from .base_statistics import collect_all_statistics
from .logger import CustomLogger

_BACKLOG = 2048


class HTTPService(BaseService):
    """A service that speaks HTTP.

    Its port is bound when it is made, so that a taken port is known at once and a request that comes early waits; the
    server, its event loop and its threads are made by start(), which may happen in a process forked in between.

    :param uvicorn_kwargs: more settings of uvicorn.Config, e.g. ssl_keyfile.
    :param cors: whether browsers may ask it from other origins; which, OPALINE_CORS_ORIGINS says.
    :param kwargs: those of BaseService: name, runtime_args.
    """

    def __init__(self, uvicorn_kwargs: Optional[dict] = None, cors: Optional[bool] = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.uvicorn_kwargs = uvicorn_kwargs or {}
        self.cors = cors
        self.event_loop: Optional[asyncio.AbstractEventLoop] = None
        self._startup: List[Union[Callable[[], Awaitable[Any]], Awaitable[Any]]] = []
        self._sockets: List[socket.socket] = []
        self._app = self._create_app()

    @property
    def app(self) -> FastAPI:
        """The application, for routes and middleware that add_route() does not give."""
        return self._app

    def _create_app(self) -> FastAPI:
        app = FastAPI(
            title=self.title,  # type: ignore[arg-type]  # FastAPI refuses one that is missing.
            description=self.description or "",
            version=__version__,
        )
        if self.cors:
            app.add_middleware(
                CORSMiddleware,
                allow_origins=os.environ.get("OPALINE_CORS_ORIGINS", "*").split(","),
                allow_credentials=True,
                allow_methods=["*"],
                allow_headers=["*"],
            )
        app.add_middleware(Edge)
        tell_clients_their_mistakes(app, getattr(self, "input_datatype", TextDoc))

        @app.get("/v1/health_check", summary="What this service is", tags=["Debug"])
        async def health_check():
            return {"Service Title": self.title, "Version": __version__, "Service Description": self.description}

        @app.get("/health", summary="Whether it runs", tags=["Debug"])
        async def health() -> Response:
            return Response(status_code=200)

        @app.get("/v1/statistics", summary="Latencies of registered functions", tags=["Debug"])
        async def statistics():
            return collect_all_statistics()

        @app.get("/metrics", summary="Prometheus metrics", include_in_schema=False)
        def metrics() -> Response:
            return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

        return app

    def add_route(self, endpoint: str, handler: Callable[..., Any], methods: List[str] = ["POST"]) -> None:
        """Serves `handler` at a path. FastAPI reads its signature, and makes its return type the response's model.

        :param endpoint: the path, e.g. "/v1/chatqna".
        :param handler: a function or coroutine function; what it returns is answered as JSON, unless it is a Response.
        :param methods: the HTTP methods that it answers.
        """
        self.app.router.add_api_route(endpoint, handler, methods=methods)

    def add_startup_event(self, func: Union[Callable[[], Awaitable[Any]], Awaitable[Any]]) -> None:
        """Runs a coroutine (or what a call of `func` gives) beside the server, from start() on until it stops."""
        self._startup.append(func)

    # ---- life ----

    def bind(self) -> None:
        """Takes the port. Raises RuntimeError("port:…") when it is taken."""
        if self._sockets:
            return
        try:
            self._sockets = _listeners(self.host_address, self.primary_port)
        except OSError as error:
            raise RuntimeError(f"port:{self.primary_port}") from error

    async def initialize_server(self) -> None:
        """Makes the server."""
        import uvicorn

        settings = {"log_level": "info", **self.uvicorn_kwargs}
        config = uvicorn.Config(app=self.app, host=self.host_address, port=self.primary_port, **settings)
        logging.getLogger("uvicorn.access").addFilter(_not_a_health_check)
        self.server = uvicorn.Server(config)

    async def execute_server(self) -> None:
        """Serves until it is told to stop."""
        if self.server is None:
            await self.initialize_server()
        running = [asyncio.ensure_future(one() if callable(one) else one) for one in self._startup]
        self._startup = []
        try:
            await self.server.serve(sockets=self._sockets)
        finally:
            for task in running:
                task.cancel()

    async def terminate_server(self) -> None:
        """Tells the server to stop."""
        if self.server is not None:
            self.server.should_exit = True

    def start(self) -> None:
        """Serves; returns when stop() is called or the process is told to end (SIGINT, SIGTERM).

        :raises RuntimeError: "port:…", the port was given back by stop() and is taken by now.
        """
        self.bind()
        self.event_loop = _new_event_loop()
        asyncio.set_event_loop(self.event_loop)
        try:
            self.event_loop.run_until_complete(self.execute_server())
        finally:
            self.event_loop.close()
            self._close_sockets()

    def stop(self) -> None:
        """Ends the server if it runs, and gives the port back. Any thread."""
        if self.server is not None:
            self.server.should_exit = True  # The serving thread sees it within a moment and closes all.
        else:
            self._close_sockets()
        for one in self._startup:
            if inspect.iscoroutine(one):
                one.close()
        self._startup = []
        self.logger.close()

    def _close_sockets(self) -> None:
        for one in self._sockets:
            one.close()
        self._sockets = []

    # ---- others ----

    @staticmethod
    def check_server_readiness(  # type: ignore[override]  # OPEA's parameters.
        ctrl_address: str,
        timeout: float = 1.0,
        logger: Optional[Union[CustomLogger, logging.Logger]] = None,
        **kwargs: Any,
    ) -> bool:
        """Whether GET http://ctrl_address answers 200. Blocks.

        :param ctrl_address: "host:port", with a path or without.
        :param timeout: seconds.
        :param logger: is told why it is not ready.
        """
        from http import HTTPStatus
        from urllib.request import urlopen

        try:
            with urlopen(f"http://{ctrl_address}", timeout=timeout) as response:
                return response.status == HTTPStatus.OK
        except OSError as error:
            if logger:
                logger.info(f"{ctrl_address} is not ready: {error}")
            return False

    @staticmethod
    async def async_check_server_readiness(  # type: ignore[override]  # OPEA's parameters.
        ctrl_address: str,
        timeout: float = 1.0,
        logger: Optional[Union[CustomLogger, logging.Logger]] = None,
        **kwargs: Any,
    ) -> bool:
        """check_server_readiness() in a thread; the event loop goes on meanwhile."""
        return await asyncio.to_thread(HTTPService.check_server_readiness, ctrl_address, timeout, logger)


def _not_a_health_check(record: logging.LogRecord) -> bool:
    return "/v1/health_check" not in record.getMessage()


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _listeners(host: str, port: int) -> List[socket.socket]:
    """Listening sockets on every address of the host. Raises OSError when one is taken."""
    opened: List[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            opened.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                one.bind(address)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or len(found) == 1:
                    raise
                opened.remove(one)  # E.g. ::1 of localhost on a machine without IPv6.
                one.close()
                continue
            one.listen(_BACKLOG)
            one.set_inheritable(True)
        return opened
    except OSError:
        for one in opened:
            one.close()
        raise
