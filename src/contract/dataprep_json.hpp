#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/dataprep.hpp"
#include "contract/json_writer.hpp"

namespace opaline::contract {

/// Unix seconds as RFC 3339 in UTC with milliseconds: "2026-01-01T00:00:00.250Z".
[[nodiscard]] std::string rfc3339(double unix_seconds);
/// The seconds again; nothing when the text is not of that form (the fraction may be absent or
/// longer).
[[nodiscard]] std::optional<double> unix_seconds(std::string_view rfc3339);

/// {"id","document_id","source","collection","state","progress":{"done","total"},"attempts","error","warnings",
/// "created","updated"}; "error" is null unless the job failed.
void write_job(JsonWriter& writer, const Job& job);
[[nodiscard]] base::Result<Job> read_job(const boost::json::object& object, std::string path = {});

/// {"id","collection","source","title","mime","sha256","bytes","chunks","created","updated","metadata"}.
void write_document(JsonWriter& writer, const Document& document);
[[nodiscard]] base::Result<Document> read_document(const boost::json::object& object,
                                                   std::string path = {});

// Bodies: {"jobs":[…]}, the job itself, {"documents":[…]}, {"document":{…},"text"}, {"deleted"},
// {"collections":[…]}.
[[nodiscard]] std::string write_reply(const IngestReply& reply);
[[nodiscard]] std::string write_reply(const ListDocumentsReply& reply);
[[nodiscard]] std::string write_reply(const GetDocumentReply& reply);
[[nodiscard]] std::string write_reply(const DeleteDocumentsReply& reply);
[[nodiscard]] std::string write_reply(const ListJobsReply& reply);
[[nodiscard]] std::string write_reply(const JobReply& reply);
[[nodiscard]] std::string write_reply(const ListCollectionsReply& reply);
[[nodiscard]] std::string write_reply(const DataprepReply& reply);

// @error invalid_argument of each: bad JSON, or a field of the wrong type; names it.
[[nodiscard]] base::Result<ListJobsReply> read_jobs(std::string_view body);
[[nodiscard]] base::Result<JobReply> read_job_reply(std::string_view body);
[[nodiscard]] base::Result<ListDocumentsReply> read_documents(std::string_view body);
[[nodiscard]] base::Result<GetDocumentReply> read_document_reply(std::string_view body);
[[nodiscard]] base::Result<DeleteDocumentsReply> read_deleted(std::string_view body);
[[nodiscard]] base::Result<ListCollectionsReply> read_collections(std::string_view body);

}  // namespace opaline::contract
