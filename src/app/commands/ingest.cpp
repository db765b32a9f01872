#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>

#include "app/command.hpp"
#include "app/document_selection.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"
#include "base/event.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "contract/dataprep.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using base::ErrorCode;

struct IngestOptions {
  ServerOptions server;
  std::vector<std::string> places;
  std::string collection = "default";
  bool no_wait = false;
  bool as_json = false;
};

/// Several files as one multipart/form-data body.
class Form {
 public:
  explicit Form(std::string_view collection) { add("index_name", collection); }

  void add(std::string_view name, std::string_view value) {
    body_ += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                         boundary_, name, value);
  }
  void add_file(std::string_view filename, std::string_view bytes) {
    std::string quoted;
    for (const char c : filename) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    body_ += fmt::format(
        "--{}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{}\"\r\n"
        "Content-Type: application/octet-stream\r\n\r\n",
        boundary_, quoted);
    body_ += bytes;
    body_ += "\r\n";
  }
  std::string body() { return body_ + "--" + boundary_ + "--\r\n"; }
  [[nodiscard]] std::string content_type() const {
    return "multipart/form-data; boundary=" + boundary_;
  }

 private:
  std::string boundary_ = "opaline-" + base::random_hex(16);
  std::string body_;
};

/// Uploads in requests of bounded size, then follows the jobs to their end.
class Ingestion {
 public:
  explicit Ingestion(const IngestOptions& options) : options_(options), server_(options.server) {}

  base::Task<int> run(DocumentSelection selection) {
    auto sent = co_await send(std::move(selection));
    if (!sent) co_return failed(sent.error());
    if (!options_.no_wait) {
      auto followed = co_await follow();
      if (!followed) co_return failed(followed.error());
    }
    co_return report();
  }

 private:
  base::Task<base::Result<void>> send(DocumentSelection selection) {
    constexpr std::size_t kFiles = 64;
    constexpr std::uint64_t kBytes = 16 * 1024 * 1024;
    ProgressLine progress("sending", "files");
    std::size_t next = 0;
    while (next < selection.files.size()) {
      Form form(options_.collection);
      std::uint64_t bytes = 0;
      std::size_t count = 0;
      while (next < selection.files.size() && count < kFiles &&
             (count == 0 || bytes + selection.files[next].bytes <= kBytes)) {
        const SelectedFile& upload = selection.files[next++];
        if (upload.bytes > limits::kDocumentBytes) {
          skipped_.push_back(fmt::format("{}: {} is above the limit of {} for one document",
                                         upload.source, readable_bytes(upload.bytes),
                                         readable_bytes(limits::kDocumentBytes)));
          continue;
        }
        OPALINE_CO_TRY(const std::string content, read_file(upload.file));
        form.add_file(upload.source, content);
        bytes += content.size();
        ++count;
      }
      if (count > 0) OPALINE_CO_TRY_DO(co_await post(std::move(form)));
      progress.update(next, selection.files.size());
    }
    if (!selection.links.empty()) {
      json::array links;
      for (const std::string& link : selection.links) links.emplace_back(link);
      Form form(options_.collection);
      form.add("link_list", json::serialize(links));
      OPALINE_CO_TRY_DO(co_await post(std::move(form)));
    }
    co_return base::Result<void>();
  }

  base::Task<base::Result<void>> post(Form form) {
    OPALINE_CO_TRY(auto reply, co_await server_.call("POST", "/v1/dataprep/ingest", form.body(),
                                                     form.content_type()));
    const json::value* jobs = member_of(reply, "jobs");
    if (jobs == nullptr || !jobs->is_array()) {
      co_return base::fail(ErrorCode::internal, "the server did not say which jobs it started");
    }
    for (const json::value& job : jobs->get_array()) {
      jobs_.push_back(job);
      if (!ended(job)) running_.insert(text_of(job, "id"));
    }
    co_return base::Result<void>();
  }

  static bool ended(const json::value& job) {
    const auto state = contract::job_state(text_of(job, "state"));
    return state && contract::final(*state);
  }

