#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "contract/chat.hpp"
#include "contract/json_message.hpp"

namespace opaline::flow {

/// The answer of a step that generates, on its way: reads out of its events what it cost. Other
/// content passes untouched. On the request's thread.
class UsageStream final : public contract::ByteStream {
 public:
  /// What becomes of a chunk that has nothing but the usage.
  enum class Chunk { passed_on, left_out };

  /// @param found is set when the usage has come.
  UsageStream(std::unique_ptr<contract::ByteStream> answer, Chunk chunk,
              std::shared_ptr<std::optional<contract::Usage>> found);

  [[nodiscard]] const std::string& content_type() const override { return answer_->content_type(); }
  base::Task<base::Result<std::optional<std::string>>> next() override;

 private:
  /// The whole events among what has come, without those that are left out.
  std::string take_events();
  [[nodiscard]] bool keeps(std::string_view event);

  std::unique_ptr<contract::ByteStream> answer_;
  Chunk chunk_;
  std::shared_ptr<std::optional<contract::Usage>> found_;  // Shared with the step's report.
  bool events_;
  std::string come_;  // The beginning of an event.
  // Where its blank line is looked for, as contract::EventParser knows lines.
  std::size_t scanned_ = 0;    // Of come_.
  bool blank_ = true;          // Nothing has come of the line being read.
  bool after_return_ = false;  // A line feed that comes now belongs to the carriage return.
  bool kept_ = true;           // The event before was passed on.
};

}  // namespace opaline::flow
