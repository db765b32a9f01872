#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contract/chat.hpp"
#include "services/answering/support.hpp"

namespace opaline::services {

/// The citation of `range` in the text of `hit`, as source number `source`. Its quote is the
/// document's text at its span.
[[nodiscard]] contract::Citation cite(int source, const contract::Hit& hit, Range range);

/// Turns a model's raw text into an answer with checked citations, sentence by sentence, as it
/// arrives.
///
/// Each sentence is checked against the sources its marks ("[2]") name; marks of sources that do
/// not exist are dropped. A sentence without a mark, or whose sources do not say it, gets the mark
/// of the source that does. One that no source supports is shown without a mark and recorded with
/// supported = false: for each source it named (or the nearest one) with the words there that come
/// closest. No I/O.
class CitedText {
 public:
  /// @param sources must outlive it.
  CitedText(std::span<const contract::Hit> sources, std::string declined_text)
      : sources_(sources), check_(sources), declined_text_(std::move(declined_text)) {}

  /// @return what can be shown now; may be empty.
  std::string feed(std::string_view raw);
  /// The raw text has ended. @return the rest.
  std::string finish();

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<contract::Citation>& citations() const { return citations_; }
  /// Whether the model itself said that the sources do not say.
  [[nodiscard]] bool declined() const;

 private:
  std::string take_sentence(std::string_view raw);
  /// Of a sentence without its marks, which name sources that exist: those that hold, otherwise
  /// those that do not.
  [[nodiscard]] std::vector<contract::Citation> citations_of(std::string_view sentence,
                                                             const std::vector<int>& marks) const;

  std::span<const contract::Hit> sources_;
  SupportCheck check_;
  std::string declined_text_;
  std::string pending_;
  std::string text_;
  std::vector<contract::Citation> citations_;
};

}  // namespace opaline::services
