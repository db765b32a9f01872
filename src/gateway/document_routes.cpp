#include "gateway/document_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/event.hpp"
#include "base/limits.hpp"
#include "contract/dataprep_json.hpp"
#include "contract/json.hpp"
#include "gateway/ingest_form.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::JsonWriter;
using contract::ServiceKind;
using http::Response;
using namespace std::chrono_literals;

/// The dataprep service as these routes use it: a request in, its own reply out.
class Dataprep {
 public:
  Dataprep(Services services, base::Context context)
      : services_(services), context_(std::move(context)) {}

  template <class T>
  Task<Result<T>> ask(contract::DataprepRequest request) {
    OPALINE_CO_TRY(contract::Service * service, services_.get(ServiceKind::dataprep));
    OPALINE_CO_TRY(auto reply, co_await contract::call<contract::DataprepReply>(
                                   *service, std::move(request), context_));
    if (T* value = std::get_if<T>(&reply)) co_return std::move(*value);
    co_return base::fail(ErrorCode::internal,
                         "the dataprep service answered with another kind of reply");
  }

 private:
  Services services_;
  base::Context context_;
};

Result<std::size_t> read_limit(const http::Request& request, std::size_t otherwise,
                               std::size_t max) {
  const auto text = request.find_query("limit");
  if (!text) return otherwise;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit == 0 || limit > max) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("'limit' must be a number between 1 and {}", max));
  }
  return limit;
}

// ---- Ingestion

std::string accepted(unsigned status, std::string_view message,
                     const std::vector<contract::Job>& jobs) {
  JsonWriter body;
  body.begin_object().field("status", status).field("message", message).key("jobs").begin_array();
  for (const contract::Job& job : jobs) contract::write_job(body, job);
  body.end_array().end_object();
  return std::move(body).take();
}

/// Waits until the jobs are final, one after the other: they are worked on in about that order.
/// @return false when the request's time was over first.
Task<Result<bool>> wait_for(std::vector<contract::Job>* jobs, Dataprep* dataprep,
                            base::Context context, std::chrono::milliseconds poll) {
  for (contract::Job& job : *jobs) {
    auto pause = std::min<std::chrono::milliseconds>(poll, 20ms);
    while (!contract::final(job.state)) {
      if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "the client left");
      // The reply needs a moment, too.
      if (context.remaining() < 2s) co_return false;
      co_await base::sleep_for(pause, context.cancellation);
      pause = std::min(pause * 2, poll);
      contract::DataprepRequest request = contract::JobRequest{.id = job.id};
      OPALINE_CO_TRY(auto reply, co_await dataprep->ask<contract::JobReply>(std::move(request)));
      job = std::move(reply.job);
    }
  }
  co_return true;
}

Result<void> check_ended_well(const std::vector<contract::Job>& jobs) {
  std::string faults;
  for (const contract::Job& job : jobs) {
    if (job.state != contract::JobState::failed && job.state != contract::JobState::cancelled)
      continue;
    if (!faults.empty()) faults += "; ";
    faults += fmt::format("{}: {}", job.source,
                          job.state == contract::JobState::failed ? job.error : "cancelled");
  }
  if (faults.empty()) return {};
  return base::fail(ErrorCode::invalid_argument, std::move(faults));
}

Task<Result<Response>> ingest(Services services, std::chrono::milliseconds poll, Call call) {
  OPALINE_CO_TRY_DO(services.get(ServiceKind::dataprep));
  OPALINE_CO_TRY(auto form, read_ingest_form(std::move(call.request)));
  Dataprep dataprep(services, call.context);
  contract::DataprepRequest request = std::move(form.request);
  OPALINE_CO_TRY(auto reply, co_await dataprep.ask<contract::IngestReply>(std::move(request)));
  if (form.wait) {
    OPALINE_CO_TRY(const bool done, co_await wait_for(&reply.jobs, &dataprep, call.context, poll));
    if (done) {
      OPALINE_CO_TRY_DO(check_ended_well(reply.jobs));
      co_return Response::json(200, accepted(200, "Data preparation succeeded", reply.jobs));
    }
  }
  co_return Response::json(202, accepted(202, "Data preparation accepted", reply.jobs));
}

// ---- OPEA's other routes

/// OPEA's clients leave the body out where every field has a default.
Result<boost::json::object> read_body(std::string_view body) {
  if (body.empty()) return boost::json::object();
  return contract::parse_json_object(body);
}

