#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {

/// A model's own chat template (Jinja). One thread; the model outlives it.
class ChatTemplate {
 public:
  /// @return null when the model has none. @error invalid_argument: it has one that cannot be
  /// parsed.
  [[nodiscard]] static base::Result<std::unique_ptr<ChatTemplate>> create(const LoadedModel& model);
  ~ChatTemplate();

  /// The prompt for `messages` (role, content), ready for the model's turn. Spellings of special
  /// tokens in a message stay plain text: what a user writes cannot end a turn or speak for the
  /// system.
  /// @error invalid_argument: the template refuses the messages (an unknown role, two of one role
  /// in a row …); says why.
  [[nodiscard]] base::Result<std::vector<Token>> render(
      std::span<const std::pair<std::string, std::string>> messages) const;

 private:
  struct Program;
  ChatTemplate(const LoadedModel& model, std::unique_ptr<Program> program);

  const LoadedModel& model_;
  std::unique_ptr<Program> program_;
};

}  // namespace opaline::engine