  base::Task<base::Result<void>> follow() {
    ProgressLine progress("reading", "documents");
    while (!running_.empty()) {
      progress.update(jobs_.size() - running_.size(), jobs_.size());
      co_await base::sleep_for(running_.size() < 4 ? 100ms : 500ms, nullptr);
      const std::string path = fmt::format("/v1/jobs?limit={}", jobs_.size() + 1000);
      OPALINE_CO_TRY(auto reply, co_await server_.call("GET", path, ""));
      const json::value* listed = member_of(reply, "jobs");
      if (listed == nullptr || !listed->is_array()) continue;
      for (const json::value& job : listed->get_array()) {
        if (!ended(job) || running_.erase(text_of(job, "id")) == 0) continue;
        const auto place = std::ranges::find(
            jobs_, text_of(job, "id"), [](const json::value& one) { return text_of(one, "id"); });
        if (place != jobs_.end()) *place = job;
      }
    }
    co_return base::Result<void>();
  }

  int report() {
    std::map<std::string, std::size_t> states;
    for (const json::value& job : jobs_) ++states[text_of(job, "state")];
    const bool any_failed =
        states.contains("failed") || states.contains("cancelled") || !skipped_.empty();
    if (options_.as_json) {
      json::object counts;
      for (const auto& [state, count] : states) counts[state] = count;
      fmt::print("{}\n", json::serialize(json::object{{"states", counts}, {"jobs", jobs_}}));
      return any_failed ? kFailed : kDone;
    }
    for (const json::value& job : jobs_) {
      const json::value* warnings = member_of(job, "warnings");
      if (warnings != nullptr && warnings->is_array()) {
        for (const json::value& warning : warnings->get_array()) {
          fmt::print("{}: {}\n", printable(text_of(job, "source")),
                     warning.is_string() ? printable(warning.get_string()) : "");
        }
      }
      if (text_of(job, "state") == "failed") {
        fmt::print(stderr, "{}: {}\n", printable(text_of(job, "source")),
                   printable(text_of(job, "error")));
      }
    }
    for (const std::string& line : skipped_) fmt::print(stderr, "{}\n", printable(line));
    std::string summary;
    for (const auto& [state, count] : states)
      summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, state);
    fmt::print("{}\n", summary.empty() ? "Nothing to ingest." : summary);
    return any_failed ? kFailed : kDone;
  }

  const IngestOptions& options_;
  ServerConnection server_;
  json::array jobs_;
  std::set<std::string> running_;
  std::vector<std::string> skipped_;
};

int ingest(const std::shared_ptr<IngestOptions>& options) {
  auto selected = select_documents(options->places);
  if (!selected) return failed(selected.error());
  DocumentSelection selection = std::move(*selected);
  if (selection.files.empty() && selection.links.empty()) {
    return failed(
        "no document was found there. Opaline reads html, md, txt, pdf, docx, csv, json and jsonl");
  }
  if (!options->as_json && selection.passed_over > 0) {
    fmt::print("{} files of other kinds are left out.\n", selection.passed_over);
  }
  Ingestion ingestion(*options);
  return run_task(ingestion.run(std::move(selection)));
}

}  // namespace

void add_ingest(CLI::App& program, Action& action) {
  auto options = std::make_shared<IngestOptions>();
  CLI::App* command = program.add_subcommand(
      "ingest",
      "Add documents: files, folders, globs or URLs. The same content again costs nothing");
  command->add_option("place", options->places, "Files, folders, globs or http(s) URLs")
      ->required();
  command->add_option("--collection", options->collection, "Collection to put them in")
      ->capture_default_str();
  command->add_flag("--no-wait", options->no_wait,
                    "Return once the server has them; 'documents list' shows progress");
  command->add_flag("--json", options->as_json, "Print the jobs as JSON");
  options->server.add_to(*command);
  command->footer(
      "Reads html, md, txt, pdf, docx, csv, json and jsonl. Exit code 1 when a document failed.");
  command->callback([&action, options] { action = [options] { return ingest(options); }; });
}

}  // namespace opaline::app