Task<Result<Response>> opea_get(Services services, Call call) {
  OPALINE_CO_TRY(const auto object, read_body(call.request.body));
  contract::Fields fields(object);
  auto index = fields.text("index_name");
  OPALINE_CO_TRY_DO(fields.check());
  if (index && (index->empty() || *index == "all")) index.reset();
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request =
      contract::ListDocumentsRequest{.collection = std::move(index)};
  OPALINE_CO_TRY(auto reply,
                 co_await dataprep.ask<contract::ListDocumentsReply>(std::move(request)));
  JsonWriter body;
  body.begin_array();
  for (const contract::Document& document : reply.documents) {
    body.begin_object()
        .field("name", document.source)
        .field("id", document.id)
        .field("type", "File");
    body.field("parent", "").field("index_name", document.collection).end_object();
  }
  body.end_array();
  co_return Response::json(200, std::move(body).take());
}

Task<Result<Response>> opea_delete(Services services, Call call) {
  OPALINE_CO_TRY(const auto object, contract::parse_json_object(call.request.body));
  contract::Fields fields(object);
  const std::string path = fields.text("file_path").value_or("");
  contract::DeleteDocumentsRequest deletion;
  if (auto index = fields.text("index_name"); index && !index->empty())
    deletion.collection = std::move(*index);
  OPALINE_CO_TRY_DO(fields.check());
  if (path.empty())
    co_return base::fail(ErrorCode::invalid_argument,
                         "field 'file_path' must name a document, or be \"all\"");
  deletion.all = path == "all";
  if (!deletion.all) deletion.id_or_source = path;
  const std::string collection = deletion.collection;
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request = std::move(deletion);
  OPALINE_CO_TRY(auto reply,
                 co_await dataprep.ask<contract::DeleteDocumentsReply>(std::move(request)));
  if (reply.deleted == 0 && path != "all") {
    co_return base::fail(ErrorCode::not_found,
                         fmt::format("there is no document '{}' in '{}'", path, collection));
  }
  co_return Response::json(200, R"({"status":true})");
}

Task<Result<Response>> opea_indices(Services services, Call call) {
  Dataprep dataprep(services, std::move(call.context));
  OPALINE_CO_TRY(auto reply, co_await dataprep.ask<contract::ListCollectionsReply>(
                                 contract::ListCollectionsRequest{}));
  JsonWriter body;
  body.value(reply.collections);
  co_return Response::json(200, std::move(body).take());
}

// ---- Documents

