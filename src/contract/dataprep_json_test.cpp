#include "contract/dataprep_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::contract {
namespace {

namespace json = boost::json;

Job job() {
  Job j;
  j.id = "j1";
  j.document_id = "d1";
  j.source = "a.pdf";
  j.collection = "default";
  j.state = JobState::failed;
  j.done = 3;
  j.total = 9;
  j.attempts = 2;
  j.error = "it has a password";
  j.warnings = {"page 2: no text"};
  j.created = 1767225600.25;
  j.updated = 1767225601;
  return j;
}

TEST(DataprepJson, TimesAreRfc3339) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1767225600.25), "2026-01-01T00:00:00.250Z");
  EXPECT_EQ(rfc3339(-5), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1e300), "9999-12-31T23:59:59.000Z");
  EXPECT_EQ(unix_seconds("2026-01-01T00:00:00Z"), 1767225600);
  EXPECT_EQ(unix_seconds("2026-01-01T00:00:00.250Z"), 1767225600.25);
  for (const char* bad : {"", "2026-01-01", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                          "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
                          "2026-01-01 00:00:00Z", "x026-01-01T00:00:00Z"}) {
    EXPECT_FALSE(unix_seconds(bad)) << bad;
  }
}

TEST(DataprepJson, AJobIsWrittenWithItsProgress) {
  EXPECT_EQ(
      write_reply(JobReply{.job = job()}),
      R"({"id":"j1","document_id":"d1","source":"a.pdf","collection":"default","state":"failed",)"
      R"("progress":{"done":3,"total":9},"attempts":2,"error":"it has a password","warnings":["page 2: no text"],)"
      R"("created":"2026-01-01T00:00:00.250Z","updated":"2026-01-01T00:00:01.000Z"})");
}

TEST(DataprepJson, JobsComeBackAsTheyWere) {
  const auto jobs = read_jobs(write_reply(ListJobsReply{.jobs = {job(), Job()}}));
  ASSERT_TRUE(jobs) << jobs.error().message;
  ASSERT_EQ(jobs->jobs.size(), 2U);
  EXPECT_EQ(jobs->jobs[0].error, job().error);
  EXPECT_EQ(jobs->jobs[0].created, job().created);
  EXPECT_EQ(jobs->jobs[0].state, JobState::failed);
  EXPECT_EQ(jobs->jobs[1].error, "");
  EXPECT_EQ(read_job_reply(write_reply(JobReply{.job = job()}))->job.total, 9U);
}

TEST(DataprepJson, DocumentsComeBackAsTheyWere) {
  Document document{.id = "d",
                    .collection = "c",
                    .source = "s",
                    .title = "t",
                    .mime = "text/html",
                    .sha256 = "00",
                    .bytes = 5,
                    .chunks = 2,
                    .created = 1,
                    .updated = 2,
                    .metadata = {}};
  document.metadata["lang"] = "en";
  const auto list = read_documents(write_reply(ListDocumentsReply{.documents = {document}}));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->documents.at(0).metadata, document.metadata);
  EXPECT_EQ(list->documents.at(0).bytes, 5U);
  const auto one =
      read_document_reply(write_reply(GetDocumentReply{.document = document, .text = "whole"}));
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->text, "whole");
  EXPECT_EQ(one->document.title, "t");
}

TEST(DataprepJson, OtherReplies) {
  EXPECT_EQ(read_deleted(write_reply(DeleteDocumentsReply{.deleted = 4}))->deleted, 4U);
  EXPECT_EQ(
      read_collections(write_reply(ListCollectionsReply{.collections = {"a", "b"}}))->collections,
      (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(write_reply(DataprepReply(IngestReply{})), R"({"jobs":[]})");
}

TEST(DataprepJson, RefusesWrongFields) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", "field 'jobs' is required"},
      {R"({"jobs":[1]})", "field 'jobs[0]' must be an object, got 1"},
      {R"({"jobs":[{}]})", "field 'jobs[0].state' must be the name of a job's state, got null"},
      {R"({"jobs":[{"state":"sleeping"}]})",
       "field 'jobs[0].state' must be the name of a job's state, got \"sleeping\""},
      {R"({"jobs":[{"state":"ready","progress":{"done":-1}}]})",
       "field 'jobs[0].progress.done' must be an integer of at least 0, got -1"},
      {R"({"jobs":[{"state":"ready","created":"yesterday"}]})",
       "field 'jobs[0].created' must be a time like 2026-01-01T00:00:00Z, got \"yesterday\""},
      {R"({"jobs":[{"state":"ready","warnings":[1]}]})",
       "field 'jobs[0].warnings[0]' must be a string, got 1"},
  };
  for (const auto& [body, says] : table) {
    const auto jobs = read_jobs(body);
    ASSERT_FALSE(jobs) << body;
    EXPECT_EQ(jobs.error().message, says);
  }
  EXPECT_FALSE(read_documents(R"({"documents":{}})"));
  EXPECT_FALSE(read_document_reply("{}"));
  EXPECT_FALSE(read_deleted(R"({"deleted":"many"})"));
  EXPECT_FALSE(read_collections("{}"));
}

}  // namespace
}  // namespace opaline::contract
