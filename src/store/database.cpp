#include "store/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/assert.hpp"

namespace opaline::store {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string_view kFull = "the disk is full: free some space and try again";
constexpr std::string_view kReadOnly =
    "the data folder is read-only: make it writable for this user";
constexpr int kBusyMilliseconds = 5000;
constexpr int kInstructionsBetweenChecks = 1000;

bool full(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }
bool forbidden(int number) { return number == EROFS || number == EACCES || number == EPERM; }

int last_errno(sqlite3_file* file) {
  int number = 0;
  if (file && file->pMethods) file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
  return number;
}

// The system's own reason. SQLite turns ENOSPC into SQLITE_FULL, but leaves a quota or a size limit
// an I/O error.
int system_errno(sqlite3* database) {
  if (const int number = sqlite3_system_errno(database)) return number;
  for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(database, "main", which, &file) != SQLITE_OK) continue;
    if (const int number = last_errno(file)) return number;
  }
  return 0;
}

// A rule of every connection; the page size takes effect in a new file only. Deleted content is
// overwritten, and nothing of it goes to temporary files.
constexpr const char* kSettings = R"(
  PRAGMA page_size = 8192;
  PRAGMA secure_delete = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
)";
// One connection checkpoints and no other: SQLite before 3.51.3 can damage a WAL when two do.
constexpr const char* kWriterSettings = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 1000;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -32768;
)";
constexpr const char* kReaderSettings = R"(
  PRAGMA wal_autocheckpoint = 0;
  PRAGMA query_only = ON;
  PRAGMA cache_size = -8192;
)";

}  // namespace

Error file_error(int number, std::string_view what, const std::filesystem::path& file) {
  const std::string detail =
      std::string(what) + " " + file.string() + ": " + std::generic_category().message(number);
  if (full(number)) return {ErrorCode::resource_exhausted, std::string(kFull), detail};
  if (forbidden(number)) return {ErrorCode::failed_precondition, std::string(kReadOnly), detail};
  return {ErrorCode::unavailable,
          "the data folder cannot be used: " + std::generic_category().message(number), detail};
}

Statement::Statement(Connection& connection, sqlite3_stmt* statement, std::string_view sql)
    : connection_(&connection), statement_(statement), sql_(sql) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      sql_(other.sql_) {}

Statement::~Statement() {
  if (statement_) connection_->give_back(sql_, statement_);
}

Result<void> Statement::check(int code) {
  if (code == SQLITE_OK) return {};
  return base::fail(connection_->error(code));
}

Result<void> Statement::put(int index, std::int64_t value) {
  return check(sqlite3_bind_int64(statement_, index, value));
}

Result<void> Statement::put(int index, double value) {
  return check(sqlite3_bind_double(statement_, index, value));
}

Result<void> Statement::put(int index, std::string_view value) {
  // A null pointer would bind NULL.
  return check(sqlite3_bind_text64(statement_, index, value.data() ? value.data() : "",
                                   value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

Result<void> Statement::put(int index, Blob value) {
  return check(sqlite3_bind_blob64(statement_, index, value.bytes.data() ? value.bytes.data() : "",
                                   value.bytes.size(), SQLITE_TRANSIENT));
}

Result<void> Statement::put(int index, std::nullptr_t) {
  return check(sqlite3_bind_null(statement_, index));
}

Result<void> Statement::bind_pointer(int index, void* object, const char* kind) {
  return check(sqlite3_bind_pointer(statement_, index, object, kind, nullptr));
}

Result<bool> Statement::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return base::fail(connection_->error(code));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
bool Statement::null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text ? std::string_view(text,
                                 static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
              : std::string_view();
}

std::string_view Statement::bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes ? std::string_view(
                     bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
               : std::string_view();
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& file, Mode mode) {
  const int flags =
      (mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(std::filesystem::absolute(file).c_str(), &database, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(database));
  if (code != SQLITE_OK) return base::fail(connection->error(code));
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  OPALINE_TRY_DO(connection->script(kSettings));
  OPALINE_TRY_DO(connection->script(mode == Mode::write ? kWriterSettings : kReaderSettings));
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : idle_statements_) sqlite3_finalize(statement);
  const int code = sqlite3_close(database_);
  OPALINE_ASSERT(code == SQLITE_OK);  // Otherwise a statement outlives its connection.
}

Result<Statement> Connection::prepare(std::string_view sql) {
  if (const auto found = idle_statements_.find(sql); found != idle_statements_.end()) {
    auto* statement = found->second;
    idle_statements_.erase(found);
    return Statement(*this, statement, sql);
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return base::fail(error(code));
  return Statement(*this, statement, sql);
}

void Connection::give_back(std::string_view sql, sqlite3_stmt* statement) {
  sqlite3_reset(
      statement);  // Its code repeats the error of the last step, which was returned then.
  sqlite3_clear_bindings(statement);
  if (!idle_statements_.emplace(sql, statement).second) sqlite3_finalize(statement);
}

Result<void> Connection::script(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return base::fail(error(code));
  return {};
}

std::int64_t Connection::last_row() const { return sqlite3_last_insert_rowid(database_); }
std::int64_t Connection::changed() const { return sqlite3_changes64(database_); }
bool Connection::idle() const { return sqlite3_get_autocommit(database_) != 0; }

void Connection::set_deadline(std::chrono::steady_clock::time_point time) {
  deadline_ = time;
  if (time == std::chrono::steady_clock::time_point::max()) {
    sqlite3_progress_handler(database_, 0, nullptr, nullptr);
    return;
  }
  sqlite3_progress_handler(
      database_, kInstructionsBetweenChecks,
      [](void* self) -> int {
        return std::chrono::steady_clock::now() >= static_cast<Connection*>(self)->deadline_;
      },
      this);
}

Error Connection::error(int code) const {
  const int kind = code & 0xff;
  const int number = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ? system_errno(database_) : 0;
  std::string detail = "SQLite " + std::to_string(code) + ": " + sqlite3_errmsg(database_);
  if (number != 0) detail += " (" + std::generic_category().message(number) + ")";
  const auto make = [&detail](ErrorCode error_code, std::string_view message) {
    return Error{error_code, std::string(message), detail};
  };
  switch (kind) {
    case SQLITE_FULL: return make(ErrorCode::resource_exhausted, kFull);
    case SQLITE_READONLY:
    case SQLITE_PERM: return make(ErrorCode::failed_precondition, kReadOnly);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return make(ErrorCode::internal,
                  "the database in the data folder is damaged: restore it from a backup");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return make(ErrorCode::unavailable, "the database is busy: try again");
    case SQLITE_INTERRUPT:
      return make(ErrorCode::deadline_exceeded, "the search took too long: ask for less");
    case SQLITE_NOMEM: return make(ErrorCode::resource_exhausted, "out of memory");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (full(number)) return make(ErrorCode::resource_exhausted, kFull);
      if (forbidden(number)) return make(ErrorCode::failed_precondition, kReadOnly);
      return make(ErrorCode::unavailable, "the data folder cannot be read or written");
    default: return make(ErrorCode::internal, "the database refused a statement");
  }
}

Result<Transaction> Transaction::begin(Connection& connection, Kind kind) {
  // Left open by a rollback that failed with the disk.
  if (!connection.idle()) OPALINE_TRY_DO(connection.run("ROLLBACK"));
  OPALINE_TRY_DO(connection.run(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  // SQLite rolls back by itself after some faults (disk full). If this fails, begin() tries again.
  if (connection_ && !connection_->idle()) (void)connection_->run("ROLLBACK");
}

Result<void> Transaction::commit() {
  OPALINE_TRY_DO(connection_->run("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace opaline::store
