#include "contract/dataprep_json.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "contract/json.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;

std::uint64_t natural(Fields& fields, std::string_view name) {
  return static_cast<std::uint64_t>(fields.integer(name, {.min = 0}).value_or(0));
}

double read_time(Fields& fields, std::string_view name) {
  const auto text = fields.text(name);
  if (!text) return 0;
  const auto seconds = unix_seconds(*text);
  if (!seconds) fields.reject(name, "a time like 2026-01-01T00:00:00Z", *fields.find(name));
  return seconds.value_or(0);
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  int number = 0;
  if (at + count > text.size()) return {};
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return {};
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

JobState read_state(Fields& fields) {
  const auto text = fields.text("state");
  const auto state = text ? job_state(*text) : std::nullopt;
  if (!state) {
    const json::value absent;
    const json::value* given = fields.find("state");
    fields.reject("state", "the name of a job's state", given == nullptr ? absent : *given);
  }
  return state.value_or(JobState::queued);
}

/// The list `name` of `body`, each element read by `read`.
template <class T, class Read>
base::Result<std::vector<T>> read_list(std::string_view body, std::string_view name, Read read) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  const json::array* list = fields.array(name);
  if (list == nullptr) fields.reject("field '" + std::string(name) + "' is required");
  OPALINE_TRY_DO(fields.check());
  std::vector<T> items;
  items.reserve(list->size());
  for (const json::value& item : *list) {
    const std::string path = std::string(name) + "[" + std::to_string(items.size()) + "]";
    if (!item.is_object()) {
      return base::fail(ErrorCode::invalid_argument,
                        "field '" + path + "' must be an object, got " + quoted(item));
    }
    OPALINE_TRY(T one, read(item.get_object(), path + "."));
    items.push_back(std::move(one));
  }
  return items;
}

template <class Items, class Write>
std::string write_list(std::string_view name, const Items& items, Write write) {
  JsonWriter writer;
  writer.begin_object().key(name).begin_array();
  for (const auto& item : items) write(writer, item);
  writer.end_array().end_object();
  return std::move(writer).take();
}

}  // namespace

std::string rfc3339(double seconds) {
  using namespace std::chrono;
  constexpr double kLatest = 253'402'300'799;  // The end of year 9999.
  if (!(seconds > 0)) seconds = 0;
  if (seconds > kLatest) seconds = kLatest;
  const sys_time<milliseconds> time{milliseconds(std::llround(seconds * 1000))};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return std::string(text.data(), static_cast<std::size_t>(length));
}

std::optional<double> unix_seconds(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() <= kShape.size() || !text.ends_with('Z')) return {};
  for (const std::size_t i : {4, 7, 10, 13, 16}) {
    if (text[i] != kShape[i]) return {};
  }
  const auto y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
  const auto h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 60) return {};
  const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)),
                            day(static_cast<unsigned>(*d))};
  if (!date.ok()) return {};
  double fraction = 0;
  if (const std::string_view rest = text.substr(kShape.size(), text.size() - kShape.size() - 1);
      !rest.empty()) {
    if (rest.size() < 2 || rest.size() > 10 || rest.front() != '.') return {};
    const auto number = digits(rest, 1, rest.size() - 1);
    if (!number) return {};
    fraction = *number / std::pow(10, static_cast<double>(rest.size() - 1));
  }
  const auto whole = sys_days(date).time_since_epoch() + hours(*h) + minutes(*mi) + seconds(*s);
  return static_cast<double>(duration_cast<seconds>(whole).count()) + fraction;
}

void write_job(JsonWriter& writer, const Job& job) {
  writer.begin_object()
      .field("id", job.id)
      .field("document_id", job.document_id)
      .field("source", job.source);
  writer.field("collection", job.collection).field("state", name(job.state));
  writer.key("progress")
      .begin_object()
      .field("done", job.done)
      .field("total", job.total)
      .end_object();
  writer.field("attempts", job.attempts).key("error");
  job.error.empty() ? writer.null() : writer.value(job.error);
  writer.field("warnings", job.warnings)
      .field("created", rfc3339(job.created))
      .field("updated", rfc3339(job.updated));
  writer.end_object();
}

