#pragma once

#include <chrono>
#include <memory>

#include "base/context.hpp"
#include "contract/service.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

struct JobEventSettings {
  std::chrono::milliseconds poll{250};
  std::chrono::milliseconds heartbeat{10'000};
};

/// Server-sent events ("event: job", data: the job) of what happens to ingestion jobs while
/// somebody listens: first the unfinished ones and the newest, then each that changed. Asks
/// `dataprep` at the poll interval; it must outlive the stream. A failure of the service is one
/// event "error" and the end: browsers connect again by themselves.
[[nodiscard]] std::unique_ptr<http::BodyStream> job_events(contract::Service& dataprep,
                                                           base::Context context,
                                                           JobEventSettings settings);

}  // namespace opaline::gateway
