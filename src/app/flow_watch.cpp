#include "app/flow_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

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
  if (!file_.empty()) files_.push_back(file_);
}

base::Result<flow::AnyFlow> FlowWatch::load() {
  if (file_.empty()) return flow::AnyFlow(flow::built_in_flow());
  // What is written while it is read is seen too.
  Stamps before = stamps();
  auto flow = flow::load_any_flow(file_);
  if (flow) {
    files_.clear();
    gather(*flow, file_, files_);
  }
  known_ = std::move(before);
  known_.merge(stamps());
  std::erase_if(known_, [this](const auto& one) {
    return std::ranges::find(files_, one.first) == files_.end();
  });
  seen_ = known_;
  return flow;
}

bool FlowWatch::changed() {
  Stamps now = stamps();
  const bool settled = now != known_ && now == seen_;
  seen_ = std::move(now);
  return settled;
}

FlowWatch::Stamps FlowWatch::stamps() const {
  Stamps all;
  for (const fs::path& file : files_) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    const auto size = error ? 0 : fs::file_size(file, error);
    all[file] =
        fmt::format("{} {} {}", error ? "gone" : "there", written.time_since_epoch().count(), size);
  }
  return all;
}

}  // namespace opaline::app
