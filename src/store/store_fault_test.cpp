// What a store says when its disk, its folder or its file is not what it should be. Faults that
// would touch the whole process (a file size limit, another user) are set in a forked child.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "store/database.hpp"
#include "store/store_fixture.hpp"

namespace opaline::store {

using base::ErrorCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

// Runs `work` in a child process and returns the text it returns.
template <class F>
std::string in_child(F work) {
  int ends[2];
  OPALINE_ASSERT(::pipe(ends) == 0);
  std::fflush(stdout);  // Or the child prints it again.
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = work();
    const bool written =
        ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? text : "died of signal " + std::to_string(WTERMSIG(status));
}

template <class T>
std::string describe(const base::Result<T>& result) {
  if (result) return "success";
  return std::string(base::name(result.error().code)) + ": " + result.error().message + " [" +
         result.error().detail + "]";
}

class StoreFaultTest : public StoreTest {
 protected:
  [[nodiscard]] std::filesystem::path database() const { return folder_.path() / "opaline.db"; }
};

}  // namespace

TEST_F(StoreFaultTest, ASecondOpenerIsToldWhoHasTheFolder) {
  const std::string wanted = "process " + std::to_string(::getpid());
  const auto same_process = Store::open(folder_.path());
  EXPECT_THAT(describe(same_process), AllOf(StartsWith("failed_precondition"), HasSubstr(wanted)));
  EXPECT_THAT(in_child([&] { return describe(Store::open(folder_.path())); }),
              AllOf(StartsWith("failed_precondition"), HasSubstr(wanted)));
  put({});
  EXPECT_THAT(keyword("fox"), ::testing::SizeIs(1));
}

TEST_F(StoreFaultTest, RefusesAFileInPlaceOfTheFolder) {
  const auto file = folder_.path() / "file";
  std::ofstream(file) << "x";
  EXPECT_THAT(describe(Store::open(file)), StartsWith("invalid_argument"));
  EXPECT_THAT(describe(Store::open(file / "below")), StartsWith("unavailable"));
}

TEST_F(StoreFaultTest, FollowsALinkToTheFolderButNoneInIt) {
  put({});
  store_.reset();
  const TemporaryFolder elsewhere;
  std::filesystem::create_directory_symlink(folder_.path(), elsewhere.path() / "link");
  EXPECT_EQ(describe(Store::open(elsewhere.path() / "link")), "success");
  std::filesystem::rename(database(), elsewhere.path() / "moved.db");
  std::filesystem::create_symlink(elsewhere.path() / "moved.db", database());
  EXPECT_THAT(describe(Store::open(folder_.path())), HasSubstr("cannot be read"));
}

TEST_F(StoreFaultTest, MakesMissingFoldersForTheOwnerAlone) {
  const auto deep = folder_.path() / "a" / "b";
  ASSERT_TRUE(Store::open(deep));
  EXPECT_EQ(std::filesystem::status(deep).permissions(), std::filesystem::perms::owner_all);
}

TEST_F(StoreFaultTest, RefusesAReadOnlyFolder) {
  put({});
  store_.reset();
  if (::geteuid() == 0) {
    // Root may write everywhere, so somebody else tries.
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    EXPECT_THAT(in_child([&] {
                  if (::setgid(65534) != 0 || ::setuid(65534) != 0)
                    return std::string("cannot change the user");
                  return describe(Store::open(folder_.path()));
                }),
                AllOf(StartsWith("failed_precondition"), HasSubstr("read-only")));
  } else {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0500));
    std::filesystem::permissions(folder_.path() / "lock", std::filesystem::perms(0400));
    EXPECT_THAT(describe(Store::open(folder_.path())),
                AllOf(StartsWith("failed_precondition"), HasSubstr("read-only")));
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0700));
  }
}

TEST_F(StoreFaultTest, RefusesASchemaOfTheFuture) {
  store_.reset();
  {
    const auto connection = *Connection::open(database(), Connection::Mode::write);
    ASSERT_TRUE(connection->script("PRAGMA user_version = 1000"));
  }
  EXPECT_THAT(describe(Store::open(folder_.path())),
              AllOf(StartsWith("failed_precondition"), HasSubstr("newer")));
}

