#include "services/dataprep/text_encoding.hpp"

#include <fmt/format.h>
#include <iconv.h>
#include <uchardet/uchardet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;

/// What uchardet can find, by iconv's names. The first is the fallback: every byte but five means
/// something in it.
constexpr std::array kEncodings = {
    "WINDOWS-1252", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255",
    "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "ISO-8859-1",   "ISO-8859-2",   "ISO-8859-3",
    "ISO-8859-4",   "ISO-8859-5",   "ISO-8859-6",   "ISO-8859-7",   "ISO-8859-8",   "ISO-8859-9",
    "ISO-8859-10",  "ISO-8859-13",  "ISO-8859-15",  "ISO-8859-16",  "KOI8-R",       "KOI8-U",
    "IBM852",       "IBM855",       "IBM866",       "MACINTOSH",    "SHIFT_JIS",    "EUC-JP",
    "ISO-2022-JP",  "GB18030",      "GBK",          "BIG5",         "EUC-KR",       "EUC-TW",
    "TIS-620",      "UTF-16LE",     "UTF-16BE",     "UTF-32LE",     "UTF-32BE"};

struct CloseConverter {
  void operator()(void* converter) const { iconv_close(converter); }
};
using Converter = std::unique_ptr<void, CloseConverter>;

Converter open_converter(const char* encoding) {
  iconv_t converter = iconv_open("UTF-8", encoding);
  return Converter(converter == reinterpret_cast<iconv_t>(-1) ? nullptr : converter);
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

/// Our name of an encoding named by a document or by uchardet; nothing for one we do not read.
const char* find_encoding(std::string_view name) {
  std::string wanted = upper(name);
  if (wanted == "LATIN1" || wanted == "ISO-8859-1" || wanted == "ISO8859-1" || wanted == "ASCII")
    wanted = "WINDOWS-1252";
  if (wanted.starts_with("CP125")) wanted = "WINDOWS-" + wanted.substr(2);
  if (wanted == "GB2312" || wanted == "GBK" || wanted == "HZ-GB-2312") wanted = "GB18030";
  if (wanted == "SHIFT-JIS" || wanted == "SJIS" || wanted == "X-SJIS") wanted = "SHIFT_JIS";
  if (wanted == "MAC-CENTRALEUROPE" || wanted == "MAC") wanted = "MACINTOSH";
  if (wanted == "UHC" || wanted == "KS_C_5601-1987") wanted = "EUC-KR";
  const auto found = std::ranges::find(kEncodings, std::string_view(wanted));
  return found == kEncodings.end() ? nullptr : *found;
}

struct Converted {
  std::string text;
  std::size_t replaced = 0;
};

std::optional<Converted> convert(std::string_view bytes, const char* encoding) {
  const Converter converter = open_converter(encoding);
  if (!converter) return {};
  const std::size_t unit =
      encoding == std::string_view("UTF-16LE") || encoding == std::string_view("UTF-16BE") ? 2
      : std::string_view(encoding).starts_with("UTF-32")                                   ? 4
                                                                                           : 1;
  Converted out;
  out.text.reserve(bytes.size() + bytes.size() / 2);
  std::array<char, 16 * 1024> buffer;
  char* in = const_cast<char*>(bytes.data());  // iconv() does not write through it.
  std::size_t in_left = bytes.size();
  while (in_left > 0) {
    char* write = buffer.data();
    std::size_t write_left = buffer.size();
    const std::size_t result = iconv(converter.get(), &in, &in_left, &write, &write_left);
    const int error = errno;
    out.text.append(buffer.data(), static_cast<std::size_t>(write - buffer.data()));
    if (result == static_cast<std::size_t>(-1) && error != E2BIG) {
      const std::size_t skipped = std::min(in_left, unit);
      out.text += "\xEF\xBF\xBD";
      ++out.replaced;
      in += skipped;
      in_left -= skipped;
    }
  }
  return out;
}

std::string guess_encoding(std::string_view bytes) {
  constexpr std::size_t kSample = 1024 * 1024;
  std::unique_ptr<uchardet, decltype(&uchardet_delete)> detector(uchardet_new(), &uchardet_delete);
  const std::string_view sample = bytes.substr(0, kSample);
  if (uchardet_handle_data(detector.get(), sample.data(), sample.size()) != 0) return {};
  uchardet_data_end(detector.get());
  return uchardet_get_charset(detector.get());
}

/// UTF-16 without a mark shows in Latin text as a zero byte in every other place.
const char* guess_wide(std::string_view bytes) {
  const std::string_view sample = bytes.substr(0, 4096);
  if (sample.size() < 4 || bytes.size() % 2 != 0) return nullptr;
  std::size_t even = 0;
  std::size_t odd = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (sample[i] == 0) ++(i % 2 == 0 ? even : odd);
  }
  const std::size_t pairs = sample.size() / 2;
  if (odd * 10 >= pairs * 6 && even * 20 <= pairs) return "UTF-16LE";
  if (even * 10 >= pairs * 6 && odd * 20 <= pairs) return "UTF-16BE";
  return nullptr;
}

