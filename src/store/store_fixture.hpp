#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "store/store.hpp"

/// For tests of this room only.
namespace opaline::store {

/// An empty folder that goes with its object: in memory where that is possible, for these tests
/// sync thousands of times and a killed process loses as little there as on a disk.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code error;
    const auto space = std::filesystem::space(memory, error);
    const bool fits = !error && space.available > 64'000'000 && ::access(memory.c_str(), W_OK) == 0;
    std::string name =
        ((fits ? memory : std::filesystem::temp_directory_path()) / "opaline-store-XXXXXX")
            .string();
    OPALINE_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::vector<float> random_unit_vector(std::mt19937& random, std::size_t dimension) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(dimension);
  double square = 0;
  for (float& value : vector) {
    value = normal(random);
    square += double{value} * double{value};
  }
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(square));
  return vector;
}

/// A document whose text is the passages, a line each; a passage's vector points along axis (its
/// number + shift).
struct DocumentRecipe {
  std::string source = "manual.html";
  std::vector<std::string> passages = {"the quick brown fox", "jumps over the lazy dog"};
  std::string collection = "default";
  std::string metadata = "{}";
  std::string title = "Title";
  std::size_t dimension = 8;
  std::size_t shift = 0;
};

inline PreparedDocument make_document(const DocumentRecipe& recipe) {
  PreparedDocument document;
  document.document.id = "id-" + recipe.collection + "-" + recipe.source;
  document.document.collection = recipe.collection;
  document.document.source = recipe.source;
  document.document.title = recipe.title;
  document.document.mime = "text/html";
  document.document.sha256 = "0123";
  document.document.bytes = 99;
  document.document.metadata = recipe.metadata;
  std::uint32_t ordinal = 0;
  for (const auto& passage : recipe.passages) {
    ChunkRow chunk;
    chunk.ordinal = ordinal;
    chunk.title_path = "Part > Section";
    chunk.text = passage;
    chunk.range = {document.text.size(), document.text.size() + passage.size()};
    chunk.vector.resize(recipe.dimension);
    chunk.vector[(ordinal + recipe.shift) % recipe.dimension] = 1;
    document.text += passage + "\n";
    document.chunks.push_back(std::move(chunk));
    ++ordinal;
  }
  return document;
}

inline std::vector<float> axis(std::size_t index, std::size_t dimension = 8) {
  std::vector<float> vector(dimension);
  vector[index] = 1;
  return vector;
}

/// A store in a folder of its own.
class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    store_.reset();
    auto opened = Store::open(folder_.path());
    ASSERT_TRUE(opened.has_value()) << opened.error().message << " " << opened.error().detail;
    store_ = std::move(*opened);
  }
  void put(const DocumentRecipe& recipe) {
    const auto replaced = store_->replace_document(make_document(recipe), "", "", "");
    ASSERT_TRUE(replaced.has_value()) << replaced.error().message << " " << replaced.error().detail;
  }
  /// The texts of the hits, in order.
  std::vector<std::string> texts(const base::Result<std::vector<ChunkScore>>& hits) {
    if (!hits) return {"error: " + hits.error().message + " " + hits.error().detail};
    std::vector<std::int64_t> ids;
    for (const auto& hit : *hits) ids.push_back(hit.id);
    auto rows = store_->chunks(ids, Store::Vectors::leave_out);
    if (!rows) return {"error: " + rows.error().message + " " + rows.error().detail};
    std::vector<std::string> found;
    for (auto& row : *rows) found.push_back(std::move(row.text));
    return found;
  }
  std::vector<std::string> keyword(std::string_view query, std::size_t k = 10,
                                   const Filter& filter = {"default", ""}) {
    return texts(store_->search_keyword(query, k, filter));
  }
  std::vector<std::string> dense(const std::vector<float>& query, std::size_t k = 10,
                                 const Filter& filter = {"default", ""}) {
    return texts(store_->search_dense(query, k, filter));
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace opaline::store
