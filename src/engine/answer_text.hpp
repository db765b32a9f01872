#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opaline::engine {

/// Puts tokens' bytes together into text that can be shown: whole UTF-8 sequences only, and nothing
/// of a stop string, even when it is spread over several tokens. What may become a stop string is
/// held back until it is certain.
class AnswerText {
 public:
  explicit AnswerText(std::vector<std::string> stops);

  /// @return what can be shown now; may be empty. After stopped(), nothing more.
  [[nodiscard]] std::string add(std::string_view bytes);
  /// The rest, when the answer ends by itself: what was held back, half characters as U+FFFD.
  [[nodiscard]] std::string finish();
  /// A stop string was met; the text before it has been returned.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  [[nodiscard]] std::size_t find_stop() const;
  [[nodiscard]] std::size_t held_back_from() const;

  std::vector<std::string> stops_;
  std::string pending_;
  bool stopped_ = false;
};

}  // namespace opaline::engine
