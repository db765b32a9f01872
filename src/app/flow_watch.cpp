#include "app/flow_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

namespace opaline::app {

namespace fs = std::filesystem;

FlowWatch::FlowWatch(fs::path file) : file_(std::move(file)) {
  if (!file_.empty()) files_.push_back(file_);
}

base::Result<flow::AnyFlow> FlowWatch::load() {
  if (file_.empty()) return flow::AnyFlow(flow::built_in_flow());
  // What is written while it is read is seen too.
  Stamps before = stamps();
  std::vector<fs::path> opened;
  auto flow = flow::load_any_flow(file_, &opened);
  if (flow) files_.clear();
  // Of a flow that is wrong what was watched before is watched on, and what was found wrong.
  for (fs::path& one : opened) {
    if (std::ranges::find(files_, one) == files_.end()) files_.push_back(std::move(one));
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
