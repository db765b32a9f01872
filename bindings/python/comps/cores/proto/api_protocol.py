"""Requests and responses in OpenAI's manner, and OPEA's own: names, fields and defaults are those of OPEA 1.5."""

# Fields whose types do not name the None that they have by default are OPEA's: one may be left out, but not be null.
# mypy: disable-error-code="assignment"

import secrets
import string
import time
from enum import IntEnum
from typing import Any, Dict, List, Literal, Optional, Union

from fastapi import File, Form, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel as _BaseModel
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveInt

Messages = Union[
    str,
    List[Dict[str, str]],
    List[Dict[str, Union[str, List[Dict[str, Union[str, Dict[str, str]]]]]]],
]
Tokens = Union[List[int], List[List[int]], str, List[str]]
FinishReason = Optional[Literal["stop", "length"]]
Passages = Optional[Union[List[Dict[str, str]], List[str]]]

_ID_LETTERS = string.digits + string.ascii_letters


class BaseModel(_BaseModel):
    model_config = ConfigDict(protected_namespaces=())


def _random_id(prefix: str) -> Any:
    return Field(default_factory=lambda: prefix + "".join(secrets.choice(_ID_LETTERS) for _ in range(22)))


def _now() -> Any:
    return Field(default_factory=lambda: int(time.time()))


class ServiceCard(BaseModel):
    object: str = "service"
    service_name: str
    description: str
    created: int = _now()
    owner: str = "opea"


class ServiceList(BaseModel):
    object: str = "list"
    data: List[ServiceCard] = []


class UsageInfo(BaseModel):
    prompt_tokens: int = 0
    total_tokens: int = 0
    completion_tokens: Optional[int] = 0


class ResponseFormat(BaseModel):
    type: Literal["text", "json_object"]


class StreamOptions(BaseModel):
    include_usage: Optional[bool] = False


class FunctionDefinition(BaseModel):
    name: str
    description: Optional[str] = None
    parameters: Optional[Dict[str, Any]] = None


class ChatCompletionToolsParam(BaseModel):
    type: Literal["function"] = "function"
    function: FunctionDefinition


class ChatCompletionNamedFunction(BaseModel):
    name: str


class ChatCompletionNamedToolChoiceParam(BaseModel):
    function: ChatCompletionNamedFunction
    type: Literal["function"] = "function"


class TokenCheckRequestItem(BaseModel):
    model: str
    prompt: str
    max_tokens: int


class TokenCheckRequest(BaseModel):
    prompts: List[TokenCheckRequestItem]


class TokenCheckResponseItem(BaseModel):
    fits: bool
    tokenCount: int
    contextLength: int


class TokenCheckResponse(BaseModel):
    prompts: List[TokenCheckResponseItem]


# ---- dataprep: forms ----


class DataprepRequest:
    """The form of /v1/dataprep/ingest; a dependency of FastAPI's."""

    def __init__(
        self,
        files: Optional[Union[UploadFile, List[UploadFile]]] = File(None),
        link_list: Optional[str] = Form(None),
        chunk_size: Optional[int] = Form(1500),
        chunk_overlap: Optional[int] = Form(100),
        process_table: Optional[bool] = Form(False),
        table_strategy: Optional[str] = Form("fast"),
    ):
        self.files = files
        self.link_list = link_list
        self.chunk_size = chunk_size
        self.chunk_overlap = chunk_overlap
        self.process_table = process_table
        self.table_strategy = table_strategy


class Neo4jDataprepRequest(DataprepRequest):
    """The form, for Neo4j."""

    def __init__(
        self,
        files: Optional[Union[UploadFile, List[UploadFile]]] = File(None),
        link_list: Optional[str] = Form(None),
        chunk_size: Optional[int] = Form(1500),
        chunk_overlap: Optional[int] = Form(100),
        process_table: Optional[bool] = Form(False),
        table_strategy: Optional[str] = Form("fast"),
        ingest_from_graphDB: bool = Form(False),
    ):
        super().__init__(files, link_list, chunk_size, chunk_overlap, process_table, table_strategy)
        self.ingest_from_graphDB = ingest_from_graphDB


