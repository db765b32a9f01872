#include "engine/quantisation.hpp"

#include <llama.h>

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <thread>

#include "engine/engine_log.hpp"

namespace opaline::engine {

base::Result<void> quantise_q8_0(const std::filesystem::path& source,
                                 const std::filesystem::path& target) {
  route_engine_log();
  llama_model_quantize_params settings = llama_model_quantize_default_params();
  settings.ftype = LLAMA_FTYPE_MOSTLY_Q8_0;
  settings.allow_requantize = true;
  settings.nthread = static_cast<std::int32_t>(std::max(1U, std::thread::hardware_concurrency()));
  std::string reason = "llama.cpp refused it (see the log at level debug)";
  try {
    if (llama_model_quantize(source.c_str(), target.c_str(), &settings) == 0) return {};
  } catch (const std::exception& thrown) {
    reason = thrown.what();
  }
  std::error_code ignored;
  std::filesystem::remove(target, ignored);
  return base::fail(base::ErrorCode::invalid_argument,
                    "cannot convert " + source.string() + " to Q8_0: " + reason);
}

}  // namespace opaline::engine
