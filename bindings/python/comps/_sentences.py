"""A streamed answer on its way through one more step, sentence by sentence."""

import json
import re
import time
from typing import TYPE_CHECKING, Any, Iterable, Iterator, List, Tuple

from comps import _core
from comps._errors import failed, refused, unreadable

if TYPE_CHECKING:
    from comps.cores.mega.micro_service import MicroService
    from comps.cores.mega.orchestrator import ServiceOrchestrator

#: Where a sentence may end: a Western mark before a space, or a CJK mark.
_ENDS = re.compile(r"(?<=[.?!])(?=\s)|(?<=[。，！])")
_MARKS = (".", "?", "!", "。", "，", "！")


def relay(
    orchestrator: "ServiceOrchestrator", source: Iterable[bytes], step: str, call: Any, started: float
) -> Iterator[str]:
    """The words of what `step` says to each sentence of `source`, as events in OPEA's form."""
    service = orchestrator.services[step]
    waiting = ""
    token_start = started
    first = True
    for event in source:
        text, last = _text_of(orchestrator, event.decode("utf-8", errors="replace"))
        sentences, waiting = _split(waiting + text)
        if last:
            sentences, waiting = sentences + ([waiting] if waiting else []), ""
        for sentence in sentences:
            answer = _ask(service, step, sentence, call)
            yield from orchestrator.token_generator(answer, token_start, is_first=first, is_last=False)
            token_start = time.monotonic()
            first = False
        if last:
            yield from orchestrator.token_generator("", token_start, is_first=first, is_last=True)
    if waiting:
        answer = _ask(service, step, waiting, call)
        yield from orchestrator.token_generator(answer, token_start, is_first=first, is_last=False)
    orchestrator.metrics.request_update(started)


def _text_of(orchestrator: "ServiceOrchestrator", event: str) -> Tuple[str, bool]:
    """The text of an event - OpenAI's, OPEA's or plain - and whether it is the last one."""
    data = event[5:].strip() if event.startswith("data:") else ""
    if data == "[DONE]":
        return "", True
    if data.startswith("{"):
        try:
            choice = (json.loads(data).get("choices") or [{}])[0]
        except ValueError:
            return "", False
        return (choice.get("delta") or {}).get("content") or choice.get("text") or "", False
    return orchestrator.extract_chunk_str(event), event.endswith("[DONE]\n\n")


def _split(text: str) -> Tuple[List[str], str]:
    """The whole sentences, and the rest. Text that stops at a mark counts as whole."""
    parts = [part for part in _ENDS.split(text) if part]
    if not parts or parts[-1].endswith(_MARKS):
        return parts, ""
    return parts[:-1], parts[-1]


def _ask(service: "MicroService", step: str, sentence: str, call: Any) -> str:
    answer = _core.post(service.endpoint_path(), {"text": sentence}, service.api_key_value, **call.as_arguments())
    if isinstance(answer, _core.Failure):
        raise failed(step, answer.code, answer.message, answer.excerpt)
    if answer.status // 100 != 2:
        raise refused(step, answer.status, answer.body[:500].decode(errors="replace"))
    text = answer.json().get("text")
    if not isinstance(text, str):
        raise unreadable(step, answer.status, "its answer to a sentence has no 'text'")
    return text
