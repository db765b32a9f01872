// Kills a process that changes a store at random moments, and checks what is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "store/database.hpp"
#include "store/store_fixture.hpp"

namespace opaline::store {

using ::testing::AnyOf;

namespace {

constexpr int kSources = 6;

// What the child reports, before each operation and once it was acknowledged.
struct Report {
  enum class What : std::int32_t {
    replacing,
    replaced,
    deleting,
    deleted,
    queueing,
    queued
  } what = What::replacing;
  std::int32_t source = 0;
  std::int64_t number = 0;
};

// Version `number` of a source: each passage names it, and there are as many as it says.
PreparedDocument version_of(int source, std::int64_t number) {
  std::vector<std::string> passages;
  for (std::int64_t i = 0; i < 1 + number % 7; ++i)
    passages.push_back("source" + std::to_string(source) + " version" + std::to_string(number));
  return make_document({.source = "s" + std::to_string(source),
                        .passages = passages,
                        .metadata = "{\"version\":" + std::to_string(number) + "}"});
}

[[noreturn]] void change_until_killed(const std::filesystem::path& folder, unsigned seed,
                                      std::int64_t number, int out) {
  auto opened = Store::open(folder);
  if (!opened) ::_exit(1);
  Store& store = **opened;
  std::mt19937 random(seed);
  const auto report = [out](Report::What what, int source, std::int64_t n) {
    const Report entry{what, source, n};
    if (::write(out, &entry, sizeof entry) != sizeof entry) ::_exit(2);
  };
  for (;; ++number) {
    const int source = static_cast<int>(random() % kSources);
    const auto kind = random() % 10;
    if (kind < 6) {
      const std::string job = "job" + std::to_string(number);
      report(Report::What::queueing, 0, number);
      const auto blob = store.put_blob("bytes of " + job);
      if (!blob || !store.add_jobs({{.id = job, .blob = *blob}})) ::_exit(3);
      report(Report::What::queued, 0, number);
      report(Report::What::replacing, source, number);
      if (!store.replace_document(version_of(source, number), job, "ready", "[]")) ::_exit(4);
      report(Report::What::replaced, source, number);
    } else if (kind < 8) {
      report(Report::What::deleting, source, number);
      if (!store.delete_documents({"id-default-s" + std::to_string(source)})) ::_exit(5);
      report(Report::What::deleted, source, number);
    } else if (!store.drop_unused_blobs()) {
      ::_exit(6);
    }
  }
}

// What may be true of each source after the kill: the versions it may be in, 0 meaning that it is
// not there.
struct Expectation {
  Expectation() {
    for (int source = 0; source < kSources; ++source) versions[source] = {0};
  }

  std::map<int, std::set<std::int64_t>> versions;
  std::map<std::int64_t, std::set<std::string>> jobs;  // The states each may be in.
  std::int64_t last_number = 0;

  void take(const Report& report) {
    last_number = std::max(last_number, report.number);
    auto& states = jobs[report.number];
    switch (report.what) {
      case Report::What::replacing:
        versions[report.source].insert(report.number);
        states.insert("ready");
        break;
      case Report::What::replaced:
        versions[report.source] = {report.number};
        states = {"ready"};
        break;
      case Report::What::deleting: versions[report.source].insert(0); break;
      case Report::What::deleted: versions[report.source] = {0}; break;
      case Report::What::queueing: states = {"", "queued"}; break;
      case Report::What::queued: states = {"queued"}; break;
    }
    if (report.what == Report::What::deleting || report.what == Report::What::deleted)
      jobs.erase(report.number);
  }
};

}  // namespace

class StoreCrashTest : public StoreTest {
 protected:
  void check(const Expectation& expectation) {
    std::int64_t chunks = 0;
    for (const auto& [source, versions] : expectation.versions) {
      SCOPED_TRACE("source " + std::to_string(source));
      const auto found = store_->find_document("default", "s" + std::to_string(source)).value();
      const std::string metadata = found ? found->metadata : "{\"version\":0}";
      const std::int64_t version = std::atoll(metadata.c_str() + metadata.find(':') + 1);
      EXPECT_TRUE(versions.contains(version)) << "version " << version;
      const auto wanted = version_of(source, version);
      const Filter only{"default", "{\"source\":\"s" + std::to_string(source) + "\"}"};
      const auto words = store_->search_keyword("source" + std::to_string(source), 100, only);
      const auto near = store_->search_dense(axis(0), 100, only);
      if (!found) {
        if (words) EXPECT_TRUE(words->empty());
        continue;
      }
      chunks += static_cast<std::int64_t>(wanted.chunks.size());
      EXPECT_EQ(store_->document_text(found->id).value(), wanted.text);
      const auto passages = texts(words);
      EXPECT_EQ(passages.size(), wanted.chunks.size());
      for (const auto& passage : passages) EXPECT_EQ(passage, wanted.chunks.front().text);
      EXPECT_EQ(near->size(), wanted.chunks.size());
    }
    for (const auto& [number, states] : expectation.jobs) {
      const auto job = store_->find_job("job" + std::to_string(number)).value();
      EXPECT_TRUE(states.contains(job ? job->state : ""))
          << number << " " << (job ? job->state : "none");
      if (job && job->state == "queued")
        EXPECT_EQ(store_->blob(job->blob).value(), "bytes of " + job->id);
    }
    EXPECT_EQ(store_->statistics().chunks, static_cast<std::uint64_t>(chunks));
    check_tables(chunks);
  }

