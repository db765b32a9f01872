"""The Model Context Protocol, both ways, with the protocol's own Python package on the other side."""
import asyncio
import contextlib
import json
import socket
import threading
import time

import pytest
import requests
import uvicorn
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.server.fastmcp import Context, FastMCP
from mcp.shared.exceptions import McpError

from conftest import ROOT
from conftest import run as command

QUESTION = "How many days of annual leave do full-time staff receive?"


@contextlib.asynccontextmanager
async def session_of(transport, url, **options):
    """A session that is initialised: over streamable HTTP or the older HTTP with SSE."""
    client = sse_client(url + "/sse") if transport == "sse" else streamablehttp_client(url + "/mcp")
    async with client as streams, ClientSession(streams[0], streams[1], **options) as session:
        began = await session.initialize()
        assert began.serverInfo.name == "opaline" and began.protocolVersion == "2025-06-18"
        yield session


def with_session(transport, url, act, **options):
    async def run():
        async with session_of(transport, url, **options) as session:
            return await act(session)

    return asyncio.run(asyncio.wait_for(run(), 60))


both = pytest.mark.parametrize("transport", ["http", "sse"])


@both
def test_the_tools_are_described(marigold, transport):
    async def act(session):
        await session.send_ping()
        return (await session.list_tools()).tools

    tools = {tool.name: tool for tool in with_session(transport, marigold.url, act)}
    assert list(tools) == ["ask", "search", "embed", "rerank"]
    assert tools["ask"].inputSchema["required"] == ["question"]
    assert all(tool.title and tool.description and tool.outputSchema and tool.annotations.readOnlyHint
               for tool in tools.values())


@both
def test_a_question_is_answered_with_its_sources(marigold, transport):
    result = with_session(transport, marigold.url, lambda session: session.call_tool("ask", {"question": QUESTION}))
    assert not result.isError
    found = result.structuredContent
    assert "27 days" in found["answer"] and found["declined"] is False
    assert "handbook/leave.md" in {source["source"] for source in found["sources"]}
    assert "27 days" in result.content[0].text and "handbook/leave.md" in result.content[0].text


@both
def test_passages_are_found_texts_embedded_and_ordered(marigold, transport):
    async def act(session):
        return (await session.call_tool("search", {"query": "hotel in Oslo", "k": 2}),
                await session.call_tool("embed", {"input": ["a hotel", "an inn"]}),
                await session.call_tool("rerank", {"query": "toner", "documents": ["the sea", "the printer's toner"]}))

    search, embed, rerank = with_session(transport, marigold.url, act)
    assert len(search.structuredContent["hits"]) == 2
    assert search.structuredContent["hits"][0]["source"] == "handbook/travel.html" and "210 EUR" in search.content[0].text
    assert [len(one["embedding"]) for one in embed.structuredContent["data"]] == [384, 384]
    assert rerank.structuredContent["results"][0]["index"] == 1


@both
def test_pieces_of_an_answer_come_as_progress(marigold, transport):
    pieces = []

    async def heard(progress, total, message):
        pieces.append((progress, message))

    async def act(session):
        return await session.call_tool("ask", {"question": QUESTION}, progress_callback=heard)

    result = with_session(transport, marigold.url, act)
    assert pieces and [number for number, _ in pieces] == list(range(1, len(pieces) + 1))
    assert "".join(text for _, text in pieces) == result.structuredContent["answer"]


@both
def test_a_tools_error_is_a_result_and_a_wrong_call_an_error(marigold, transport):
    async def act(session):
        empty = await session.call_tool("ask", {"question": " "})
        with pytest.raises(McpError, match="there is no tool") as unknown:
            await session.call_tool("drop_everything", {})
        with pytest.raises(McpError, match="there is no method") as method:
            await session.list_resources()
        return empty, unknown.value.error.code, method.value.error.code

    empty, unknown, method = with_session(transport, marigold.url, act)
    assert empty.isError and empty.content[0].text == "the question is empty"
    assert (unknown, method) == (-32602, -32601)


def test_a_key_a_foreign_page_and_the_limit_are_as_on_other_routes(start):
    server = start("--api-key", "anna=env:ANNA_KEY", env={"ANNA_KEY": "correct horse"})
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    key = {"Authorization": "Bearer correct horse"}
    assert server.post("/mcp", ping).status_code == 401
    assert server.post("/mcp", ping, headers=key).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert server.post("/mcp", ping, headers={**key, "Origin": "http://evil.example"}).status_code == 403
    assert server.get("/mcp", headers=key).status_code == 405
    limited = start("--rate-limit", "1")
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"query": "x"}}}
    assert limited.post("/mcp", call).json()["result"]["isError"] is False
    assert "too many requests" in limited.post("/mcp", call).json()["result"]["content"][0]["text"]


# ---- An MCP server as a step


