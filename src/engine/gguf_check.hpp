#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace opaline::engine {

/// What the head of a GGUF file says, after every count, length, offset and size in it was held
/// against the file's own size. llama.cpp trusts much of it (and aborts the process on some of the
/// rest), so no file reaches it unchecked.
struct GgufHead {
  /// An array's element type (as in gguf.h) and length; its elements are checked to be there, and
  /// not kept.
  struct Array {
    std::uint32_t type = 0;
    std::uint64_t count = 0;
    friend bool operator==(const Array&, const Array&) = default;
  };
  using Value = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, Array>;
  struct Tensor {
    std::string name;
    std::string type;                    ///< "F16", "Q8_0" …
    std::uint32_t ggml_type = 0;         ///< The same, as in ggml.h.
    std::vector<std::uint64_t> extents;  ///< Of a row first; no more than there are dimensions.
    std::uint64_t elements = 0;
    std::uint64_t offset = 0;  ///< In the file.
    std::uint64_t bytes = 0;
  };

  std::map<std::string, Value, std::less<>> values;
  std::vector<Tensor> tensors;
  std::uint64_t tensor_bytes_end = 0;  ///< Where in the file the last tensor ends.

  [[nodiscard]] std::optional<std::string_view> find_text(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint64_t> find_number(std::string_view key) const;
  [[nodiscard]] std::optional<double> find_real(std::string_view key) const;
  [[nodiscard]] const Array* find_array(std::string_view key) const;
};

/// Checks `file` as GGUF version 2 or 3. Reads nothing outside of it and takes memory in proportion
/// to what is there.
/// @error invalid_argument: not a GGUF, truncated, or its parts contradict each other; says which.
[[nodiscard]] base::Result<GgufHead> check_gguf(std::span<const std::byte> file);

/// Checks in addition what llama.cpp needs to load a model without aborting: an architecture, layer
/// and head counts within reason, and vocabulary arrays of the right types and one length.
/// @error invalid_argument.
[[nodiscard]] base::Result<void> check_gguf_model(const GgufHead& head);

}  // namespace opaline::engine
