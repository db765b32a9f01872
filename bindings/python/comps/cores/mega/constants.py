"""Names that services go by."""

from enum import Enum


class ServiceRoleType(Enum):
    """A step, or what puts steps together."""

    MICROSERVICE = 0
    MEGASERVICE = 1


#: What a service does. LLM and LVM get the request's parameters, and stream.
ServiceType = Enum(
    "ServiceType",
    "GATEWAY EMBEDDING RETRIEVER RERANK LLM ASR TTS GUARDRAIL VECTORSTORE DATAPREP UNDEFINED RAGAS LVM KNOWLEDGE_GRAPH "
    "WEB_RETRIEVER IMAGE2VIDEO TEXT2IMAGE ANIMATION IMAGE2IMAGE TEXT2SQL TEXT2GRAPH TEXT2CYPHER TEXT2KG STRUCT2GRAPH "
    "LANGUAGE_DETECTION PROMPT_TEMPLATE PROMPT_REGISTRY TEXT2QUERY ARB_POST_HEARING_ASSISTANT",
    start=0,
    module=__name__,
)


class _Endpoint(Enum):
    def __str__(self) -> str:
        return self.value


class MegaServiceEndpoint(_Endpoint):
    """The paths that megaservices are asked at; str() gives the path."""

    CHAT_QNA = "/v1/chatqna"
    AUDIO_QNA = "/v1/audioqna"
    VISUAL_QNA = "/v1/visualqna"
    VIDEO_RAG_QNA = "/v1/videoqna"
    CODE_GEN = "/v1/codegen"
    CODE_TRANS = "/v1/codetrans"
    DOC_SUMMARY = "/v1/docsum"
    SEARCH_QNA = "/v1/searchqna"
    MULTIMODAL_QNA = "/v1/multimodalqna"
    TRANSLATION = "/v1/translation"
    RETRIEVALTOOL = "/v1/retrievaltool"
    FAQ_GEN = "/v1/faqgen"
    GRAPH_RAG = "/v1/graphrag"
    HYBRID_RAG = "/v1/hybridrag"
    # As OpenAI has them.
    EMBEDDINGS = "/v1/embeddings"
    TTS = "/v1/audio/speech"
    ASR = "/v1/audio/transcriptions"
    CHAT = "/v1/chat/completions"
    RETRIEVAL = "/v1/retrieval"
    RERANKING = "/v1/reranking"
    GUARDRAILS = "/v1/guardrails"
    RAGAS = "/v1/ragas"
    GRAPHS = "/v1/graphs"
    AVATAR_CHATBOT = "/v1/avatarchatbot"
    # Of all.
    LIST_SERVICE = "/v1/list_service"
    LIST_PARAMETERS = "/v1/list_parameters"


class MicroServiceEndpoint(_Endpoint):
    """The paths that microservices were once meant to be asked at."""

    EMBEDDINGS = "/v1/microservice/embeddings"
    TTS = "/v1/microservice/tts"
    ASR = "/v1/microservice/asr"
    CHAT = "/v1/microservice/chat"
    RETRIEVAL = "/v1/microservice/retrieval"
    RERANKING = "/v1/microservice/reranking"
    GUARDRAILS = "/v1/microservice/guardrails"
    RAGAS = "/v1/microservice/ragas"


class MCPFuncType(Enum):
    """What a function is to a client of the Model Context Protocol."""

    TOOL = 1
    RESOURCE = 2
    PROMPT = 3
