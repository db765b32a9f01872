#include "engine/gguf_check.hpp"

#include <gguf.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

namespace opaline::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as little endian.");

constexpr std::uint64_t kValuesMax = 100'000;
constexpr std::uint64_t kTensorsMax = 1'000'000;
constexpr std::uint64_t kKeyBytesMax = 65'535;  // The format's own limit.
constexpr std::uint64_t kLayersMax = 512;       // llama.cpp's LLAMA_MAX_LAYERS.
constexpr std::uint64_t kWidthMax = 1 << 20;

std::unexpected<base::Error> wrong(std::string what) {
  return base::fail(base::ErrorCode::invalid_argument,
                    "not a valid GGUF model: " + std::move(what));
}

/// Reads forward through the file; says nullopt where it would leave it.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> file) : file_(file) {}

  template <class T>
  std::optional<T> number() {
    if (left() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, file_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::optional<std::string_view> text(std::uint64_t bytes_max) {
    const auto length = number<std::uint64_t>();
    if (!length || *length > bytes_max || *length > left()) return std::nullopt;
    const std::string_view view(reinterpret_cast<const char*>(file_.data()) + position_, *length);
    position_ += *length;
    return view;
  }

  bool skip(std::uint64_t count, std::uint64_t width) {
    if (count > left() / width) return false;
    position_ += count * width;
    return true;
  }

  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t left() const { return file_.size() - position_; }

 private:
  std::span<const std::byte> file_;
  std::uint64_t position_ = 0;
};

/// Bytes of one element, 0 for strings, arrays and unknown types.
std::uint64_t width_of(std::uint32_t type) {
  switch (type) {
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL: return 1;
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_INT16: return 2;
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_FLOAT32: return 4;
    case GGUF_TYPE_UINT64:
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_FLOAT64: return 8;
    default: return 0;
  }
}

template <class T, class As>
std::optional<GgufHead::Value> read_as(Cursor& cursor) {
  const auto value = cursor.number<T>();
  if (!value) return std::nullopt;
  return static_cast<As>(*value);
}

std::optional<GgufHead::Value> read_value(Cursor& cursor, std::uint32_t type) {
  switch (type) {
    case GGUF_TYPE_UINT8: return read_as<std::uint8_t, std::uint64_t>(cursor);
    case GGUF_TYPE_INT8: return read_as<std::int8_t, std::int64_t>(cursor);
    case GGUF_TYPE_UINT16: return read_as<std::uint16_t, std::uint64_t>(cursor);
    case GGUF_TYPE_INT16: return read_as<std::int16_t, std::int64_t>(cursor);
    case GGUF_TYPE_UINT32: return read_as<std::uint32_t, std::uint64_t>(cursor);
    case GGUF_TYPE_INT32: return read_as<std::int32_t, std::int64_t>(cursor);
    case GGUF_TYPE_UINT64: return read_as<std::uint64_t, std::uint64_t>(cursor);
    case GGUF_TYPE_INT64: return read_as<std::int64_t, std::int64_t>(cursor);
    case GGUF_TYPE_FLOAT32: return read_as<float, double>(cursor);
    case GGUF_TYPE_FLOAT64: return read_as<double, double>(cursor);
    case GGUF_TYPE_BOOL: {
      const auto value = cursor.number<std::uint8_t>();
      // Any other byte would be undefined behaviour where it is read as a C++ bool.
      if (!value || *value > 1) return std::nullopt;
      return *value == 1;
    }
    case GGUF_TYPE_STRING: {
      const auto text = cursor.text(std::numeric_limits<std::uint64_t>::max());
      if (!text) return std::nullopt;
      return std::string(*text);
    }
    case GGUF_TYPE_ARRAY: {
      const auto element = cursor.number<std::uint32_t>();
      const auto count = cursor.number<std::uint64_t>();
      if (!element || !count) return std::nullopt;
      if (*element == GGUF_TYPE_STRING) {
        for (std::uint64_t i = 0; i < *count; ++i) {
          if (!cursor.text(std::numeric_limits<std::uint64_t>::max())) return std::nullopt;
        }
      } else {
        const std::uint64_t width = width_of(*element);
        if (width == 0 || !cursor.skip(*count, width)) return std::nullopt;
      }
      return GgufHead::Array{*element, *count};
    }
    default: return std::nullopt;
  }
}

base::Result<void> read_values(Cursor& cursor, std::uint64_t count, GgufHead& head) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto key = cursor.text(kKeyBytesMax);
    const auto type = cursor.number<std::uint32_t>();
    if (!key || !type) return wrong("it ends within its settings (truncated?)");
    auto value = read_value(cursor, *type);
    if (key->empty()) return wrong("a setting has no name");
    if (!value)
      return wrong("setting '" + std::string(*key) + "' is truncated or of an unknown type");
    if (!head.values.emplace(*key, std::move(*value)).second) {
      return wrong("setting '" + std::string(*key) + "' is there twice");
    }
  }
  return {};
}

