// Whatever the query is, it gives hits or none, never an error: nothing in it may reach FTS5 as
// syntax.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "store/store.hpp"

namespace {

using opaline::store::Store;

std::unique_ptr<Store> make_store() {
  std::string folder = (std::filesystem::temp_directory_path() / "opaline-fuzz-XXXXXX").string();
  OPALINE_ASSERT(::mkdtemp(folder.data()) != nullptr);
  auto store = *Store::open(folder);
  opaline::store::PreparedDocument document;
  document.document.collection = "default";
  document.document.source = "source";
  document.text = "near the quick brown fox pg_dump 8.4 write-ahead Größe 日本語";
  document.chunks.push_back({.document_id = {},
                             .ordinal = 0,
                             .title_path = "Title",
                             .text = document.text,
                             .range = {0, document.text.size()},
                             .page = {},
                             .vector = {1, 0}});
  OPALINE_ASSERT(store->replace_document(document, "", "", "").has_value());
  std::filesystem::remove_all(folder);
  return store;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto store = make_store();
  const auto hits =
      store->search_keyword({reinterpret_cast<const char*>(bytes), size}, 10, {"default", ""});
  OPALINE_ASSERT(hits.has_value());
  return 0;
}
