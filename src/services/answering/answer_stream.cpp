#include "services/answering/answer_stream.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace opaline::services {

base::Task<base::Result<contract::ChatDelta>> ReadyStream::next() {
  contract::ChatDelta delta;
  if (told_ < pieces_.size()) {
    delta.text = pieces_[told_++];
  } else {
    reply_.text.clear();
    delta.end = std::move(reply_);
  }
  co_return delta;
}

base::Task<base::Result<contract::ChatDelta>> CitedStream::next() {
  contract::ChatDelta delta;
  while (!ended_) {
    OPALINE_CO_TRY(contract::ChatDelta raw, co_await model_->next());
    delta.text = raw.end ? cited_.finish() : cited_.feed(raw.text);
    ended_ = std::move(raw.end);
    if (!delta.text.empty()) co_return delta;
  }
  complete(reply_, std::move(*ended_), cited_);
  delta.end = std::move(reply_);
  co_return delta;
}

void complete(contract::ChatReply& reply, contract::ChatReply model, const CitedText& cited) {
  reply.finish_reason = model.finish_reason;
  reply.usage = model.usage;
  reply.model = std::move(model.model);
  reply.declined = cited.declined();
  reply.citations = cited.citations();
  std::ranges::move(model.warnings, std::back_inserter(reply.warnings));
}

}  // namespace opaline::services
