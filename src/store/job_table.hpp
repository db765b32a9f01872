#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/store.hpp"

namespace opaline::store {

class Connection;

/// The table of jobs. The functions that write belong inside a transaction of the caller.
namespace job_table {

/// @error already_exists: a job with this id; resource_exhausted: limits::kQueuedJobs wait already.
base::Result<void> add(Connection& connection, const std::vector<JobRow>& jobs);
/// Leaves a job alone that is in a final state, unless it is put back to "queued". @error
/// not_found.
base::Result<void> update(Connection& connection, const JobRow& job);
/// @error not_found; cancelled: the job was cancelled meanwhile.
base::Result<void> end(Connection& connection, const JobRow& job);
base::Result<std::optional<JobRow>> find(Connection& connection, const std::string& id);
base::Result<std::vector<JobRow>> list(Connection& connection, std::size_t limit, bool unfinished);
/// The blobs of jobs that may still run: all but those that ended well.
base::Result<std::set<std::string>> blobs_needed(Connection& connection);

}  // namespace job_table

}  // namespace opaline::store
