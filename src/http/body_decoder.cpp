#include "http/body_decoder.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "http/grammar.hpp"

namespace opaline::http {
namespace {

constexpr std::size_t kSizeDigits = 16;

std::unexpected<base::Error> bad_chunk(std::string_view what) {
  return base::fail(base::ErrorCode::invalid_argument,
                    "The chunked body is not well formed: " + std::string(what) + ".");
}

bool is_field_character(char c) { return is_field_value(std::string_view(&c, 1)); }

}  // namespace

BodyDecoder::BodyDecoder(const Framing& framing) : state_(State::done) {
  switch (framing.body) {
    case Framing::Body::none: break;
    case Framing::Body::length:
      state_ = State::length;
      remaining_ = framing.length;
      break;
    case Framing::Body::chunked: state_ = State::size_first; break;
    case Framing::Body::until_close: state_ = State::until_close; break;
  }
}

base::Result<std::size_t> BodyDecoder::feed(std::string_view input, std::string& out) {
  std::size_t used = 0;
  while (used < input.size() && state_ != State::done) {
    if (state_ == State::until_close) {
      out.append(input.substr(used));
      return input.size();
    }
    if (state_ == State::length || state_ == State::data) {
      const auto bytes =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - used));
      out.append(input.substr(used, bytes));
      used += bytes;
      remaining_ -= bytes;
      if (remaining_ == 0) state_ = state_ == State::length ? State::done : State::data_cr;
      continue;
    }
    OPALINE_TRY_DO(step(input[used]));
    ++used;
  }
  return used;
}

bool BodyDecoder::finish() {
  if (state_ == State::until_close) state_ = State::done;
  return done();
}

base::Result<void> BodyDecoder::step(char c) {
  switch (state_) {
    case State::size_first:
    case State::size: {
      if (const int digit = hex_digit(c); digit >= 0) {
        if (++size_digits_ > kSizeDigits || remaining_ >> 58 != 0) {
          return bad_chunk("a chunk's size is out of range");
        }
        remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
        state_ = State::size;
        return {};
      }
      if (state_ == State::size_first) return bad_chunk("a chunk's size is missing");
      if (c != '\r' && c != ';') return bad_chunk("a chunk's size is not a hex number");
      extension_bytes_ = 0;
      size_digits_ = 0;
      state_ = c == '\r' ? State::size_lf : State::extension;
      return {};
    }
    case State::extension:
      if (c == '\r') {
        state_ = State::size_lf;
        return {};
      }
      if (!is_field_character(c)) return bad_chunk("a chunk extension has control characters");
      if (++extension_bytes_ > limits::kChunkExtensionBytes ||
          ++dropped_bytes_ > limits::kTrailerBytes) {
        return bad_chunk("a chunk extension is too long");
      }
      return {};
    case State::size_lf:
      if (c != '\n') return bad_chunk("a chunk's size does not end in CR LF");
      state_ = remaining_ == 0 ? State::trailer_first : State::data;
      return {};
    case State::data_cr:
      if (c != '\r') return bad_chunk("a chunk is longer than its size says");
      state_ = State::data_lf;
      return {};
    case State::data_lf:
      if (c != '\n') return bad_chunk("a chunk does not end in CR LF");
      state_ = State::size_first;
      return {};
    case State::trailer_first:
      if (c == '\r') {
        state_ = State::end_lf;
        return {};
      }
      state_ = State::trailer_name;
      if (!is_token(std::string_view(&c, 1))) return bad_chunk("a trailer has no name");
      [[fallthrough]];
    case State::trailer_name:
    case State::trailer_value:
      if (++dropped_bytes_ > limits::kTrailerBytes) return bad_chunk("the trailers are too long");
      if (state_ == State::trailer_name) {
        if (c == ':') {
          state_ = State::trailer_value;
        } else if (!is_token(std::string_view(&c, 1))) {
          return bad_chunk("a trailer's name has characters that no name may have");
        }
        return {};
      }
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (!is_field_character(c)) {
        return bad_chunk("a trailer has control characters");
      }
      return {};
    case State::trailer_lf:
      if (c != '\n') return bad_chunk("a trailer does not end in CR LF");
      state_ = State::trailer_first;
      return {};
    case State::end_lf:
      if (c != '\n') return bad_chunk("the body does not end in CR LF");
      state_ = State::done;
      return {};
    case State::length:
    case State::until_close:
    case State::data:
    case State::done: break;
  }
  return {};
}

}  // namespace opaline::http
