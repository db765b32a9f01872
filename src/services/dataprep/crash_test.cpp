// A child process ingests, replaces and deletes documents and is killed at a named point; then
// another opens the same folder, and everything must be as if the first had only been slow.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>

#include "services/dataprep/service_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

using contract::JobState;

constexpr const char* kFolderVariable = "OPALINE_TEST_FOLDER";

std::string text_of(const std::string& word) {
  std::string text = "# " + word + "\n";
  for (int i = 0; i < 8; ++i) {
    text += "\n" + word;
    for (int w = 0; w < 120; ++w) text += " filler";
    text += ".\n";
  }
  return text;
}

contract::IngestRequest round(int number) {
  contract::IngestRequest request;
  for (const std::string& name : {"a", "b", "c"}) {
    request.files.push_back(
        {.source = name + ".md", .bytes = text_of(fmt::format("{}version{}", name, number))});
  }
  return request;
}

/// Not a test but the process that is killed: a first version of three documents, a second one, and
/// one of them deleted.
TEST(CrashVictim, DISABLED_Works) {
  const char* folder = std::getenv(kFolderVariable);
  if (folder == nullptr) GTEST_SKIP();
  Workplace place(folder);
  for (int number = 1; number <= 2; ++number) {
    const auto jobs = place.ingest(round(number));
    OPALINE_ASSERT(jobs.has_value());
    place.wait(*jobs);
  }
  static_cast<void>(place.ask<contract::DeleteDocumentsReply>(
      contract::DeleteDocumentsRequest{.id_or_source = "c.md"}));
}

/// @return whether the point was reached: the process was killed.
bool run_victim(const std::filesystem::path& folder, const std::string& point) {
  const std::string folder_setting = fmt::format("{}={}", kFolderVariable, folder.string());
  const std::string point_setting = "OPALINE_CRASH_POINT=" + point;
  std::array<char*, 3> environment = {const_cast<char*>(folder_setting.c_str()),
                                      const_cast<char*>(point_setting.c_str()), nullptr};
  std::array<const char*, 5> arguments = {
      "/proc/self/exe", "--gtest_filter=CrashVictim.DISABLED_Works",
      "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  OPALINE_ASSERT(posix_spawn(&process, arguments[0], &actions, nullptr,
                             const_cast<char* const*>(arguments.data()), environment.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  OPALINE_ASSERT(waitpid(process, &status, 0) == process);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0)
      << point;
  return WIFSIGNALED(status);
}

/// Each document is there once and whole, in one of its versions, and no job is left.
void check_whole(Workplace& place) {
  const auto jobs =
      place.ask<contract::ListJobsReply>(contract::ListJobsRequest{.unfinished_only = true});
  ASSERT_TRUE(jobs.has_value());
  place.wait(jobs->jobs);
  EXPECT_TRUE(
      place.ask<contract::ListJobsReply>(contract::ListJobsRequest{.unfinished_only = true})
          ->jobs.empty());
  for (const contract::Document& document : place.documents()) {
    const auto text =
        place.ask<contract::GetDocumentReply>(contract::GetDocumentRequest{document.id});
    ASSERT_TRUE(text.has_value());
    const std::string expected = document.title;
    EXPECT_TRUE(text->text.starts_with(expected + "\n\n" + expected + " filler"));
    const auto hits = place.store().search_keyword(expected, 1000, {.collection = "default"});
    ASSERT_TRUE(hits.has_value());
    EXPECT_EQ(hits->size(), document.chunks) << expected << " is doubled or half";
    // The other version is gone.
    const std::string other = expected.substr(0, 8) + (expected.back() == '1' ? "2" : "1");
    EXPECT_TRUE(place.store().search_keyword(other, 1000, {.collection = "default"})->empty())
        << other;
  }
}

class Crash : public testing::TestWithParam<const char*> {};

TEST_P(Crash, LosesNothingHalvesNothingDoublesNothing) {
  for (const int pass : {1, 4}) {
    SCOPED_TRACE(pass);
    TemporaryFolder folder;
    const bool killed = run_victim(folder.path(), fmt::format("{}:{}", GetParam(), pass));
    EXPECT_TRUE(killed || pass > 1) << "nobody passed here";
    Workplace place(folder.path());
    check_whole(place);
    // What had been promised before the kill holds, and the rest can simply be asked for again.
    for (const contract::Job& job : place.wait(*place.ingest(round(2)))) {
      EXPECT_TRUE(job.state == JobState::ready || job.state == JobState::unchanged)
          << contract::name(job.state) << job.error;
    }
    check_whole(place);
    ASSERT_EQ(place.documents().size(), 3U);
    for (const contract::Document& document : place.documents())
      EXPECT_TRUE(document.title.ends_with("version2"));
    wait_until([&] { return Workplace::blobs(folder.path()) == 0; });
  }
}

