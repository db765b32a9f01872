#include "store/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "store/clustered_vectors.hpp"
#include "store/store_fixture.hpp"

namespace opaline::store {

using namespace std::chrono_literals;
using base::ErrorCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

namespace {

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return (std::ostringstream() << in.rdbuf()).str();
}

// Whether any file of the folder has these bytes.
bool on_disk(const std::filesystem::path& folder, std::string_view bytes) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && read_file(entry.path()).find(bytes) != std::string::npos)
      return true;
  }
  return false;
}

std::string_view bytes_of(const std::vector<float>& vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
}

}  // namespace

// ---- Documents.

TEST_F(StoreTest, ReturnsADocumentAsItWasPut) {
  put({.source = "a/b.html", .metadata = R"({"lang":"en"})", .title = "Chapter 1"});
  const auto found = store_->find_document("default", "a/b.html");
  ASSERT_TRUE(found && *found);
  const DocumentRow& row = **found;
  EXPECT_EQ(row.id, "id-default-a/b.html");
  EXPECT_EQ(row.title, "Chapter 1");
  EXPECT_EQ(row.mime, "text/html");
  EXPECT_EQ(row.sha256, "0123");
  EXPECT_EQ(row.bytes, 99U);
  EXPECT_EQ(row.chunks, 2U);
  EXPECT_EQ(row.metadata, R"({"lang":"en"})");
  EXPECT_GT(row.created, 1.6e9);
  EXPECT_EQ(row.created, row.updated);
  EXPECT_EQ(store_->document_text(row.id).value(),
            "the quick brown fox\njumps over the lazy dog\n");
  EXPECT_EQ(store_->find_document(row.id).value()->source, "a/b.html");
}

TEST_F(StoreTest, SaysWhichDocumentIsNotThere) {
  EXPECT_EQ(store_->find_document("nobody").value(), std::nullopt);
  EXPECT_EQ(store_->find_document("default", "nowhere").value(), std::nullopt);
  const auto text = store_->document_text("nobody");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::not_found);
  EXPECT_THAT(text.error().message, HasSubstr("nobody"));
}

TEST_F(StoreTest, ReplacingKeepsIdAndCreationAndTakesTheRest) {
  auto first = make_document({.passages = {"alpha", "beta"}});
  first.document.created = 1000;
  first.document.updated = 1000;
  ASSERT_TRUE(store_->replace_document(first, "", "", ""));
  auto second = make_document({.passages = {"gamma"}, .metadata = R"({"v":2})", .title = "New"});
  second.document.id = "another-id";
  second.document.created = 2000;
  second.document.updated = 2000;
  ASSERT_TRUE(store_->replace_document(second, "", "", ""));

  const auto rows = store_->list_documents("", "", 10).value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].id, first.document.id);
  EXPECT_EQ(rows[0].created, 1000);
  EXPECT_EQ(rows[0].updated, 2000);
  EXPECT_EQ(rows[0].title, "New");
  EXPECT_EQ(rows[0].metadata, R"({"v":2})");
  EXPECT_EQ(store_->document_text(rows[0].id).value(), "gamma\n");
  EXPECT_THAT(keyword("alpha beta"), IsEmpty());
  EXPECT_THAT(keyword("gamma"), ElementsAre("gamma"));
  EXPECT_THAT(dense(axis(0)), ElementsAre("gamma"));
  EXPECT_EQ(store_->statistics().chunks, 1U);
}

TEST_F(StoreTest, NeverGivesAChunkIdTwice) {
  put({.passages = {"one", "two"}});
  const auto before = store_->search_keyword("one two", 10, {"default", ""}).value();
  put({.passages = {"one", "two"}});
  const auto after = store_->search_keyword("one two", 10, {"default", ""}).value();
  ASSERT_THAT(after, SizeIs(2));
  for (const auto& old : before) {
    for (const auto& fresh : after) EXPECT_GT(fresh.id, old.id);
  }
}

