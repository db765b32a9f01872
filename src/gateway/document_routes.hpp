#pragma once

#include <chrono>
#include <vector>

#include "gateway/job_events.hpp"
#include "gateway/route.hpp"
#include "gateway/services.hpp"

namespace opaline::gateway {

/// Documents and the jobs that bring them in: OPEA's /v1/dataprep/ingest, get, delete and indices,
/// and /v1/documents, /v1/jobs, /v1/jobs/events. `services.dataprep` is borrowed; null answers with
/// not_found.
[[nodiscard]] std::vector<Route> document_routes(const Services& services,
                                                 JobEventSettings settings);

}  // namespace opaline::gateway