class RedisDataprepRequest(DataprepRequest):
    """The form, for Redis."""

    def __init__(
        self,
        files: Optional[Union[UploadFile, List[UploadFile]]] = File(None),
        link_list: Optional[str] = Form(None),
        chunk_size: Optional[int] = Form(1500),
        chunk_overlap: Optional[int] = Form(100),
        process_table: Optional[bool] = Form(False),
        table_strategy: Optional[str] = Form("fast"),
        index_name: str = Form(None),
    ):
        super().__init__(files, link_list, chunk_size, chunk_overlap, process_table, table_strategy)
        self.index_name = index_name


class ArangoDBDataprepRequest(DataprepRequest):
    """The form, for ArangoDB."""

    def __init__(
        self,
        files: Optional[Union[UploadFile, List[UploadFile]]] = File(None),
        link_list: Optional[str] = Form(None),
        chunk_size: Optional[int] = Form(1500),
        chunk_overlap: Optional[int] = Form(100),
        process_table: Optional[bool] = Form(False),
        table_strategy: Optional[str] = Form("fast"),
        graph_name: Optional[str] = Form(None),
        insert_async: Optional[bool] = Form(None),
        insert_batch_size: Optional[int] = Form(None),
        embed_nodes: Optional[bool] = Form(None),
        embed_edges: Optional[bool] = Form(None),
        embed_chunks: Optional[bool] = Form(None),
        allowed_node_types: Optional[List[str]] = Form(None),
        allowed_edge_types: Optional[List[str]] = Form(None),
        node_properties: Optional[List[str]] = Form(None),
        edge_properties: Optional[List[str]] = Form(None),
        text_capitalization_strategy: Optional[str] = Form(None),
        include_chunks: Optional[bool] = Form(None),
    ):
        super().__init__(files, link_list, chunk_size, chunk_overlap, process_table, table_strategy)
        self.graph_name = graph_name
        self.insert_async = insert_async
        self.insert_batch_size = insert_batch_size
        self.embed_nodes = embed_nodes
        self.embed_edges = embed_edges
        self.embed_chunks = embed_chunks
        self.allowed_node_types = allowed_node_types
        self.allowed_edge_types = allowed_edge_types
        self.node_properties = node_properties
        self.edge_properties = edge_properties
        self.text_capitalization_strategy = text_capitalization_strategy
        self.include_chunks = include_chunks


# ---- embedding, retrieval, reranking ----


class EmbeddingRequest(BaseModel):
    model: Optional[str] = None
    input: Tokens
    encoding_format: Optional[str] = Field("float", pattern="^(float|base64)$")
    dimensions: Optional[int] = None
    user: Optional[str] = None
    request_type: Literal["embedding"] = "embedding"


class EmbeddingResponseData(BaseModel):
    index: int
    object: str = "embedding"
    embedding: Union[List[float], str]


class EmbeddingResponse(BaseModel):
    object: str = "list"
    model: Optional[str] = None
    data: List[EmbeddingResponseData]
    usage: Optional[UsageInfo] = None


class RetrievalRequest(BaseModel):
    embedding: Union[EmbeddingResponse, List[float]] = None
    input: Optional[str] = None
    search_type: str = "similarity"
    k: PositiveInt = 4
    distance_threshold: Optional[float] = None
    fetch_k: PositiveInt = 20
    lambda_mult: NonNegativeFloat = 0.5
    score_threshold: NonNegativeFloat = 0.2
    request_type: Literal["retrieval"] = "retrieval"


class RetrievalRequestArangoDB(RetrievalRequest):
    graph_name: Optional[str] = None
    search_start: Optional[str] = Field(None, description="'node', 'edge' or 'chunk'.")
    search_mode: Optional[str] = Field(None, description="'vector' or 'hybrid'.")
    num_centroids: Optional[int] = None
    distance_strategy: Optional[str] = Field(None, description="'COSINE' or 'EUCLIDEAN_DISTANCE'.")
    use_approx_search: Optional[bool] = None
    enable_traversal: Optional[bool] = None
    enable_summarizer: Optional[bool] = None
    traversal_max_depth: Optional[int] = None
    traversal_max_returned: Optional[int] = None
    traversal_score_threshold: Optional[float] = None
    traversal_query: Optional[str] = None