INSTANTIATE_TEST_SUITE_P(Points, Crash,
                         testing::Values("after_blobs", "after_jobs", "job_started", "parsed",
                                         "chunked", "embedding", "before_commit", "after_commit",
                                         "before_delete", "after_delete"),
                         [](const auto& tested) { return std::string(tested.param); });

/// A store whose nth write fails once.
class FlakyStore final : public store::Store {
 public:
  explicit FlakyStore(store::Store& real) : real_(real) {}
  std::atomic<int> fail_at = 0;
  std::atomic<int> writes = 0;

  base::Result<void> replace_document(store::PreparedDocument document, const std::string& job,
                                      const std::string& state,
                                      const std::string& warnings) override {
    if (fails()) return failure();
    return real_.replace_document(std::move(document), job, state, warnings);
  }
  base::Result<std::uint64_t> delete_documents(const std::vector<std::string>& ids) override {
    return real_.delete_documents(ids);
  }
  base::Result<std::string> put_blob(std::string_view bytes) override {
    if (fails()) return failure();
    return real_.put_blob(bytes);
  }
  base::Result<void> add_jobs(const std::vector<store::JobRow>& jobs) override {
    if (fails()) return failure();
    return real_.add_jobs(jobs);
  }
  base::Result<void> update_job(const store::JobRow& job) override {
    if (fails()) return failure();
    return real_.update_job(job);
  }
  base::Result<void> drop_unused_blobs() override { return real_.drop_unused_blobs(); }

  base::Result<std::optional<store::DocumentRow>> find_document(
      const std::string& id) const override {
    return real_.find_document(id);
  }
  base::Result<std::optional<store::DocumentRow>> find_document(
      const std::string& collection, const std::string& source) const override {
    return real_.find_document(collection, source);
  }
  base::Result<std::string> document_text(const std::string& id) const override {
    return real_.document_text(id);
  }
  base::Result<std::vector<store::DocumentRow>> list_documents(const std::string& collection,
                                                               const std::string& after,
                                                               std::size_t limit) const override {
    return real_.list_documents(collection, after, limit);
  }
  base::Result<std::vector<std::string>> collections() const override {
    return real_.collections();
  }
  base::Result<std::vector<store::ChunkScore>> search_dense(
      std::span<const float> query, std::size_t k, const store::Filter& filter) const override {
    return real_.search_dense(query, k, filter);
  }
  base::Result<std::vector<store::ChunkScore>> search_keyword(
      std::string_view query, std::size_t k, const store::Filter& filter) const override {
    return real_.search_keyword(query, k, filter);
  }
  base::Result<std::vector<double>> cosines(std::span<const float> query,
                                            std::span<const std::int64_t> ids) const override {
    return real_.cosines(query, ids);
  }
  base::Result<std::vector<store::ChunkRow>> chunks(std::span<const std::int64_t> ids,
                                                    Vectors vectors) const override {
    return real_.chunks(ids, vectors);
  }
  [[nodiscard]] std::uint64_t version() const override { return real_.version(); }
  base::Result<std::string> blob(const std::string& key) const override { return real_.blob(key); }
  [[nodiscard]] std::filesystem::path blob_path(const std::string& key) const override {
    return real_.blob_path(key);
  }
  base::Result<std::optional<store::JobRow>> find_job(const std::string& id) const override {
    return real_.find_job(id);
  }
  base::Result<std::vector<store::JobRow>> list_jobs(std::size_t limit,
                                                     bool unfinished) const override {
    return real_.list_jobs(limit, unfinished);
  }
  [[nodiscard]] store::Statistics statistics() const override { return real_.statistics(); }

 private:
  bool fails() { return ++writes == fail_at; }
  static std::unexpected<base::Error> failure() {
    return base::fail(base::ErrorCode::resource_exhausted, "the disk is full");
  }

  store::Store& real_;
};

TEST(DiskFull, AtAnyWriteIsSaidOrSurvived) {
  int writes = 0;
  for (int fail_at = 0; fail_at <= writes; ++fail_at) {
    SCOPED_TRACE(fail_at);
    TemporaryFolder folder;
    auto real = store::Store::open(folder.path());
    ASSERT_TRUE(real.has_value());
    FlakyStore flaky(**real);
    Workplace place(folder.path(), test_settings(), &flaky);
    flaky.fail_at = fail_at;
    contract::IngestRequest request = round(1);
    request.files.pop_back();
    const auto jobs = place.ingest(std::move(request));
    if (fail_at == 0) {
      place.wait(*jobs);
      writes = flaky.writes;  // The first time round only counts them.
      ASSERT_GE(writes, 7);
      continue;
    }
    if (!jobs) {
      EXPECT_EQ(jobs.error().message, "the disk is full");
      continue;
    }
    for (const contract::Job& job : place.wait(*jobs))
      EXPECT_EQ(job.state, JobState::ready) << job.error;
  }
}

}  // namespace
}  // namespace opaline::services::dataprep
