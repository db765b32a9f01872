#include "app/sample.hpp"

#include "app/command.hpp"
#include "app/document_selection.hpp"
#include "app/server_connection.hpp"
#include "base/log.hpp"

namespace opaline::app {
namespace {

base::Task<base::Result<std::size_t>> ingest(contract::Service& dataprep, std::string folder) {
  OPALINE_CO_TRY(const DocumentSelection selection, select_documents({folder}));
  contract::IngestRequest request;
  for (const SelectedFile& selected : selection.files) {
    OPALINE_CO_TRY(std::string bytes, read_file(selected.file));
    request.files.push_back({.source = selected.source, .bytes = std::move(bytes), .mime = ""});
  }
  const std::size_t count = request.files.size();
  if (count == 0) co_return 0;
  base::Context context;
  contract::Request message = contract::DataprepRequest(std::move(request));
  OPALINE_CO_TRY_DO(co_await dataprep.call(std::move(message), std::move(context)));
  co_return count;
}

base::Task<int> run(contract::Service* dataprep, std::string folder) {
  const auto count = co_await ingest(*dataprep, folder);
  if (!count) {
    base::log(base::LogLevel::warning, "sample_failed",
              {{"folder", folder}, {"error", count.error().message}});
    co_return kFailed;
  }
  base::log(base::LogLevel::info, "sample_queued", {{"folder", folder}, {"documents", *count}});
  co_return kDone;
}

}  // namespace

void ingest_sample(contract::Service& dataprep, const std::string& folder) {
  run_task(run(&dataprep, folder));
}

}  // namespace opaline::app