TEST_F(StoreTest, SurvivesReopening) {
  put({.source = "a", .passages = {"alpha", "beta"}, .metadata = R"({"x":1})"});
  put({.source = "b", .passages = {"gamma"}, .collection = "other", .dimension = 3});
  put({.source = "empty", .passages = {}});
  const auto version = store_->version();
  reopen();
  EXPECT_EQ(store_->version(), version);
  EXPECT_THAT(store_->collections().value(), ElementsAre("default", "other"));
  EXPECT_THAT(keyword("alpha"), ElementsAre("alpha"));
  EXPECT_THAT(dense(axis(1), 1), ElementsAre("beta"));
  EXPECT_THAT(dense(axis(0, 3), 1, {"other", ""}), ElementsAre("gamma"));
  EXPECT_THAT(dense(axis(1), 1, {"default", R"({"x":1})"}), ElementsAre("beta"));
  EXPECT_THAT(dense(axis(1), 1, {"default", R"({"x":2})"}), IsEmpty());
  EXPECT_EQ(store_->statistics().documents, 3U);
}

TEST_F(StoreTest, ListsPagesOfDocumentsById) {
  for (const char* source : {"c", "a", "b"}) put({.source = source});
  put({.source = "z", .collection = "other"});
  const auto ids = [](const std::vector<DocumentRow>& rows) {
    std::vector<std::string> found;
    for (const auto& row : rows) found.push_back(row.source);
    return found;
  };
  EXPECT_THAT(ids(store_->list_documents("default", "", 2).value()), ElementsAre("a", "b"));
  EXPECT_THAT(ids(store_->list_documents("default", "id-default-b", 2).value()), ElementsAre("c"));
  EXPECT_THAT(ids(store_->list_documents("", "", 100).value()), ElementsAre("a", "b", "c", "z"));
  EXPECT_THAT(ids(store_->list_documents("nowhere", "", 100).value()), IsEmpty());
}

TEST_F(StoreTest, ReadsPassagesOfALongTextByTheirRange) {
  std::vector<std::string> passages;
  for (int i = 0; i < 300; ++i)
    passages.push_back(std::string(997, static_cast<char>('a' + i % 26)) + std::to_string(i));
  put({.passages = passages});
  const auto hits = store_->search_dense(axis(0), 1000, {"default", ""}).value();
  ASSERT_THAT(hits, SizeIs(300));
  std::vector<std::int64_t> ids;
  for (const auto& hit : hits) ids.push_back(hit.id);
  std::ranges::sort(ids);
  const auto rows = store_->chunks(ids, Store::Vectors::leave_out).value();
  ASSERT_THAT(rows, SizeIs(300));
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].text, passages[i]);
}

TEST_F(StoreTest, ReturnsChunksInTheOrderAskedWithoutThoseThatAreGone) {
  auto document = make_document({});
  document.chunks[1].page = 7;
  ASSERT_TRUE(store_->replace_document(document, "", "", ""));
  const auto first = store_->search_dense(axis(0), 1, {"default", ""}).value()[0].id;
  const std::vector<std::int64_t> ids = {first + 1, 424242, first, first};
  const auto rows = store_->chunks(ids, Store::Vectors::include).value();
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].id, first + 1);
  EXPECT_EQ(rows[0].page, 7);
  EXPECT_EQ(rows[0].ordinal, 1U);
  EXPECT_EQ(rows[0].title_path, "Part > Section");
  EXPECT_EQ(rows[0].document_id, "id-default-manual.html");
  EXPECT_EQ(rows[0].range, (ByteRange{20, 43}));
  EXPECT_EQ(rows[0].vector, axis(1));
  EXPECT_EQ(rows[1].id, first);
  EXPECT_EQ(rows[1].page, std::nullopt);
  EXPECT_THAT(store_->chunks(ids, Store::Vectors::leave_out).value()[0].vector, IsEmpty());
}

TEST_F(StoreTest, RefusesDocumentsThatContradictThemselves) {
  const auto code = [&](auto change) {
    auto document = make_document({});
    change(document);
    const auto result = store_->replace_document(document, "", "", "");
    return result ? std::string("accepted")
                  : std::string(base::name(result.error().code)) + ": " + result.error().message;
  };
  const auto invalid = ::testing::StartsWith("invalid_argument");
  EXPECT_THAT(code([](auto& d) { d.document.collection.clear(); }), invalid);
  EXPECT_THAT(code([](auto& d) { d.document.source.clear(); }), invalid);
  EXPECT_THAT(code([](auto& d) { d.document.metadata = "[1]"; }), invalid);
  EXPECT_THAT(code([](auto& d) { d.document.metadata = "{"; }), invalid);
  EXPECT_THAT(code([](auto& d) { d.chunks[1].range.end = 1000; }),
              AllOf(invalid, HasSubstr("chunk 1")));
  EXPECT_THAT(code([](auto& d) { std::swap(d.chunks[1].range.begin, d.chunks[1].range.end); }),
              invalid);
  EXPECT_THAT(code([](auto& d) { d.chunks[1].text = "something else"; }),
              AllOf(invalid, HasSubstr("chunk 1")));
  EXPECT_THAT(code([](auto& d) { d.chunks[1].vector.clear(); }), invalid);
  EXPECT_THAT(code([](auto& d) { d.chunks[1].vector.push_back(0); }),
              AllOf(invalid, HasSubstr("chunk 1")));
  EXPECT_THAT(
      code([](auto& d) { d.chunks[0].vector[0] = std::numeric_limits<float>::quiet_NaN(); }),
      invalid);
  EXPECT_EQ(store_->statistics().documents, 0U);
  EXPECT_EQ(store_->version(), 1U);
}

