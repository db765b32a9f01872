#include "app/model_choice.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "app/served_flow.hpp"
#include "base/assert.hpp"

namespace opaline::app {
namespace {

using base::ErrorCode;
using contract::ServiceKind;

constexpr std::array kModelKinds = {ServiceKind::embedding, ServiceKind::reranking,
                                    ServiceKind::llm};

/// Whether a service asks a model of ours of its kind.
bool asks(const flow::ServiceSpec& service, ServiceKind kind, AnswerMode answer) {
  const bool quotes = kind == ServiceKind::llm && mode_of(service, answer) == AnswerMode::extract;
  return service.kind == kind && service.url.empty() && !quotes;
}

std::string wanted_by(const flow::ServiceSpec& service, const ModelChoice& usual) {
  const std::string named = option(service, "model");
  return named.empty() ? usual.of(service.kind).value_or("") : named;
}

std::string shown(const std::string& model) {
  return model.empty() ? "the embedding model" : "the model '" + model + "'";
}

}  // namespace

const std::optional<std::string>& ModelChoice::of(ServiceKind kind) const {
  switch (kind) {
    case ServiceKind::embedding: return embedding;
    case ServiceKind::reranking: return reranking;
    case ServiceKind::llm: return llm;
    case ServiceKind::retrieval:
    case ServiceKind::dataprep:
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(false);
}

void ModelChoice::set(ServiceKind kind, std::string model) {
  if (kind == ServiceKind::embedding)
    embedding = std::move(model);
  else if (kind == ServiceKind::reranking)
    reranking = std::move(model);
  else
    llm = std::move(model);
}

base::Result<ModelChoice> choose_models(const flow::FlowSpec& flow, const ModelChoice& usual,
                                        AnswerMode answer) {
  ModelChoice choice;
  for (const ServiceKind kind : kModelKinds) {
    const flow::ServiceSpec* first = nullptr;
    for (const flow::ServiceSpec& service : flow.services) {
      if (!asks(service, kind, answer)) continue;
      const std::string wanted = wanted_by(service, usual);
      if (first == nullptr) {
        first = &service;
        choice.set(kind, wanted);
      } else if (wanted != choice.of(kind)) {
        return base::fail(
            ErrorCode::failed_precondition,
            fmt::format("'{}' wants {}, '{}' wants {}: a server runs one model of the kind {}; "
                        "give one of them the 'url' of a server of its own",
                        first->name, shown(*choice.of(kind)), service.name, shown(wanted),
                        contract::name(kind)));
      }
    }
  }
  return choice;
}

base::Result<void> check_models(const flow::FlowSpec& flow, const ModelChoice& usual,
                                const ModelChoice& running, AnswerMode answer) {
  OPALINE_TRY_DO(choose_models(flow, usual, answer));
  for (const ServiceKind kind : kModelKinds) {
    for (const flow::ServiceSpec& service : flow.services) {
      if (!asks(service, kind, answer)) continue;
      const std::string wanted = wanted_by(service, usual);
      const std::optional<std::string>& has = running.of(kind);
      // Without one, only who names one is missing something: an llm may quote instead.
      if (has ? *has == wanted : option(service, "model").empty()) continue;
      return base::fail(
          ErrorCode::failed_precondition,
          fmt::format("'{}' wants {}, this server runs {}; a model changes only when the server "
                      "is started anew",
                      service.name, shown(wanted), has ? shown(*has) : "none of its kind"));
    }
  }
  return {};
}

}  // namespace opaline::app
