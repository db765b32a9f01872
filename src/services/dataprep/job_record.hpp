#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "contract/dataprep.hpp"
#include "services/dataprep/chunker.hpp"
#include "store/store.hpp"

/// Between the contract's jobs and documents and the rows that the store keeps of them.
namespace opaline::services::dataprep {

/// What a job needs to know besides its document's bytes; stored with it as JSON.
struct JobOptions {
  std::string claimed_mime;
  bool link = false;        ///< The source is a URL to be fetched.
  std::uint64_t bytes = 0;  ///< Of the document; 0: not known yet.
  int chunk_tokens = 0;     ///< As in contract::IngestRequest.
  int chunk_overlap_tokens = -1;
  bool forgotten = false;  ///< The document was deleted; the job must not run again.
  boost::json::object metadata;

  [[nodiscard]] ChunkParameters parameters(const ChunkParameters& defaults) const;
};

[[nodiscard]] std::string write_options(const JobOptions& options);
/// Options of a row that cannot be read are the default ones: the store holds what write_options()
/// wrote.
[[nodiscard]] JobOptions read_options(std::string_view json);

/// Names how a document's passages were made: by which version of this program's rules and with
/// which parameters. The same bytes with the same fingerprint need no new work.
[[nodiscard]] std::string fingerprint(const ChunkParameters& parameters);

[[nodiscard]] contract::Job to_job(const store::JobRow& row);
[[nodiscard]] contract::Document to_document(const store::DocumentRow& row);
[[nodiscard]] std::string write_warnings(const std::vector<std::string>& warnings);

[[nodiscard]] std::string new_job_id();
/// The same for the same (collection, source), always.
[[nodiscard]] std::string document_id(std::string_view collection, std::string_view source);
[[nodiscard]] double unix_now();

}  // namespace opaline::services::dataprep
