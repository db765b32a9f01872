#include "flow/alignment.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"

namespace opaline::flow {
namespace {

using contract::Hit;
using contract::ServiceKind;

void add_warnings(std::vector<std::string>& to, std::vector<std::string> from) {
  for (std::string& warning : from) {
    if (std::ranges::find(to, warning) == to.end()) to.push_back(std::move(warning));
  }
}

/// The warnings of `before` first: that is the order of the steps.
void precede(std::vector<std::string>& warnings, const std::vector<std::string>& before) {
  if (before.empty()) return;
  std::vector<std::string> own = std::exchange(warnings, before);
  add_warnings(warnings, std::move(own));
}

void keep_best(contract::StageScores& scores, const contract::StageScores& other) {
  const auto best = [](std::optional<double>& mine, const std::optional<double>& theirs) {
    mine = std::max(mine, theirs);  // An absent score is less than any.
  };
  best(scores.dense, other.dense);
  best(scores.bm25, other.bm25);
  best(scores.fused, other.fused);
  best(scores.rerank, other.rerank);
}

/// The first of each list, then the second of each, and so on: scores of two searches cannot be
/// compared, ranks can.
void merge_hits(std::vector<std::vector<Hit>> lists, Findings& into) {
  std::size_t total = 0;
  std::size_t longest = 0;
  for (const auto& list : lists) {
    total += list.size();
    longest = std::max(longest, list.size());
  }
  std::vector<Hit>& merged = into.hits.emplace();
  merged.reserve(total);  // The keys below point into it.
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t rank = 0; rank < longest; ++rank) {
    for (auto& list : lists) {
      if (rank >= list.size()) continue;
      Hit& hit = list[rank];
      if (const auto seen = places.find(hit.id); seen != places.end()) {
        keep_best(merged[seen->second].scores, hit.scores);
        continue;
      }
      merged.push_back(std::move(hit));
      // Another platform's retriever may give none; those are not one and the same passage.
      if (!merged.back().id.empty()) places.emplace(merged.back().id, merged.size() - 1);
    }
  }
  if (merged.size() > limits::kRerankTexts) {
    add_warnings(into.warnings,
                 {"several retrievals found " + std::to_string(merged.size()) +
                  " passages; the first " + std::to_string(limits::kRerankTexts) + " were kept"});
    merged.resize(limits::kRerankTexts);
  }
}

void add_usage(contract::Usage& to, const contract::Usage& more) {
  to.prompt_tokens += more.prompt_tokens;
  to.completion_tokens += more.completion_tokens;
  to.cached_tokens += more.cached_tokens;
}

void append_reply(std::optional<contract::ChatReply>& to, contract::ChatReply more) {
  if (!to) {
    to = std::move(more);
    return;
  }
  to->text += "\n\n" + more.text;
  add_usage(to->usage, more.usage);
  std::ranges::move(more.sources, std::back_inserter(to->sources));
  to->declined = to->declined && more.declined;
  to->citations
      .clear();  // Their places in the text are gone, and nothing reads them between two steps.
}

void replace_question(contract::ChatRequest& chat, std::string question) {
  if (chat.prompt) {
    chat.prompt = std::move(question);
    return;
  }
  for (contract::ChatMessage& message : chat.messages | std::views::reverse) {
    if (message.role != "user") continue;
    message.content = std::move(question);
    return;
  }
  chat.messages.push_back({.role = "user", .content = std::move(question)});
}

contract::ChatRequest chat_request(const contract::ChatRequest& chat, Findings& findings) {
  contract::ChatRequest request = chat;
  if (findings.reply) replace_question(request, findings.reply->text);
  if (findings.hits) {
    request.grounding = contract::Grounding{.question = request.question(),
                                            .sources = *std::exchange(findings.hits, std::nullopt)};
  }
  return request;
}

}  // namespace

