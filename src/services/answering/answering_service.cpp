#include "services/answering/answering_service.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "services/answering/answer_stream.hpp"
#include "services/answering/extract.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using base::Result;
using contract::ChatReply;
using contract::ChatRequest;
using contract::Reply;

// More sentences than this in all passages together are not compared; the passages come best first.
constexpr std::size_t kSentences = 256;

bool ended(const base::Error& error) {
  return error.code == ErrorCode::cancelled || error.code == ErrorCode::deadline_exceeded;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() ? std::inner_product(a.begin(), a.end(), b.begin(), 0.0) : 0;
}

/// A finished answer as the caller asked for it.
Reply as_asked(bool stream, std::vector<std::string> pieces, ChatReply reply) {
  if (!stream) return reply;
  return std::make_unique<ReadyStream>(std::move(pieces), std::move(reply));
}

}  // namespace

Result<std::unique_ptr<AnsweringService>> AnsweringService::create(AnsweringSettings settings,
                                                                   contract::Service& embedding,
                                                                   contract::Service* llm) {
  if (settings.mode == AnsweringSettings::Mode::generate && llm == nullptr) {
    return base::fail(ErrorCode::failed_precondition,
                      "answer.mode generate needs a language model; extract does not");
  }
  if (settings.sources == 0 || settings.prompt_sources == 0 || settings.sentences == 0) {
    return base::fail(ErrorCode::invalid_argument,
                      "an answer needs at least one source and one sentence");
  }
  if (settings.strength_min < 0 || settings.strength_min > 1) {
    return base::fail(ErrorCode::invalid_argument,
                      "the least strength of an answer must be between 0 and 1");
  }
  return std::unique_ptr<AnsweringService>(
      new AnsweringService(std::move(settings), embedding, llm));
}

AnsweringService::AnsweringService(AnsweringSettings settings, contract::Service& embedding,
                                   contract::Service* llm)
    : settings_(std::move(settings)), embedding_(embedding), llm_(llm) {}

contract::Health AnsweringService::health() const {
  return settings_.mode == AnsweringSettings::Mode::generate ? llm_->health() : embedding_.health();
}

base::Task<Result<Reply>> AnsweringService::call(contract::Request request, base::Context context) {
  auto* chat = std::get_if<ChatRequest>(&request);
  if (chat == nullptr) {
    co_return base::fail(ErrorCode::invalid_argument,
                         "the answering service takes chat requests only");
  }
  if (chat->grounding) co_return co_await answer(std::move(*chat), std::move(context));
  if (llm_ == nullptr) {
    co_return base::fail(
        ErrorCode::failed_precondition,
        "there is no language model here: only questions about documents can be answered");
  }
  co_return co_await llm_->call(std::move(request), std::move(context));
}

base::Task<Result<Reply>> AnsweringService::answer(ChatRequest request, base::Context context) {
  ChatReply reply;
  std::vector<contract::Hit> sources = std::move(request.grounding->sources);
  std::erase_if(sources, [](const contract::Hit& hit) { return hit.text.empty(); });
  sources.resize(std::min(sources.size(), settings_.sources));
  reply.sources = std::move(sources);
  reply.model = "extract";

  EvidenceBoard board(request.grounding->question, reply.sources);
  std::vector<Evidence>& evidence = board.evidence();
  if (!evidence.empty()) {
    std::vector<std::string> texts{request.grounding->question};
    for (const Evidence& one : std::span(evidence).first(std::min(evidence.size(), kSentences)))
      texts.push_back(one.context);
    auto compared = co_await cosines(std::move(texts), context);
    if (!compared && ended(compared.error())) co_return base::fail(std::move(compared).error());
    if (!compared) reply.warnings.push_back("judged by words alone: " + compared.error().message);
    // Without vectors the words must speak for themselves.
    for (std::size_t i = 0; i < evidence.size(); ++i) {
      evidence[i].cosine = !compared              ? evidence[i].coverage
                           : i < compared->size() ? (*compared)[i]
                                                  : 0;
    }
  }
  board.score();

  if (evidence.empty() || board.strength() < settings_.strength_min) {
    reply.declined = true;
    reply.text = settings_.declined_text;
    std::vector<std::string> pieces{reply.text};
    co_return as_asked(request.stream, std::move(pieces), std::move(reply));
  }
  if (settings_.mode == AnsweringSettings::Mode::generate) {
    co_return co_await generate(std::move(request), std::move(reply), std::move(context));
  }
  std::vector<std::string> pieces = extract_answer(board, settings_.sentences, reply);
  co_return as_asked(request.stream, std::move(pieces), std::move(reply));
}

base::Task<Result<Reply>> AnsweringService::generate(ChatRequest request, ChatReply reply,
                                                     base::Context context) {
  const bool stream = request.stream;
  reply.sources.resize(std::min(reply.sources.size(), settings_.prompt_sources));
  const PromptSettings prompt{.style = settings_.prompt, .declined_text = settings_.declined_text};
  contract::Request asked = make_prompt(std::move(request), reply.sources, prompt);
  if (stream) {
    OPALINE_CO_TRY(auto model, co_await contract::call<std::unique_ptr<contract::ChatStream>>(
                                   *llm_, std::move(asked), context));
    co_return std::make_unique<CitedStream>(std::move(model), std::move(reply),
                                            settings_.declined_text);
  }
  OPALINE_CO_TRY(ChatReply model,
                 co_await contract::call<ChatReply>(*llm_, std::move(asked), context));
  CitedText cited(reply.sources, settings_.declined_text);
  cited.feed(model.text);
  cited.finish();
  complete(reply, std::move(model), cited);
  reply.text = cited.text();
  co_return reply;
}

base::Task<Result<std::vector<double>>> AnsweringService::cosines(std::vector<std::string> texts,
                                                                  base::Context context) {
  const std::size_t count = texts.size();
  contract::EmbeddingRequest request{.texts = std::move(texts), .model = {}};
  OPALINE_CO_TRY(auto reply, co_await contract::call<contract::EmbeddingReply>(
                                 embedding_, std::move(request), std::move(context)));
  if (reply.vectors.size() != count) {
    co_return base::fail(ErrorCode::internal,
                         "the embedding service returned another number of vectors than texts");
  }
  std::vector<double> found;
  found.reserve(count - 1);
  for (std::size_t i = 1; i < count; ++i)
    found.push_back(cosine(reply.vectors.front(), reply.vectors[i]));
  co_return found;
}

}  // namespace opaline::services
