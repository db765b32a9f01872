// Fails the input and output operations of a scenario one after another, once and for good, and
// checks that nothing acknowledged is lost, nothing is half there, and no search hangs. The
// operations are SQLite's: a VFS stands between it and the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "store/database.hpp"
#include "store/store_fixture.hpp"

namespace opaline::store {

namespace {

// SQLite knows VFSes by C functions, so that this must be global.
struct Faults {
  std::atomic<int> operations_left = -1;  // Until the fault; negative: none to come.
  std::atomic<bool> for_good = false;
  std::atomic<bool> happened = false;
  std::atomic<int> write_code = SQLITE_IOERR_WRITE;

  bool strike() {
    if (happened) return for_good;
    if (operations_left < 0 || operations_left-- > 0) return false;
    happened = true;
    return true;
  }
};
Faults faults;

struct FaultyFile {
  sqlite3_file base;
};
sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<FaultyFile*>(file) + 1);
}
sqlite3_vfs* real(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

template <auto Member, class... Arguments>
int pass(sqlite3_file* file, Arguments... arguments) {
  return (real(file)->pMethods->*Member)(real(file), arguments...);
}
template <auto Member, int Code, class... Arguments>
int pass_or_fail(sqlite3_file* file, Arguments... arguments) {
  if (faults.strike()) return Code == SQLITE_IOERR_WRITE ? faults.write_code.load() : Code;
  return pass<Member>(file, arguments...);
}

const sqlite3_io_methods kMethods = {
    .iVersion = 3,
    .xClose = pass<&sqlite3_io_methods::xClose>,
    .xRead = pass_or_fail<&sqlite3_io_methods::xRead, SQLITE_IOERR_READ, void*, int, sqlite3_int64>,
    .xWrite = pass_or_fail<&sqlite3_io_methods::xWrite, SQLITE_IOERR_WRITE, const void*, int,
                           sqlite3_int64>,
    .xTruncate = pass_or_fail<&sqlite3_io_methods::xTruncate, SQLITE_IOERR_TRUNCATE, sqlite3_int64>,
    .xSync = pass_or_fail<&sqlite3_io_methods::xSync, SQLITE_IOERR_FSYNC, int>,
    .xFileSize = pass_or_fail<&sqlite3_io_methods::xFileSize, SQLITE_IOERR_FSTAT, sqlite3_int64*>,
    .xLock = pass<&sqlite3_io_methods::xLock, int>,
    .xUnlock = pass<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = pass<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = pass<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = pass<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = pass<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = pass_or_fail<&sqlite3_io_methods::xShmMap, SQLITE_IOERR_SHMMAP, int, int, int,
                            void volatile**>,
    .xShmLock = pass<&sqlite3_io_methods::xShmLock, int, int, int>,
    .xShmBarrier = [](sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); },
    .xShmUnmap = pass<&sqlite3_io_methods::xShmUnmap, int>,
    .xFetch = pass<&sqlite3_io_methods::xFetch, sqlite3_int64, int, void**>,
    .xUnfetch = pass<&sqlite3_io_methods::xUnfetch, sqlite3_int64, void*>,
};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  file->pMethods = nullptr;
  if (faults.strike()) return SQLITE_CANTOPEN;
  const int code = real(vfs)->xOpen(real(vfs), name, real(file), flags, out);
  if (real(file)->pMethods) file->pMethods = &kMethods;
  return code;
}

// Makes itself SQLite's way to the disk as long as it lives.
class FaultyDisk {
 public:
  FaultyDisk() : inner_(sqlite3_vfs_find(nullptr)), vfs_(*inner_) {
    vfs_.zName = "faulty";
    vfs_.pAppData = inner_;
    vfs_.szOsFile = static_cast<int>(sizeof(FaultyFile)) + inner_->szOsFile;
    vfs_.pNext = nullptr;
    vfs_.xOpen = open_file;
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
      return faults.strike() ? SQLITE_IOERR_DELETE : real(vfs)->xDelete(real(vfs), name, sync);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FaultyDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(inner_, 1);
  }

 private:
  sqlite3_vfs* inner_;
  sqlite3_vfs vfs_;
};

