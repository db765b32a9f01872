"""Threads, processes, loops: what is started when, and what is left."""

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import weakref

from conftest import chain, free_port

from comps import MicroService, ServiceOrchestrator, _core, register_microservice
from comps.cores.proto.docarray import LLMParams


def test_nothing_runs_before_the_first_request():
    """A process may fork after it has built its services: no thread of ours may be there by then."""
    program = f"""
import os, threading
from comps import MicroService, ServiceOrchestrator, register_microservice, _core
@register_microservice(name="s", host="127.0.0.1", port={free_port()}, endpoint="/x")
async def s(request: dict) -> dict:
    return request
flow = ServiceOrchestrator().add(MicroService(name="r", use_remote_service=True))
assert not _core.engine_running()
assert threading.active_count() == 1
assert len(os.listdir("/proc/self/task")) == 1, os.listdir("/proc/self/task")
print("one thread")
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "one thread\n"


def test_heavy_packages_are_left_alone():
    program = """
import sys, comps
print([name for name in ("mcp", "motor", "redis", "PIL", "kubernetes", "numpy", "uvicorn", "requests", "aiohttp")
       if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def ask(flow):
    return asyncio.run(flow.schedule({"text": "q"}, LLMParams(stream=False)))[0]


def answer_in_child(flow, results):
    results.put((ask(flow), _core.engine_running()))


def test_a_process_forked_after_requests_starts_afresh(upstream):
    flow = chain(upstream.service("s1", {"text": "a"}))
    assert ask(flow) == {"s1/MicroService": {"text": "a"}}
    assert _core.engine_running()
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    child = fork.Process(target=answer_in_child, args=(flow, results))
    child.start()
    assert results.get(timeout=10) == ({"s1/MicroService": {"text": "a"}}, True)
    child.join(10)
    assert child.exitcode == 0
    assert ask(flow) == {"s1/MicroService": {"text": "a"}}


def test_a_service_is_served_by_a_forked_child(upstream):
    port = free_port()

    @register_microservice(name="forked", host="127.0.0.1", port=port, endpoint="/v1/add")
    async def add(request: dict) -> dict:
        return {"text": request["text"] + "!"}

    from comps import opea_microservices

    service = opea_microservices.pop("forked")
    child = multiprocessing.get_context("fork").Process(target=service.start)
    child.start()
    flow = ServiceOrchestrator().add(service)
    # It is asked at once: the port is bound, so the request waits until the child is up.
    assert ask(flow) == {"forked/MicroService": {"text": "q!"}}
    service.stop()
    child.terminate()
    child.join(10)


def test_each_loop_s_mailbox_goes_with_it(upstream):
    flow = chain(upstream.service("s1", {"text": "a"}))
    ask(flow)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        ask(flow)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_orchestrators_are_collected(upstream):
    flow = chain(upstream.service("s1", {"text": "a"}))
    flow.align_outputs = lambda data, *args, **kwargs: data
    flow.itself = flow
    ask(flow)
    gone = weakref.ref(flow)
    del flow
    gc.collect()
    assert gone() is None


def test_loops_in_several_threads(upstream):
    flow = chain(upstream.service("s1", lambda exchange: exchange.json(exchange.body)))
    failures = []

    def one(name):
        try:
            for number in range(10):
                text = f"{name} {number}"
                results, _ = asyncio.run(flow.schedule({"text": text}, LLMParams(stream=False)))
                assert results["s1/MicroService"] == {"text": text}
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures


def test_a_taken_port_is_told_at_once():
    import pytest

    first = MicroService(name="first", host="127.0.0.1", port=free_port())
    with pytest.raises(RuntimeError, match=f"port:{first.port}"):
        MicroService(name="second", host="127.0.0.1", port=first.port)
    first.stop()
    MicroService(name="third", host="127.0.0.1", port=first.port).stop()


def test_leaving_with_requests_under_way_does_not_hang(upstream):
    program = f"""
import asyncio
from comps import MicroService, ServiceOrchestrator
async def main():
    flow = ServiceOrchestrator().add(MicroService(name="slow", host="127.0.0.1", port={upstream.port}, endpoint="/slow", use_remote_service=True))
    asyncio.create_task(flow.schedule({{"text": "q"}}))
    await asyncio.sleep(0.2)
asyncio.run(main())
print("left")
"""
    upstream.route("/slow", lambda exchange: exchange.wait_until_left(20))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.returncode) == ("left\n", 0), done.stderr
