"""OPEA's Python API on Opaline's C++ core.

    from comps import MicroService, ServiceOrchestrator

A `MicroService` is a service of one's own (a FastAPI application) or the address of another one; a
`ServiceOrchestrator` is a graph of them. What a request needs on its way through the graph - scheduling, HTTP, event
streams - runs in C++ beside the interpreter; `align_inputs`, `align_outputs` and `align_generator` are called where they
are given.
"""

from comps.cores.common.component import OpeaComponent, OpeaComponentLoader, OpeaComponentRegistry
from comps.cores.mega.base_statistics import register_statistics, statistics_dict
from comps.cores.mega.constants import MegaServiceEndpoint, ServiceRoleType, ServiceType
from comps.cores.mega.logger import CustomLogger
from comps.cores.mega.micro_service import MicroService, opea_microservices, register_microservice
from comps.cores.mega.orchestrator import ServiceOrchestrator
from comps.cores.mega.orchestrator_with_yaml import ServiceOrchestratorWithYaml
from comps.cores.proto.docarray import (
    Audio2text,
    Audio2TextDoc,
    Base64ByteStrDoc,
    DocPath,
    DocSumDoc,
    EmbedDoc,
    EmbedMultimodalDoc,
    FactualityDoc,
    GeneratedDoc,
    GraphDoc,
    ImageDoc,
    ImagePath,
    ImagesPath,
    LLMParamsDoc,
    LVMDoc,
    LVMSearchedMultimodalDoc,
    LVMVideoDoc,
    MetadataTextDoc,
    MultimodalDoc,
    PIIRequestDoc,
    PIIResponseDoc,
    PromptTemplateInput,
    RAGASParams,
    RAGASScores,
    RerankedDoc,
    ScoreDoc,
    SDImg2ImgInputs,
    SDInputs,
    SDOutputs,
    SearchedDoc,
    SearchedMultimodalDoc,
    TextDoc,
    TextImageDoc,
    TranslationInput,
    VideoPath,
)
from comps.cores.telemetry.opea_telemetry import opea_telemetry
from comps.version import __version__ as __version__

# Written out, as type checkers do not run it.
__all__ = [
    "Audio2TextDoc",
    "Audio2text",
    "Base64ByteStrDoc",
    "CustomLogger",
    "DocPath",
    "DocSumDoc",
    "EmbedDoc",
    "EmbedMultimodalDoc",
    "FactualityDoc",
    "GeneratedDoc",
    "GraphDoc",
    "ImageDoc",
    "ImagePath",
    "ImagesPath",
    "LLMParamsDoc",
    "LVMDoc",
    "LVMSearchedMultimodalDoc",
    "LVMVideoDoc",
    "MegaServiceEndpoint",
    "MetadataTextDoc",
    "MicroService",
    "MultimodalDoc",
    "OpeaComponent",
    "OpeaComponentLoader",
    "OpeaComponentRegistry",
    "PIIRequestDoc",
    "PIIResponseDoc",
    "PromptTemplateInput",
    "RAGASParams",
    "RAGASScores",
    "RerankedDoc",
    "SDImg2ImgInputs",
    "SDInputs",
    "SDOutputs",
    "ScoreDoc",
    "SearchedDoc",
    "SearchedMultimodalDoc",
    "ServiceOrchestrator",
    "ServiceOrchestratorWithYaml",
    "ServiceRoleType",
    "ServiceType",
    "TextDoc",
    "TextImageDoc",
    "TranslationInput",
    "VideoPath",
    "opea_microservices",
    "opea_telemetry",
    "register_microservice",
    "register_statistics",
    "statistics_dict",
]
