"""A graph of services that answers requests."""

import asyncio
import os
import re
import time
from typing import TYPE_CHECKING, Any, AsyncIterator, Dict, Iterable, Iterator, List, Optional, Tuple, TypeVar, cast

from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from comps import _core
from comps._edge import current_client
from comps._errors import ClientLeft
from comps._hooked_run import HookedRun, StepCall, failure_of, reply_stream
from comps._loop import letter
from comps._metrics import METRICS, OrchestratorMetrics

from ..proto.docarray import LLMParams
from ..telemetry.opea_telemetry import opea_telemetry
from .constants import ServiceRoleType, ServiceType
from .dag import DAG
from .logger import CustomLogger

if TYPE_CHECKING:
    from .micro_service import MicroService

T = TypeVar("T")

logger = CustomLogger("comps-core-orchestrator")
LOGFLAG = os.getenv("LOGFLAG", False)


class ServiceOrchestrator(DAG):
    """A megaservice: services as nodes, and who hands on to whom as edges.

    A step starts as soon as all that lead to it have answered, and is sent their outputs merged. Override `align_inputs`,
    `align_outputs` and `align_generator` (in a subclass, on the class or on an object) to fit their messages to one
    another; they are called on the event loop of schedule(), the last one in a thread when it is an ordinary generator.
    Without them nothing of Python runs between a request's start and its end.

    :param port, endpoint, host: where start() serves it, see there. They may be left out when another service answers.
    """

    #: Seconds that each step may take.
    step_time: float = 2000.0

    def __init__(self, port: Optional[int] = None, endpoint: str = "/", host: str = "0.0.0.0") -> None:
        super().__init__()
        self.metrics: OrchestratorMetrics = METRICS
        self.services: Dict[str, "MicroService"] = {}
        self.port = port
        self.endpoint = endpoint
        self.host = host

    # ---- building ----

    def add(self, service: "MicroService") -> "ServiceOrchestrator":
        """Adds a step; returns this megaservice. Raises Exception when there is one of that name."""
        if service.name in self.services:
            raise Exception(f"Service {service.name} already exists!")
        self.services[service.name] = service
        self.add_node_if_not_exists(service.name)
        return self

    def flow_to(self, from_service: "MicroService", to_service: "MicroService") -> bool:
        """Hands the outputs of one step to another. Raises nothing.

        :returns: False, with a line in the log, when that closes a cycle or one of them was not added.
        """
        try:
            self.add_edge(from_service.name, to_service.name)
            return True
        except Exception as error:
            logger.error(f"{from_service.name} cannot flow to {to_service.name}: {error}")
            return False

    # ---- hooks ----

    def align_inputs(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """What a step is sent. Called with (inputs, cur_node, runtime_graph, llm_parameters_dict, **kwargs)."""
        return inputs

    def align_outputs(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """What others see of a step's answer. Called with (data, cur_node, inputs, runtime_graph,
        llm_parameters_dict, **kwargs)."""
        return data

    def align_generator(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What the client sees of a streamed answer: a generator of bytes or str, an ordinary or an asynchronous one.
        Called with (gen, **kwargs); `gen` gives one whole event as bytes at a time, to `for` and to `async for`. Where the
        stream goes through one more step, `gen` gives that step's words as str, to `for` alone."""
        return gen

    def _hooks(self, *names: str) -> bool:
        return any(
            name in self.__dict__ or getattr(type(self), name) is not _OWN[name] for name in names
        )

    # ---- running ----

    @opea_telemetry
    async def schedule(
        self, initial_inputs: Dict | BaseModel, llm_parameters: BaseModel = LLMParams(), **kwargs: Any
    ) -> Tuple[Dict[str, Any], DAG]:
        """Sends a request through the graph.

        :param initial_inputs: of the steps that nothing leads to.
        :param llm_parameters: laid over the inputs of language models; `stream` says whether they stream.
        :param kwargs: passed on to the hooks.
        :returns: the outputs by step, and the graph as the request changed it. A streamed output is a StreamingResponse.
        :raises StepError: a step failed; it names the step and its server's status.
        :raises ClientLeft: the client whose request is being served went away; both are HTTPExceptions.
        :raises TypeError, ValueError: the inputs are no JSON, or a step's URL is none.
        """
        started = time.monotonic()
        if LOGFLAG:
            logger.info(initial_inputs)
        pending = _core.PendingRequest()
        client = current_client.get()
        call = StepCall.of(self.step_time, client)
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        left = False

        def leave() -> None:
            nonlocal left
            left = True
            task.cancel()

        watch = client.when_gone(leave) if client is not None else None
        try:
            if self._hooks("align_inputs", "align_outputs", "execute", "process_outputs"):
                run = HookedRun(self, llm_parameters, kwargs, call, started)
                return await run.result(initial_inputs, pending)
            return await self._run_in_core(initial_inputs, llm_parameters, kwargs, call, started, pending)
        except asyncio.CancelledError:
            pending.release()
            if left:
                task.uncancel()
                raise ClientLeft() from None
            raise
        except BaseException as error:
            pending.release()
            excerpt = getattr(error, "excerpt", "")
            if excerpt:
                logger.error(f"{error}: {excerpt}")
            raise
        finally:
            if watch is not None:
                watch.cancel()

    async def _run_in_core(
        self,
        initial_inputs: Dict | BaseModel,
        llm_parameters: BaseModel,
        kwargs: Dict[str, Any],
        call: StepCall,
        started: float,
        pending: _core.PendingRequest,
    ) -> Tuple[Dict[str, Any], DAG]:
        """The whole run without a line of Python."""
        steps = [
            (name, service.endpoint_path(getattr(llm_parameters, "model", None)), service.api_key_value, _generates(service))
            for name, service in self.services.items()
        ]
        answer = await letter(
            lambda mailbox, deliver: mailbox.run(
                self,
                steps,
                _as_dict(initial_inputs),
                llm_parameters.model_dump(),
                bool(getattr(llm_parameters, "stream", False)),
                started,
                deliver,
                **call.as_arguments(),
            )
        )
        if isinstance(answer, _core.Failure):
            raise failure_of(answer)
        outputs, graph = answer
        results: Dict[str, Any] = {}
        streamed = False
        for name, output in outputs:
            if isinstance(output, _core.PieceStream):
                output.hold(pending)
                streamed = True
                through = name if output.through else ""
                results[name] = reply_stream(self, output, kwargs, name, call, started, through)
            elif isinstance(output, tuple):  # Blocked, and a stream was wanted.
                results[name] = blocked_stream(output[0])
            else:
                results[name] = output
        if not streamed:
            pending.release()
        runtime_graph = DAG()
        runtime_graph.take_graph_of(graph)
        return results, runtime_graph

    @opea_telemetry
    async def execute(
        self,
        session: Any,
        req_start: float,
        cur_node: str,
        inputs: Dict,
        runtime_graph: DAG,
        llm_parameters: BaseModel = LLMParams(),
        **kwargs: Any,
    ) -> Tuple[Any, str]:
        """Sends one step its inputs. `session` is not used: connections are kept by the core.

        :param req_start: when the request began, by time.monotonic().
        :returns: its output, and the name of the step that answered (the next one when a stream went through it).
        :raises StepError: it failed.
        """
        call = StepCall.of(self.step_time)
        run = HookedRun(self, llm_parameters, kwargs, call, req_start, runtime_graph)
        return await run.step(cur_node, inputs)

    def process_outputs(self, prev_nodes: List[str], result_dict: Dict[str, Any]) -> Dict:
        """The outputs of several steps as one dict; of equal keys the last one's value stays."""
        merged: Dict[str, Any] = {}
        for node in prev_nodes:
            merged.update(result_dict[node])
        return merged

    def get_all_final_outputs(self, result_dict: Dict[str, Any], runtime_graph: DAG) -> Dict[str, Any]:
        """The outputs of the steps that nothing follows."""
        return {leaf: result_dict[leaf] for leaf in runtime_graph.all_leaves()}

    # ---- streams ----

    def wrap_iterable(self, iterable: Iterable[T], is_first: bool = True) -> Iterator[T]:
        """The items of an iterator."""
        yield from iterable

    def extract_chunk_str(self, chunk_str: str) -> str:
        """The text of one event in OPEA's form, `data: b'…'`; other text as it is; "" for [DONE]."""
        if chunk_str == "data: [DONE]\n\n":
            return ""
        match = re.fullmatch(r"""(?:data: b['"])?(.*?)(?:['"]\n\n)?""", chunk_str, re.DOTALL)
        return match[1] if match else chunk_str

    def token_generator(self, sentence: str, token_start: float, is_first: bool, is_last: bool) -> Iterator[str]:
        """The words of a sentence as events in OPEA's form, and [DONE] after the last sentence.

        Each is counted in the metrics, the first from `token_start` (time.monotonic()) on, as the request's first token
        with `is_first`.
        """
        for token in re.findall(r"\s?\S+\s?", sentence):
            token_start = self.metrics.token_update(token_start, is_first)
            is_first = False
            yield f"data: {token.replace(chr(92) + 'n', chr(10)).encode()!r}\n\n"
        if is_last:
            yield "data: [DONE]\n\n"

    # ---- serving ----

    async def handle_request(self, request: Request) -> Any:
        """Answers a request to start()'s endpoint: its JSON goes to the first steps, the last step's output comes back.

        Fields of LLMParams in it are the parameters of language models. Of several last steps the outputs come as an
        object by step.
        """
        body = await request.json()
        if not isinstance(body, dict):
            raise HTTPException(422, "the body is a JSON object")
        parameters = {name: body[name] for name in LLMParams.model_fields if name in body and name != "id"}
        parameters.setdefault("stream", False)
        results, graph = await self.schedule(body, LLMParams(**parameters))
        for output in results.values():
            if isinstance(output, StreamingResponse):
                return output
        final = self.get_all_final_outputs(results, graph)
        return next(iter(final.values())) if len(final) == 1 else final

    def start(self) -> None:
        """Serves the megaservice at its port and endpoint with handle_request(); returns when it is told to stop.

        :raises ValueError: it was made without a port.
        :raises RuntimeError: "port:…", the port is taken.
        """
        from .micro_service import MicroService

        if self.port is None:
            raise ValueError("give the orchestrator a port: ServiceOrchestrator(port=8080, endpoint='/v1/chatqna')")
        service = MicroService(
            name=type(self).__name__,
            service_role=ServiceRoleType.MEGASERVICE,
            host=self.host,
            port=self.port,
            endpoint=self.endpoint,
        )
        service.add_route(self.endpoint, self.handle_request, methods=["POST"])
        self.service = service
        service.start()

    def stop(self) -> None:
        """Ends start(). Any thread. Raises AttributeError before start()."""
        self.service.stop()


# FastAPI takes a return type for the response's model and would encode each answer by it; ours is said to readers alone.
del ServiceOrchestrator.handle_request.__annotations__["return"]

_OWN = {
    name: getattr(ServiceOrchestrator, name)
    for name in ("align_inputs", "align_outputs", "align_generator", "execute", "process_outputs")
}


def _generates(service: "MicroService") -> bool:
    return service.service_type in (ServiceType.LLM, ServiceType.LVM)


def _as_dict(inputs: Dict | BaseModel) -> Dict:
    if isinstance(inputs, BaseModel):
        return {name: value for name, value in inputs.model_dump().items() if value is not None}
    return inputs


def blocked_stream(output: Dict) -> StreamingResponse:
    """The text of a step that forbade all that follows, as a stream, since a stream was wanted."""

    async def events() -> AsyncIterator[str]:
        yield f"data: {str(output.get('text', '')).encode()!r}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")
