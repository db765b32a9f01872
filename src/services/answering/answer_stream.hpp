#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contract/chat.hpp"
#include "services/answering/citation.hpp"

namespace opaline::services {

/// An answer that is known already, told piece by piece.
class ReadyStream final : public contract::ChatStream {
 public:
  /// @param pieces of reply.text, in order.
  ReadyStream(std::vector<std::string> pieces, contract::ChatReply reply)
      : pieces_(std::move(pieces)), reply_(std::move(reply)) {}
  base::Task<base::Result<contract::ChatDelta>> next() override;

 private:
  std::vector<std::string> pieces_;
  std::size_t told_ = 0;
  contract::ChatReply reply_;
};

/// A model's stream with citations: sentences are held back until they are checked. Dropping it
/// drops the model's.
class CitedStream final : public contract::ChatStream {
 public:
  /// @param reply has the sources and warnings.
  CitedStream(std::unique_ptr<contract::ChatStream> model, contract::ChatReply reply,
              const std::string& declined_text)
      : model_(std::move(model)), reply_(std::move(reply)), cited_(reply_.sources, declined_text) {}
  base::Task<base::Result<contract::ChatDelta>> next() override;

 private:
  std::unique_ptr<contract::ChatStream> model_;
  contract::ChatReply reply_;
  CitedText cited_;  // Refers to reply_.sources.
  std::optional<contract::ChatReply> ended_;
};

/// Puts what `cited` found and what the model said about itself (usage, model, finish reason,
/// warnings) into `reply`. Without the text, which a stream has told already.
void complete(contract::ChatReply& reply, contract::ChatReply model, const CitedText& cited);

}  // namespace opaline::services
