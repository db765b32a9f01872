#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/framing_guard.hpp"

namespace opaline::http {

/// Takes a message body out of the bytes of a connection, which come cut anywhere. A plain state
/// machine, no I/O.
///
/// Chunked bodies are read strictly: hex digits and nothing else before CR LF or ";", CR LF behind
/// each chunk, extensions and trailers within their limits and dropped.
class BodyDecoder {
 public:
  explicit BodyDecoder(const Framing& framing);

  /// Appends what `input` holds of the body to `out`. @return bytes of `input` used up; less than
  /// all only once done().
  /// @error invalid_argument: chunks that are not well formed. The decoder is then of no more use.
  [[nodiscard]] base::Result<std::size_t> feed(std::string_view input, std::string& out);
  /// The body has come to its proper end.
  [[nodiscard]] bool done() const { return state_ == State::done; }
  /// The peer closed. @return whether that is the body's proper end.
  [[nodiscard]] bool finish();
  /// Bytes known to be still to come: of the whole body, or of the chunk being read.
  [[nodiscard]] std::uint64_t announced() const { return remaining_; }

 private:
  enum class State {
    length,  // `remaining_` bytes of the body are missing.
    until_close,
    size_first,  // A chunk's size, its first digit …
    size,        // … and the others.
    extension,
    size_lf,
    data,  // `remaining_` bytes of the chunk are missing.
    data_cr,
    data_lf,
    trailer_first,  // Behind the last chunk: a trailer's first character, or the CR that ends the
                    // body.
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    done,
  };
  [[nodiscard]] base::Result<void> step(char c);

  State state_;
  std::uint64_t remaining_ = 0;
  std::size_t size_digits_ = 0;
  std::size_t extension_bytes_ = 0;  // Of this chunk.
  std::size_t dropped_bytes_ = 0;    // Extensions and trailers together.
};

}  // namespace opaline::http
