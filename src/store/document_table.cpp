#include "store/document_table.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "store/database.hpp"

namespace opaline::store::document_table {

using base::ErrorCode;
using base::Result;

namespace {

// A passage is read without the rest of its document: the text lies in parts of this size.
constexpr std::uint64_t kPartBytes = 32 * 1024;

#define OPALINE_DOCUMENT_COLUMNS                                                               \
  "number, id, collection, source, title, mime, sha256, bytes, first_chunk, chunks, created, " \
  "updated, metadata"

Result<std::optional<StoredDocument>> first(Statement statement) {
  OPALINE_TRY(const bool row, statement.next());
  if (!row) return std::nullopt;
  return read(statement);
}

Result<std::string> text_range(Connection& connection, std::int64_t document, ByteRange range) {
  std::string text;
  if (range.begin >= range.end) return text;
  text.reserve(range.end - range.begin);
  OPALINE_TRY(auto parts,
              connection.query("SELECT part, text FROM document_text WHERE document = ? AND part "
                               "BETWEEN ? AND ? ORDER BY part",
                               document, range.begin / kPartBytes, (range.end - 1) / kPartBytes));
  for (;;) {
    OPALINE_TRY(const bool row, parts.next());
    if (!row) break;
    const auto part_begin = static_cast<std::uint64_t>(parts.integer(0)) * kPartBytes;
    const std::string_view part = parts.bytes(1);
    const auto begin = std::max(range.begin, part_begin) - part_begin;
    const auto end = std::min<std::uint64_t>(range.end - part_begin, part.size());
    if (begin < end) text += part.substr(begin, end - begin);
  }
  if (text.size() != range.end - range.begin) {
    return base::fail(ErrorCode::internal,
                      "the database in the data folder is damaged: restore it from a backup",
                      "text of document " + std::to_string(document) + " is incomplete");
  }
  return text;
}

Result<void> write_text(Connection& connection, std::int64_t document, std::string_view text) {
  for (std::size_t part = 0; part * kPartBytes < text.size(); ++part) {
    OPALINE_TRY_DO(connection.run("INSERT INTO document_text VALUES (?, ?, ?)", document, part,
                                  Blob{text.substr(part * kPartBytes, kPartBytes)}));
  }
  return {};
}

Result<std::int64_t> write_row(Connection& connection, const DocumentRow& row,
                               std::optional<std::int64_t> number) {
  if (number) {
    OPALINE_TRY_DO(
        connection.run("UPDATE document SET title = ?, mime = ?, sha256 = ?, bytes = ?, chunks = "
                       "?, updated = ?, metadata = ? "
                       "WHERE number = ?",
                       row.title, row.mime, row.sha256, row.bytes, row.chunks, row.updated,
                       row.metadata, *number));
    return *number;
  }
  OPALINE_TRY_DO(
      connection.run("INSERT INTO document (id, collection, source, title, mime, sha256, bytes, "
                     "first_chunk, chunks, created, updated, "
                     "metadata) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
                     row.id, row.collection, row.source, row.title, row.mime, row.sha256, row.bytes,
                     row.chunks, row.created, row.updated, row.metadata));
  return connection.last_row();
}

Result<std::int64_t> write_chunk(Connection& connection, std::int64_t document,
                                 const std::string& title, const ChunkRow& chunk,
                                 std::string_view text) {
  OPALINE_TRY_DO(connection.run(
      "INSERT INTO chunk (document, ordinal, title_path, text_begin, text_end, page) VALUES (?, ?, "
      "?, ?, ?, ?)",
      document, chunk.ordinal, chunk.title_path, chunk.range.begin, chunk.range.end, chunk.page));
  const std::int64_t id = connection.last_row();
  OPALINE_TRY_DO(
      connection.run("INSERT INTO chunk_fts (rowid, title, title_path, text) VALUES (?, ?, ?, ?)",
                     id, title, chunk.title_path, text));
  OPALINE_TRY_DO(connection.run("INSERT INTO vector VALUES (?, ?)", id, Blob::of(chunk.vector)));
  return id;
}

// The keyword index keeps no texts, so it must be told the words to take out: the very ones that
// were put in.
Result<void> remove_postings(Connection& connection, const StoredDocument& document,
                             const std::string& whole) {
  OPALINE_TRY(auto chunks, connection.query("SELECT id, title_path, text_begin, text_end FROM "
                                            "chunk WHERE id >= ? AND id < ? ORDER BY id",
                                            document.chunks.begin, document.chunks.end));
  for (;;) {
    OPALINE_TRY(const bool row, chunks.next());
    if (!row) return {};
    const auto begin = static_cast<std::uint64_t>(chunks.integer(2));
    const auto end = static_cast<std::uint64_t>(chunks.integer(3));
    if (begin > end || end > whole.size()) {
      return base::fail(ErrorCode::internal,
                        "the database in the data folder is damaged: restore it from a backup",
                        "chunk " + std::to_string(chunks.integer(0)) + " is outside its text");
    }
    OPALINE_TRY_DO(
        connection.run("INSERT INTO chunk_fts (chunk_fts, rowid, title, title_path, text) VALUES "
                       "('delete', ?, ?, ?, ?)",
                       chunks.integer(0), document.row.title, chunks.text(1),
                       std::string_view(whole).substr(begin, end - begin)));
  }
}

}  // namespace

StoredDocument read(const Statement& statement) {
  StoredDocument document;
  document.number = statement.integer(0);
  DocumentRow& row = document.row;
  row.id = statement.text(1);
  row.collection = statement.text(2);
  row.source = statement.text(3);
  row.title = statement.text(4);
  row.mime = statement.text(5);
  row.sha256 = statement.text(6);
  row.bytes = static_cast<std::uint64_t>(statement.integer(7));
  row.chunks = static_cast<std::uint64_t>(statement.integer(9));
  row.created = statement.real(10);
  row.updated = statement.real(11);
  row.metadata = statement.text(12);
  document.chunks = {statement.integer(8), statement.integer(8) + statement.integer(9)};
  return document;
}

Result<std::optional<StoredDocument>> find(Connection& connection, const std::string& id) {
  OPALINE_TRY(
      auto statement,
      connection.query("SELECT " OPALINE_DOCUMENT_COLUMNS " FROM document WHERE id = ?", id));
  return first(std::move(statement));
}

Result<std::optional<StoredDocument>> find(Connection& connection, const std::string& collection,
                                           const std::string& source) {
  OPALINE_TRY(auto statement, connection.query("SELECT " OPALINE_DOCUMENT_COLUMNS
                                               " FROM document WHERE collection = ? AND source = ?",
                                               collection, source));
  return first(std::move(statement));
}

Result<std::vector<DocumentRow>> list(Connection& connection, const std::string& collection,
                                      const std::string& after, std::size_t limit) {
  OPALINE_TRY(
      auto statement,
      connection.query(
          "SELECT " OPALINE_DOCUMENT_COLUMNS
          " FROM document WHERE id > ?1 AND (?2 = '' OR collection = ?2) ORDER BY id LIMIT ?3",
          after, collection, std::min<std::size_t>(limit, INT64_MAX)));
  std::vector<DocumentRow> rows;
  for (;;) {
    OPALINE_TRY(const bool row, statement.next());
    if (!row) return rows;
    rows.push_back(read(statement).row);
  }
}

Result<std::vector<std::string>> collections(Connection& connection) {
  OPALINE_TRY(auto statement,
              connection.query("SELECT DISTINCT collection FROM document ORDER BY collection"));
  std::vector<std::string> names;
  for (;;) {
    OPALINE_TRY(const bool row, statement.next());
    if (!row) return names;
    names.emplace_back(statement.text(0));
  }
}

Result<std::string> text(Connection& connection, std::int64_t document) {
  OPALINE_TRY(auto parts,
              connection.query("SELECT text FROM document_text WHERE document = ? ORDER BY part",
                               document));
  std::string whole;
  for (;;) {
    OPALINE_TRY(const bool row, parts.next());
    if (!row) return whole;
    whole += parts.bytes(0);
  }
}

Result<StoredDocument> write(Connection& connection, const PreparedDocument& document,
                             std::optional<std::int64_t> number) {
  StoredDocument stored{.number = 0, .row = document.document, .chunks = {}};
  OPALINE_TRY(stored.number, write_row(connection, document.document, number));
  OPALINE_TRY_DO(write_text(connection, stored.number, document.text));
  for (const ChunkRow& chunk : document.chunks) {
    const auto text = std::string_view(document.text)
                          .substr(chunk.range.begin, chunk.range.end - chunk.range.begin);
    OPALINE_TRY(const auto id,
                write_chunk(connection, stored.number, document.document.title, chunk, text));
    if (stored.chunks.size() == 0) stored.chunks = {id, id};
    // One writer and AUTOINCREMENT: a document's ids follow one another, above all ids there ever
    // were.
    OPALINE_ASSERT(id == stored.chunks.end);
    ++stored.chunks.end;
  }
  OPALINE_TRY_DO(connection.run("UPDATE document SET first_chunk = ? WHERE number = ?",
                                stored.chunks.begin, stored.number));
  return stored;
}

Result<void> remove_content(Connection& connection, const StoredDocument& document) {
  OPALINE_TRY(const std::string whole, text(connection, document.number));
  OPALINE_TRY_DO(remove_postings(connection, document, whole));
  OPALINE_TRY_DO(connection.run("DELETE FROM vector WHERE chunk >= ? AND chunk < ?",
                                document.chunks.begin, document.chunks.end));
  OPALINE_TRY_DO(connection.run("DELETE FROM chunk WHERE id >= ? AND id < ?", document.chunks.begin,
                                document.chunks.end));
  return connection.run("DELETE FROM document_text WHERE document = ?", document.number);
}

Result<void> remove(Connection& connection, const StoredDocument& document) {
  OPALINE_TRY_DO(remove_content(connection, document));
  return connection.run("DELETE FROM document WHERE number = ?", document.number);
}

Result<void> purge_keywords(Connection& connection) {
  return connection.run("INSERT INTO chunk_fts (chunk_fts) VALUES ('optimize')");
}

Result<std::optional<ChunkRow>> chunk(Connection& connection, std::int64_t id) {
  OPALINE_TRY(
      auto statement,
      connection.query(
          "SELECT document.id, ordinal, title_path, text_begin, text_end, page, document.number "
          "FROM chunk JOIN document ON document.number = chunk.document WHERE chunk.id = ?",
          id));
  OPALINE_TRY(const bool row, statement.next());
  if (!row) return std::nullopt;
  ChunkRow chunk;
  chunk.id = id;
  chunk.document_id = statement.text(0);
  chunk.ordinal = static_cast<std::uint32_t>(statement.integer(1));
  chunk.title_path = statement.text(2);
  chunk.range = {static_cast<std::uint64_t>(statement.integer(3)),
                 static_cast<std::uint64_t>(statement.integer(4))};
  if (!statement.null(5)) chunk.page = static_cast<int>(statement.integer(5));
  OPALINE_TRY(chunk.text, text_range(connection, statement.integer(6), chunk.range));
  return chunk;
}

Result<std::vector<float>> floats(std::string_view bytes) {
  if (bytes.empty() || bytes.size() % sizeof(float) != 0) {
    return base::fail(ErrorCode::internal,
                      "the database in the data folder is damaged: restore it from a backup",
                      "a vector of " + std::to_string(bytes.size()) + " bytes");
  }
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Result<std::vector<float>> vector(Connection& connection, std::int64_t chunk) {
  OPALINE_TRY(auto statement, connection.query("SELECT value FROM vector WHERE chunk = ?", chunk));
  OPALINE_TRY(const bool row, statement.next());
  if (!row) return std::vector<float>{};
  return floats(statement.bytes(0));
}

#undef OPALINE_DOCUMENT_COLUMNS

}  // namespace opaline::store::document_table