Task<Result<Response>> list_documents(Services services, Call call) {
  OPALINE_CO_TRY(const std::size_t limit, read_limit(call.request, 1000, 10'000));
  contract::ListDocumentsRequest listing{.limit =
                                             limit + 1};  // One more tells whether there are more.
  if (const auto collection = call.request.find_query("collection");
      collection && !collection->empty()) {
    listing.collection = *collection;
  }
  listing.after = call.request.find_query("after").value_or("");
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request = std::move(listing);
  OPALINE_CO_TRY(auto reply,
                 co_await dataprep.ask<contract::ListDocumentsReply>(std::move(request)));
  const bool more = reply.documents.size() > limit;
  if (more) reply.documents.resize(limit);
  JsonWriter body;
  body.begin_object().key("documents").begin_array();
  for (const contract::Document& document : reply.documents)
    contract::write_document(body, document);
  body.end_array().field("has_more", more).end_object();
  co_return Response::json(200, std::move(body).take());
}

Task<Result<Response>> get_document(Services services, Call call) {
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request = contract::GetDocumentRequest{.id = std::move(call.id)};
  OPALINE_CO_TRY(auto reply, co_await dataprep.ask<contract::GetDocumentReply>(std::move(request)));
  JsonWriter body;
  contract::write_document(body, reply.document);
  co_return Response::json(200, std::move(body).take());
}

Task<Result<Response>> get_document_text(Services services, Call call) {
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request = contract::GetDocumentRequest{.id = std::move(call.id)};
  OPALINE_CO_TRY(auto reply, co_await dataprep.ask<contract::GetDocumentReply>(std::move(request)));
  co_return Response::json(200, contract::write_reply(reply));
}

Task<Result<Response>> delete_document(Services services, Call call) {
  Dataprep dataprep(services, std::move(call.context));
  contract::DeleteDocumentsRequest deletion{.id_or_source = call.id};
  const auto collection = call.request.find_query("collection");
  if (collection && !collection->empty()) deletion.collection = *collection;
  contract::DataprepRequest request = deletion;
  OPALINE_CO_TRY(auto reply,
                 co_await dataprep.ask<contract::DeleteDocumentsReply>(std::move(request)));
  if (reply.deleted == 0 && !collection) {
    // An id is enough, wherever the document is.
    contract::DataprepRequest look_up = contract::GetDocumentRequest{.id = call.id};
    OPALINE_CO_TRY(auto found,
                   co_await dataprep.ask<contract::GetDocumentReply>(std::move(look_up)));
    deletion.collection = found.document.collection;
    request = deletion;
    OPALINE_CO_TRY(reply,
                   co_await dataprep.ask<contract::DeleteDocumentsReply>(std::move(request)));
  }
  if (reply.deleted == 0)
    co_return base::fail(ErrorCode::not_found, fmt::format("there is no document '{}'", call.id));
  co_return Response::json(200, contract::write_reply(reply));
}

// ---- Jobs

Task<Result<Response>> list_jobs(Services services, Call call) {
  OPALINE_CO_TRY(const std::size_t limit, read_limit(call.request, 1000, limits::kQueuedJobs));
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request = contract::ListJobsRequest{
      .limit = limit,
      .unfinished_only = call.request.find_query("unfinished").value_or("") == "true"};
  OPALINE_CO_TRY(auto reply, co_await dataprep.ask<contract::ListJobsReply>(std::move(request)));
  co_return Response::json(200, contract::write_reply(reply));
}

Task<Result<Response>> act_on_job(Services services, contract::JobRequest::Action action,
                                  Call call) {
  Dataprep dataprep(services, std::move(call.context));
  contract::DataprepRequest request =
      contract::JobRequest{.id = std::move(call.id), .action = action};
  OPALINE_CO_TRY(auto reply, co_await dataprep.ask<contract::JobReply>(std::move(request)));
  co_return Response::json(200, contract::write_reply(reply));
}

Task<Result<Response>> listen_to_jobs(Services services, JobEventSettings settings, Call call) {
  OPALINE_CO_TRY(contract::Service * service, services.get(ServiceKind::dataprep));
  Response reply;
  reply.headers.set("Content-Type", "text/event-stream; charset=utf-8");
  reply.headers.set("Cache-Control", "no-store");
  reply.headers.set("X-Accel-Buffering", "no");
  reply.stream = job_events(*service, std::move(call.context), settings);
  co_return reply;
}

// ---- The table

constexpr std::string_view kTag = "Documents";
constexpr std::string_view kJob =
    R"({"id":"j-1","document_id":"d-2","source":"manual.pdf","collection":"default","state":"embedding","progress":{"done":12,"total":40},"attempts":1,"error":null,"warnings":[],"created":"2026-01-01T00:00:00.000Z","updated":"2026-01-01T00:00:01.500Z"})";
constexpr std::string_view kDocument =
    R"({"id":"d-2","collection":"default","source":"manual.pdf","title":"Manual","mime":"application/pdf","sha256":"9f86…","bytes":48213,"chunks":40,"created":"2026-01-01T00:00:02.000Z","updated":"2026-01-01T00:00:02.000Z","metadata":{}})";

/// The routes of one service: each entry is a function of this file, bound to it.
class Table {
 public:
  explicit Table(Services services) : services_(services) {}

  using Function = Task<Result<Response>> (*)(Services, Call);
  Route& add(std::string method, std::string pattern, Function function,
             Documentation documentation) {
    return add(
        std::move(method), std::move(pattern),
        [services = services_, function](Call call) { return function(services, std::move(call)); },
        documentation);
  }
  Route& add(std::string method, std::string pattern, Route::Answer answer,
             Documentation documentation) {
    routes_.push_back({.method = std::move(method),
                       .pattern = std::move(pattern),
                       .answer = std::move(answer),
                       .documentation = documentation});
    return routes_.back();
  }
  std::vector<Route> take() { return std::move(routes_); }

 private:
  Services services_;
  std::vector<Route> routes_;
};

void add_opea_routes(Table& table, Services services, std::chrono::milliseconds poll) {
  Route& ingestion = table.add(
      "POST", "/v1/dataprep/ingest",
      [services, poll](Call call) { return ingest(services, poll, std::move(call)); },
      {.tag = kTag,
       .summary = "Bring in files and links; 202 with their jobs, or with ?wait=true 200 when they "
                  "are done (OPEA)",
       .request = "IngestForm",
       .request_example = "files=@manual.pdf, files=@notes.md, "
                          "link_list=[\"https://example.org/\"], index_name=default",
       .reply = "IngestReply",
       .reply_example =
           R"({"status":202,"message":"Data preparation accepted","jobs":[{"id":"j-1","document_id":"d-2","source":"manual.pdf","collection":"default","state":"queued","progress":{"done":0,"total":0},"attempts":0,"error":null,"warnings":[],"created":"2026-01-01T00:00:00.000Z","updated":"2026-01-01T00:00:00.000Z"}]})",
       .request_type = "multipart/form-data",
       .parameters = "wait"});
  ingestion.cost = Route::Cost::upload;
  ingestion.errors = ErrorShape::opea;
  table
      .add(
          "POST", "/v1/dataprep/get", opea_get,
          {.tag = kTag,
           .summary = "Documents of an index, or of all (OPEA)",
           .request = "OpeaGet",
           .request_example = R"({"index_name":"all"})",
           .reply = "OpeaFiles",
           .reply_example =
               R"([{"name":"manual.pdf","id":"d-2","type":"File","parent":"","index_name":"default"}])"})
      .errors = ErrorShape::opea;
  table
      .add("POST", "/v1/dataprep/delete", opea_delete,
           {.tag = kTag,
            .summary = "Delete a document, or \"all\" of an index (OPEA)",
            .request = "OpeaDelete",
            .request_example = R"({"file_path":"manual.pdf"})",
            .reply = "OpeaStatus",
            .reply_example = R"({"status":true})"})
      .errors = ErrorShape::opea;
  table
      .add("POST", "/v1/dataprep/indices", opea_indices,
           {.tag = kTag,
            .summary = "Names of the indexes (OPEA)",
            .reply_example = R"(["default"])"})
      .errors = ErrorShape::opea;
}

void add_document_routes(Table& table) {
  table.add("GET", "/v1/documents", list_documents,
            {.tag = kTag,
             .summary = "Documents, by id; go on with after=the last id",
             .reply = "DocumentList",
             .reply_example = R"({"documents":[],"has_more":false})",
             .parameters = "collection limit after"});
  table.add(
      "GET", "/v1/documents/{id}", get_document,
      {.tag = kTag, .summary = "One document", .reply = "Document", .reply_example = kDocument});
  table.add("DELETE", "/v1/documents/{id}", delete_document,
            {.tag = kTag,
             .summary = "Delete it; when this returns it is gone from every index",
             .reply = "Deleted",
             .reply_example = R"({"deleted":1})",
             .parameters = "collection"});
  table.add("GET", "/v1/documents/{id}/text", get_document_text,
            {.tag = kTag,
             .summary = "Its text, to which the spans of hits and citations refer",
             .reply = "DocumentText"});
}

void add_job_routes(Table& table, Services services, JobEventSettings settings) {
  using Action = contract::JobRequest::Action;
  const auto act = [services](Action action) {
    return [services, action](Call call) { return act_on_job(services, action, std::move(call)); };
  };
  table.add("GET", "/v1/jobs", list_jobs,
            {.tag = kTag,
             .summary = "Ingestion jobs, newest first",
             .reply = "JobList",
             .reply_example = R"({"jobs":[]})",
             .parameters = "limit unfinished"});
  table
      .add("GET", "/v1/jobs/events",
           [services, settings](Call call) {
             return listen_to_jobs(services, settings, std::move(call));
           },
           {.tag = kTag,
            .summary = "Jobs as they change (server-sent events)",
            .reply_example = "event: job\ndata: {…}\n\n",
            .reply_type = "text/event-stream"})
      .cost = Route::Cost::listen;
  table.add("GET", "/v1/jobs/{id}", act(Action::get),
            {.tag = kTag, .summary = "One job", .reply = "Job", .reply_example = kJob});
  table.add("POST", "/v1/jobs/{id}/retry", act(Action::retry),
            {.tag = kTag,
             .summary = "Try a failed or cancelled job again",
             .reply = "Job",
             .reply_example = kJob});
  table.add("POST", "/v1/jobs/{id}/cancel", act(Action::cancel),
            {.tag = kTag,
             .summary = "Stop a job that has not ended",
             .reply = "Job",
             .reply_example = kJob});
}

}  // namespace

std::vector<Route> document_routes(const Services& services, JobEventSettings settings) {
  Table table(services);
  add_opea_routes(table, services, settings.poll);
  add_document_routes(table);
  add_job_routes(table, services, settings);
  return table.take();
}

}  // namespace opaline::gateway