class Upstream:
    """A FastMCP server in a thread of its own, and what its tools saw."""

    def __init__(self, transport):
        self.transport = transport
        self.path = "/sse" if transport == "sse" else "/mcp"
        self.seen = []
        self.cancelled = threading.Event()
        self.entered = threading.Event()
        server = FastMCP("upstream", json_response=transport == "json")

        @server.tool()
        def add(number: int, context: Context) -> dict:
            self.seen.append(dict(context.request_context.request.headers))
            return {"number": number + 1}

        @server.tool(structured_output=False)
        async def shout(text: str, context: Context) -> str:
            await context.report_progress(1, 2, "half")
            return text.upper()

        @server.tool()
        def refuse(text: str) -> str:
            raise ValueError(f"'{text}' is not for sale")

        @server.tool()
        async def sleep(context: Context) -> str:
            self.entered.set()
            try:
                await asyncio.sleep(30)
            except BaseException:
                self.cancelled.set()
                raise
            return "awake"

        app = server.sse_app() if transport == "sse" else server.streamable_http_app()
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self.thread = threading.Thread(target=self.uvicorn.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()
        limit = time.monotonic() + 20
        while not self.uvicorn.started and time.monotonic() < limit:
            time.sleep(0.02)

    def stop(self):
        self.uvicorn.should_exit = self.uvicorn.force_exit = True
        self.thread.join(20)


@pytest.fixture(params=["json", "events", "sse"])
def upstream(request):
    made = Upstream(request.param)
    yield made
    made.stop()


@pytest.fixture
def run(start, tmp_path, upstream):
    """run({step: tool}, lines) → a server whose flow at /v1/flow has these tools as steps."""
    def make(tools, lines, *arguments):
        flow = tmp_path / "flow.yaml"
        steps = {step: {"mcp": f"http://127.0.0.1:{upstream.port}{upstream.path}", "tool": tool} for step, tool in tools.items()}
        flow.write_text(json.dumps({"opea_micro_services": steps,
                                    "opea_mega_service": {"endpoint": "/v1/flow", "mega_flow": lines}}))
        return start(flow, *arguments)

    return make


def test_a_tool_is_a_step_and_keeps_its_session(run, upstream):
    server = run({"a": "add", "b": "add"}, ["a >> b"])
    assert server.post("/v1/flow", {"number": 1}).json() == {"number": 3}
    assert server.post("/v1/flow", {"number": 5}).json() == {"number": 7}
    assert len(upstream.seen) == 4 and all(headers.get("traceparent") for headers in upstream.seen)
    if upstream.transport != "sse":  # There a session is its stream, one a call.
        assert len({headers["mcp-session-id"] for headers in upstream.seen}) == 2  # One a step, not one a call.


def test_check_asks_the_server_for_the_tool_only_when_told_to(tmp_path, upstream):
    flow = tmp_path / "flow.yaml"

    def check(tool, port, *options):
        flow.write_text(json.dumps({"opea_micro_services": {"a": {"mcp": f"http://127.0.0.1:{port}{upstream.path}", "tool": tool}},
                                    "opea_mega_service": {"mega_flow": ["a"]}}))
        return command("check", flow, *options, check=False)

    assert check("add", upstream.port, "--connect").returncode == 0
    missing = check("subtract", upstream.port, "--connect")
    assert missing.returncode == 1 and "a: " in missing.stderr and "has no tool 'subtract'" in missing.stderr
    nobody = check("add", 9, "--connect")
    assert nobody.returncode == 1 and "127.0.0.1:9" in nobody.stderr
    assert check("add", 9).returncode == 0
    assert command("check", ROOT / "examples/mcp-tool.yaml").returncode == 0


def test_a_text_becomes_json_and_an_error_names_the_step(run):
    server = run({"shout": "shout", "refuse": "refuse"}, ["shout >> refuse"])
    reply = server.post("/v1/flow", {"text": "tea"})
    assert reply.status_code >= 400
    message = reply.json()["error"]["message"]
    assert message.startswith("step 'refuse':") and "is not for sale" in message


def test_a_flow_is_a_tool(run):
    server = run({"a": "add"}, ["a"])

    async def act(session):
        return (await session.list_tools()).tools, await session.call_tool("flow", {"number": 1}), \
            await session.call_tool("a", {"number": 5})

    listed, result, step = with_session("http", server.url, act)
    assert step.structuredContent == {"number": 6}
    tools = {tool.name: tool.annotations for tool in listed}
    assert tools["flow"].openWorldHint and not tools["flow"].readOnlyHint  # Nobody knows what its services do.
    assert "ask" not in tools
    assert result.structuredContent == {"number": 2} and json.loads(result.content[0].text) == {"number": 2}


def test_a_step_behind_another_is_no_tool_nor_is_what_a_stranger_registers(run):
    async def names(session):
        return {tool.name for tool in (await session.list_tools()).tools}

    server = run({"guard": "add", "inner": "add"}, ["guard >> inner"])
    assert {"guard", "inner"} & with_session("http", server.url, names) == {"guard"}
    card = {"url": "http://10.0.0.5/", "description": "Of a stranger, or a service that takes the place of a step"}
    for name in ("inner", "stranger"):
        assert requests.put(f"{server.url}/v1/services/{name}", json=card, timeout=10).status_code == 201
    assert {"inner", "stranger"} & with_session("http", server.url, names) == set()


@both
def test_a_call_that_is_called_off_ends_at_the_far_end_too(run, upstream, transport):
    from mcp.types import CancelledNotification, CancelledNotificationParams, ClientNotification

    server = run({"sleep": "sleep"}, ["sleep"])

    async def act(session):
        calling = asyncio.create_task(session.call_tool("flow", {}))
        await asyncio.to_thread(upstream.entered.wait, 20)
        request = session._request_id - 1
        await session.send_notification(ClientNotification(CancelledNotification(
            method="notifications/cancelled", params=CancelledNotificationParams(requestId=request, reason="enough"))))
        assert await asyncio.to_thread(upstream.cancelled.wait, 10), "the far end still works"
        calling.cancel()
        await session.send_ping()

    with_session(transport, server.url, act)
    assert server.get("/readyz").status_code == 200
