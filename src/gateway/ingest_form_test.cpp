#include "gateway/ingest_form.hpp"

#include <gtest/gtest.h>

namespace opaline::gateway {
namespace {

struct Part {
  std::string name;
  std::string body;
  std::optional<std::string> filename;
};

http::Request form(const std::vector<Part>& parts) {
  http::Request made;
  made.method = "POST";
  made.headers.add("Content-Type", "multipart/form-data; boundary=BOUNDARY");
  for (const Part& part : parts) {
    made.body += "--BOUNDARY\r\nContent-Disposition: form-data; name=\"" + part.name + "\"";
    if (part.filename) made.body += "; filename=\"" + *part.filename + "\"";
    made.body += "\r\n\r\n" + part.body + "\r\n";
  }
  made.body += "--BOUNDARY--\r\n";
  return made;
}

std::string fault(const std::vector<Part>& parts) {
  const auto read = read_ingest_form(form(parts));
  if (read) return "accepted";
  EXPECT_EQ(read.error().code, base::ErrorCode::invalid_argument);
  return read.error().message;
}

const Part kFile{"files", "text", "a.txt"};

TEST(IngestForm, TakesAllFilesAndLinks) {
  const auto read = read_ingest_form(form({{"files", "one", "a.txt"},
                                           {"files", "two", "sub/b.md"},
                                           {"link_list", R"(["https://example.org/"])", {}}}));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->request.files.size(), 2u);
  EXPECT_EQ(read->request.files[0].source, "a.txt");
  EXPECT_EQ(read->request.files[1].source, "sub/b.md");
  EXPECT_EQ(read->request.files[1].bytes, "two");
  EXPECT_EQ(read->request.links, std::vector<std::string>{"https://example.org/"});
  EXPECT_EQ(read->request.collection, "default");
  EXPECT_EQ(read->request.chunk_tokens, 0);
  EXPECT_EQ(read->request.chunk_overlap_tokens, -1);
  EXPECT_FALSE(read->wait);
}

TEST(IngestForm, TurnsOpeasCharactersIntoTokens) {
  const auto read =
      read_ingest_form(form({kFile, {"chunk_size", "1500", {}}, {"chunk_overlap", "100", {}}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request.chunk_tokens, 375);
  EXPECT_EQ(read->request.chunk_overlap_tokens, 25);
  EXPECT_EQ(read_ingest_form(form({kFile, {"chunk_size", "1000000", {}}}))->request.chunk_tokens,
            512);
}

TEST(IngestForm, ReadsCollectionAndMetadata) {
  const auto read = read_ingest_form(
      form({kFile, {"index_name", "legal", {}}, {"metadata", R"({"lang":"en"})", {}}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request.collection, "legal");
  EXPECT_EQ(read->request.metadata.at("lang").as_string(), "en");
}

TEST(IngestForm, WaitsWhenAskedInAnyWay) {
  EXPECT_TRUE(read_ingest_form(form({kFile, {"wait", "true", {}}}))->wait);
  auto by_query = form({kFile});
  by_query.query.emplace_back("wait", "true");
  EXPECT_TRUE(read_ingest_form(by_query)->wait);
  auto by_header = form({kFile});
  by_header.headers.add("Prefer", "wait=30");
  EXPECT_TRUE(read_ingest_form(by_header)->wait);
}

TEST(IngestForm, ToleratesAnEmptyFileField) {
  EXPECT_EQ(fault({{"files", "", ""}}), "Must provide either a file or a string list.");
  EXPECT_EQ(fault({{"files", "", ""}, kFile}), "accepted");
}

TEST(IngestForm, TakesAnEmptyFile) { EXPECT_EQ(fault({{"files", "", "empty.txt"}}), "accepted"); }

TEST(IngestForm, RefusesWhatItCannotUse) {
  EXPECT_NE(fault({}), "accepted");
  EXPECT_NE(fault({{"files", "text", ""}}), "accepted");
  EXPECT_NE(fault({kFile, {"index_name", "all", {}}}), "accepted");
  EXPECT_NE(fault({kFile, {"chunk_size", "many", {}}}), "accepted");
  EXPECT_NE(fault({kFile, {"chunk_size", "-1", {}}}), "accepted");
  EXPECT_NE(fault({kFile, {"chunk_size", "99999999999", {}}}), "accepted");
  EXPECT_NE(fault({kFile, {"chunk_size", "400", {}}, {"chunk_overlap", "400", {}}}), "accepted");
  EXPECT_NE(fault({kFile, {"metadata", "[]", {}}}), "accepted");
  EXPECT_NE(fault({kFile, {"metadata", "{\"a\":\"" + std::string(70'000, 'x') + "\"}", {}}}),
            "accepted");
  for (const char* links :
       {"{}", "7", "[7]", "[\"ftp://a\"]", "[\"file:///etc/passwd\"]", "not json"}) {
    EXPECT_NE(fault({{"link_list", links, {}}}), "accepted") << links;
  }
}

TEST(IngestForm, RefusesNamesThatLeadOutOfTheirFolder) {
  for (const char* name : {"../a", "a/../../b", "..", "a/..", "..\\\\a", "a\nb"}) {
    EXPECT_NE(fault({{"files", "text", name}}), "accepted") << name;
  }
  EXPECT_NE(fault({{"files", "text", std::string(1025, 'a')}}), "accepted");
  EXPECT_EQ(fault({{"files", "text", "a..b/c...d"}}), "accepted");
}

TEST(IngestForm, RefusesOtherBodies) {
  http::Request made;
  made.headers.add("Content-Type", "application/json");
  made.body = "{}";
  EXPECT_FALSE(read_ingest_form(made));
  auto cut = form({kFile});
  cut.body.resize(cut.body.size() - 8);
  EXPECT_FALSE(read_ingest_form(cut));
}

}  // namespace
}  // namespace opaline::gateway
