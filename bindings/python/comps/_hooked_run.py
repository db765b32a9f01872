"""One request through a megaservice whose hooks are Python's.

The core sends and receives, reads JSON and says what may start; here is what hooks need to be called: their arguments, the
merged inputs, the outputs. All of it runs on the event loop of schedule(), a moment for each step.
"""

import asyncio
import contextvars
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from comps import _core
from comps._edge import Client
from comps._errors import StepError, failed, refused, unreadable
from comps._loop import mailbox_of
from comps._sentences import relay
from comps._stream import EventSource, body_of
from comps.cores.telemetry.opea_telemetry import current_traceparent

if TYPE_CHECKING:
    from comps.cores.mega.dag import DAG
    from comps.cores.mega.orchestrator import ServiceOrchestrator

ONE_STEP_MORE = "a stream can go through one more step, which nothing follows"


@dataclass(frozen=True)
class StepCall:
    """What each step of a request is asked with."""

    step_time: float
    traceparent: Optional[str] = None
    request_id: Optional[str] = None

    @classmethod
    def of(cls, step_time: float, client: Optional[Client] = None) -> "StepCall":
        """That of a request which a client has sent: all its steps belong to one trace."""
        trace = current_traceparent() or (client.header(b"traceparent") if client else None)
        if not trace:
            trace = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"
        return cls(step_time, trace, client.header(b"x-request-id") if client else None)

    def as_arguments(self) -> Dict[str, Any]:
        """As the core's functions take it."""
        return {"step_time": self.step_time, "traceparent": self.traceparent, "request_id": self.request_id}


def failure_of(answer: "_core.Failure", step: str = "") -> StepError:
    """The error that the core's failure is."""
    step = answer.step or step
    if not answer.status:
        return failed(step, answer.code, answer.message, answer.excerpt)
    if answer.status // 100 == 2:
        return unreadable(step, answer.status, answer.message, answer.excerpt)
    return refused(step, answer.status, answer.excerpt)


def reply_stream(
    orchestrator: "ServiceOrchestrator",
    stream: "_core.PieceStream",
    kwargs: Dict[str, Any],
    name: str,
    call: StepCall,
    started: float,
    through: str = "",
) -> StreamingResponse:
    """The answer that a language model's stream becomes. `through`: the step that its sentences go through."""
    source = EventSource(stream)
    if through:
        pieces: Any = relay(orchestrator, source, through, call, started)
        aligned = orchestrator.align_generator(pieces, **kwargs)
    else:
        stream.measure(started)
        pieces = source
        aligned = orchestrator.align_generator(source, **kwargs)
    return StreamingResponse(body_of(source, aligned), media_type="text/event-stream")


