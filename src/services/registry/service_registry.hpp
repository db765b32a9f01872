#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contract/json_shape.hpp"
#include "contract/service.hpp"

namespace opaline::services {

/// One running process of a service that said where it is.
struct ServiceInstance {
  std::string url;      ///< Whole, with the path: "http://10.0.0.7:9001/v1/translate".
  std::string version;  ///< As it says; may be empty.
  contract::Health health;
  std::chrono::seconds lease{30};  ///< It is forgotten when it does not come again within it.
};

/// What a service says of itself. Of several instances the last one's holds.
struct ServiceCard {
  std::string description;
  boost::json::object input_schema;   ///< JSON Schema of what it takes; may be empty.
  boost::json::object output_schema;  ///< Of what it gives, if that is JSON.
};

/// A service as it is now.
struct RegisteredCard {
  struct Instance {
    ServiceInstance instance;
    std::chrono::seconds left;  ///< Of its lease.
  };
  std::string name;
  ServiceCard card;
  std::vector<Instance> instances;  ///< By url.
};

/// Services that registered themselves: any process in any language that says its name and where it
/// is, and comes again before its lease ends. Any thread.
class ServiceRegistry {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ServiceRegistry(std::function<Clock::time_point()> now = &Clock::now);

  /// Registers an instance, or renews its lease. @return whether it is new.
  /// @error invalid_argument: the name, the URL (http, https) or the lease is none
  /// (1 s … limits::kServiceLease), a schema is wrong (see JsonShape), or the card is too large;
  /// resource_exhausted:
  /// limits::kRegisteredServices or limits::kServiceInstances are there.
  base::Result<bool> put(std::string_view name, ServiceInstance instance, ServiceCard card);
  /// Takes an instance out, or all of the service when `url` is empty. @error not_found.
  base::Result<void> remove(std::string_view name, std::string_view url);

  /// Services with at least one live instance, by name.
  [[nodiscard]] std::vector<RegisteredCard> list();
  /// Those services' names alone.
  [[nodiscard]] std::vector<std::string> names();
  [[nodiscard]] std::optional<RegisteredCard> find(std::string_view name);
  /// Who is asked next.
  struct Turn {
    std::string url;
    std::size_t others = 0;  ///< Ready instances that may be asked after it.
    contract::JsonShape input;
    contract::JsonShape output;
  };
  /// The next live instance that is ready, in turn. @param asked urls that are left out.
  /// @error unavailable: there is none; says what to do.
  [[nodiscard]] base::Result<Turn> next(std::string_view name,
                                        const std::set<std::string>& asked = {});

 private:
  struct Instance {
    ServiceInstance instance;
    Clock::time_point until;
  };
  struct Entry {
    ServiceCard card;
    contract::JsonShape input;
    contract::JsonShape output;
    std::map<std::string, Instance, std::less<>> instances;  // By url.
    std::size_t turn = 0;                                    // The place that is looked at first.
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  void forget_expired();
  [[nodiscard]] RegisteredCard card_of(const std::string& name, const Entry& entry) const;

  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  Entries entries_;
};

}  // namespace opaline::services
