#include "store/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cerrno>
#include <fstream>

#include "store/reader_pool.hpp"
#include "store/schema.hpp"
#include "store/store_fixture.hpp"

namespace opaline::store {

using base::ErrorCode;
using ::testing::HasSubstr;

namespace {

class DatabaseTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "test.db";
  std::unique_ptr<Connection> writer_ = *Connection::open(file_, Connection::Mode::write);
};

}  // namespace

TEST_F(DatabaseTest, ReturnsValuesOfEveryTypeAsBound) {
  ASSERT_TRUE(writer_->script("CREATE TABLE t (a, b, c, d, e, f)"));
  const std::vector<float> floats = {1.5F, -2};
  ASSERT_TRUE(writer_->run("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", std::int64_t{-5}, 2.5,
                           std::string("zero\0byte", 9), Blob::of(floats), nullptr,
                           std::optional<int>()));
  EXPECT_EQ(writer_->changed(), 1);
  auto row = writer_->query("SELECT a, b, c, d, e, f FROM t").value();
  ASSERT_TRUE(row.next().value());
  EXPECT_EQ(row.integer(0), -5);
  EXPECT_EQ(row.real(1), 2.5);
  EXPECT_EQ(row.text(2), std::string_view("zero\0byte", 9));
  EXPECT_EQ(row.bytes(3).size(), 8U);
  EXPECT_TRUE(row.null(4));
  EXPECT_TRUE(row.null(5));
  EXPECT_EQ(row.text(4), "");
  EXPECT_FALSE(row.next().value());
}

TEST_F(DatabaseTest, AnEmptyTextIsNotNull) {
  ASSERT_TRUE(writer_->script("CREATE TABLE t (a TEXT NOT NULL, b BLOB NOT NULL)"));
  EXPECT_TRUE(writer_->run("INSERT INTO t VALUES (?, ?)", std::string_view(), Blob{}));
}

TEST_F(DatabaseTest, UsesOneStatementTwiceAtATime) {
  auto first = writer_->query("SELECT ?", 1).value();
  auto second = writer_->query("SELECT ?", 2).value();
  EXPECT_TRUE(first.next().value());
  EXPECT_TRUE(second.next().value());
  EXPECT_EQ(first.integer(0), 1);
  EXPECT_EQ(second.integer(0), 2);
}

TEST_F(DatabaseTest, RollsBackWhatIsNotCommitted) {
  ASSERT_TRUE(writer_->script("CREATE TABLE t (a)"));
  {
    auto transaction = Transaction::begin(*writer_, Transaction::Kind::write).value();
    ASSERT_TRUE(writer_->run("INSERT INTO t VALUES (1)"));
  }
  EXPECT_TRUE(writer_->idle());
  EXPECT_EQ(writer_->number("SELECT count(*) FROM t").value(), 0);
  auto transaction = Transaction::begin(*writer_, Transaction::Kind::write).value();
  ASSERT_TRUE(writer_->run("INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(writer_->number("SELECT count(*) FROM t").value(), 1);
}

TEST_F(DatabaseTest, OverwritesDeletedContentAndSyncsEachCommit) {
  EXPECT_EQ(writer_->number("PRAGMA secure_delete").value(), 1);
  EXPECT_EQ(writer_->number("PRAGMA synchronous").value(), 2);
  const auto reader = *Connection::open(file_, Connection::Mode::read);
  EXPECT_EQ(reader->number("PRAGMA wal_autocheckpoint").value(), 0);
}

TEST_F(DatabaseTest, MapsFaultsToErrors) {
  const std::vector<std::pair<int, ErrorCode>> table = {
      {SQLITE_FULL, ErrorCode::resource_exhausted},
      {SQLITE_READONLY, ErrorCode::failed_precondition},
      {SQLITE_PERM, ErrorCode::failed_precondition},
      {SQLITE_READONLY_DBMOVED, ErrorCode::failed_precondition},
      {SQLITE_CORRUPT, ErrorCode::internal},
      {SQLITE_CORRUPT_VTAB, ErrorCode::internal},
      {SQLITE_NOTADB, ErrorCode::internal},
      {SQLITE_BUSY, ErrorCode::unavailable},
      {SQLITE_LOCKED, ErrorCode::unavailable},
      {SQLITE_INTERRUPT, ErrorCode::deadline_exceeded},
      {SQLITE_NOMEM, ErrorCode::resource_exhausted},
      {SQLITE_IOERR_READ, ErrorCode::unavailable},
      {SQLITE_CANTOPEN, ErrorCode::unavailable},
      {SQLITE_ERROR, ErrorCode::internal},
  };
  for (const auto& [code, wanted] : table) {
    const auto error = writer_->error(code);
    EXPECT_EQ(error.code, wanted) << code;
    EXPECT_FALSE(error.message.empty());
    EXPECT_THAT(error.detail, HasSubstr(std::to_string(code)));
  }
}

TEST_F(DatabaseTest, MapsFileFaultsToErrors) {
  for (const int number : {ENOSPC, EDQUOT, EFBIG})
    EXPECT_EQ(file_error(number, "write", "f").code, ErrorCode::resource_exhausted);
  for (const int number : {EROFS, EACCES, EPERM})
    EXPECT_EQ(file_error(number, "write", "f").code, ErrorCode::failed_precondition);
  EXPECT_EQ(file_error(EIO, "write", "f").code, ErrorCode::unavailable);
  EXPECT_THAT(file_error(EIO, "write", "some/file").detail, HasSubstr("some/file"));
}

TEST_F(DatabaseTest, StopsStatementsAtTheDeadline) {
  writer_->set_deadline(std::chrono::steady_clock::now());
  constexpr std::string_view kEndless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
  const auto result = writer_->number(kEndless);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::deadline_exceeded);
  writer_->set_deadline(std::chrono::steady_clock::time_point::max());
  EXPECT_TRUE(
      writer_->number("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT "
                      "100000) SELECT count(*) FROM n"));
}

TEST_F(DatabaseTest, ReadersCannotWrite) {
  ASSERT_TRUE(writer_->script("CREATE TABLE t (a)"));
  const auto reader = *Connection::open(file_, Connection::Mode::read);
  EXPECT_EQ(reader->run("INSERT INTO t VALUES (1)").error().code, ErrorCode::failed_precondition);
}

TEST_F(DatabaseTest, UpdatesTheSchemaOnceAndRefusesANewerOne) {
  ASSERT_TRUE(update_schema(*writer_));
  ASSERT_TRUE(update_schema(*writer_));
  ASSERT_TRUE(writer_->script("PRAGMA user_version = 9999"));
  const auto result = update_schema(*writer_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(result.error().message, HasSubstr("newer"));
  EXPECT_THAT(result.error().detail, HasSubstr("9999"));
}

TEST_F(DatabaseTest, LendsEachReaderToOneAtATime) {
  ASSERT_TRUE(update_schema(*writer_));
  const auto pool = *ReaderPool::open(file_, 2);
  {
    const auto first = pool->take();
    const auto second = pool->take();
    EXPECT_NE(&*first, &*second);
  }
  {
    const auto all = pool->take_all();
    EXPECT_EQ(all.size(), 2U);
  }
  EXPECT_TRUE(pool->take()->idle());
}

}  // namespace opaline::store
