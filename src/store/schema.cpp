#include "store/schema.hpp"

#include <array>
#include <string>

#include "store/database.hpp"

namespace opaline::store {

namespace {

// Migration n leads from schema n to n + 1. Those that were released are never changed: append.
//
//   document ──< document_text   its text in parts, so that a passage is read without the rest
//            ──< chunk ── vector  ids first_chunk … first_chunk + chunks − 1: never used again,
//            never changed
//                     ── chunk_fts  keyword postings only; the words come from document, chunk and
//                     document_text
//   job      by document id, not by number: a job comes before its document and stays after it
constexpr std::array kMigrations = {
    R"(
CREATE TABLE state (version INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES (1);

CREATE TABLE document (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  collection TEXT NOT NULL,
  source TEXT NOT NULL,
  title TEXT NOT NULL,
  mime TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  first_chunk INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  metadata TEXT NOT NULL,
  UNIQUE (collection, source)
) STRICT;

CREATE TABLE document_text (
  document INTEGER NOT NULL,
  part INTEGER NOT NULL,
  text BLOB NOT NULL,
  PRIMARY KEY (document, part)
) STRICT;

CREATE TABLE chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  title_path TEXT NOT NULL,
  text_begin INTEGER NOT NULL,
  text_end INTEGER NOT NULL,
  page INTEGER
) STRICT;

CREATE TABLE vector (
  chunk INTEGER PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

CREATE VIRTUAL TABLE chunk_fts USING fts5 (
  title, title_path, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE chunk_vocabulary USING fts5vocab (chunk_fts, row);

CREATE TABLE job (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  document_id TEXT NOT NULL,
  collection TEXT NOT NULL,
  source TEXT NOT NULL,
  state TEXT NOT NULL,
  done INTEGER NOT NULL,
  total INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  warnings TEXT NOT NULL,
  options TEXT NOT NULL,
  blob TEXT NOT NULL,
  created REAL NOT NULL,
  updated REAL NOT NULL
) STRICT;
CREATE INDEX job_blob ON job (blob) WHERE blob <> '';
CREATE INDEX job_unfinished ON job (number)
  WHERE state NOT IN ('ready', 'ready_with_warnings', 'unchanged', 'failed', 'cancelled');
)",
};

}  // namespace

base::Result<void> update_schema(Connection& connection) {
  OPALINE_TRY(const auto version, connection.number("PRAGMA user_version"));
  if (version > static_cast<std::int64_t>(kMigrations.size())) {
    return base::fail(
        base::ErrorCode::failed_precondition,
        "the data folder was written by a newer version of this program: use that one",
        "schema " + std::to_string(version) + ", known " + std::to_string(kMigrations.size()));
  }
  for (auto step = static_cast<std::size_t>(version); step < kMigrations.size(); ++step) {
    OPALINE_TRY(auto transaction, Transaction::begin(connection, Transaction::Kind::write));
    OPALINE_TRY_DO(connection.script(kMigrations[step]));
    OPALINE_TRY_DO(connection.script("PRAGMA user_version = " + std::to_string(step + 1)));
    OPALINE_TRY_DO(transaction.commit());
  }
  return {};
}

}  // namespace opaline::store