TEST_F(StoreTest, RefusesAnIdThatAnotherSourceHas) {
  put({.source = "a"});
  auto document = make_document({.source = "b"});
  document.document.id = "id-default-a";
  const auto result = store_->replace_document(document, "", "", "");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::already_exists);
}

TEST_F(StoreTest, RefusesAnotherDimensionAndNamesBoth) {
  put({.source = "a", .dimension = 8});
  const auto result =
      store_->replace_document(make_document({.source = "b", .dimension = 4}), "", "", "");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(result.error().message, AllOf(HasSubstr("4"), HasSubstr("8")));
  EXPECT_EQ(store_->find_document("default", "b").value(), std::nullopt);
  const auto search = store_->search_dense(axis(0, 4), 1, {"default", ""});
  ASSERT_FALSE(search);
  EXPECT_EQ(search.error().code, ErrorCode::failed_precondition);
}

TEST_F(StoreTest, TakesAnotherDimensionWhenNothingElseIsInTheCollection) {
  put({.source = "a", .dimension = 8});
  put({.source = "a", .dimension = 4});
  EXPECT_THAT(dense(axis(0, 4), 1), ElementsAre("the quick brown fox"));
  reopen();
  EXPECT_THAT(dense(axis(0, 4), 1), ElementsAre("the quick brown fox"));
}

TEST_F(StoreTest, RaisesTheVersionWithEachChangeOfADocument) {
  const auto start = store_->version();
  put({});
  EXPECT_EQ(store_->version(), start + 1);
  put({});
  EXPECT_EQ(store_->version(), start + 2);
  EXPECT_EQ(store_->delete_documents({"nobody"}).value(), 0U);
  EXPECT_EQ(store_->version(), start + 2);
  EXPECT_EQ(store_->delete_documents({"id-default-manual.html"}).value(), 1U);
  EXPECT_EQ(store_->version(), start + 3);
  ASSERT_TRUE(store_->add_jobs({{.id = "j"}}));
  EXPECT_EQ(store_->version(), start + 3);
}

// ---- Deletion.

TEST_F(StoreTest, LeavesNothingOfADeletedDocumentOnDisk) {
  std::mt19937 random(1);
  auto secret = make_document({.source = "secretsource",
                               .passages = {"The password is xyzzyplugh", "and quuxfrobnitz"},
                               .metadata = R"({"k":"secretmetadata"})",
                               .title = "Secrettitle",
                               .dimension = 64});
  for (auto& chunk : secret.chunks) chunk.vector = random_unit_vector(random, 64);
  secret.chunks[0].title_path = "Secretpath";
  put({.source = "kept", .passages = {"a passage that stays"}, .dimension = 64});
  ASSERT_TRUE(store_->replace_document(secret, "", "", ""));
  for (int i = 0; i < 20; ++i) put({.source = "other" + std::to_string(i), .dimension = 64});
  for (const char* word : {"xyzzyplugh", "quuxfrobnitz", "secretmetadata", "Secrettitle",
                           "Secretpath", "secretsource"}) {
    EXPECT_TRUE(on_disk(folder_.path(), word)) << word;
  }

  EXPECT_EQ(store_->delete_documents({secret.document.id}).value(), 1U);
  // The index stores stems: part of a word would do to betray it.
  for (const char* word : {"xyzzyplug", "quuxfrobnit", "secretmeta", "Secrettitl", "secrettitl",
                           "Secretpath", "secretpath", "secretsource"}) {
    EXPECT_FALSE(on_disk(folder_.path(), word)) << word;
  }
  for (const auto& chunk : secret.chunks)
    EXPECT_FALSE(on_disk(folder_.path(), bytes_of(chunk.vector)));
  EXPECT_THAT(keyword("xyzzyplugh quuxfrobnitz"), IsEmpty());
  EXPECT_THAT(dense(secret.chunks[0].vector, 100),
              ::testing::Not(::testing::Contains(secret.chunks[0].text)));
  EXPECT_EQ(store_->find_document(secret.document.id).value(), std::nullopt);
  EXPECT_THAT(keyword("stays"), ElementsAre("a passage that stays"));
}

