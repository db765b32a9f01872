"""The documents that OPEA's microservices exchange: names, fields and defaults are those of OPEA 1.5.

They are plain pydantic models. Each carries an `id`, random unless one is given.
"""

# Fields whose types do not name the None that they have by default are OPEA's: one may be left out, but not be null.
# mypy: disable-error-code="assignment"

from typing import Annotated, Any, Dict, List, Optional, Tuple, Union
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

Embedding = List[float]
NewTokens = Annotated[int, Field(ge=0, le=1024)]

_CHAT_TEMPLATE = Field(
    default=None,
    description=(
        "Template of the prompt, instead of the model's own: with {context} and {question} for retrieval-augmented "
        "generation, with {question} alone without."
    ),
)


class BaseDoc(BaseModel):
    """A document with an identity."""

    model_config = ConfigDict(protected_namespaces=(), arbitrary_types_allowed=True)

    id: Optional[str] = Field(default_factory=lambda: uuid4().hex, description="Random unless given.")


class TopologyInfo:
    """What a reply may say of the way that follows it."""

    #: Regular expressions: downstream services whose names match get nothing from here.
    downstream_black_list: Optional[list]


# ---- text, images, sound ----


class TextDoc(BaseDoc, TopologyInfo):
    downstream_black_list: Optional[list] = []
    text: Union[str, List[str]] = None


class Audio2text(BaseDoc, TopologyInfo):
    downstream_black_list: Optional[list] = []
    query: str = None


class FactualityDoc(BaseDoc):
    reference: str
    text: str


class ScoreDoc(BaseDoc):
    score: float


class PIIRequestDoc(BaseDoc):
    prompt: str
    replace: Optional[bool] = False
    replace_method: Optional[str] = "random"


class PIIResponseDoc(BaseDoc):
    detected_pii: Optional[List[dict]] = None
    new_prompt: Optional[str] = None


class MetadataTextDoc(TextDoc):
    metadata: Optional[Dict[str, Any]] = Field(default=None, description="Everything known about the text.")


class ImageDoc(BaseDoc):
    url: Optional[str] = Field(default=None, description="Where the image is: a URL or a path.")
    base64_image: Optional[str] = Field(default=None, description="The image itself, in base64.")


class TextImageDoc(BaseDoc):
    image: ImageDoc = None
    text: TextDoc = None


MultimodalDoc = Union[TextDoc, ImageDoc, TextImageDoc]


class Base64ByteStrDoc(BaseDoc):
    byte_str: str


class DocSumDoc(BaseDoc):
    text: Optional[str] = None
    audio: Optional[str] = None
    video: Optional[str] = None


class DocPath(BaseDoc):
    path: str
    chunk_size: int = 1500
    chunk_overlap: int = 100
    process_table: bool = False
    table_strategy: str = "fast"


class Audio2TextDoc(BaseDoc):
    url: Optional[str] = Field(default=None, description="Where the sound is.")
    tensor: Optional[Any] = None
    embedding: Optional[Any] = None
    bytes_: Optional[bytes] = None
    frame_rate: Optional[int] = None
    model_name_or_path: Optional[str] = Field(default="openai/whisper-small", description="A Whisper model.")
    language: Optional[str] = Field(default="auto", description="The language that is spoken.")


# ---- retrieval ----


class EmbedDoc(BaseDoc):
    text: Union[str, List[str]]
    embedding: Union[Embedding, List[Embedding]]
    search_type: str = "similarity"
    k: PositiveInt = 4
    distance_threshold: Optional[float] = None
    fetch_k: PositiveInt = 20
    lambda_mult: NonNegativeFloat = 0.5
    score_threshold: NonNegativeFloat = 0.2
    constraints: Optional[Union[Dict[str, Any], List[Dict[str, Any]]]] = None
    index_name: Optional[str] = None


