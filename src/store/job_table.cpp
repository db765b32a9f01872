#include "store/job_table.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "store/database.hpp"

namespace opaline::store::job_table {

using base::ErrorCode;
using base::Result;

namespace {

#define OPALINE_JOB_COLUMNS                                                                       \
  "id, document_id, collection, source, state, done, total, attempts, error, warnings, options, " \
  "blob, created, updated"
// As the index job_unfinished has it, word for word, so that SQLite uses it.
#define OPALINE_UNFINISHED \
  "state NOT IN ('ready', 'ready_with_warnings', 'unchanged', 'failed', 'cancelled')"

JobRow read(const Statement& statement) {
  JobRow job;
  job.id = statement.text(0);
  job.document_id = statement.text(1);
  job.collection = statement.text(2);
  job.source = statement.text(3);
  job.state = statement.text(4);
  job.done = static_cast<std::uint64_t>(statement.integer(5));
  job.total = static_cast<std::uint64_t>(statement.integer(6));
  job.attempts = static_cast<int>(statement.integer(7));
  job.error = statement.text(8);
  job.warnings = statement.text(9);
  job.options = statement.text(10);
  job.blob = statement.text(11);
  job.created = statement.real(12);
  job.updated = statement.real(13);
  return job;
}

auto no_job(const std::string& id) {
  return base::fail(ErrorCode::not_found, "there is no job '" + id + "'");
}

}  // namespace

Result<void> add(Connection& connection, const std::vector<JobRow>& jobs) {
  OPALINE_TRY(const auto waiting,
              connection.number("SELECT count(*) FROM job WHERE " OPALINE_UNFINISHED));
  if (static_cast<std::size_t>(waiting) + jobs.size() > limits::kQueuedJobs) {
    return base::fail(ErrorCode::resource_exhausted,
                      std::to_string(waiting) + " jobs are waiting already, of at most " +
                          std::to_string(limits::kQueuedJobs) + ": wait until some have ended");
  }
  for (const JobRow& job : jobs) {
    OPALINE_TRY_DO(connection.run("INSERT INTO job (" OPALINE_JOB_COLUMNS
                                  ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
                                  "ON CONFLICT (id) DO NOTHING",
                                  job.id, job.document_id, job.collection, job.source, job.state,
                                  job.done, job.total, job.attempts, job.error, job.warnings,
                                  job.options, job.blob, job.created, job.updated));
    if (connection.changed() == 0) {
      return base::fail(ErrorCode::already_exists, "there is a job '" + job.id + "' already");
    }
  }
  return {};
}

Result<void> update(Connection& connection, const JobRow& job) {
  OPALINE_TRY_DO(connection.run(
      "UPDATE job SET document_id = ?, collection = ?, source = ?, state = ?5, done = ?6, total = "
      "?7, attempts = ?8, "
      "error = ?9, warnings = ?10, options = ?11, blob = ?12, updated = ?13 "
      "WHERE id = ?4 AND (" OPALINE_UNFINISHED " OR ?5 = 'queued')",
      job.document_id, job.collection, job.source, job.id, job.state, job.done, job.total,
      job.attempts, job.error, job.warnings, job.options, job.blob, job.updated));
  if (connection.changed() > 0) return {};
  OPALINE_TRY(const auto known, connection.number("SELECT count(*) FROM job WHERE id = ?", job.id));
  if (known == 0) return no_job(job.id);
  return {};
}

Result<void> end(Connection& connection, const JobRow& job) {
  OPALINE_TRY_DO(connection.run(
      "UPDATE job SET document_id = ?, state = ?, done = ?, total = ?, error = '', warnings = ?, "
      "updated = ? "
      "WHERE id = ? AND state <> 'cancelled'",
      job.document_id, job.state, job.done, job.total, job.warnings, job.updated, job.id));
  if (connection.changed() > 0) return {};
  OPALINE_TRY(const auto known, connection.number("SELECT count(*) FROM job WHERE id = ?", job.id));
  if (known == 0) return no_job(job.id);
  return base::fail(ErrorCode::cancelled, "the job '" + job.id + "' was cancelled");
}

Result<std::optional<JobRow>> find(Connection& connection, const std::string& id) {
  OPALINE_TRY(auto statement,
              connection.query("SELECT " OPALINE_JOB_COLUMNS " FROM job WHERE id = ?", id));
  OPALINE_TRY(const bool row, statement.next());
  if (!row) return std::nullopt;
  return read(statement);
}

Result<std::vector<JobRow>> list(Connection& connection, std::size_t limit, bool unfinished) {
  OPALINE_TRY(
      auto statement,
      connection.query(unfinished ? "SELECT " OPALINE_JOB_COLUMNS
                                    " FROM job WHERE " OPALINE_UNFINISHED " ORDER BY number LIMIT ?"
                                  : "SELECT " OPALINE_JOB_COLUMNS
                                    " FROM job ORDER BY number DESC LIMIT ?",
                       std::min<std::size_t>(limit, INT64_MAX)));
  std::vector<JobRow> jobs;
  for (;;) {
    OPALINE_TRY(const bool row, statement.next());
    if (!row) return jobs;
    jobs.push_back(read(statement));
  }
}

Result<std::set<std::string>> blobs_needed(Connection& connection) {
  OPALINE_TRY(auto statement,
              connection.query("SELECT DISTINCT blob FROM job WHERE blob <> '' "
                               "AND state NOT IN ('ready', 'ready_with_warnings', 'unchanged')"));
  std::set<std::string> keys;
  for (;;) {
    OPALINE_TRY(const bool row, statement.next());
    if (!row) return keys;
    keys.emplace(statement.text(0));
  }
}

#undef OPALINE_JOB_COLUMNS
#undef OPALINE_UNFINISHED

}  // namespace opaline::store::job_table
