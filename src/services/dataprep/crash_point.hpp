#pragma once

#include <string_view>

namespace opaline::services::dataprep {

/// A test facility, compiled in always: with OPALINE_CRASH_POINT=name:n in the environment the
/// process kills itself (SIGKILL, as a power cut would) when it passes the point `name` for the nth
/// time. Without it nothing happens. The points, in the order of a document's way: after_blobs,
/// after_jobs, job_started, link_fetched, parsed, chunked, embedding, before_commit, after_commit,
/// before_job_end, before_delete, after_delete.
void crash_point(std::string_view name);

}  // namespace opaline::services::dataprep
