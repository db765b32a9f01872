#include "services/dataprep/parse_message.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kStrings = 64;
constexpr std::size_t kBlockBytes = 22;

class Encoder {
 public:
  template <class T>
  void number(T value) {
    std::array<char, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    out_.append(bytes.data(), bytes.size());
  }
  void text(std::string_view value) {
    number<std::uint64_t>(value.size());
    out_ += value;
  }
  [[nodiscard]] std::string take() { return std::move(out_); }
  void reserve(std::size_t bytes) { out_.reserve(bytes); }

 private:
  std::string out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T number() {
    T value{};
    if (rest_.size() < sizeof value) {
      failed_ = true;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string text(std::size_t bytes_max) {
    const auto size = number<std::uint64_t>();
    if (size > rest_.size() || size > bytes_max) {
      failed_ = true;
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return !failed_ && rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::unexpected<base::Error> nonsense(std::string detail) {
  return base::fail(ErrorCode::internal, "could not be read: its parser gave no proper answer",
                    std::move(detail));
}

void encode_document(const ParsedDocument& document, Encoder& out) {
  out.reserve(document.text.size() + document.blocks.size() * kBlockBytes + 64 * 1024);
  out.text(document.title);
  out.text(document.mime);
  out.text(document.text);
  out.number<std::uint64_t>(document.warnings.size());
  for (const std::string& warning : document.warnings) out.text(warning);
  out.number<std::uint64_t>(document.blocks.size());
  for (const Block& block : document.blocks) {
    out.number(static_cast<std::uint8_t>(block.kind));
    out.number(block.level);
    out.number(block.begin);
    out.number(block.end);
    out.number(block.page);
  }
}

Result<ParsedDocument> decode_document(Decoder& in) {
  ParsedDocument document;
  document.title = in.text(64 * 1024);
  document.mime = in.text(1024);
  document.text = in.text(limits::kDocumentTextBytes);
  const auto warnings = in.number<std::uint64_t>();
  if (warnings > kStrings) return nonsense("too many warnings");
  for (std::uint64_t i = 0; i < warnings; ++i)
    document.warnings.push_back(base::to_utf8(in.text(64 * 1024)));
  const auto blocks = in.number<std::uint64_t>();
  if (in.failed() || blocks > kBlocksMax || blocks * kBlockBytes != in.left())
    return nonsense("wrong number of blocks");
  document.blocks.reserve(blocks);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    Block block;
    block.kind = static_cast<BlockKind>(in.number<std::uint8_t>());
    block.level = in.number<std::uint8_t>();
    block.begin = in.number<std::uint64_t>();
    block.end = in.number<std::uint64_t>();
    block.page = in.number<std::uint32_t>();
    document.blocks.push_back(block);
  }
  if (std::string why = broken_invariant(document); !why.empty()) return nonsense(std::move(why));
  if (!base::is_utf8(document.title) || !base::is_utf8(document.mime))
    return nonsense("the title is not UTF-8");
  return document;
}

}  // namespace

std::string encode_job(const ParseJob& job) {
  Encoder out;
  out.text(job.hints.claimed_mime);
  out.text(job.hints.source);
  out.number(job.memory_bytes);
  out.number(job.processor_seconds);
  out.number(job.parent);
  return out.take();
}

Result<ParseJob> decode_job(std::string_view bytes) {
  Decoder in(bytes);
  ParseJob job;
  job.hints.claimed_mime = in.text(kJobBytesMax);
  job.hints.source = in.text(kJobBytesMax);
  job.memory_bytes = in.number<std::uint64_t>();
  job.processor_seconds = in.number<std::uint64_t>();
  job.parent = in.number<std::uint64_t>();
  if (!in.at_end()) return nonsense("not a parse job");
  return job;
}

std::string encode_result(const Result<ParsedDocument>& result) {
  Encoder out;
  out.number<std::uint8_t>(result.has_value() ? 1 : 0);
  if (result) {
    encode_document(*result, out);
  } else {
    out.number(static_cast<std::uint8_t>(result.error().code));
    out.text(result.error().message);
    out.text(result.error().detail);
  }
  return out.take();
}

Result<ParsedDocument> decode_result(std::string_view bytes) {
  Decoder in(bytes);
  if (in.number<std::uint8_t>() == 1) return decode_document(in);
  const auto code = in.number<std::uint8_t>();
  std::string message = base::to_utf8(in.text(4096));
  std::string detail = base::to_utf8(in.text(64 * 1024));
  if (!in.at_end() || code > static_cast<std::uint8_t>(ErrorCode::internal))
    return nonsense("not a parse result");
  return base::fail(static_cast<ErrorCode>(code), std::move(message), std::move(detail));
}

}  // namespace opaline::services::dataprep