  void check_tables(std::int64_t chunks) {
    const auto reader = *Connection::open(folder_.path() / "opaline.db", Connection::Mode::read);
    EXPECT_EQ(reader->number("SELECT count(*) FROM chunk").value(), chunks);
    EXPECT_EQ(reader->number("SELECT count(*) FROM vector").value(), chunks);
    EXPECT_EQ(reader->number("SELECT count(*) FROM chunk_fts_docsize").value(), chunks);
    EXPECT_EQ(
        reader
            ->number(
                "SELECT count(*) FROM chunk_fts_docsize WHERE id NOT IN (SELECT id FROM chunk)")
            .value(),
        0);
    EXPECT_EQ(reader->number("SELECT coalesce(sum(chunks), 0) FROM document").value(), chunks);
    EXPECT_EQ(reader
                  ->number("SELECT count(*) FROM document_text WHERE document NOT IN (SELECT "
                           "number FROM document)")
                  .value(),
              0);
    EXPECT_EQ(
        reader->number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'")
            .value(),
        0);
  }
};

TEST_F(StoreCrashTest, KeepsEveryAcknowledgedChangeWholeThroughKills) {
  const char* wanted_kills = std::getenv("OPALINE_STORE_KILLS");
  const int kills = wanted_kills ? std::atoi(wanted_kills) : 40;
  const unsigned seed = std::random_device{}();
  std::printf("seed %u, %d kills\n", seed, kills);
  std::mt19937 random(seed);
  Expectation expectation;
  std::int64_t operations = 0;
  for (int kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    store_.reset();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::fflush(stdout);  // Or the child prints it again.
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      change_until_killed(folder_.path(), static_cast<unsigned>(random()),
                          expectation.last_number + 1, ends[1]);
    }
    ::close(ends[1]);
    // The moment is counted from the first operation, so that a slow machine does not kill the
    // opening only.
    const auto delay = std::chrono::microseconds(random() % 150'000);
    const bool while_opening = random() % 8 == 0;
    Report report;
    bool killed = while_opening;
    std::thread killer;
    if (while_opening) {
      std::this_thread::sleep_for(delay / 4);
      ::kill(child, SIGKILL);
    }
    while (::read(ends[0], &report, sizeof report) == sizeof report) {
      expectation.take(report);
      ++operations;
      if (killed) continue;
      killed = true;
      killer = std::thread([child, delay] {
        std::this_thread::sleep_for(delay);
        ::kill(child, SIGKILL);
      });
    }
    if (killer.joinable()) killer.join();
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    reopen();
    ASSERT_TRUE(store_);
    check(expectation);
    if (HasFailure()) return;
    // What may have happened is known now.
    for (auto& [source, versions] : expectation.versions) {
      const auto found = store_->find_document("default", "s" + std::to_string(source)).value();
      versions = {found ? std::atoll(found->metadata.c_str() + found->metadata.find(':') + 1) : 0};
    }
    for (auto& [number, states] : expectation.jobs) {
      const auto job = store_->find_job("job" + std::to_string(number)).value();
      states = {job ? job->state : ""};
    }
  }
  std::printf("%lld reports\n", static_cast<long long>(operations));
}

}  // namespace opaline::store