TEST_F(StoreFaultTest, RefusesAFileThatIsNoDatabase) {
  store_.reset();
  std::filesystem::remove(database());
  std::ofstream(database()) << std::string(20'000, 'x');
  EXPECT_THAT(describe(Store::open(folder_.path())),
              AllOf(StartsWith("internal"), HasSubstr("damaged"), HasSubstr("SQLite 26")));
}

TEST_F(StoreFaultTest, RefusesACutDatabase) {
  for (int i = 0; i < 20; ++i) put({.source = std::to_string(i)});
  store_.reset();
  std::filesystem::resize_file(database(), std::filesystem::file_size(database()) / 2);
  EXPECT_THAT(describe(Store::open(folder_.path())),
              AllOf(StartsWith("internal"), HasSubstr("damaged")));
}

// Whatever page is overwritten, opening and searching end with an answer or an error, never with a
// crash.
TEST_F(StoreFaultTest, EveryDamagedPageGivesAnAnswerOrAnError) {
  for (int i = 0; i < 5; ++i) put({.source = std::to_string(i)});
  store_.reset();
  std::ifstream in(database(), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  constexpr std::size_t kPage = 8192;
  int errors = 0;
  for (std::size_t page = 0; page * kPage < good.size(); ++page) {
    std::string bad = good;
    bad.replace(page * kPage, 200, std::string(200, '\x5a'));
    std::filesystem::remove(folder_.path() / "opaline.db-wal");
    std::filesystem::remove(folder_.path() / "opaline.db-shm");
    std::ofstream(database(), std::ios::binary | std::ios::trunc) << bad;
    auto opened = Store::open(folder_.path());
    if (!opened) {
      ++errors;
      EXPECT_EQ(opened.error().code, ErrorCode::internal) << page << describe(opened);
      EXPECT_FALSE(opened.error().detail.empty());
      continue;
    }
    const Filter filter{"default", ""};
    const auto near = (*opened)->search_dense(axis(0), 10, filter);
    const auto words = (*opened)->search_keyword("fox", 10, filter);
    const auto text = (*opened)->document_text("id-default-0");
    const auto replaced = (*opened)->replace_document(make_document({.source = "0"}), "", "", "");
    if (!near || !words || !text || !replaced) ++errors;
  }
  EXPECT_GT(errors, 3);
}

TEST_F(StoreFaultTest, RefusesVectorsThatDoNotBelongToTheChunks) {
  put({});
  store_.reset();
  {
    const auto connection = *Connection::open(database(), Connection::Mode::write);
    ASSERT_TRUE(connection->script("DELETE FROM vector WHERE chunk = 2"));
  }
  EXPECT_THAT(describe(Store::open(folder_.path())),
              AllOf(StartsWith("internal"), HasSubstr("chunk 2")));
}

namespace {

// Adds documents until one is refused, and tells how it went: how many were acknowledged, whether
// searches go on, whether the refused one left nothing, and the errors.
std::string fill(Store& store, const std::string& prefix) {
  for (int i = 0; i < 5000; ++i) {
    const auto document = make_document(
        {.source = prefix + std::to_string(i), .passages = {std::string(5000, 'x') + " filling"}});
    const auto added = store.replace_document(document, "", "", "");
    if (added) continue;
    const bool reads = store.search_keyword("fox", 1, {"default", ""}) &&
                       store.search_dense(axis(0), 1, {"default", ""});
    const auto found = store.find_document(document.document.id);
    const auto blob = store.put_blob(std::string(10'000'000, 'b'));
    return std::to_string(i) + (reads ? " reads " : " blind ") +
           (found && !*found ? "gone " : "there ") + describe(added) + " blob " + describe(blob);
  }
  return "never full";
}

const auto kFullAndWell = AllOf(HasSubstr(" reads gone resource_exhausted: the disk is full"),
                                HasSubstr("blob resource_exhausted: the disk is full"));

}  // namespace

TEST_F(StoreFaultTest, AFullDiskRefusesChangesAndGoesOnReading) {
  put({.source = "first"});
  store_.reset();
  const std::string story = in_child([&] {
    // A small disk that only this child sees.
    const auto disk = folder_.path() / "disk";
    std::filesystem::create_directory(disk);
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=3m") != 0) {
      return std::string("cannot mount");
    }
    std::filesystem::copy(database(), disk / "opaline.db");
    auto opened = Store::open(disk);
    if (!opened) return "open: " + describe(opened);
    const std::string first = fill(**opened, "a");
    const int kept = std::atoi(first.c_str());
    opened->reset();
    opened = Store::open(disk);
    if (!opened) return first + " reopen: " + describe(opened);
    for (int i = 0; i < kept; ++i) {
      if (!(*opened)->find_document("default", "a" + std::to_string(i)).value())
        return first + " lost " + std::to_string(i);
    }
    return first + " all kept";
  });
  if (story == "cannot mount") GTEST_SKIP() << "needs the right to mount";
  EXPECT_THAT(story, AllOf(kFullAndWell, HasSubstr("all kept")));
}

// A limit on file size, at several sizes: the fault strikes at another write each time.
TEST_F(StoreFaultTest, AFileSizeLimitLosesNothingThatWasAcknowledged) {
  put({.source = "first"});
  store_.reset();
  const auto base_size = std::filesystem::file_size(database());
  for (const std::size_t room : {10'000U, 60'000U, 150'000U, 400'000U}) {
    const std::string story = in_child([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      auto opened = Store::open(folder_.path());
      if (!opened) return "open: " + describe(opened);
      const rlimit limit{base_size + room, base_size + room};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      return fill(**opened, "r" + std::to_string(room) + "-");
    });
    EXPECT_THAT(story, kFullAndWell);
    reopen();
    const int kept = std::stoi(story);
    for (int i = 0; i < kept; ++i) {
      EXPECT_TRUE(
          store_->find_document("default", "r" + std::to_string(room) + "-" + std::to_string(i))
              .value())
          << i;
    }
    EXPECT_THAT(keyword("fox"), ::testing::SizeIs(1));
    put({.source = "after " + std::to_string(room), .passages = {"room again"}});
    store_.reset();
  }
}

}  // namespace opaline::store
