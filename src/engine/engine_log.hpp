#pragma once

namespace opaline::engine {

/// Sends what llama.cpp says to base::log: its errors and warnings at level debug too, because each
/// failure that matters comes back as an Error of ours. Any thread, any number of times.
void route_engine_log();

}  // namespace opaline::engine
