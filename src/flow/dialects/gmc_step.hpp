#pragma once

#include <array>
#include <string_view>

namespace opaline::flow {

/// A step's name, of which GMC's webhook knows these and no others, and the port of its service in
/// GMC's manifests.
struct GmcStep {
  std::string_view name;
  unsigned port;
};
inline constexpr std::array<GmcStep, 22> kGmcSteps = {{
    {"TeiEmbedding", 80}, {"TeiEmbeddingGaudi", 80},
    {"Embedding", 6000},  {"VectorDB", 6379},
    {"Retriever", 7000},  {"Reranking", 8000},
    {"TeiReranking", 80}, {"Tgi", 80},
    {"TgiGaudi", 80},     {"TgiNvidia", 80},
    {"Llm", 9000},        {"DocSum", 9000},
    {"Router", 8080},     {"WebRetriever", 7077},
    {"Asr", 9099},        {"Tts", 9088},
    {"SpeechT5", 7055},   {"SpeechT5Gaudi", 7055},
    {"Whisper", 7066},    {"WhisperGaudi", 7066},
    {"DataPrep", 6007},   {"UI", 5174},
}};

}  // namespace opaline::flow
