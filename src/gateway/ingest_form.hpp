#pragma once

#include <string_view>

#include "base/result.hpp"
#include "contract/dataprep.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

struct IngestForm {
  contract::IngestRequest request;
  bool wait = false;  ///< Answer when the jobs are done.
};

/// Reads the multipart form of POST /v1/dataprep/ingest: `files` (any number), `link_list` (JSON: a
/// list of URLs, or one), `chunk_size` and `chunk_overlap` (OPEA counts characters: four make a
/// token here), `index_name` or `collection`, `metadata` (a JSON object), `wait`. Other fields are
/// OPEA's for its other stores and are ignored. Waiting is also asked for by ?wait=true or the
/// header "Prefer: wait".
/// @error invalid_argument: no multipart form, neither file nor link, a file without a name or with
/// one that leads out of its folder, the reserved index_name "all", a field of the wrong form.
[[nodiscard]] base::Result<IngestForm> read_ingest_form(http::Request request);

}  // namespace opaline::gateway
