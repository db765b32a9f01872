#pragma once

#include <nanobind/nanobind.h>

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace opaline::python {

/// Appends a Python value as JSON, as json.dumps writes it but for the spaces: dict, list, tuple,
/// str, int, float, bool, None; a pydantic model as its model_dump(), a numpy value as its
/// tolist(). Raises TypeError for others, ValueError above a depth of 200.
void append_json(std::string& out, nanobind::handle value);

/// The Python value of JSON.
[[nodiscard]] nanobind::object to_python(const boost::json::value& value);

/// The text of Python's repr() of these bytes: b'…', or b"…" when they have a quote but no double
/// quote. OPEA's streams carry tokens in this form.
[[nodiscard]] std::string bytes_literal(std::string_view bytes);

}  // namespace opaline::python