class RetrievalResponseData(BaseModel):
    text: str
    metadata: Optional[Dict[str, Any]] = None


class RetrievalResponse(BaseModel):
    retrieved_docs: List[RetrievalResponseData]


class RerankingRequest(BaseModel):
    input: str
    retrieved_docs: Union[List[RetrievalResponseData], List[Dict[str, Any]], List[str]]
    top_n: PositiveInt = 1
    request_type: Literal["reranking"] = "reranking"


class RerankingResponseData(BaseModel):
    text: str
    score: Optional[float] = 0.0


class RerankingResponse(BaseModel):
    reranked_docs: List[RerankingResponseData]


# ---- chat ----


class ChatCompletionRequest(BaseModel):
    """OpenAI's chat request, with what TGI, vLLM and retrieval add to it."""

    messages: Messages
    model: Optional[str] = None
    modalities: List[Literal["text", "audio"]] = Field(default=["text"])
    frequency_penalty: Optional[float] = 0.0
    logit_bias: Optional[Dict[str, float]] = None
    logprobs: Optional[bool] = False
    top_logprobs: Optional[int] = 0
    max_tokens: Optional[PositiveInt] = 1024
    n: Optional[PositiveInt] = 1
    presence_penalty: Optional[float] = 0.0
    response_format: Optional[ResponseFormat] = None
    seed: Optional[PositiveInt] = None
    service_tier: Optional[str] = None
    stop: Union[str, List[str], None] = Field(default_factory=list)
    stream: Optional[bool] = False
    stream_options: Optional[StreamOptions] = None
    temperature: Optional[NonNegativeFloat] = 0.01
    top_p: Optional[NonNegativeFloat] = Field(None, description="Unset: the server's own. TGI wants 0 < top_p < 1.")
    tools: Optional[List[ChatCompletionToolsParam]] = None
    tool_choice: Optional[Union[Literal["none"], ChatCompletionNamedToolChoiceParam]] = "none"
    parallel_tool_calls: Optional[bool] = True
    user: Optional[str] = None
    language: str = "auto"
    image_path: Optional[str] = None
    audio_path: Optional[str] = None

    # Completions.
    best_of: Optional[PositiveInt] = 1
    suffix: Optional[str] = None

    # vLLM and TGI.
    repetition_penalty: Optional[NonNegativeFloat] = 1.0
    top_k: Optional[PositiveInt] = None
    typical_p: Optional[float] = None
    timeout: Optional[PositiveInt] = None
    echo: Optional[bool] = Field(False, description="Puts the new message before the last one of the same role.")
    add_generation_prompt: Optional[bool] = Field(True, description="Asks the chat template for a generation prompt.")
    add_special_tokens: Optional[bool] = Field(
        False, description="Adds the tokenizer's special tokens to those of the chat template."
    )
    documents: Passages = Field(None, description="Passages for the model: best each with `title` and `text`.")
    chat_template: Optional[str] = Field(
        None,
        description=(
            "Template of the prompt, instead of the model's own: with {context} and {question} for retrieval-augmented "
            "generation, with {question} alone without."
        ),
    )
    chat_template_kwargs: Optional[Dict[str, Any]] = Field(None, description="More for the template's renderer.")

    # Embedding.
    input: Tokens = None
    encoding_format: Optional[str] = Field("float", pattern="^(float|base64)$")
    dimensions: Optional[int] = None
    embedding: Union[EmbeddingResponse, List[float]] = Field(default_factory=list)

    # Retrieval.
    search_type: str = "similarity"
    k: PositiveInt = 4
    distance_threshold: Optional[float] = None
    fetch_k: PositiveInt = 20
    lambda_mult: NonNegativeFloat = 0.5
    score_threshold: NonNegativeFloat = 0.2
    retrieved_docs: Union[List[RetrievalResponseData], List[Dict[str, Any]]] = Field(default_factory=list)
    index_name: Optional[str] = None

    # Reranking.
    top_n: PositiveInt = 1
    reranked_docs: Union[List[RerankingResponseData], List[Dict[str, Any]]] = Field(default_factory=list)

    request_type: Literal["chat"] = "chat"