TEST_F(StoreTest, DeletesOnlyWhatIsNamedAndCountsWhatWasThere) {
  for (const char* source : {"a", "b", "c"}) put({.source = source, .passages = {source}});
  EXPECT_EQ(
      store_->delete_documents({"id-default-a", "nobody", "id-default-c", "id-default-a"}).value(),
      2U);
  EXPECT_THAT(dense(axis(0)), ElementsAre("b"));
  EXPECT_EQ(store_->delete_documents({}).value(), 0U);
}

TEST_F(StoreTest, ForgetsACollectionWithItsLastDocument) {
  put({.source = "a", .collection = "temporary"});
  EXPECT_EQ(store_->delete_documents({"id-temporary-a"}).value(), 1U);
  EXPECT_THAT(store_->collections().value(), IsEmpty());
  EXPECT_EQ(store_->search_dense(axis(0), 1, {"temporary", ""}).error().code, ErrorCode::not_found);
  put({.source = "a", .collection = "temporary", .dimension = 3});
  EXPECT_THAT(dense(axis(0, 3), 1, {"temporary", ""}), SizeIs(1));
}

// ---- Searches.

TEST_F(StoreTest, NamesTheCollectionThatDoesNotExist) {
  for (const auto& result : {store_->search_dense(axis(0), 1, {"nowhere", ""}),
                             store_->search_keyword("fox", 1, {"nowhere", ""})}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::not_found);
    EXPECT_THAT(result.error().message, HasSubstr("nowhere"));
  }
}

TEST_F(StoreTest, DenseSearchIsExactToFloat) {
  constexpr std::size_t kDimension = 96;
  std::mt19937 random(7);
  std::map<std::string, std::vector<float>> all;
  for (int d = 0; d < 20; ++d) {
    std::vector<std::string> passages;
    for (int c = 0; c < 50; ++c) passages.push_back("passage " + std::to_string(d * 50 + c));
    auto document =
        make_document({.source = std::to_string(d), .passages = passages, .dimension = kDimension});
    for (auto& chunk : document.chunks) {
      chunk.vector = random_unit_vector(random, kDimension);
      all[chunk.text] = chunk.vector;
    }
    ASSERT_TRUE(store_->replace_document(document, "", "", ""));
  }
  for (int q = 0; q < 50; ++q) {
    auto query = random_unit_vector(random, kDimension);
    std::vector<std::pair<double, std::string>> wanted;
    for (const auto& [text, vector] : all) wanted.emplace_back(-dot_product(query, vector), text);
    std::ranges::sort(wanted);
    for (float& value : query) value *= 17;  // Its length must not matter.
    const auto hits = store_->search_dense(query, 10, {"default", ""});
    const auto found = texts(hits);
    ASSERT_THAT(found, SizeIs(10));
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(found[i], wanted[i].second);
      EXPECT_NEAR((*hits)[i].score, -wanted[i].first, 1e-6);
    }
  }
}