class EmbedMultimodalDoc(EmbedDoc):
    url: Optional[str] = Field(default=None, description="Where the image is: a URL or a path.")
    base64_image: Optional[str] = Field(default=None, description="The image itself, in base64.")


class SearchedDoc(BaseDoc):
    retrieved_docs: List[TextDoc]
    initial_query: str
    top_n: PositiveInt = 1


class SearchedMultimodalDoc(SearchedDoc):
    metadata: List[Dict[str, Any]]


class LVMSearchedMultimodalDoc(SearchedMultimodalDoc):
    max_new_tokens: NewTokens = 512
    top_k: int = 10
    top_p: float = 0.95
    typical_p: float = 0.95
    temperature: float = 0.01
    stream: bool = False
    repetition_penalty: float = 1.03
    chat_template: Optional[str] = _CHAT_TEMPLATE


class RerankedDoc(BaseDoc):
    reranked_docs: List[TextDoc]
    initial_query: str


class RetrieverParms(BaseDoc):
    """How to search."""

    search_type: str = "similarity"
    k: PositiveInt = 4
    distance_threshold: Optional[float] = None
    fetch_k: PositiveInt = 20
    lambda_mult: NonNegativeFloat = 0.5
    score_threshold: NonNegativeFloat = 0.2


class RerankerParms(BaseDoc):
    """How many passages to keep."""

    top_n: PositiveInt = 1


# ---- guardrails: one class a scanner of LLM Guard ----


class _Scanner(BaseDoc):
    enabled: bool = False


class _ModelScanner(_Scanner):
    use_onnx: bool = False
    model: Optional[str] = None
    threshold: Optional[float] = None


class _MatchingScanner(_ModelScanner):
    match_type: Optional[str] = None


class AnonymizeModel(_Scanner):
    use_onnx: bool = False
    hidden_names: Optional[List[str]] = None
    allowed_names: Optional[List[str]] = None
    entity_types: Optional[List[str]] = None
    preamble: Optional[str] = None
    regex_patterns: Optional[List[str]] = None
    use_faker: Optional[bool] = None
    recognizer_conf: Optional[str] = None
    threshold: Optional[float] = None
    language: Optional[str] = None


class BanCodeModel(_ModelScanner):
    pass


class BanCompetitorsModel(_ModelScanner):
    competitors: List[str] = ["Competitor1", "Competitor2", "Competitor3"]
    redact: Optional[bool] = None


class BanSubstringsModel(_Scanner):
    substrings: List[str] = ["backdoor", "malware", "virus"]
    match_type: Optional[str] = None
    case_sensitive: bool = False
    redact: Optional[bool] = None
    contains_all: Optional[bool] = None


class BanTopicsModel(_ModelScanner):
    topics: List[str] = ["violence", "attack", "war"]


class CodeModel(_ModelScanner):
    languages: List[str] = ["Java", "Python"]
    is_blocked: Optional[bool] = None


class GibberishModel(_MatchingScanner):
    pass


class InvisibleText(_Scanner):
    pass


class LanguageModel(_MatchingScanner):
    valid_languages: List[str] = ["en", "es"]


class PromptInjectionModel(_MatchingScanner):
    pass


class RegexModel(_Scanner):
    patterns: List[str] = ["Bearer [A-Za-z0-9-._~+/]+"]
    is_blocked: Optional[bool] = None
    match_type: Optional[str] = None
    redact: Optional[bool] = None


class SecretsModel(_Scanner):
    redact_mode: Optional[str] = None


class SentimentModel(_Scanner):
    threshold: Optional[float] = None
    lexicon: Optional[str] = None


class TokenLimitModel(_Scanner):
    limit: Optional[int] = None
    encoding_name: Optional[str] = None
    model_name: Optional[str] = None


class ToxicityModel(_MatchingScanner):
    pass


class BiasModel(_MatchingScanner):
    pass


class DeanonymizeModel(_Scanner):
    matching_strategy: Optional[str] = None


