#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace opaline::base {

/// A coroutine's promise of a T. Await it in the expression that makes it; never store one.
/// Parameters of coroutines are values; collaborators are members of an object that outlives the
/// call.
template <class T = void>
using Task = boost::asio::awaitable<T>;

/// An event loop. A request lives on one from its first byte to its last.
using EventLoop = boost::asio::io_context;

}  // namespace opaline::base
