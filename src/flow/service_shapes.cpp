#include "flow/service_shapes.hpp"

#include <array>
#include <utility>

#include "base/assert.hpp"

namespace opaline::flow {
namespace {

using contract::ServiceKind;

Shape shape(Type type) { return {.type = type, .members = {}, .rest = {}, .element = {}}; }

Shape list_of(Shape element) {
  Shape list = shape(Type::list);
  list.element.push_back(std::move(element));
  return list;
}

Shape object_of(std::initializer_list<std::pair<const std::string, Shape>> members) {
  Shape object = shape(Type::object);
  object.members.insert(members.begin(), members.end());
  return object;
}

constexpr Types kText = {Type::string, Type::null};
constexpr Types kTexts = {Type::string, Type::list, Type::null};
constexpr Types kList = {Type::list, Type::null};
constexpr Types kVector = {Type::list, Type::object, Type::null};
constexpr Types kFlag = {Type::boolean, Type::string, Type::null};
// Numbers are also read out of texts.
constexpr Types kNumber = {Type::number, Type::string, Type::null};

constexpr std::array<RequestField, 5> kEmbedding = {{{"input", kTexts},
                                                     {"inputs", kTexts},
                                                     {"messages", kTexts},
                                                     {"query", kText},
                                                     {"text", kText}}};
constexpr std::array<RequestField, 9> kRetrieval = {{{"embedding", kVector},
                                                     {"fetch_k", kNumber},
                                                     {"input", kTexts},
                                                     {"k", kNumber},
                                                     {"lambda_mult", kNumber},
                                                     {"messages", kTexts},
                                                     {"score_threshold", kNumber},
                                                     {"text", kText},
                                                     {"top_n", kNumber}}};
constexpr std::array<RequestField, 8> kReranking = {{{"documents", kList},
                                                     {"initial_query", kText},
                                                     {"input", kText},
                                                     {"messages", kTexts},
                                                     {"query", kText},
                                                     {"retrieved_docs", kList},
                                                     {"texts", kList},
                                                     {"top_n", kNumber}}};
constexpr std::array<RequestField, 11> kLlm = {{{"documents", kList},
                                                {"initial_query", kText},
                                                {"max_tokens", kNumber},
                                                {"messages", kTexts},
                                                {"prompt", kTexts},
                                                {"query", kText},
                                                {"retrieved_docs", kList},
                                                {"stream", kFlag},
                                                {"temperature", kNumber},
                                                {"text", kText},
                                                {"top_p", kNumber}}};

}  // namespace

Shape reply_shape(ServiceKind kind) {
  const Shape text = shape(Type::string);
  const Shape document = object_of({{"text", text}});
  switch (kind) {
    case ServiceKind::embedding: return shape(Type::unknown);  // TEI's is a list.
    case ServiceKind::retrieval: return object_of({{"retrieved_docs", list_of(document)}});
    case ServiceKind::reranking: return shape(Type::unknown);  // TEI's is a list.
    case ServiceKind::llm:
      return object_of({{"text", text},
                        {"model", text},
                        {"choices", list_of(shape(Type::object))},
                        {"usage", shape(Type::object)}});
    case ServiceKind::dataprep: return shape(Type::object);
    case ServiceKind::custom: return shape(Type::unknown);
  }
  OPALINE_ASSERT(false);
}

std::span<const RequestField> request_fields(ServiceKind kind) {
  switch (kind) {
    case ServiceKind::embedding: return kEmbedding;
    case ServiceKind::retrieval: return kRetrieval;
    case ServiceKind::reranking: return kReranking;
    case ServiceKind::llm: return kLlm;
    case ServiceKind::dataprep:
    case ServiceKind::custom: return {};
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::flow