class _SummaryRequest(ChatCompletionRequest):
    summary_type: str = Field("auto", description="'auto', 'stuff', 'truncate', 'map_reduce' or 'refine'.")
    chunk_size: int = -1
    chunk_overlap: int = -1
    type: Optional[str] = None


class DocSumChatCompletionRequest(_SummaryRequest):
    pass


class ArbPostHearingAssistantChatCompletionRequest(_SummaryRequest):
    pass


class AudioChatCompletionRequest(BaseModel):
    audio: str
    voice: str = "default"
    messages: Optional[Messages] = None
    model: Optional[str] = "Intel/neural-chat-7b-v3-3"
    temperature: Optional[NonNegativeFloat] = 0.01
    top_p: Optional[NonNegativeFloat] = 0.95
    top_k: Optional[PositiveInt] = 10
    n: Optional[PositiveInt] = 1
    max_tokens: Optional[PositiveInt] = 1024
    stop: Optional[Union[str, List[str]]] = None
    stream: Optional[bool] = False
    presence_penalty: Optional[NonNegativeFloat] = 0.0
    frequency_penalty: Optional[NonNegativeFloat] = 0.0
    repetition_penalty: Optional[NonNegativeFloat] = 1.03
    user: Optional[str] = None


class AudioTranscriptionResponse(BaseModel):
    text: str


class AudioSpeechRequest(BaseModel):
    input: str
    model: Optional[str] = "microsoft/speecht5_tts"
    voice: Optional[str] = "default"
    response_format: Optional[str] = "mp3"
    speed: Optional[NonNegativeFloat] = 1.0


class AudioQnaRequest(BaseModel):
    file: UploadFile = File(...)
    language: str = "auto"


class ChatMessage(BaseModel):
    role: str
    content: str
    audio: Optional[Dict[str, Any]] = None


class ChatCompletionResponseChoice(BaseModel):
    index: int
    message: ChatMessage
    finish_reason: FinishReason = None
    metadata: Optional[Dict[str, Any]] = None


class ChatCompletionResponse(BaseModel):
    id: str = _random_id("chatcmpl-")
    object: str = "chat.completion"
    created: int = _now()
    model: str
    choices: List[ChatCompletionResponseChoice]
    usage: UsageInfo


class DeltaMessage(BaseModel):
    role: Optional[str] = None
    content: Optional[str] = None


class ChatCompletionResponseStreamChoice(BaseModel):
    index: int
    delta: DeltaMessage
    finish_reason: FinishReason = None


class ChatCompletionStreamResponse(BaseModel):
    id: str = _random_id("chatcmpl-")
    object: str = "chat.completion.chunk"
    created: int = _now()
    model: str
    choices: List[ChatCompletionResponseStreamChoice]


class CompletionRequest(BaseModel):
    model: str
    prompt: Union[str, List[Any]]
    suffix: Optional[str] = None
    temperature: Optional[NonNegativeFloat] = 0.7
    n: Optional[PositiveInt] = 1
    max_tokens: Optional[PositiveInt] = 16
    stop: Optional[Union[str, List[str]]] = None
    stream: Optional[bool] = False
    top_p: Optional[NonNegativeFloat] = 1.0
    top_k: Optional[int] = -1
    logprobs: Optional[int] = None
    echo: Optional[bool] = False
    presence_penalty: Optional[NonNegativeFloat] = 0.0
    frequency_penalty: Optional[NonNegativeFloat] = 0.0
    repetition_penalty: Optional[NonNegativeFloat] = 1.03
    user: Optional[str] = None
    use_beam_search: Optional[bool] = False
    best_of: Optional[int] = None


class CompletionResponseChoice(BaseModel):
    index: int
    text: str
    finish_reason: FinishReason = None


class CompletionResponse(BaseModel):
    id: str = _random_id("cmpl-")
    object: str = "text_completion"
    created: int = _now()
    model: str
    choices: List[CompletionResponseChoice]
    usage: UsageInfo


class CompletionResponseStreamChoice(BaseModel):
    index: int
    text: str
    finish_reason: FinishReason = None


