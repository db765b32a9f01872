/// @file
/// JSON, as all messages are: Boost.JSON's types under names of our own.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

/// The C++ API of Opaline.
namespace opaline {

/// Any JSON value. `Json{{"text", "hi"}}` is an object.
using Json = boost::json::value;
/// A JSON object, its members in order.
using JsonObject = boost::json::object;
/// A JSON list.
using JsonArray = boost::json::array;

}  // namespace opaline
