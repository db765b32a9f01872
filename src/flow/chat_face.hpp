#pragma once

#include "contract/service.hpp"

namespace opaline::flow {

/// A service of any JSON, mostly a whole flow, as one that answers chats: the reverse of JsonFace.
/// It is asked with the messages, their question as `text`, and the sampling parameters; what it
/// answers is a chat completion, an object with a `text`, a text, or any JSON, which is then the
/// text. Any I/O thread; the service must outlive this and its streams.
class ChatFace {
 public:
  /// @param service of the kind `custom`.
  explicit ChatFace(contract::Service& service);

  /// A ChatReply, or a ChatStream where one is wanted. @param observer is told of the steps of a
  /// flow; it may be empty. @error of the service; failed_precondition: it answered with bytes,
  /// such as a sound; unavailable: a stream ended before its answer did.
  base::Task<base::Result<contract::Reply>> ask(contract::ChatRequest request,
                                                base::Context context,
                                                contract::StepObserver observer);

 private:
  contract::Service& service_;
};

}  // namespace opaline::flow