class CompletionStreamResponse(BaseModel):
    id: str = _random_id("cmpl-")
    object: str = "text_completion"
    created: int = _now()
    model: str
    choices: List[CompletionResponseStreamChoice]


# ---- assistants ----


class ThreadObject(BaseModel):
    id: str
    object: str = "thread"
    created_at: int


class AssistantsObject(BaseModel):
    id: str
    object: str = "assistant"
    created_at: int
    name: Optional[str] = None
    description: Optional[str] = None
    model: Optional[str] = "Intel/neural-chat-7b-v3-3"
    instructions: Optional[str] = None
    tools: Optional[List[ChatCompletionToolsParam]] = None


class Attachments(BaseModel):
    file_list: List[UploadFile] = []


class MessageContent(BaseModel):
    type: str = "text"
    text: Optional[str] = None


class MessageObject(BaseModel):
    id: str
    object: str = "thread.message"
    created_at: int
    thread_id: str
    role: str
    status: Optional[str] = None
    content: List[MessageContent]
    assistant_id: Optional[str] = None
    run_id: Optional[str] = None
    attachments: Attachments = None


class RunObject(BaseModel):
    id: str
    object: str = "run"
    created_at: int
    thread_id: str
    assistant_id: str
    status: Optional[str] = None
    last_error: Optional[str] = None


class CreateAssistantsRequest(BaseModel):
    model: Optional[str] = None
    name: Optional[str] = None
    description: Optional[str] = None
    instructions: Optional[str] = None
    tools: Optional[List[ChatCompletionToolsParam]] = None


class CreateMessagesRequest(BaseModel):
    role: str = "user"
    content: Union[str, List[MessageContent]]
    attachments: Attachments = None
    assistant_id: str = None


class CreateThreadsRequest(BaseModel):
    messages: Optional[List[CreateMessagesRequest]] = None


class CreateRunResponse(BaseModel):
    assistant_id: str


class ListAssistantsRequest(BaseModel):
    limit: int = 10
    order: Optional[str] = "desc"


# ---- errors ----


class ErrorResponse(BaseModel):
    object: str = "error"
    message: str
    code: int


class ApiErrorCode(IntEnum):
    """OPEA's error codes: the HTTP status that fits, and two digits more."""

    VALIDATION_TYPE_ERROR = 40001
    INVALID_AUTH_KEY = 40101
    INCORRECT_AUTH_KEY = 40102
    NO_PERMISSION = 40103
    INVALID_MODEL = 40301
    PARAM_OUT_OF_RANGE = 40302
    CONTEXT_OVERFLOW = 40303
    RATE_LIMIT = 42901
    QUOTA_EXCEEDED = 42902
    ENGINE_OVERLOADED = 42903
    INTERNAL_ERROR = 50001
    CUDA_OUT_OF_MEMORY = 50002
    GRADIO_REQUEST_ERROR = 50003
    GRADIO_STREAM_UNKNOWN_ERROR = 50004


def create_error_response(status_code: int, message: str) -> JSONResponse:
    """An error as OPEA writes it. `status_code`: an ApiErrorCode, or a plain HTTP status."""
    code = int(status_code)
    status = code // 100 if code >= 10000 else code
    return JSONResponse(ErrorResponse(message=message, code=code).model_dump(), status_code=status)


def check_requests(request: Union[ChatCompletionRequest, CompletionRequest]) -> Optional[JSONResponse]:
    """The error of a completion request whose parameters are out of their ranges, or None."""
    ranges = (("max_tokens", 1, None), ("n", 1, None), ("temperature", 0, 2), ("top_p", 0, 1))
    for name, least, most in ranges:
        value = getattr(request, name)
        if value is None:
            continue
        if value < least:
            text = f"{value} is less than the minimum of {least} - '{name}'"
        elif most is not None and value > most:
            text = f"{value} is greater than the maximum of {most} - '{name}'"
        else:
            continue
        return create_error_response(ApiErrorCode.PARAM_OUT_OF_RANGE, text)
    if request.top_k is not None and -1 < request.top_k < 1:
        text = f"{request.top_k} is out of Range. Either set top_k to -1 or >=1."
        return create_error_response(ApiErrorCode.PARAM_OUT_OF_RANGE, text)
    if request.stop is not None and not isinstance(request.stop, (str, list)):
        text = f"{request.stop} is not valid under any of the given schemas - 'stop'"
        return create_error_response(ApiErrorCode.PARAM_OUT_OF_RANGE, text)
    return None