class JSONModel(_Scanner):
    required_elements: Optional[int] = None
    repair: Optional[bool] = None


class LanguageSameModel(_ModelScanner):
    pass


class MaliciousURLsModel(_ModelScanner):
    pass


class NoRefusalModel(_MatchingScanner):
    pass


class NoRefusalLightModel(_Scanner):
    pass


class ReadingTimeModel(_Scanner):
    max_time: float = 0.5
    truncate: Optional[bool] = None


class FactualConsistencyModel(_Scanner):
    use_onnx: bool = False
    model: Optional[str] = None
    minimum_score: Optional[float] = None


class RelevanceModel(_ModelScanner):
    pass


class SensitiveModel(_Scanner):
    use_onnx: bool = False
    entity_types: Optional[List[str]] = None
    regex_patterns: Optional[List[str]] = None
    redact: Optional[bool] = None
    recognizer_conf: Optional[str] = None
    threshold: Optional[float] = None


class URLReachabilityModel(_Scanner):
    success_status_codes: Optional[List[int]] = None
    timeout: Optional[int] = None


class LLMGuardInputGuardrailParams(BaseDoc):
    """What to look for in a prompt."""

    anonymize: AnonymizeModel = AnonymizeModel()
    ban_code: BanCodeModel = BanCodeModel()
    ban_competitors: BanCompetitorsModel = BanCompetitorsModel()
    ban_substrings: BanSubstringsModel = BanSubstringsModel()
    ban_topics: BanTopicsModel = BanTopicsModel()
    code: CodeModel = CodeModel()
    gibberish: GibberishModel = GibberishModel()
    invisible_text: InvisibleText = InvisibleText()
    language: LanguageModel = LanguageModel()
    prompt_injection: PromptInjectionModel = PromptInjectionModel()
    regex: RegexModel = RegexModel()
    secrets: SecretsModel = SecretsModel()
    sentiment: SentimentModel = SentimentModel()
    token_limit: TokenLimitModel = TokenLimitModel()
    toxicity: ToxicityModel = ToxicityModel()


class LLMGuardOutputGuardrailParams(BaseDoc):
    """What to look for in an answer."""

    ban_code: BanCodeModel = BanCodeModel()
    ban_competitors: BanCompetitorsModel = BanCompetitorsModel()
    ban_substrings: BanSubstringsModel = BanSubstringsModel()
    ban_topics: BanTopicsModel = BanTopicsModel()
    bias: BiasModel = BiasModel()
    code: CodeModel = CodeModel()
    deanonymize: DeanonymizeModel = DeanonymizeModel()
    json_scanner: JSONModel = JSONModel()
    language: LanguageModel = LanguageModel()
    language_same: LanguageSameModel = LanguageSameModel()
    malicious_urls: MaliciousURLsModel = MaliciousURLsModel()
    no_refusal: NoRefusalModel = NoRefusalModel()
    no_refusal_light: NoRefusalLightModel = NoRefusalLightModel()
    reading_time: ReadingTimeModel = ReadingTimeModel()
    factual_consistency: FactualConsistencyModel = FactualConsistencyModel()
    gibberish: GibberishModel = GibberishModel()
    regex: RegexModel = RegexModel()
    relevance: RelevanceModel = RelevanceModel()
    sensitive: SensitiveModel = SensitiveModel()
    sentiment: SentimentModel = SentimentModel()
    toxicity: ToxicityModel = ToxicityModel()
    url_reachability: URLReachabilityModel = URLReachabilityModel()
    #: What `anonymize` hid, for `deanonymize`.
    anonymize_vault: Optional[List[Tuple]] = None


# ---- language models ----


class _Sampling(BaseDoc):
    max_tokens: int = 1024
    max_new_tokens: PositiveInt = 1024
    top_k: PositiveInt = 10
    top_p: NonNegativeFloat = 0.95
    typical_p: NonNegativeFloat = 0.95
    temperature: NonNegativeFloat = 0.01
    frequency_penalty: NonNegativeFloat = 0.0
    presence_penalty: NonNegativeFloat = 0.0
    repetition_penalty: NonNegativeFloat = 1.03
    stream: bool = True
    language: str = "auto"
    chat_template: Optional[str] = _CHAT_TEMPLATE


