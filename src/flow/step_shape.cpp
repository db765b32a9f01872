#include "flow/step_shape.hpp"

#include "base/assert.hpp"

namespace opaline::flow {

std::string_view name(OnError on_error) {
  switch (on_error) {
    case OnError::fail: return "fail";
    case OnError::skip: return "skip";
    case OnError::step: return "step";
  }
  OPALINE_ASSERT(false);
}

std::string_view name(Merge merge) {
  switch (merge) {
    case Merge::update: return "update";
    case Merge::list: return "list";
    case Merge::first: return "first";
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::flow