// Answers stay the same while a graph is built, when it serves, after deletions and a new start.
TEST(SqliteStore, SearchesALargeCollectionByAGraph) {
  constexpr std::size_t kDimension = 48;
  const TemporaryFolder folder;
  const auto open = [&] {
    return SqliteStore::open(folder.path(), {.exact_vectors = 300, .tail_vectors = 50}).value();
  };
  auto store = open();
  ClusteredVectors vectors(kDimension, 10, 1);
  std::map<std::string, std::vector<float>> first_passages;
  for (int d = 0; d < 40; ++d) {
    const auto source = std::to_string(d);
    auto document = make_document({.source = source,
                                   .passages = std::vector<std::string>(10, "passage"),
                                   .dimension = kDimension});
    for (auto& chunk : document.chunks) chunk.vector = vectors.next();
    first_passages[source] = document.chunks.front().vector;
    ASSERT_TRUE(store->replace_document(document, "", "", ""));
  }
  const auto expect_found = [&] {
    for (const auto& [source, vector] : first_passages) {
      const auto hits = store->search_dense(vector, 1, {"default", ""}).value();
      ASSERT_THAT(hits, SizeIs(1));
      EXPECT_NEAR(hits.front().score, 1, 1e-5);
      EXPECT_EQ(store->chunks(std::array{hits.front().id}, Store::Vectors::leave_out)
                    .value()
                    .front()
                    .document_id,
                "id-default-" + source);
    }
  };
  const auto wait_for_graph = [&] {
    while (store->statistics().graph_chunks == 0) std::this_thread::sleep_for(1ms);
  };
  expect_found();
  wait_for_graph();
  expect_found();
  ASSERT_EQ(store->delete_documents({"id-default-3", "id-default-4"}).value(), 2U);
  first_passages.erase("3");
  first_passages.erase("4");
  expect_found();
  store.reset();
  store = open();
  expect_found();
  wait_for_graph();
  expect_found();
  EXPECT_LE(store->statistics().graph_chunks, 380U);
}

TEST_F(StoreTest, GivesAllThereAreWhenAskedForMore) {
  put({});
  EXPECT_THAT(dense(axis(0), 1000), SizeIs(2));
  EXPECT_THAT(dense(axis(0), std::numeric_limits<std::size_t>::max()), SizeIs(2));
  EXPECT_THAT(keyword("fox dog", std::numeric_limits<std::size_t>::max()), SizeIs(2));
  EXPECT_THAT(dense(axis(0), 0), IsEmpty());
  EXPECT_THAT(keyword("fox", 0), IsEmpty());
}