class HookedRun:
    """The run, or one step of it."""

    def __init__(
        self,
        orchestrator: "ServiceOrchestrator",
        llm_parameters: BaseModel,
        kwargs: Dict[str, Any],
        call: StepCall,
        started: float,
        graph: Optional["DAG"] = None,
    ):
        self._orchestrator = orchestrator
        self._llm_parameters = llm_parameters
        self._wants_stream = bool(getattr(llm_parameters, "stream", False))
        self._kwargs = kwargs
        self._call = call
        self._started = started
        self._loop = asyncio.get_running_loop()
        self._mailbox = mailbox_of(self._loop)
        # Hooks see the context variables of the request, not those of whoever first used the mailbox.
        self._context = contextvars.copy_context()
        self._graph = orchestrator.copy() if graph is None else graph
        self._plan = _core.Plan(self._graph)
        self._results: Dict[str, Any] = {}
        self._under_way: Dict[str, Any] = {}
        self._ended: "asyncio.Future[None]" = self._loop.create_future()
        self._pending: Optional[_core.PendingRequest] = None
        self._streamed = False
        self._replaced = getattr(type(orchestrator), "execute") is not _own("execute") or "execute" in vars(
            orchestrator
        )

    # ---- the whole graph ----

    async def result(self, initial_inputs: Any, pending: "_core.PendingRequest") -> Tuple[Dict[str, Any], Any]:
        """The outputs by step, and what is left of the graph."""
        self._pending = pending
        try:
            first = self._plan.start()
            for node in first:
                # Each step its own: a hook may change what it is given.
                inputs = dict(initial_inputs) if isinstance(initial_inputs, dict) else initial_inputs
                self._begin(node, inputs)
            if not first:
                self._ended.set_result(None)
            await self._ended
        except BaseException:
            self._call_off()
            raise
        self._plan.prune()
        if not self._streamed:
            pending.release()
        return self._results, self._graph

    def _begin(self, node: str, inputs: Any) -> None:
        if self._ended.done():
            return
        if self._replaced:
            task = self._loop.create_task(
                self._orchestrator.execute(
                    None, self._started, node, inputs, self._graph, self._llm_parameters, **self._kwargs
                )
            )
            self._under_way[node] = task
            task.add_done_callback(functools.partial(self._task_ended, node))
            return
        self._send(node, inputs, functools.partial(self._finish_step, node))

    def _task_ended(self, node: str, task: "asyncio.Task[Tuple[Any, str]]") -> None:
        if task.cancelled() or self._ended.done():
            return
        error = task.exception()
        if error is not None:
            self._fail(error)
        else:
            output, answering = task.result()
            self._finish_step(node, output, answering)

    def _finish_step(self, node: str, output: Any, answering: str) -> None:
        self._under_way.pop(node, None)
        if self._ended.done():
            return
        try:
            self._advance(node, output, answering)
        except BaseException as error:  # Of a hook of the next step, or of process_outputs.
            self._fail(error)

    def _advance(self, node: str, output: Any, answering: str) -> None:
        if answering != node:
            self._plan.stands_in(node, answering)
        self._results[answering] = output
        forbidden: List[str] = []
        if isinstance(output, dict):
            forbidden = [str(one) for one in output.get("downstream_black_list") or ()]
        ready, stopped = self._plan.finish(answering, forbidden)
        if stopped and self._wants_stream:
            from comps.cores.mega.orchestrator import blocked_stream

            self._results[answering] = blocked_stream(output)
        if ready and isinstance(self._results[answering], StreamingResponse):
            raise StepError(answering, f"step '{answering}': {ONE_STEP_MORE}", 500)
        for following in ready:
            predecessors = self._graph.predecessors(following)
            self._begin(following, self._orchestrator.process_outputs(predecessors, self._results))
        if not self._under_way and not self._ended.done():
            self._ended.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)

    def _call_off(self) -> None:
        if not self._ended.done():
            self._ended.cancel()
        for under_way in self._under_way.values():
            under_way.cancel()
        self._under_way.clear()
        self._results.clear()  # Streams among them are closed.

    # ---- one step ----

    async def step(self, node: str, inputs: Any) -> Tuple[Any, str]:
        """Its output, and the step that answered."""
        self._replaced = False
        answer: "asyncio.Future[Tuple[Any, str]]" = self._loop.create_future()

        def finish(output: Any, answering: str) -> None:
            if not answer.done():
                answer.set_result((output, answering))

        def fail(error: BaseException) -> None:
            if not answer.done():
                answer.set_exception(error)

        self._fail = fail  # type: ignore[method-assign]
        self._send(node, inputs, finish)
        try:
            return await answer
        except asyncio.CancelledError:
            self._call_off()
            raise

    def _send(self, node: str, inputs: Any, finish: Callable[[Any, str], None]) -> None:
        orchestrator = self._orchestrator
        service = orchestrator.services[node]
        parameters = self._llm_parameters.model_dump()
        generates = service.service_type.name in ("LLM", "LVM")
        if generates:
            if isinstance(inputs, BaseModel):
                inputs = {name: value for name, value in inputs.model_dump().items() if value is not None}
            inputs.update(parameters)
        inputs = orchestrator.align_inputs(inputs, node, self._graph, parameters, **self._kwargs)
        key = service.api_key_value
        model = inputs.get("model") if key and isinstance(inputs, dict) else None
        body = inputs
        if isinstance(inputs, BaseModel):
            body = {name: value for name, value in inputs.model_dump().items() if value is not None}
        stream = generates and self._wants_stream
        arrived = functools.partial(  # type: ignore[call-arg]  # The function that run() wants is there.
            self._context.run, self._arrived, node, inputs, parameters, stream, finish
        )
        self._under_way[node] = self._mailbox.send(
            service.endpoint_path(model), body, stream, arrived, key, **self._call.as_arguments()
        )

    def _arrived(
        self,
        node: str,
        inputs: Any,
        parameters: Dict[str, Any],
        stream: bool,
        finish: Callable[[Any, str], None],
        answer: "_core.Reply | _core.PieceStream | _core.Failure",
    ) -> None:
        try:
            if isinstance(answer, _core.Failure):
                raise failure_of(answer, node)
            if isinstance(answer, _core.PieceStream):
                output, answering = self._opened(node, answer)
            else:
                output = self._orchestrator.align_outputs(
                    self._read(node, answer), node, inputs, self._graph, parameters, **self._kwargs
                )
                answering = node
            finish(output, answering)
        except BaseException as error:
            self._fail(error)

    def _read(self, node: str, answer: "_core.Reply") -> Any:
        if answer.status // 100 != 2:
            raise refused(node, answer.status, answer.body[:500].decode(errors="replace"))
        if answer.content_type.startswith("audio/wav"):
            return answer.body
        try:
            return answer.json()
        except ValueError:
            excerpt = answer.body[:500].decode(errors="replace")
            raise unreadable(node, answer.status, "its answer is no JSON", excerpt) from None

    def _opened(self, node: str, stream: "_core.PieceStream") -> Tuple[StreamingResponse, str]:
        following = self._graph.downstream(node)
        if len(following) > 1:
            raise StepError(node, f"step '{node}': Not supported multiple stream downstreams yet!", 500)
        if self._pending is not None:
            stream.hold(self._pending)
            self._streamed = True
        through = following[0] if following else ""
        response = reply_stream(
            self._orchestrator, stream, self._kwargs, node, self._call, self._started, through
        )
        return response, through or node


@functools.lru_cache
def _own(name: str) -> Any:
    from comps.cores.mega.orchestrator import ServiceOrchestrator

    return ServiceOrchestrator.__dict__[name]
