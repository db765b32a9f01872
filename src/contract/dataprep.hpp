#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "contract/hit.hpp"

namespace opaline::contract {

/// Where an ingestion job stands. The last five are final; `failed` and `cancelled` ones may be
/// retried.
enum class JobState {
  queued,
  parsing,
  chunking,
  embedding,
  indexing,
  ready,
  ready_with_warnings,
  unchanged,
  failed,
  cancelled
};
[[nodiscard]] std::string_view name(JobState state);
[[nodiscard]] std::optional<JobState> job_state(std::string_view name);
[[nodiscard]] bool final(JobState state);

/// One document's way into the index.
struct Job {
  std::string id;
  std::string document_id;
  std::string collection;
  std::string source;
  JobState state = JobState::queued;
  std::uint64_t done = 0;   ///< Chunks embedded …
  std::uint64_t total = 0;  ///< … of these; 0 until chunked.
  int attempts = 0;
  std::string error;  ///< Of `failed`: what was wrong and what to do.
  std::vector<std::string> warnings;
  double created = 0;  ///< Unix seconds.
  double updated = 0;
};

/// A document as it is searched now.
struct Document {
  std::string id;
  std::string collection;
  std::string source;  ///< Path or URL as ingested; unique in a collection.
  std::string title;
  std::string mime;
  std::string sha256;  ///< Of the bytes as received.
  std::uint64_t bytes = 0;
  std::uint64_t chunks = 0;
  double created = 0;
  double updated = 0;
  boost::json::object metadata;
};

/// Bytes to be ingested, and the name they go by.
struct IngestFile {
  std::string source;  ///< File name, path or URL; relative, without "..".
  std::string bytes;
  std::string mime;  ///< As claimed; detected anyway.
};

struct IngestRequest {
  std::vector<IngestFile> files;
  std::vector<std::string> links;  ///< http(s) URLs to fetch.
  std::string collection = "default";
  boost::json::object metadata;   ///< Goes to each document and its chunks.
  int chunk_tokens = 0;           ///< 0: the default.
  int chunk_overlap_tokens = -1;  ///< −1: the default.
};
struct IngestReply {
  std::vector<Job> jobs;
};  ///< Files first, then links, in order.

struct ListDocumentsRequest {
  std::optional<std::string> collection;  ///< Empty: all.
  std::size_t limit = 10'000;
  std::string after;  ///< Document id to start after.
};
struct ListDocumentsReply {
  std::vector<Document> documents;
};

struct GetDocumentRequest {
  std::string id;
};
/// A document with its text as the spans of hits and citations refer to it.
struct GetDocumentReply {
  Document document;
  std::string text;
};

/// Deletes by id or by source; `all` empties the collection.
struct DeleteDocumentsRequest {
  std::string collection = "default";
  std::string id_or_source;
  bool all = false;
};
struct DeleteDocumentsReply {
  std::uint64_t deleted = 0;
};

struct ListJobsRequest {
  std::size_t limit = 1000;
  bool unfinished_only = false;
};
struct ListJobsReply {
  std::vector<Job> jobs;
};  ///< Newest first.
struct JobRequest {
  enum class Action { get, retry, cancel };
  std::string id;
  Action action = Action::get;
};
struct JobReply {
  Job job;
};

struct ListCollectionsRequest {};
struct ListCollectionsReply {
  std::vector<std::string> collections;
};

using DataprepRequest =
    std::variant<IngestRequest, ListDocumentsRequest, GetDocumentRequest, DeleteDocumentsRequest,
                 ListJobsRequest, JobRequest, ListCollectionsRequest>;
using DataprepReply =
    std::variant<IngestReply, ListDocumentsReply, GetDocumentReply, DeleteDocumentsReply,
                 ListJobsReply, JobReply, ListCollectionsReply>;

}  // namespace opaline::contract
