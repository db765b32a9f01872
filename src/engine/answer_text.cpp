#include "engine/answer_text.hpp"

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"

namespace opaline::engine {
namespace {

/// Where the half-received character at the end begins; the size if there is none.
std::size_t half_character_from(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80 || byte > 0xF4) break;
    if (byte < 0xC0) continue;  // Inside of a character.
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

/// Where the longest end of `text` begins that is also a beginning of `stop`.
std::size_t half_stop_from(std::string_view text, std::string_view stop) {
  const std::size_t longest = std::min(text.size(), stop.size() - 1);
  for (std::size_t length = longest; length > 0; --length) {
    if (stop.starts_with(text.substr(text.size() - length))) return text.size() - length;
  }
  return text.size();
}

}  // namespace

AnswerText::AnswerText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, std::string());
}

std::string AnswerText::add(std::string_view bytes) {
  if (stopped_) return {};
  pending_ += bytes;
  const std::size_t stop = find_stop();
  stopped_ = stop != std::string::npos;
  const std::size_t cut = stopped_ ? stop : held_back_from();
  std::string ready = base::to_utf8(std::string_view(pending_).substr(0, cut));
  pending_.erase(0, stopped_ ? pending_.size() : cut);
  return ready;
}

std::string AnswerText::finish() { return base::to_utf8(std::exchange(pending_, {})); }

std::size_t AnswerText::find_stop() const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, pending_.find(stop));
  return first;
}

std::size_t AnswerText::held_back_from() const {
  std::size_t from = half_character_from(pending_);
  for (const std::string& stop : stops_) from = std::min(from, half_stop_from(pending_, stop));
  return from;
}

}  // namespace opaline::engine