TEST_F(StoreTest, RefusesAQueryVectorThatIsNotNumbers) {
  put({});
  auto query = axis(0);
  query[3] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(store_->search_dense(query, 1, {"default", ""}).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(store_->cosines(query, {}).error().code, ErrorCode::invalid_argument);
}

TEST_F(StoreTest, ACollectionWithoutPassagesFindsNothing) {
  put({.passages = {}});
  EXPECT_THAT(dense(axis(0)), IsEmpty());
  EXPECT_THAT(keyword("fox"), IsEmpty());
}

TEST_F(StoreTest, SearchesSeeOnlyTheirCollectionAndWhatTheFilterAdmits) {
  put({.source = "en", .passages = {"shared english"}, .metadata = R"({"lang":"en"})"});
  put({.source = "de", .passages = {"shared german"}, .metadata = R"({"lang":"de"})"});
  put({.source = "en",
       .passages = {"shared foreign"},
       .collection = "other",
       .metadata = R"({"lang":"en"})"});
  const Filter german{"default", R"({"lang":"de"})"};
  EXPECT_THAT(dense(axis(0), 10, german), ElementsAre("shared german"));
  EXPECT_THAT(keyword("shared", 10, german), ElementsAre("shared german"));
  EXPECT_THAT(keyword("shared", 10), UnorderedElementsAre("shared english", "shared german"));
  EXPECT_THAT(keyword("shared", 1, {"default", R"({"source":"de"})"}),
              ElementsAre("shared german"));
  EXPECT_THAT(keyword("shared", 10, {"other", ""}), ElementsAre("shared foreign"));
  for (const auto& result :
       {store_->search_dense(axis(0), 1, {"default", R"({"lang":{"$like":"d"}})"}),
        store_->search_keyword("shared", 1, {"default", R"({"lang":{"$like":"d"}})"})}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(result.error().message, HasSubstr("$like"));
  }
}

TEST_F(StoreTest, KeywordScoresArePositiveAndFall) {
  put({.passages = {"vacuum", "vacuum and other words that make the passage longer",
                    "nothing of it", "more filling here"}});
  const auto hits = store_->search_keyword("vacuum", 10, {"default", ""}).value();
  ASSERT_THAT(hits, SizeIs(2));
  EXPECT_GT(hits[0].score, hits[1].score);
  EXPECT_GT(hits[1].score, 0);
  EXPECT_THAT(keyword("vacuum", 1), ElementsAre("vacuum"));
}

TEST_F(StoreTest, FindsWordsOfTitleAndTitlePath) {
  put({.source = "a", .passages = {"first"}, .title = "Replication"});
  put({.source = "b", .passages = {"second"}, .title = "Indexes"});
  EXPECT_THAT(keyword("replication"), ElementsAre("first"));
  EXPECT_THAT(keyword("section"), UnorderedElementsAre("first", "second"));
}

TEST_F(StoreTest, CosinesFollowTheIdsAndAreZeroForThoseGone) {
  put({});
  const auto id = store_->search_dense(axis(0), 1, {"default", ""}).value()[0].id;
  const std::vector<std::int64_t> ids = {id + 1, id, 999};
  const std::vector<float> query = {3, 4, 0, 0, 0, 0, 0, 0};
  EXPECT_THAT(store_->cosines(query, ids).value(),
              ElementsAre(::testing::DoubleNear(0.8, 1e-6), ::testing::DoubleNear(0.6, 1e-6), 0));
  EXPECT_EQ(store_->cosines(axis(0, 3), ids).error().code, ErrorCode::failed_precondition);
}

// Documents that are replaced all the time must be found at every moment, in one version or the
// other.
TEST_F(StoreTest, SearchesNeverMissADocumentThatIsBeingReplaced) {
  put({.source = "a", .passages = {"constant one", "constant two"}});
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> searchers;
  for (int t = 0; t < 2; ++t) {
    searchers.emplace_back([&] {
      while (!stop) {
        const auto near = store_->search_dense(axis(0), 10, {"default", R"({"parity":"same"})"});
        const auto words =
            store_->search_keyword("constant", 10, {"default", R"({"parity":"same"})"});
        if (!near || !words) {
          ++wrong;
          continue;
        }
        if (near->size() != words->size() && near->size() > 2) ++wrong;
        const auto all = store_->search_keyword("constant", 10, {"default", ""});
        const auto all_near = store_->search_dense(axis(0), 10, {"default", ""});
        if (!all || all->size() != 2 || !all_near || all_near->size() != 2) ++wrong;
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    put({.source = "a",
         .passages = {"constant one", "constant two"},
         .metadata = i % 2 == 0 ? R"({"parity":"same"})" : R"({"parity":"other"})"});
  }
  stop = true;
  for (auto& thread : searchers) thread.join();
  EXPECT_EQ(wrong, 0);
}

// ---- Jobs and blobs.

TEST_F(StoreTest, ReturnsAJobAsItWasAdded) {
  const JobRow job{.id = "j1",
                   .document_id = "d",
                   .collection = "c",
                   .source = "s",
                   .state = "queued",
                   .done = 1,
                   .total = 2,
                   .attempts = 3,
                   .error = "e",
                   .warnings = R"(["w"])",
                   .options = R"({"o":1})",
                   .blob = "",
                   .created = 5,
                   .updated = 6};
  ASSERT_TRUE(store_->add_jobs({job}));
  reopen();
  const auto found = store_->find_job("j1").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->document_id, "d");
  EXPECT_EQ(found->collection, "c");
  EXPECT_EQ(found->source, "s");
  EXPECT_EQ(found->state, "queued");
  EXPECT_EQ(found->done, 1U);
  EXPECT_EQ(found->total, 2U);
  EXPECT_EQ(found->attempts, 3);
  EXPECT_EQ(found->error, "e");
  EXPECT_EQ(found->warnings, R"(["w"])");
  EXPECT_EQ(found->options, R"({"o":1})");
  EXPECT_EQ(found->created, 5);
  EXPECT_EQ(found->updated, 6);
  EXPECT_EQ(store_->find_job("j2").value(), std::nullopt);
}

TEST_F(StoreTest, AddsAllJobsOrNone) {
  ASSERT_TRUE(store_->add_jobs({{.id = "b"}}));
  const auto result = store_->add_jobs({{.id = "a"}, {.id = "b"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::already_exists);
  EXPECT_EQ(store_->find_job("a").value(), std::nullopt);
  EXPECT_TRUE(store_->add_jobs({}));
}

TEST_F(StoreTest, ListsJobsNewestFirstAndUnfinishedOnesOldestFirst) {
  ASSERT_TRUE(store_->add_jobs(
      {{.id = "1"}, {.id = "2", .state = "failed"}, {.id = "3", .state = "embedding"}}));
  const auto ids = [](const std::vector<JobRow>& jobs) {
    std::string found;
    for (const auto& job : jobs) found += job.id;
    return found;
  };
  EXPECT_EQ(ids(store_->list_jobs(10, false).value()), "321");
  EXPECT_EQ(ids(store_->list_jobs(2, false).value()), "32");
  EXPECT_EQ(ids(store_->list_jobs(10, true).value()), "13");
  EXPECT_EQ(ids(store_->list_jobs(1, true).value()), "1");
}

TEST_F(StoreTest, LeavesAJobInAFinalStateUnlessItIsQueuedAgain) {
  ASSERT_TRUE(store_->add_jobs({{.id = "j"}}));
  const auto update = [&](const std::string& state) {
    EXPECT_TRUE(store_->update_job({.id = "j", .state = state}));
    return store_->find_job("j").value()->state;
  };
  EXPECT_EQ(update("embedding"), "embedding");
  EXPECT_EQ(update("cancelled"), "cancelled");
  EXPECT_EQ(update("indexing"), "cancelled");
  EXPECT_EQ(update("ready"), "cancelled");
  EXPECT_EQ(update("queued"), "queued");
  const auto unknown = store_->update_job({.id = "nobody"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, EndsTheJobInTheSameStepAsTheDocument) {
  ASSERT_TRUE(store_->add_jobs({{.id = "j", .error = "earlier"}}));
  ASSERT_TRUE(store_->replace_document(make_document({}), "j", "ready_with_warnings",
                                       R"(["page 3 is empty"])"));
  const auto job = store_->find_job("j").value();
  EXPECT_EQ(job->state, "ready_with_warnings");
  EXPECT_EQ(job->warnings, R"(["page 3 is empty"])");
  EXPECT_EQ(job->done, 2U);
  EXPECT_EQ(job->total, 2U);
  EXPECT_EQ(job->error, "");
  EXPECT_EQ(job->document_id, "id-default-manual.html");
}

TEST_F(StoreTest, ChangesNothingForAJobThatWasCancelledOrIsUnknown) {
  ASSERT_TRUE(store_->add_jobs({{.id = "j", .state = "cancelled"}}));
  EXPECT_EQ(store_->replace_document(make_document({}), "j", "ready", "[]").error().code,
            ErrorCode::cancelled);
  EXPECT_EQ(store_->replace_document(make_document({}), "x", "ready", "[]").error().code,
            ErrorCode::not_found);
  EXPECT_EQ(store_->statistics().documents, 0U);
  EXPECT_EQ(store_->find_document("default", "manual.html").value(), std::nullopt);
  EXPECT_THAT(dense(axis(0)), ElementsAre(HasSubstr("no collection")));
}

TEST_F(StoreTest, KeepsTheBlobsOfJobsThatMayStillRun) {
  std::map<std::string, std::string> keys;
  for (const char* state : {"queued", "failed", "cancelled", "embedding", "ready", "unchanged"}) {
    keys[state] = store_->put_blob(std::string("bytes of ") + state).value();
    ASSERT_TRUE(store_->add_jobs({{.id = state, .state = state, .blob = keys[state]}}));
  }
  keys["unnamed"] = store_->put_blob("not named yet").value();
  ASSERT_TRUE(store_->drop_unused_blobs());
  for (const auto& [state, key] : keys) {
    EXPECT_EQ(store_->blob(key).has_value(), state != "ready" && state != "unchanged") << state;
  }
  // After a restart nobody can name it any more.
  reopen();
  EXPECT_FALSE(store_->blob(keys["unnamed"]));
  EXPECT_TRUE(store_->blob(keys["queued"]));
}

TEST_F(StoreTest, TakesABlobThatAJobNamesLater) {
  ASSERT_TRUE(store_->add_jobs({{.id = "link"}}));
  const auto key = store_->put_blob("fetched").value();
  ASSERT_TRUE(store_->update_job({.id = "link", .state = "parsing", .blob = key}));
  ASSERT_TRUE(store_->drop_unused_blobs());
  EXPECT_EQ(store_->blob(key).value(), "fetched");
  ASSERT_TRUE(store_->update_job({.id = "link", .state = "ready", .blob = key}));
  ASSERT_TRUE(store_->drop_unused_blobs());
  EXPECT_EQ(store_->blob(key).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, CountsWhatItHolds) {
  put({.source = "a"});
  put({.source = "b", .collection = "other"});
  const auto statistics = store_->statistics();
  EXPECT_EQ(statistics.documents, 2U);
  EXPECT_EQ(statistics.chunks, 4U);
  EXPECT_GT(statistics.vector_bytes, 0U);
  EXPECT_GT(statistics.disk_bytes, 8192U);
}

}  // namespace opaline::store
