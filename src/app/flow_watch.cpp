#include "app/flow_watch.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "flow/any_flow.hpp"

namespace opaline::app {

namespace fs = std::filesystem;

namespace {

void gather(const flow::AnyFlow& flow, const fs::path& file, std::vector<fs::path>& all) {
  all.push_back(file);
  const auto* steps = std::get_if<flow::StepFlow>(&flow);
  if (steps == nullptr) return;
  for (const flow::SubFlow& inside : steps->flows) {
    if (inside.flow) gather(*inside.flow, file.parent_path() / inside.file, all);
  }
}

}  // namespace

FlowWatch::FlowWatch(fs::path file) : file_(std::move(file)) {
  if (!file_.empty()) remember();
}

bool FlowWatch::changed() {
  if (file_.empty()) return false;
  std::string now = stamps();
  const bool settled = now != known_ && now == seen_;
  seen_ = std::move(now);
  if (settled) remember();
  return settled;
}

void FlowWatch::remember() {
  files_.clear();
  if (const auto flow = flow::load_any_flow(file_)) {
    gather(*flow, file_, files_);
  } else {
    files_.push_back(file_);
  }
  known_ = stamps();
  seen_ = known_;
}

std::string FlowWatch::stamps() const {
  std::string all;
  for (const fs::path& file : files_) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    const auto size = error ? 0 : fs::file_size(file, error);
    all += fmt::format("{} {} {}\n", error ? "gone" : "there", written.time_since_epoch().count(),
                       size);
  }
  return all;
}

}  // namespace opaline::app
