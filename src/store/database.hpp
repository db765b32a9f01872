#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace opaline::store {

class Connection;

/// Bytes for a BLOB column.
struct Blob {
  std::string_view bytes;
  static Blob of(std::span<const float> values) {
    return {{reinterpret_cast<const char*>(values.data()), values.size_bytes()}};
  }
};

/// A prepared statement on loan from its connection, which keeps it for the next use. Columns count
/// from 0. What a column returns as a view lives until the next step.
class Statement {
 public:
  Statement(Connection& connection, sqlite3_stmt* statement, std::string_view sql);
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Values for the ?s, in order; text and bytes are copied.
  template <class... Values>
  base::Result<void> bind(const Values&... values) {
    int index = 0;
    base::Result<void> result;
    ((result ? void(result = put(++index, values)) : void()), ...);
    return result;
  }
  /// Binds an object for an SQL function that asks for a pointer of this `kind`; it must outlive
  /// the statement.
  base::Result<void> bind_pointer(int index, void* object, const char* kind);

  /// @return whether there is a row.
  base::Result<bool> next();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool null(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  base::Result<void> put(int index, std::int64_t value);
  base::Result<void> put(int index, std::uint64_t value) {
    return put(index, static_cast<std::int64_t>(value));
  }
  base::Result<void> put(int index, std::uint32_t value) {
    return put(index, static_cast<std::int64_t>(value));
  }
  base::Result<void> put(int index, int value) {
    return put(index, static_cast<std::int64_t>(value));
  }
  base::Result<void> put(int index, double value);
  base::Result<void> put(int index, std::string_view value);
  base::Result<void> put(int index, const std::string& value) {
    return put(index, std::string_view(value));
  }
  base::Result<void> put(int index, const char* value) {
    return put(index, std::string_view(value));
  }
  base::Result<void> put(int index, Blob value);
  base::Result<void> put(int index, std::nullptr_t);
  template <class T>
  base::Result<void> put(int index, const std::optional<T>& value) {
    return value ? put(index, *value) : put(index, nullptr);
  }
  base::Result<void> check(int code);

  Connection* connection_;
  sqlite3_stmt* statement_;
  std::string_view sql_;
};

/// One connection to the database. One thread at a time; statements must be gone before it goes.
class Connection {
 public:
  enum class Mode {
    write,  ///< Makes the file if it is missing; the only one that checkpoints.
    read,
  };
  static base::Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file,
                                                        Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// `sql` must be a literal: statements are kept by its text.
  base::Result<Statement> prepare(std::string_view sql);

  /// Prepares and binds.
  template <class... Values>
  base::Result<Statement> query(std::string_view sql, const Values&... values) {
    OPALINE_TRY(auto statement, prepare(sql));
    OPALINE_TRY_DO(statement.bind(values...));
    return statement;
  }
  /// Runs one statement to its end.
  template <class... Values>
  base::Result<void> run(std::string_view sql, const Values&... values) {
    OPALINE_TRY(auto statement, query(sql, values...));
    for (;;) {
      OPALINE_TRY(const bool row, statement.next());
      if (!row) return {};
    }
  }
  /// The first column of the one row that `sql` gives; 0 when there is none.
  template <class... Values>
  base::Result<std::int64_t> number(std::string_view sql, const Values&... values) {
    OPALINE_TRY(auto statement, query(sql, values...));
    OPALINE_TRY(const bool row, statement.next());
    return row ? statement.integer(0) : 0;
  }
  /// Runs any number of statements without values: schema and pragmas.
  base::Result<void> script(const std::string& sql);

  [[nodiscard]] std::int64_t last_row() const;
  /// Rows that the last statement changed.
  [[nodiscard]] std::int64_t changed() const;
  /// Whether no transaction is open.
  [[nodiscard]] bool idle() const;

  /// Statements that still run at `time` stop with deadline_exceeded; `max()` lifts it.
  void set_deadline(std::chrono::steady_clock::time_point time);

  /// What went wrong last, as an error to return.
  [[nodiscard]] base::Error error(int code) const;
  [[nodiscard]] sqlite3* native() const { return database_; }

 private:
  friend class Statement;
  explicit Connection(sqlite3* database) : database_(database) {}
  void give_back(std::string_view sql, sqlite3_stmt* statement);

  sqlite3* database_;
  std::map<std::string, sqlite3_stmt*, std::less<>> idle_statements_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

/// Rolled back unless committed.
class Transaction {
 public:
  enum class Kind { read, write };
  static base::Result<Transaction> begin(Connection& connection, Kind kind);
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  base::Result<void> commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

/// The error for a failed system call on a file of the store: a full disk is resource_exhausted, a
/// read-only place is failed_precondition, everything else unavailable.
[[nodiscard]] base::Error file_error(int number, std::string_view what,
                                     const std::filesystem::path& file);

}  // namespace opaline::store
