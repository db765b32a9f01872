#include <utility>

#include "api/await.hpp"
#include "api/drive.hpp"
#include "api/stream_state.hpp"

namespace opaline {
namespace {

/// The next piece that is not empty.
Task<std::optional<std::string>> pull(Generator<std::string>* generator) {
  for (;;) {
    std::optional<std::string> piece = co_await generator->next();
    if (!piece || !piece->empty()) co_return piece;
  }
}

class GeneratorStream final : public contract::ByteStream {
 public:
  GeneratorStream(detail::StreamState& state, base::Context context, api::Workers* workers)
      : content_type_(std::move(state.content_type)),
        context_(std::move(context)),
        workers_(workers),
        generator_(*std::move(state.generator)) {}

  [[nodiscard]] const std::string& content_type() const override { return content_type_; }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    return api::drive(pull(&generator_), context_, workers_);
  }

 private:
  std::string content_type_;
  base::Context context_;
  api::Workers* workers_;
  Generator<std::string> generator_;
};

/// Bytes that need something else as long as they come.
class KeptStream final : public contract::ByteStream {
 public:
  explicit KeptStream(detail::StreamState& state)
      : keep_(std::move(state.keep)), bytes_(std::move(state.bytes)) {}

  [[nodiscard]] const std::string& content_type() const override { return bytes_->content_type(); }
  base::Task<base::Result<std::optional<std::string>>> next() override { return bytes_->next(); }

 private:
  std::shared_ptr<void> keep_;  // Outlives the bytes.
  std::unique_ptr<contract::ByteStream> bytes_;
};

[[noreturn]] void refuse(const std::string& message) {
  api::raise({.code = base::ErrorCode::failed_precondition, .message = message, .detail = {}});
}

}  // namespace

detail::StreamState::~StreamState() {
  if (thread != nullptr && bytes) thread->drop(std::move(bytes));
}

Stream::Stream(Generator<std::string> pieces, std::string content_type)
    : state_(std::make_unique<detail::StreamState>()) {
  state_->generator.emplace(std::move(pieces));
  state_->content_type = std::move(content_type);
}
Stream::Stream(std::unique_ptr<detail::StreamState> state) noexcept : state_(std::move(state)) {}
Stream::Stream(Stream&& other) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept = default;
Stream::~Stream() = default;

std::unique_ptr<detail::StreamState> Stream::release() && noexcept { return std::move(state_); }

const std::string& Stream::content_type() const { return state_->content_type; }

Task<std::optional<std::string>> Stream::next() {
  if (state_->generator) co_return co_await pull(&*state_->generator);
  if (state_->thread != nullptr) refuse("this stream came from a blocking call: read() it");
  co_return co_await api::Await<std::optional<std::string>>(state_->bytes->next());
}

std::optional<std::string> Stream::read() {
  if (state_->generator) return run(pull(&*state_->generator));
  if (state_->thread == nullptr) refuse("this stream came in a coroutine: await its next()");
  return api::value_or_raise(state_->thread->wait(state_->bytes->next()));
}

namespace api {

Stream make_stream(std::unique_ptr<contract::ByteStream> bytes, IoThread* thread,
                   std::shared_ptr<void> keep) {
  auto state = std::make_unique<detail::StreamState>();
  state->content_type = bytes->content_type();
  state->keep = std::move(keep);
  state->thread = thread;
  state->bytes = std::move(bytes);
  return Stream(std::move(state));
}

base::Result<std::unique_ptr<contract::ByteStream>> byte_stream(Stream stream,
                                                                base::Context context,
                                                                Workers* workers) {
  const std::unique_ptr<detail::StreamState> state = std::move(stream).release();
  if (state->generator) {
    return std::make_unique<GeneratorStream>(*state, std::move(context), workers);
  }
  if (state->thread != nullptr) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "its stream came from a blocking call; a coroutine awaits the async_ form");
  }
  return std::make_unique<KeptStream>(*state);
}

}  // namespace api
}  // namespace opaline