struct Mark {
  std::string_view bytes;
  const char* encoding;
};
constexpr std::array kMarks = {Mark{std::string_view("\xFF\xFE\0\0", 4), "UTF-32LE"},
                               Mark{std::string_view("\0\0\xFE\xFF", 4), "UTF-32BE"},
                               Mark{"\xFF\xFE", "UTF-16LE"}, Mark{"\xFE\xFF", "UTF-16BE"}};
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

std::string with_line_feeds(std::string text) {
  if (!text.contains('\r')) return text;
  std::size_t out = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      if (i + 1 < text.size() && text[i + 1] == '\n') continue;
      text[out++] = '\n';
    } else {
      text[out++] = text[i];
    }
  }
  text.resize(out);
  return text;
}

base::Result<DecodedText> decoded(std::string text, std::string encoding, bool replaced) {
  if (text.size() > limits::kDocumentTextBytes) {
    return base::fail(ErrorCode::invalid_argument, fmt::format("has more than {} MiB of text",
                                                               limits::kDocumentTextBytes >> 20));
  }
  return DecodedText{with_line_feeds(std::move(text)), std::move(encoding), replaced};
}

}  // namespace

bool looks_like_text(std::string_view bytes) {
  for (const Mark& mark : kMarks) {
    if (bytes.starts_with(mark.bytes)) return true;
  }
  if (guess_wide(bytes) != nullptr) return true;
  const std::string_view sample = bytes.substr(0, 64 * 1024);
  std::size_t controls = 0;
  std::size_t zeros = 0;
  for (const char c : sample) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) ++zeros;
    // Escape and shift codes belong to ISO-2022; form feeds and backspaces to old manuals.
    if (byte < 0x20 && !(byte >= 0x08 && byte <= 0x0D) && byte != 0x1B && byte != 0x0E &&
        byte != 0x0F)
      ++controls;
  }
  return zeros * 1000 <= sample.size() && controls * 50 <= sample.size();
}

base::Result<DecodedText> decode_text(std::string_view bytes, std::string_view declared) {
  if (!looks_like_text(bytes)) return base::fail(ErrorCode::invalid_argument, "is not text");
  if (bytes.starts_with(kUtf8Mark)) bytes.remove_prefix(kUtf8Mark.size());
  for (const Mark& mark : kMarks) {
    if (!bytes.starts_with(mark.bytes)) continue;
    auto converted = convert(bytes.substr(mark.bytes.size()), mark.encoding);
    if (!converted) break;
    return decoded(std::move(converted->text), mark.encoding, converted->replaced > 0);
  }
  if (const char* wide = guess_wide(bytes)) {
    if (auto converted = convert(bytes, wide); converted && converted->replaced == 0) {
      return decoded(std::move(converted->text), wide, false);
    }
  }
  // ISO-2022-JP is ASCII with escapes, so it must be looked for before UTF-8 is believed.
  const bool escapes = bytes.contains("\x1B$") || bytes.contains("\x1B(");
  if (base::is_utf8(bytes) && !escapes) return decoded(std::string(bytes), "UTF-8", false);

  // A few bad bytes in a text that is UTF-8 otherwise: repair it rather than read all of it as
  // something else.
  std::size_t multibyte = 0;
  std::size_t bad = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = base::utf8_sequence(bytes.substr(at));
    ++(length == 0 ? bad : multibyte);
    at += std::max<std::size_t>(length, 1);
  }
  if (multibyte > 10 * bad && !escapes) return decoded(base::to_utf8(bytes), "UTF-8", true);

  const char* encoding = declared.empty() ? nullptr : find_encoding(declared);
  if (encoding == nullptr) encoding = find_encoding(guess_encoding(bytes));
  if (encoding == nullptr) encoding = kEncodings[0];
  auto converted = convert(bytes, encoding);
  if (converted && encoding != kEncodings[0] && converted->replaced * 100 > bytes.size()) {
    encoding = kEncodings[0];
    converted = convert(bytes, encoding);
  }
  if (!converted) return decoded(base::to_utf8(bytes), "UTF-8", true);
  return decoded(std::move(converted->text), encoding, converted->replaced > 0);
}

void load_converters() {
  // A converter stays loaded while one handle to it is open: these are kept until the process ends,
  // which is soon.
  for (const char* encoding : kEncodings) static_cast<void>(open_converter(encoding).release());
}

}  // namespace opaline::services::dataprep