base::Result<Job> read_job(const json::object& object, std::string path) {
  Fields fields(object, std::move(path));
  Job job;
  job.id = fields.text("id").value_or("");
  job.document_id = fields.text("document_id").value_or("");
  job.source = fields.text("source").value_or("");
  job.collection = fields.text("collection").value_or("");
  job.state = read_state(fields);
  if (const json::object* progress = fields.object("progress")) {
    Fields nested(*progress, fields.path() + "progress.");
    job.done = natural(nested, "done");
    job.total = natural(nested, "total");
    fields.adopt(nested.check());
  }
  job.attempts =
      static_cast<int>(fields.integer("attempts", {.min = 0, .max = 1'000'000}).value_or(0));
  job.error = fields.text("error").value_or("");
  if (auto warnings = fields.texts("warnings")) job.warnings = std::move(*warnings);
  job.created = read_time(fields, "created");
  job.updated = read_time(fields, "updated");
  OPALINE_TRY_DO(fields.check());
  return job;
}

void write_document(JsonWriter& writer, const Document& document) {
  writer.begin_object().field("id", document.id).field("collection", document.collection);
  writer.field("source", document.source)
      .field("title", document.title)
      .field("mime", document.mime);
  writer.field("sha256", document.sha256)
      .field("bytes", document.bytes)
      .field("chunks", document.chunks);
  writer.field("created", rfc3339(document.created)).field("updated", rfc3339(document.updated));
  writer.field("metadata", document.metadata).end_object();
}

base::Result<Document> read_document(const json::object& object, std::string path) {
  Fields fields(object, std::move(path));
  Document document;
  document.id = fields.text("id").value_or("");
  document.collection = fields.text("collection").value_or("");
  document.source = fields.text("source").value_or("");
  document.title = fields.text("title").value_or("");
  document.mime = fields.text("mime").value_or("");
  document.sha256 = fields.text("sha256").value_or("");
  document.bytes = natural(fields, "bytes");
  document.chunks = natural(fields, "chunks");
  document.created = read_time(fields, "created");
  document.updated = read_time(fields, "updated");
  if (const json::object* metadata = fields.object("metadata")) document.metadata = *metadata;
  OPALINE_TRY_DO(fields.check());
  return document;
}

std::string write_reply(const IngestReply& reply) {
  return write_list("jobs", reply.jobs, write_job);
}
std::string write_reply(const ListJobsReply& reply) {
  return write_list("jobs", reply.jobs, write_job);
}
std::string write_reply(const ListDocumentsReply& reply) {
  return write_list("documents", reply.documents, write_document);
}

std::string write_reply(const JobReply& reply) {
  JsonWriter writer;
  write_job(writer, reply.job);
  return std::move(writer).take();
}

std::string write_reply(const GetDocumentReply& reply) {
  JsonWriter writer;
  writer.begin_object();
  write_document(writer.key("document"), reply.document);
  writer.field("text", reply.text).end_object();
  return std::move(writer).take();
}

std::string write_reply(const DeleteDocumentsReply& reply) {
  JsonWriter writer;
  writer.begin_object().field("deleted", reply.deleted).end_object();
  return std::move(writer).take();
}

std::string write_reply(const ListCollectionsReply& reply) {
  JsonWriter writer;
  writer.begin_object().field("collections", reply.collections).end_object();
  return std::move(writer).take();
}

std::string write_reply(const DataprepReply& reply) {
  return std::visit([](const auto& one) { return write_reply(one); }, reply);
}

base::Result<ListJobsReply> read_jobs(std::string_view body) {
  OPALINE_TRY(auto jobs, read_list<Job>(body, "jobs", read_job));
  return ListJobsReply{.jobs = std::move(jobs)};
}

base::Result<ListDocumentsReply> read_documents(std::string_view body) {
  OPALINE_TRY(auto documents, read_list<Document>(body, "documents", read_document));
  return ListDocumentsReply{.documents = std::move(documents)};
}

base::Result<JobReply> read_job_reply(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  OPALINE_TRY(Job job, read_job(object));
  return JobReply{.job = std::move(job)};
}

base::Result<GetDocumentReply> read_document_reply(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  GetDocumentReply reply;
  const json::object* document = fields.object("document");
  if (document == nullptr) fields.reject("field 'document' is required");
  reply.text = fields.text("text").value_or("");
  OPALINE_TRY_DO(fields.check());
  OPALINE_TRY(reply.document, read_document(*document, "document."));
  return reply;
}

base::Result<DeleteDocumentsReply> read_deleted(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  DeleteDocumentsReply reply{.deleted = natural(fields, "deleted")};
  OPALINE_TRY_DO(fields.check());
  return reply;
}

base::Result<ListCollectionsReply> read_collections(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  auto collections = fields.texts("collections");
  if (!collections) fields.reject("field 'collections' is required");
  OPALINE_TRY_DO(fields.check());
  return ListCollectionsReply{.collections = std::move(*collections)};
}

}  // namespace opaline::contract