class LLMParams(_Sampling):
    """What a megaservice lays over the inputs of its language models."""

    model: Optional[str] = None
    index_name: Optional[str] = None


class LLMParamsDoc(_Sampling):
    """A question to a language model, with the passages to answer it from."""

    model: Optional[str] = None
    query: str
    input_guardrail_params: Optional[LLMGuardInputGuardrailParams] = None
    output_guardrail_params: Optional[LLMGuardOutputGuardrailParams] = None
    documents: Optional[Union[List[Dict[str, str]], List[str]]] = Field(
        default=[], description="Passages for the model: best each with `title` and `text`."
    )


class GeneratedDoc(BaseDoc):
    text: str
    prompt: str
    output_guardrail_params: Optional[LLMGuardOutputGuardrailParams] = None


class LVMDoc(BaseDoc):
    image: Union[str, List[str]]
    prompt: str
    max_new_tokens: NewTokens = 512
    top_k: int = 10
    top_p: float = 0.95
    typical_p: float = 0.95
    temperature: float = 0.01
    repetition_penalty: float = 1.03
    stream: bool = False


class LVMVideoDoc(BaseDoc):
    video_url: str
    chunk_start: float
    chunk_duration: float
    prompt: str
    max_new_tokens: NewTokens = 512


class RAGASParams(BaseDoc):
    questions: List[TextDoc]
    answers: List[TextDoc]
    docs: List[TextDoc]
    ground_truths: List[TextDoc]


class RAGASScores(BaseDoc):
    answer_relevancy: float
    faithfulness: float
    context_recallL: float
    context_precision: float


class GraphDoc(BaseDoc):
    text: str
    strtype: Optional[str] = Field(default="query", description="'query', 'cypher' or 'rag'.")
    max_new_tokens: Optional[int] = 1024
    rag_index_name: Optional[str] = "rag"
    rag_node_label: Optional[str] = "Task"
    rag_text_node_properties: Optional[list] = ["name", "description", "status"]
    rag_embedding_node_property: Optional[str] = "embedding"


# ---- pictures ----


class SDInputs(BaseDoc):
    prompt: str
    num_inference_steps: int = 50
    guidance_scale: float = 7.5
    num_images_per_prompt: int = 1
    seed: int = 42
    negative_prompt: Optional[Union[str, List[str]]] = None
    height: Optional[int] = None
    width: Optional[int] = None
    lora_weight_name_or_path: Optional[str] = None


class SDImg2ImgInputs(BaseDoc):
    image: str
    prompt: Union[str, List[str]] = None
    height: Optional[int] = None
    width: Optional[int] = None
    strength: float = 0.8
    num_inference_steps: Optional[int] = 50
    guidance_scale: Optional[float] = 7.5
    negative_prompt: Optional[Union[str, List[str]]] = None
    num_images_per_prompt: int = 1
    seed: int = 42
    lora_weight_name_or_path: Optional[str] = None


class SDOutputs(BaseDoc):
    images: list


class ImagePath(BaseDoc):
    image_path: str


class ImagesPath(BaseDoc):
    images_path: List[ImagePath]


class VideoPath(BaseDoc):
    video_path: str


# ---- prompts, translation ----


class PrevQuestionDetails(BaseDoc):
    question: str
    answer: str


class PromptTemplateInput(BaseDoc):
    data: Dict[str, Any]
    conversation_history: Optional[List[PrevQuestionDetails]] = None
    conversation_history_parse_type: str = "naive"
    system_prompt_template: Optional[str] = None
    user_prompt_template: Optional[str] = None


class TranslationInput(BaseDoc):
    text: str
    target_language: str
