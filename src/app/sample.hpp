#pragma once

#include <string>

#include "contract/service.hpp"

namespace opaline::app {

/// Ingests a folder on the first start, so that there is something to ask about. Blocks until the
/// jobs are accepted; what goes wrong is logged and stops nothing. Call on a thread of its own.
void ingest_sample(contract::Service& dataprep, const std::string& folder);

}  // namespace opaline::app
