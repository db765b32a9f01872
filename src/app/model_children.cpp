#include "app/model_children.hpp"

namespace opaline::app {
namespace {

using contract::ServiceKind;

base::Result<std::unique_ptr<services::ChildProcess>> start(const ModelChildren::Settings& settings,
                                                            std::string service, std::string name,
                                                            const std::filesystem::path& model) {
  services::ChildSettings child;
  child.name = std::move(name);
  child.socket = (settings.sockets / (service + ".sock")).string();
  child.argv = {"/proc/self/exe", "serve",        service,       "--socket",        child.socket,
                "--model",        model.string(), "--log-level", settings.log_level};
  return services::ChildProcess::start(std::move(child));
}

}  // namespace

base::Result<std::unique_ptr<ModelChildren>> ModelChildren::create(const Settings& settings,
                                                                   http::Client& client) {
  std::unique_ptr<ModelChildren> made(new ModelChildren);
  if (!settings.embedding_model.empty()) {
    OPALINE_TRY(made->encoder_,
                start(settings, "embedding", "embedding model", settings.embedding_model));
    OPALINE_TRY(made->embedding_,
                services::ChildService::create(
                    {.kind = ServiceKind::embedding, .path = "/v1/embeddings", .model = ""},
                    *made->encoder_, client));
  }
  if (!settings.reranking_model.empty()) {
    OPALINE_TRY(made->ranker_,
                start(settings, "reranking", "reranking model", settings.reranking_model));
  }
  if (services::ChildProcess* ranker = made->ranker_ ? made->ranker_.get() : made->encoder_.get()) {
    OPALINE_TRY(
        made->reranking_,
        services::ChildService::create(
            {.kind = ServiceKind::reranking, .path = "/rerank", .model = ""}, *ranker, client));
  }
  if (!settings.llm_model.empty()) {
    OPALINE_TRY(made->generator_, start(settings, "llm", "language model", settings.llm_model));
    OPALINE_TRY(made->llm_,
                services::ChildService::create(
                    {.kind = ServiceKind::llm, .path = "/v1/chat/completions", .model = ""},
                    *made->generator_, client));
  }
  return made;
}

void ModelChildren::stop() {
  if (generator_) generator_->stop();
  if (ranker_) ranker_->stop();
  if (encoder_) encoder_->stop();
}

}  // namespace opaline::app
