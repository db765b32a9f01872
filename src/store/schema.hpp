#pragma once

#include "base/result.hpp"

namespace opaline::store {

class Connection;

/// Makes the tables of a new database, or brings an older one up to date, each step in a
/// transaction of its own.
/// @error failed_precondition: the database was written by a newer program.
base::Result<void> update_schema(Connection& connection);

}  // namespace opaline::store
