/// @file
/// What services answer with.
#pragma once

#include <opaline/generator.hpp>
#include <opaline/json.hpp>
#include <opaline/task.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace opaline {

/// An answer that is no JSON, "audio/wav" for one.
struct Bytes {
  std::string content_type = "application/octet-stream";  ///< Its media type.
  std::string bytes;                                      ///< The content.
};

namespace detail {
struct StreamState;
}

/// An answer as it comes, byte for byte: usually server-sent events. Made from a generator of your
/// own, or found in a Reply. Dropping it stops the one who makes it. One reader at a time.
class Stream {
 public:
  /// What a loop over a stream stands on.
  class Iterator {
   public:
    /// The type of a piece.
    using value_type = std::string;
    /// Of no use, but asked for.
    using difference_type = std::ptrdiff_t;

    /// The end.
    Iterator() = default;
    /// The first piece of `stream`.
    explicit Iterator(Stream& stream) : stream_(&stream), piece_(stream.read()) {}
    /// This piece.
    [[nodiscard]] const std::string& operator*() const { return *piece_; }
    /// Waits for the next piece.
    Iterator& operator++() {
      piece_ = stream_->read();
      return *this;
    }
    /// Waits for the next piece.
    void operator++(int) { ++*this; }
    /// Whether the stream has ended.
    [[nodiscard]] bool operator==(std::default_sentinel_t) const { return !piece_; }

   private:
    Stream* stream_ = nullptr;
    std::optional<std::string> piece_;
  };

  /// @param pieces yields what is sent, as it comes. @param content_type its media type.
  Stream(Generator<std::string> pieces, std::string content_type = "text/event-stream");
  /// Takes over the stream of `other`.
  Stream(Stream&& other) noexcept;
  /// Takes over the stream of `other`.
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  /// "text/event-stream", for one.
  [[nodiscard]] const std::string& content_type() const;
  /// Waits, in a coroutine, for the next bytes (never empty); nothing at the proper end.
  /// @throws Error what ended it before its time.
  Task<std::optional<std::string>> next();
  /// The same outside coroutines: blocks the thread. For streams that a blocking call returned.
  /// @throws Error failed_precondition: it came in a coroutine, where next() is to be awaited.
  std::optional<std::string> read();
  /// `for (const std::string& piece : stream)`: read() until the end.
  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  /// The end of that loop.
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  /// Not for applications.
  explicit Stream(std::unique_ptr<detail::StreamState> state) noexcept;
  /// Not for applications.
  std::unique_ptr<detail::StreamState> release() && noexcept;

 private:
  std::unique_ptr<detail::StreamState> state_;
};

/// What a service answered: JSON, bytes or a stream. What a service of your own returns is turned
/// into one: `co_return opaline::Json{{"text", "HI"}};`.
class Reply {
 public:
  /// JSON, or what Boost.JSON takes for it.
  template <std::convertible_to<Json> J>
  Reply(J&& json) : content_(std::in_place_type<Json>, std::forward<J>(json)) {}
  /// Bytes of any type.
  Reply(Bytes bytes) : content_(std::move(bytes)) {}
  /// A stream.
  Reply(Stream stream) : content_(std::move(stream)) {}
  /// A stream of server-sent events, each made by event().
  Reply(Generator<std::string> events) : content_(Stream(std::move(events))) {}

  /// Whether json() may be asked.
  [[nodiscard]] bool is_json() const noexcept { return std::holds_alternative<Json>(content_); }
  /// Whether bytes() may be asked.
  [[nodiscard]] bool is_bytes() const noexcept { return std::holds_alternative<Bytes>(content_); }
  /// Whether stream() may be asked.
  [[nodiscard]] bool is_stream() const noexcept { return std::holds_alternative<Stream>(content_); }
  /// The JSON. @throws Error failed_precondition: it is something else.
  [[nodiscard]] Json& json();
  /// The bytes. @throws Error failed_precondition: it is something else.
  [[nodiscard]] Bytes& bytes();
  /// The stream. @throws Error failed_precondition: it is something else.
  [[nodiscard]] Stream& stream();

 private:
  std::variant<Json, Bytes, Stream> content_;
};

/// One server-sent event: "data: …", and the empty line after it. Lines of `data` become lines of
/// the event.
[[nodiscard]] std::string event(std::string_view data);
/// The same with JSON as its data.
[[nodiscard]] std::string json_event(const Json& data);
/// The event that ends a stream of OpenAI's kind: "data: [DONE]".
[[nodiscard]] std::string done_event();

}  // namespace opaline
