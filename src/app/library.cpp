#include "app/library.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <thread>

#include "services/dataprep/dataprep_service.hpp"
#include "services/retrieval/retrieval_service.hpp"

namespace opaline::app {
namespace {

std::size_t cores() { return std::max(std::thread::hardware_concurrency(), 2U); }

}  // namespace

Library::Library() : pool_(cores() + 2) {}
Library::~Library() { stop(); }

base::Result<std::unique_ptr<Library>> Library::create(const Settings& settings,
                                                       contract::Service& embedding,
                                                       http::Client& client,
                                                       base::MetricRegistry& metrics) {
  std::unique_ptr<Library> made(new Library);
  OPALINE_TRY(made->store_, store::Store::open(settings.data));
  made->retrieval_ =
      std::make_unique<services::RetrievalService>(*made->store_, embedding, made->pool_);
  services::dataprep::DataprepSettings dataprep;
  dataprep.parsers = cores();
  if (settings.private_links) {
    dataprep.links.private_networks = services::dataprep::LinkSettings::PrivateNetworks::allow;
  }
  OPALINE_TRY(made->dataprep_,
              services::dataprep::DataprepService::create(dataprep, {.store = *made->store_,
                                                                     .embedding = embedding,
                                                                     .http = client,
                                                                     .pool = made->pool_,
                                                                     .metrics = metrics}));
  return made;
}

void Library::stop() {
  if (!dataprep_ || stopped_) return;
  stopped_ = true;
  base::EventLoop loop(1);
  boost::asio::co_spawn(loop, dataprep_->close(), boost::asio::detached);
  loop.run();
}

contract::Service& Library::retrieval() const { return *retrieval_; }
contract::Service& Library::dataprep() const { return *dataprep_; }

}  // namespace opaline::app
