#include "gateway/search_routes.hpp"

#include <algorithm>
#include <chrono>

#include "contract/hit_json.hpp"
#include "contract/json.hpp"
#include "contract/retrieval_json.hpp"
#include "gateway/question.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using Clock = std::chrono::steady_clock;

constexpr int kHits = 10;

struct SearchSettings {
  std::size_t query_characters;
  int candidates;
};

struct Search {
  contract::RetrievalRequest request;
  int k = kHits;
  bool rerank = true;
};

Result<Search> read(std::string_view body) {
  OPALINE_TRY(const auto object, contract::parse_json_object(body));
  contract::Fields fields(object);
  Search search;
  search.request.text = fields.text("query").value_or("");
  const auto asked = contract::read_search_parameters(fields);
  search.request.search = asked.search;
  if (asked.explicit_k) search.k = asked.search.k;
  search.rerank = fields.flag("rerank").value_or(true);
  OPALINE_TRY_DO(fields.check());
  return search;
}

/// One search on its way; the stages' times as they end.
class SearchRun {
 public:
  SearchRun(Services services, Call call) : services_(services), call_(std::move(call)) {}

  Task<Result<http::Response>> answer(SearchSettings settings) {
    OPALINE_CO_TRY(search_, read(call_.request.body));
    OPALINE_CO_TRY_DO(check_question(search_.request.text, settings.query_characters));
    call_.query->question(search_.request.text);
    OPALINE_CO_TRY(contract::Service * retrieval, services_.get(contract::ServiceKind::retrieval));
    const bool rerank = search_.rerank && services_.reranking != nullptr;
    widen(rerank ? std::max(search_.k, settings.candidates) : search_.k);

    OPALINE_CO_TRY_DO(co_await embed());
    OPALINE_CO_TRY_DO(co_await retrieve(retrieval));
    if (rerank) OPALINE_CO_TRY_DO(co_await order());
    if (reply_.hits.size() > static_cast<std::size_t>(search_.k))
      reply_.hits.resize(static_cast<std::size_t>(search_.k));
    co_return http::Response::json(200, written());
  }

 private:
  void widen(int k) {
    auto& search = search_.request.search;
    search.k = k;
    search.fetch_k = std::max(search.fetch_k, k);
    search_.request.top_n = search_.k;
  }

  // The retrieval service could ask for the vector itself; asked here, its time is seen.
  Task<Result<void>> embed() {
    if (services_.embedding == nullptr ||
        search_.request.search.mode == contract::SearchParameters::Mode::keyword)
      co_return Result<void>();
    const auto begun = Clock::now();
    contract::EmbeddingRequest request{.texts = {search_.request.text}};
    OPALINE_CO_TRY(auto reply, co_await contract::call<contract::EmbeddingReply>(
                                   *services_.embedding, std::move(request), call_.context));
    if (!reply.vectors.empty()) search_.request.embedding = std::move(reply.vectors.front());
    ended(Stage::embedding, begun);
    co_return Result<void>();
  }

  Task<Result<void>> retrieve(contract::Service* retrieval) {
    const auto begun = Clock::now();
    contract::RetrievalRequest request = search_.request;
    OPALINE_CO_TRY(reply_, co_await contract::call<contract::RetrievalReply>(
                               *retrieval, std::move(request), call_.context));
    ended(Stage::retrieval, begun);
    co_return Result<void>();
  }

  Task<Result<void>> order() {
    const auto begun = Clock::now();
    contract::RerankingRequest request{
        .query = search_.request.text, .hits = std::move(reply_.hits), .top_n = search_.k};
    OPALINE_CO_TRY(auto reply, co_await contract::call<contract::RerankingReply>(
                                   *services_.reranking, std::move(request), call_.context));
    reply_.hits = std::move(reply.hits);
    ended(Stage::reranking, begun);
    co_return Result<void>();
  }

  void ended(Stage stage, Clock::time_point begun) {
    const auto took = Clock::now() - begun;
    call_.query->stage(stage, took);
    timings_.emplace_back(stage, took);
  }

  [[nodiscard]] std::string written() const {
    contract::JsonWriter body;
    body.begin_object().field("query", search_.request.text).key("hits").begin_array();
    for (const contract::Hit& hit : reply_.hits) {
      body.begin_object().field("score", hit.score());
      contract::write_hit_members(body, hit, contract::HitMembers::all);
      body.end_object();
    }
    body.end_array().key("timings_ms").begin_object();
    for (const auto& [stage, took] : timings_) body.field(name(stage), milliseconds(took));
    body.field("total", milliseconds(Clock::now() - begun_)).end_object();
    if (!reply_.warnings.empty()) body.field("warnings", reply_.warnings);
    body.end_object();
    return std::move(body).take();
  }

  // Microseconds are as fine as it is worth.
  static double milliseconds(Clock::duration took) {
    return static_cast<double>(
               std::chrono::duration_cast<std::chrono::microseconds>(took).count()) /
           1000;
  }

  Services services_;
  Call call_;
  Search search_;
  contract::RetrievalReply reply_;
  Clock::time_point begun_ = Clock::now();
  std::vector<std::pair<Stage, Clock::duration>> timings_;
};

Task<Result<http::Response>> search(Services services, SearchSettings settings, Call call) {
  SearchRun run(services, std::move(call));
  co_return co_await run.answer(settings);
}

}  // namespace

std::vector<Route> search_routes(Services services, const GatewaySettings& settings) {
  const SearchSettings mine{settings.query_characters, settings.search_candidates};
  std::vector<Route> routes;
  routes.push_back(
      {.method = "POST",
       .pattern = "/v1/search",
       .answer = [services, mine](Call call) { return search(services, mine, std::move(call)); },
       .documentation =
           {.tag = "Search",
            .summary = "Passages for a question, with the scores and times of each stage",
            .request = "SearchRequest",
            .request_example = R"({"query":"How is a backup restored?","k":5})",
            .reply = "SearchReply",
            .reply_example =
                R"({"query":"How is a backup restored?","hits":[{"score":0.83,"id":"c-17","document_id":"d-2","source":"manual/backup.html","title":"Backup","title_path":"Backup > Restoring","text":"Use psql to restore …","span":{"begin":1200,"end":1890},"metadata":{},"scores":{"dense":0.71,"bm25":9.2,"fused":0.93,"rerank":0.83}}],"timings_ms":{"embedding":2.1,"retrieval":3.4,"reranking":9.7,"total":15.6}})"},
       .cost = Route::Cost::query});
  return routes;
}

}  // namespace opaline::gateway
