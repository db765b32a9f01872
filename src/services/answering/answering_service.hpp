#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contract/service.hpp"
#include "services/answering/evidence.hpp"
#include "services/answering/prompt.hpp"

namespace opaline::services {

struct AnsweringSettings {
  enum class Mode {
    generate,  ///< A language model writes; its sentences are checked against the sources.
    extract,   ///< The sentences of the sources that answer best, word for word. Needs no language
               ///< model.
  };
  Mode mode = Mode::extract;
  std::size_t sources = 5;         ///< Passages that are looked at.
  std::size_t prompt_sources = 3;  ///< Of them, those that a language model reads.
  std::size_t sentences = 3;       ///< Of an extracted answer, at most.
  /// Below this EvidenceBoard::strength() the answer is declined. 0: never.
  double strength_min = 0.38;
  PromptStyle prompt = PromptStyle::examples;
  std::string declined_text = "The sources do not say.";
};

/// The last step of a question: answers a ChatRequest from its grounding, with citations that hold,
/// or declines. A request without grounding goes to the language model as it is. Any thread;
/// collaborators must outlive it and its streams.
class AnsweringService final : public contract::Service {
 public:
  /// @param embedding compares sentences with questions. @param llm may be null in extract mode.
  /// @error invalid_argument: a setting out of range; failed_precondition: generate without a
  /// language model.
  [[nodiscard]] static base::Result<std::unique_ptr<AnsweringService>> create(
      AnsweringSettings settings, contract::Service& embedding, contract::Service* llm);

  [[nodiscard]] contract::ServiceKind kind() const override { return contract::ServiceKind::llm; }
  /// A ChatReply, or a ChatStream when the request streams: sources as numbered, citations, and
  /// whether it was declined. Without the embedding service it judges by words alone, with a
  /// warning.
  /// @error invalid_argument: no ChatRequest; failed_precondition: no grounding and no language
  /// model; and those of the model.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override;

 private:
  AnsweringService(AnsweringSettings settings, contract::Service& embedding,
                   contract::Service* llm);

  base::Task<base::Result<contract::Reply>> answer(contract::ChatRequest request,
                                                   base::Context context);
  base::Task<base::Result<contract::Reply>> generate(contract::ChatRequest request,
                                                     contract::ChatReply reply,
                                                     base::Context context);
  /// Each text's cosine with the first one.
  base::Task<base::Result<std::vector<double>>> cosines(std::vector<std::string> texts,
                                                        base::Context context);

  AnsweringSettings settings_;
  contract::Service& embedding_;
  contract::Service* llm_;
};

}  // namespace opaline::services