Findings merge(std::vector<Findings> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Findings merged;
  std::vector<std::vector<Hit>> lists;
  for (Findings& part : parts) {
    if (!merged.embedding) merged.embedding = std::move(part.embedding);
    if (part.hits) lists.push_back(*std::move(part.hits));
    if (part.reply) append_reply(merged.reply, *std::move(part.reply));
    add_warnings(merged.warnings, std::move(part.warnings));
  }
  if (lists.size() == 1) {
    merged.hits = std::move(lists.front());
  } else if (!lists.empty()) {
    merge_hits(std::move(lists), merged);
  }
  return merged;
}

contract::Request request_for(ServiceKind kind, const contract::ChatRequest& chat,
                              Findings& findings) {
  switch (kind) {
    case ServiceKind::embedding: {
      contract::EmbeddingRequest request;
      request.texts.push_back(chat.question());
      return request;
    }
    case ServiceKind::retrieval: {
      contract::RetrievalRequest request;
      request.text = chat.question();
      if (findings.embedding) request.embedding = *std::exchange(findings.embedding, std::nullopt);
      request.search = chat.search;
      request.top_n = chat.top_n;
      return request;
    }
    case ServiceKind::reranking: {
      contract::RerankingRequest request;
      request.query = chat.question();
      if (findings.hits) request.hits = *std::exchange(findings.hits, std::nullopt);
      request.top_n = chat.top_n;
      return request;
    }
    case ServiceKind::llm: return chat_request(chat, findings);
    case ServiceKind::dataprep:
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(!"no step of a typed flow");
}

bool idle(ServiceKind kind, const Findings& findings) {
  return kind == ServiceKind::reranking && (!findings.hits || findings.hits->empty());
}

bool fits(const contract::Reply& reply, ServiceKind kind, Delivery delivery) {
  switch (kind) {
    case ServiceKind::embedding: {
      const auto* embedding = std::get_if<contract::EmbeddingReply>(&reply);
      return embedding && embedding->vectors.size() == 1;
    }
    case ServiceKind::retrieval: return std::holds_alternative<contract::RetrievalReply>(reply);
    case ServiceKind::reranking: return std::holds_alternative<contract::RerankingReply>(reply);
    case ServiceKind::llm: {
      if (delivery == Delivery::whole) return std::holds_alternative<contract::ChatReply>(reply);
      const auto* stream = std::get_if<std::unique_ptr<contract::ChatStream>>(&reply);
      return stream && *stream;
    }
    case ServiceKind::dataprep:
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(!"no step of a typed flow");
}

void complete(contract::Reply& reply, const Findings& before) {
  if (auto* chat = std::get_if<contract::ChatReply>(&reply)) complete(*chat, before);
  if (auto* embedding = std::get_if<contract::EmbeddingReply>(&reply)) {
    precede(embedding->warnings, before.warnings);
  }
  if (auto* retrieval = std::get_if<contract::RetrievalReply>(&reply)) {
    precede(retrieval->warnings, before.warnings);
  }
}

void complete(contract::ChatReply& reply, const Findings& before) {
  precede(reply.warnings, before.warnings);
  if (!before.reply) return;
  add_usage(reply.usage, before.reply->usage);
  if (reply.sources.empty()) reply.sources = before.reply->sources;
}

void absorb(contract::Reply reply, Findings& findings) {
  complete(reply, findings);
  if (auto* embedding = std::get_if<contract::EmbeddingReply>(&reply)) {
    findings.embedding = std::move(embedding->vectors.front());
    findings.warnings = std::move(embedding->warnings);
  } else if (auto* retrieval = std::get_if<contract::RetrievalReply>(&reply)) {
    findings.hits = std::move(retrieval->hits);
    findings.warnings = std::move(retrieval->warnings);
  } else if (auto* reranking = std::get_if<contract::RerankingReply>(&reply)) {
    findings.hits = std::move(reranking->hits);
  } else if (auto* chat = std::get_if<contract::ChatReply>(&reply)) {
    findings.warnings = std::move(chat->warnings);
    findings.reply = std::move(*chat);
    findings.reply->warnings.clear();
  } else {
    OPALINE_ASSERT(!"a reply that does not fit was absorbed");
  }
}

contract::Reply nothing_found(const contract::ChatRequest& chat) {
  return contract::RerankingReply{.query = chat.question(), .hits = {}};
}

}  // namespace opaline::flow
