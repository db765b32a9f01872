#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/store.hpp"
#include "store/vector_index.hpp"

namespace opaline::store {

class Connection;
class Statement;

/// The tables of documents: rows, texts, chunks, keyword postings and vectors. The functions that
/// write belong inside a transaction of the caller.
namespace document_table {

/// A document's row with what only the store knows of it.
struct StoredDocument {
  std::int64_t number = 0;
  DocumentRow row;
  IdRange chunks;
};

base::Result<std::optional<StoredDocument>> find(Connection& connection, const std::string& id);
base::Result<std::optional<StoredDocument>> find(Connection& connection,
                                                 const std::string& collection,
                                                 const std::string& source);
base::Result<std::vector<DocumentRow>> list(Connection& connection, const std::string& collection,
                                            const std::string& after, std::size_t limit);
base::Result<std::vector<std::string>> collections(Connection& connection);
base::Result<std::string> text(Connection& connection, std::int64_t document);

/// Writes all of a document; with the number of an old one in its place, once remove_content() has
/// run.
/// @return its number and the ids given to its chunks.
base::Result<StoredDocument> write(Connection& connection, const PreparedDocument& document,
                                   std::optional<std::int64_t> number);
/// Removes everything but the row.
base::Result<void> remove_content(Connection& connection, const StoredDocument& document);
base::Result<void> remove(Connection& connection, const StoredDocument& document);
/// Rewrites the keyword index without the words of what was removed: until then they lie in it
/// unseen.
base::Result<void> purge_keywords(Connection& connection);

base::Result<std::optional<ChunkRow>> chunk(Connection& connection, std::int64_t id);
/// Empty when the chunk is gone. @error internal: what is there is not a vector.
base::Result<std::vector<float>> vector(Connection& connection, std::int64_t chunk);

/// The vector in a BLOB. @error internal: its size is not one of floats.
base::Result<std::vector<float>> floats(std::string_view bytes);

/// For `SELECT` of all documents: the columns that read() reads.
[[nodiscard]] StoredDocument read(const Statement& statement);

}  // namespace document_table

}  // namespace opaline::store
