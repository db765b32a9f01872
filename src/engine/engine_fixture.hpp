#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "engine/backend.hpp"

namespace opaline::engine {

/// A model of the test machine. Fails the test, with the way to get it, when it is not there.
inline std::filesystem::path test_model(const std::string& file) {
  const char* folder = std::getenv("OPALINE_TEST_MODELS");
  const std::filesystem::path path =
      std::filesystem::path(folder == nullptr ? OPALINE_TEST_MODELS : folder) / file;
  EXPECT_TRUE(std::filesystem::exists(path))
      << path << " is missing. Get it: opaline models pull " << file.substr(0, file.rfind('-'))
      << ", into that folder";
  return path;
}

/// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path() / ("opaline-engine-" + base::random_hex(8))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& file, std::string_view bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << bytes;
  ASSERT_TRUE(out.good()) << file;
}

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in.good()) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Puts bytes together as GGUF wants them.
class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  GgufBytes& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  GgufBytes& text(std::string_view value) { return number<std::uint64_t>(value.size()).raw(value); }
  GgufBytes& head(std::uint64_t tensors, std::uint64_t values, std::uint32_t version = 3) {
    return raw("GGUF").number(version).number(tensors).number(values);
  }
  GgufBytes& text_value(std::string_view key, std::string_view value) {
    return text(key).number<std::uint32_t>(8).text(value);
  }
  GgufBytes& number_value(std::string_view key, std::uint32_t value) {
    return text(key).number<std::uint32_t>(4).number(value);
  }
  /// One dimension of 32-bit floats.
  GgufBytes& tensor(std::string_view name, std::uint64_t count, std::uint64_t offset,
                    std::uint32_t type = 0) {
    return text(name).number<std::uint32_t>(1).number(count).number(type).number(offset);
  }
  GgufBytes& pad(std::size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// A small sound model file: two tensors, a vocabulary of two tokens.
inline std::string small_gguf() {
  GgufBytes file;
  file.head(2, 5)
      .text_value("general.architecture", "bert")
      .number_value("bert.block_count", 1)
      .number_value("bert.embedding_length", 8)
      .number_value("bert.context_length", 16)
      .text("tokenizer.ggml.tokens")
      .number<std::uint32_t>(9)
      .number<std::uint32_t>(8)
      .number<std::uint64_t>(2)
      .text("a")
      .text("b")
      .tensor("first", 8, 0)
      .tensor("second", 4, 32)
      .pad()
      .raw(std::string(32 + 16, 'x'));
  return file.bytes();
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Tests with the inference module loaded; there is only one a process at a time.
class BackendFixture : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto created = Backend::create();
    ASSERT_TRUE(created) << created.error().message;
    backend = std::move(*created);
  }
  static void TearDownTestSuite() { backend.reset(); }

  static inline std::unique_ptr<Backend> backend;
};

}  // namespace opaline::engine