# ---- fine-tuning, files ----


class Hyperparameters(BaseModel):
    batch_size: Optional[Union[Literal["auto"], int]] = "auto"
    learning_rate_multiplier: Optional[Union[Literal["auto"], float]] = "auto"
    n_epochs: Optional[Union[Literal["auto"], int]] = "auto"


class FineTuningJobWandbIntegration(BaseModel):
    project: str
    entity: Optional[str] = None
    name: Optional[str] = None
    tags: Optional[List[str]] = None


class FineTuningJobWandbIntegrationObject(BaseModel):
    type: Literal["wandb"]
    wandb: FineTuningJobWandbIntegration


class FineTuningJobsRequest(BaseModel):
    model: str
    training_file: str
    hyperparameters: Optional[Hyperparameters] = None
    suffix: Optional[str] = None
    validation_file: Optional[str] = None
    integrations: Optional[List[FineTuningJobWandbIntegrationObject]] = None
    seed: Optional[str] = None


class Error(BaseModel):
    code: str
    message: str
    param: Optional[str] = None


class FineTuningJob(BaseModel):
    id: str
    created_at: int
    error: Optional[Error] = None
    fine_tuned_model: Optional[str] = None
    finished_at: Optional[int] = None
    hyperparameters: Hyperparameters
    model: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    organization_id: Optional[str] = None
    result_files: List[str] = None
    status: Literal["validating_files", "queued", "running", "succeeded", "failed", "cancelled"]
    trained_tokens: Optional[int] = None
    training_file: str
    validation_file: Optional[str] = None
    integrations: Optional[List[FineTuningJobWandbIntegrationObject]] = None
    seed: Optional[int] = None
    estimated_finish: Optional[int] = None


class FineTuningJobIDRequest(BaseModel):
    fine_tuning_job_id: str


class FineTuningJobListRequest(BaseModel):
    after: Optional[str] = None
    limit: Optional[PositiveInt] = 20


class FineTuningJobList(BaseModel):
    object: str = "list"
    data: List[FineTuningJob]
    has_more: bool


class UploadFileRequest(BaseModel):
    purpose: str
    file: UploadFile


class FileObject(BaseModel):
    id: str
    bytes: int
    created_at: int
    filename: str
    object: str = "file"
    purpose: str


class Metrics(BaseModel):
    full_valid_loss: Optional[float] = None
    full_valid_mean_token_accuracy: Optional[float] = None
    step: Optional[float] = None
    train_loss: Optional[float] = None
    train_mean_token_accuracy: Optional[float] = None
    valid_loss: Optional[float] = None
    valid_mean_token_accuracy: Optional[float] = None


class FineTuningJobCheckpoint(BaseModel):
    id: str
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    metrics: Optional[Metrics] = None
    object: Literal["fine_tuning.job.checkpoint"]
    step_number: Optional[int] = None


# ---- routing, databases ----


class RouteEndpointDoc(BaseModel):
    url: str = Field(..., description="Where the chosen model is.")


class Text2QueryRequest(BaseModel):
    query: Optional[str] = None
    conn_type: Optional[str] = "sql"
    conn_url: Optional[str] = None
    conn_user: Optional[str] = None
    conn_password: Optional[str] = None
    conn_dialect: Optional[str] = "postgresql"
    options: Dict = {}


#: What OpenAI's own services accept of a request.
ALLOWED_CHATCOMPLETION_ARGS = tuple((
    "model messages frequency_penalty max_tokens n presence_penalty response_format seed stop stream stream_options "
    "temperature top_p user"
).split())
ALLOWED_COMPLETION_ARGS = tuple((
    "model prompt echo frequency_penalty max_tokens n presence_penalty seed stop stream suffix temperature top_p user"
).split())
