#include "engine/safetensors.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace opaline::engine {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kHeaderBytesMax = 100 * 1000 * 1000;  // The format's own limit.

std::unexpected<base::Error> wrong(std::string what) {
  return base::fail(base::ErrorCode::invalid_argument,
                    "not a valid safetensors file: " + std::move(what));
}

std::optional<std::uint64_t> width_of(std::string_view type) {
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "I8" || type == "U8" || type == "BOOL") return 1;
  return std::nullopt;
}

std::optional<std::vector<std::uint64_t>> numbers_of(const json::object& entry,
                                                     std::string_view key) {
  const json::value* list = entry.if_contains(key);
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const json::value& item : list->get_array()) {
    if (item.is_uint64()) {
      numbers.push_back(item.get_uint64());
    } else if (item.is_int64() && item.get_int64() >= 0) {
      numbers.push_back(static_cast<std::uint64_t>(item.get_int64()));
    } else {
      return std::nullopt;
    }
  }
  return numbers;
}

std::optional<Safetensors::Tensor> read_tensor(const json::value& value,
                                               std::span<const std::byte> area) {
  if (!value.is_object()) return std::nullopt;
  const json::object& entry = value.get_object();
  const json::value* type = entry.if_contains("dtype");
  auto shape = numbers_of(entry, "shape");
  const auto offsets = numbers_of(entry, "data_offsets");
  if (type == nullptr || !type->is_string() || !shape || !offsets || offsets->size() != 2)
    return std::nullopt;
  const std::uint64_t begin = (*offsets)[0];
  const std::uint64_t end = (*offsets)[1];
  const auto width = width_of(type->get_string());
  if (!width || begin > end || end > area.size()) return std::nullopt;
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : *shape) {
    if (extent != 0 && elements > area.size() / extent) return std::nullopt;
    elements *= extent;
  }
  if (elements > area.size() / *width || elements * *width != end - begin) return std::nullopt;
  return Safetensors::Tensor{std::string(type->get_string()), *std::move(shape),
                             area.subspan(begin, end - begin)};
}

}  // namespace

base::Result<Safetensors> parse_safetensors(std::span<const std::byte> file) {
  std::uint64_t header_bytes = 0;
  if (file.size() < sizeof(header_bytes)) return wrong("it is shorter than its own length field");
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  const auto rest = file.subspan(sizeof(header_bytes));
  if (header_bytes > kHeaderBytesMax || header_bytes > rest.size())
    return wrong("its header is truncated");
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), header_bytes);
  json::error_code error;
  const json::value header = json::parse(text, error);
  if (error || !header.is_object()) return wrong("its header is not a JSON object");

  Safetensors found;
  for (const auto& [name, value] : header.get_object()) {
    if (name == "__metadata__") continue;
    auto tensor = read_tensor(value, rest.subspan(header_bytes));
    if (!tensor)
      return wrong("tensor '" + std::string(name) + "' has an impossible type, shape or place");
    found.tensors.emplace(std::string(name), *std::move(tensor));
  }
  return found;
}

}  // namespace opaline::engine