/// One tensor's description; `offset` is where it begins, counted from the first.
base::Result<std::pair<GgufHead::Tensor, std::uint64_t>> read_tensor(Cursor& cursor) {
  const auto name = cursor.text(GGML_MAX_NAME - 1);
  const auto dimensions = cursor.number<std::uint32_t>();
  if (!name || !dimensions) return wrong("its list of tensors is truncated");
  GgufHead::Tensor tensor{.name = std::string(*name), .elements = 1};
  const auto wrong_tensor = [&](const char* what) {
    return wrong("tensor '" + tensor.name + "' " + what);
  };
  if (*dimensions > GGML_MAX_DIMS) return wrong_tensor("has too many dimensions");
  std::uint64_t row = 1;
  for (std::uint32_t i = 0; i < *dimensions; ++i) {
    const auto extent = cursor.number<std::uint64_t>();
    if (!extent) return wrong_tensor("is truncated");
    if (*extent == 0 || *extent > std::numeric_limits<std::int64_t>::max() / tensor.elements) {
      return wrong_tensor("has an impossible shape");
    }
    if (i == 0) row = *extent;
    tensor.elements *= *extent;
    tensor.extents.push_back(*extent);
  }
  const auto type = cursor.number<std::uint32_t>();
  const auto offset = cursor.number<std::uint64_t>();
  if (!type || !offset) return wrong_tensor("is truncated");
  if (*type >= GGML_TYPE_COUNT) return wrong_tensor("has an unknown type");
  const auto ggml = static_cast<ggml_type>(*type);
  const auto block = static_cast<std::uint64_t>(ggml_blck_size(ggml));
  const std::uint64_t block_bytes = ggml_type_size(ggml);
  if (block == 0 || block_bytes == 0) return wrong_tensor("has a type that is no longer in use");
  if (row % block != 0) return wrong_tensor("has rows that are no multiple of its type's block");
  const std::uint64_t blocks = tensor.elements / block;
  if (blocks > std::numeric_limits<std::int64_t>::max() / block_bytes)
    return wrong_tensor("has an impossible size");
  tensor.bytes = blocks * block_bytes;
  tensor.ggml_type = *type;
  tensor.type = ggml_type_name(ggml);
  for (char& letter : tensor.type) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return std::pair{std::move(tensor), *offset};
}

base::Result<void> read_tensors(Cursor& cursor, std::uint64_t count, std::uint64_t file_bytes,
                                GgufHead& head) {
  std::uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
  if (const auto found = head.values.find(GGUF_KEY_GENERAL_ALIGNMENT); found != head.values.end()) {
    const auto* number = std::get_if<std::uint64_t>(&found->second);
    if (number == nullptr || !std::has_single_bit(*number) || *number > 1 << 20) {
      return wrong("its alignment is no power of two");
    }
    alignment = *number;
  }
  const auto padded = [&](std::uint64_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  };

  std::set<std::string, std::less<>> names;
  std::uint64_t expected = 0;  // Tensors follow one another; gguf.h asks for it too.
  for (std::uint64_t i = 0; i < count; ++i) {
    OPALINE_TRY(auto read, read_tensor(cursor));
    auto& [tensor, offset] = read;
    if (!names.insert(tensor.name).second)
      return wrong("tensor '" + tensor.name + "' is there twice");
    if (offset != expected)
      return wrong("tensor '" + tensor.name + "' does not begin where it should");
    if (tensor.bytes > file_bytes - expected) {
      return wrong("the file ends before tensor '" + tensor.name + "' does (truncated download?)");
    }
    // Padding may reach past a file's end only after the last tensor.
    tensor.offset = expected;
    head.tensor_bytes_end = expected + tensor.bytes;
    expected = padded(head.tensor_bytes_end);
    head.tensors.push_back(std::move(tensor));
    if (expected > file_bytes && i + 1 < count)
      return wrong("the file ends before its tensors do (truncated download?)");
  }
  if (count == 0) return {};
  const std::uint64_t begin = padded(cursor.position());
  if (begin > file_bytes || head.tensor_bytes_end > file_bytes - begin) {
    return wrong("the file ends before its tensors do (truncated download?)");
  }
  for (GgufHead::Tensor& tensor : head.tensors) tensor.offset += begin;
  head.tensor_bytes_end += begin;
  return {};
}

