#include "services/reranking/reranking_service.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "base/channel_wait.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "services/reranking/max_similarity.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using Encoded = base::Result<std::vector<engine::Encoded>>;

// Token vectors are large (a passage of 256 tokens: 400 KB), so only so many passages are held at
// once.
constexpr std::size_t kPassagesAtOnce = 32;
// Late interaction reads a passage's beginning: the whole costs twice the time and ranks no better
// (docs/evaluation.md). A cross-encoder reads all that its window holds.
constexpr std::size_t kInteractionBytes = 450;
constexpr double kRerankerShare = 0.6;

/// Each passage under its titles, at most `bytes` of it.
std::vector<std::string> texts_of(std::span<const contract::Hit> hits,
                                  std::size_t bytes = std::string::npos) {
  std::vector<std::string> texts;
  texts.reserve(hits.size());
  for (const contract::Hit& hit : hits)
    texts.push_back(contract::titled_text(hit.title_path, base::utf8_prefix(hit.text, bytes)));
  return texts;
}

engine::EncodeJob tokens_job(std::vector<std::string> texts) {
  return {.texts = std::move(texts), .output = engine::EncodeJob::Output::tokens};
}

TokenVectors tokens(const engine::Encoded& encoded) {
  return {.values = encoded.values, .rows = encoded.rows};
}

/// A mean of the reranker's score and of what retrieval thought, relative to its best: each sees
/// what the other misses (a rare word; a paraphrase), and together they put the right passage first
/// more often than either (docs/evaluation.md). Hits that come without a fused score keep theirs.
void blend_with_retrieval(std::vector<contract::Hit>& hits) {
  double best = 0;
  for (const contract::Hit& hit : hits) best = std::max(best, hit.scores.fused.value_or(0));
  if (best <= 0) return;
  for (contract::Hit& hit : hits) {
    *hit.scores.rerank = kRerankerShare * *hit.scores.rerank +
                         (1 - kRerankerShare) * hit.scores.fused.value_or(0) / best;
  }
}

/// Best first; equal scores keep the order they came in.
std::vector<contract::Hit> ranked(std::vector<contract::Hit> hits, int top_n) {
  std::vector<std::size_t> order(hits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const double left = *hits[a].scores.rerank;
    const double right = *hits[b].scores.rerank;
    return left != right ? left > right : a < b;
  });
  if (top_n > 0 && order.size() > static_cast<std::size_t>(top_n))
    order.resize(static_cast<std::size_t>(top_n));
  std::vector<contract::Hit> best;
  best.reserve(order.size());
  for (const std::size_t i : order) best.push_back(std::move(hits[i]));
  return best;
}

base::Result<void> check(const contract::RerankingRequest& request) {
  if (request.query.empty())
    return base::fail(ErrorCode::invalid_argument, "a reranking request needs a question");
  if (request.hits.size() <= limits::kRerankTexts) return {};
  return base::fail(ErrorCode::invalid_argument,
                    "a reranking request holds at most " + std::to_string(limits::kRerankTexts) +
                        " passages, got " + std::to_string(request.hits.size()));
}

}  // namespace

base::Task<Encoded> RerankingService::encode(engine::EncodeJob job, base::Context context) {
  const std::size_t count = job.texts.size();
  // Asked on the encoder's threads; the cancellation is shared with it for that.
  job.abandoned = [cancellation = context.cancellation, deadline = context.deadline] {
    return cancellation->requested() || base::Context::Clock::now() >= deadline;
  };
  // Owned by this frame and by the encoder's callback, whichever ends last.
  auto channel =
      std::make_shared<base::Channel<Encoded>>(co_await boost::asio::this_coro::executor, 1);
  encoder_.submit(std::move(job),
                  [channel](Encoded encoded) { channel->push(std::move(encoded)); });
  OPALINE_CO_TRY(Encoded encoded, co_await base::next_within(channel, context));
  if (encoded && encoded->size() != count) {
    co_return base::fail(ErrorCode::internal,
                         "the embedding model returned another number of results than texts");
  }
  co_return encoded;
}

base::Task<base::Result<std::vector<contract::Hit>>> RerankingService::cross_encode(
    contract::RerankingRequest request, base::Context context) {
  engine::EncodeJob job{.texts = texts_of(request.hits),
                        .output = engine::EncodeJob::Output::score,
                        .question = std::move(request.query)};
  OPALINE_CO_TRY(const std::vector<engine::Encoded> scores,
                 co_await encode(std::move(job), std::move(context)));
  for (std::size_t i = 0; i < scores.size(); ++i)
    request.hits[i].scores.rerank = scores[i].values.front();
  co_return std::move(request.hits);
}

base::Task<base::Result<std::vector<contract::Hit>>> RerankingService::interact_late(
    contract::RerankingRequest request, base::Context context) {
  engine::EncodeJob question = tokens_job({});
  question.texts.push_back(std::move(request.query));
  OPALINE_CO_TRY(const std::vector<engine::Encoded> query,
                 co_await encode(std::move(question), context));
  for (std::size_t begin = 0; begin < request.hits.size(); begin += kPassagesAtOnce) {
    const std::span<contract::Hit> slice =
        std::span(request.hits)
            .subspan(begin, std::min(kPassagesAtOnce, request.hits.size() - begin));
    OPALINE_CO_TRY(const std::vector<engine::Encoded> passages,
                   co_await encode(tokens_job(texts_of(slice, kInteractionBytes)), context));
    const auto compare = [&query, &passages, slice, dimension = encoder_.dimension()] {
      for (std::size_t i = 0; i < slice.size(); ++i) {
        slice[i].scores.rerank =
            max_similarity(tokens(query.front()), tokens(passages[i]), dimension);
      }
    };
    co_await pool_.run(compare);
    if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "the caller left");
  }
  co_return std::move(request.hits);
}

base::Task<base::Result<contract::Reply>> RerankingService::call(contract::Request request,
                                                                 base::Context context) {
  auto* reranking = std::get_if<contract::RerankingRequest>(&request);
  if (reranking == nullptr) {
    co_return base::fail(ErrorCode::invalid_argument,
                         "the reranking service takes reranking requests only");
  }
  OPALINE_CO_TRY_DO(check(*reranking));
  contract::RerankingReply reply{.query = reranking->query, .hits = {}};
  if (reranking->hits.empty()) co_return contract::Reply(std::move(reply));
  const int top_n = reranking->top_n;
  Hits scored;
  if (encoder_.ranks()) {
    scored = co_await cross_encode(std::move(*reranking), std::move(context));
  } else {
    scored = co_await interact_late(std::move(*reranking), std::move(context));
  }
  OPALINE_CO_TRY(std::vector<contract::Hit> hits, std::move(scored));
  blend_with_retrieval(hits);
  reply.hits = ranked(std::move(hits), top_n);
  co_return contract::Reply(std::move(reply));
}

}  // namespace opaline::services