PreparedDocument second_version() {
  return make_document({.source = "a",
                        .passages = {"second fox", "second dog", std::string(20'000, 'x')},
                        .metadata = R"({"version":2})"});
}

}  // namespace

class StoreIoErrorTest : public StoreTest {
 protected:
  // Each acknowledged step must hold; each other one may or may not.
  struct Outcome {
    bool replaced = false;
    bool deleted = false;
    bool queued = false;
  };

  Outcome run_scenario() {
    Outcome outcome;
    auto opened = Store::open(folder_.path());
    if (!opened) return outcome;
    Store& store = **opened;
    outcome.replaced = store.replace_document(second_version(), "", "", "").has_value();
    (void)store.search_dense(axis(0), 3, {"default", ""});
    (void)store.search_keyword("fox", 3, {"default", ""});
    outcome.deleted = store.delete_documents({"id-default-b"}).has_value();
    outcome.queued = store.add_jobs({{.id = "j"}}).has_value();
    (void)store.list_documents("", "", 10);
    return outcome;
  }

  void check(const Outcome& outcome) {
    reopen();
    ASSERT_TRUE(store_);
    const auto a = store_->find_document("default", "a").value();
    ASSERT_TRUE(a);
    const bool second = a->metadata == R"({"version":2})";
    if (outcome.replaced) EXPECT_TRUE(second);
    EXPECT_EQ(keyword("fox", 10, {"default", R"({"source":"a"})"}),
              std::vector<std::string>{second ? "second fox" : "the quick brown fox"});
    EXPECT_EQ(dense(axis(0), 10, {"default", R"({"source":"a"})"}).size(), second ? 3U : 2U);
    EXPECT_EQ(store_->document_text(a->id).value(),
              second ? second_version().text : make_document({.source = "a"}).text);
    const bool b = store_->find_document("default", "b").value().has_value();
    if (outcome.deleted) EXPECT_FALSE(b);
    EXPECT_EQ(keyword("fox", 10, {"default", R"({"source":"b"})"}).size(), b ? 1U : 0U);
    if (outcome.queued) EXPECT_TRUE(store_->find_job("j").value());
    const auto reader = *Connection::open(folder_.path() / "opaline.db", Connection::Mode::read);
    const auto chunks = static_cast<std::int64_t>(store_->statistics().chunks);
    EXPECT_EQ(reader->number("SELECT count(*) FROM chunk_fts_docsize").value(), chunks);
    EXPECT_EQ(
        reader->number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'")
            .value(),
        0);
  }

  // Every third operation from `first` on, since each costs several syncs;
  // OPALINE_STORE_EVERY_FAULT=1 takes them all.
  void fail_operations(int first, bool for_good, int write_code) {
    const int stride = std::getenv("OPALINE_STORE_EVERY_FAULT") ? 1 : 3;
    put({.source = "a"});
    put({.source = "b"});
    store_.reset();
    TemporaryFolder copy;
    std::filesystem::copy_file(folder_.path() / "opaline.db", copy.path() / "opaline.db");
    const FaultyDisk disk;
    bool happened = true;
    int operation = first;
    for (; happened; operation += stride) {
      SCOPED_TRACE("operation " + std::to_string(operation));
      store_.reset();
      for (const char* end : {"", "-wal", "-shm"})
        std::filesystem::remove(folder_.path() / ("opaline.db" + std::string(end)));
      std::filesystem::copy_file(copy.path() / "opaline.db", folder_.path() / "opaline.db");
      faults.for_good = for_good;
      faults.write_code = write_code;
      faults.happened = false;
      faults.operations_left = operation;
      const Outcome outcome = run_scenario();
      happened = faults.happened;
      faults.operations_left = -1;
      faults.happened = false;
      faults.for_good = false;
      if (!happened) EXPECT_TRUE(outcome.replaced && outcome.deleted && outcome.queued);
      check(outcome);
      if (HasFailure()) break;
    }
    EXPECT_GT(operation, 100);
    std::printf("%d operations\n", operation);
    store_.reset();
  }
};

TEST_F(StoreIoErrorTest, SurvivesEachOperationFailingOnce) {
  fail_operations(0, false, SQLITE_IOERR_WRITE);
}
TEST_F(StoreIoErrorTest, SurvivesTheDiskFailingForGoodFromEachOperationOn) {
  fail_operations(1, true, SQLITE_IOERR_WRITE);
}
TEST_F(StoreIoErrorTest, SurvivesTheDiskBeingFullAtEachWrite) {
  fail_operations(2, true, SQLITE_FULL);
}

}  // namespace opaline::store