base::Result<void> check_array(const GgufHead& head, std::string_view key,
                               std::set<std::uint32_t> types, std::optional<std::uint64_t> count) {
  const auto found = head.values.find(key);
  if (found == head.values.end()) return {};
  const auto* array = std::get_if<GgufHead::Array>(&found->second);
  if (array == nullptr || !types.contains(array->type)) {
    return wrong("setting '" + std::string(key) + "' is not an array of the right type");
  }
  if (count && array->count != *count) {
    return wrong("setting '" + std::string(key) + "' has another length than the vocabulary");
  }
  return {};
}

}  // namespace

std::optional<std::string_view> GgufHead::find_text(std::string_view key) const {
  const auto found = values.find(key);
  if (found == values.end()) return std::nullopt;
  const auto* text = std::get_if<std::string>(&found->second);
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

std::optional<std::uint64_t> GgufHead::find_number(std::string_view key) const {
  const auto found = values.find(key);
  if (found == values.end()) return std::nullopt;
  if (const auto* number = std::get_if<std::uint64_t>(&found->second)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&found->second);
      number != nullptr && *number >= 0) {
    return static_cast<std::uint64_t>(*number);
  }
  return std::nullopt;
}

std::optional<double> GgufHead::find_real(std::string_view key) const {
  const auto found = values.find(key);
  if (found == values.end()) return std::nullopt;
  const auto* number = std::get_if<double>(&found->second);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

const GgufHead::Array* GgufHead::find_array(std::string_view key) const {
  const auto found = values.find(key);
  return found == values.end() ? nullptr : std::get_if<Array>(&found->second);
}

base::Result<GgufHead> check_gguf(std::span<const std::byte> file) {
  Cursor cursor(file);
  const auto magic = cursor.number<std::array<char, 4>>();
  if (!magic || std::string_view(magic->data(), 4) != GGUF_MAGIC) {
    return wrong("it does not begin with the letters GGUF");
  }
  const auto version = cursor.number<std::uint32_t>();
  const auto tensor_count = cursor.number<std::uint64_t>();
  const auto value_count = cursor.number<std::uint64_t>();
  if (!version || !tensor_count || !value_count)
    return wrong("it ends within its first bytes (truncated?)");
  if (*version < 2 || *version > GGUF_VERSION) {
    return wrong("version " + std::to_string(*version) +
                 " of the format is not supported, 2 and 3 are");
  }
  if (*value_count > kValuesMax) return wrong("it claims an impossible number of settings");
  if (*tensor_count > kTensorsMax) return wrong("it claims an impossible number of tensors");
  GgufHead head;
  OPALINE_TRY_DO(read_values(cursor, *value_count, head));
  OPALINE_TRY_DO(read_tensors(cursor, *tensor_count, file.size(), head));
  return head;
}

base::Result<void> check_gguf_model(const GgufHead& head) {
  const auto architecture = head.find_text("general.architecture");
  if (!architecture) return wrong("it names no architecture (general.architecture)");
  if (head.tensors.empty()) return wrong("it holds no tensors (a vocabulary only?)");
  const auto key = [&](std::string_view name) {
    return std::string(*architecture) + "." + std::string(name);
  };
  for (const auto& [name, max] : {std::pair{"block_count", kLayersMax},
                                  {"embedding_length", kWidthMax},
                                  {"context_length", std::uint64_t{1} << 31}}) {
    const auto number = head.find_number(key(name));
    if (!number || *number == 0 || *number > max)
      return wrong("setting '" + key(name) + "' is missing or out of range");
  }
  // May be an array (one number a layer) in some architectures; a plain one is divided by.
  const auto heads = head.values.find(key("attention.head_count"));
  if (heads != head.values.end() && !std::holds_alternative<GgufHead::Array>(heads->second)) {
    const auto number = head.find_number(key("attention.head_count"));
    if (!number || *number == 0 || *number > kWidthMax) {
      return wrong("setting '" + key("attention.head_count") + "' is out of range");
    }
  }

  OPALINE_TRY_DO(check_array(head, "tokenizer.ggml.tokens", {GGUF_TYPE_STRING}, {}));
  const auto* tokens = head.find_array("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->count == 0) return wrong("it holds no vocabulary");
  OPALINE_TRY_DO(check_array(head, "tokenizer.ggml.scores", {GGUF_TYPE_FLOAT32}, tokens->count));
  OPALINE_TRY_DO(check_array(head, "tokenizer.ggml.token_type", {GGUF_TYPE_INT32, GGUF_TYPE_UINT32},
                             tokens->count));
  OPALINE_TRY_DO(check_array(head, "tokenizer.ggml.merges", {GGUF_TYPE_STRING}, {}));
  return {};
}

}  // namespace opaline::engine
