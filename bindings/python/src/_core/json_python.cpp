#include "_core/json_python.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/json_text.hpp"

namespace nb = nanobind;
namespace json = boost::json;

namespace opaline::python {
namespace {

constexpr int kDepth = 200;

std::string_view text_of(nb::handle value) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text == nullptr) throw nb::python_error();
  return {text, static_cast<std::size_t>(size)};
}

void append_string(std::string& out, std::string_view text) {
  // Most strings need no escape: found out at the speed of a scan.
  constexpr auto plain = [](unsigned char byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
  };
  for (const char c : text) {
    if (!plain(static_cast<unsigned char>(c))) {
      base::append_json_string(out, text);
      return;
    }
  }
  out.append("\"").append(text).append("\"");
}

void append_integer(std::string& out, nb::handle value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow != 0) {
    const nb::object text = nb::steal(PyNumber_ToBase(value.ptr(), 10));
    if (!text.is_valid()) throw nb::python_error();
    out += text_of(text);
    return;
  }
  if (number == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

void append_float(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "NaN";  // What json.dumps and the services behind it have always said.
  } else if (std::isinf(number)) {
    out += number > 0 ? "Infinity" : "-Infinity";
  } else {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    const std::string_view text(digits.data(), end.ptr);
    out += text;
    if (text.find_first_of(".e") == text.npos) out += ".0";
  }
}

void append_key(std::string& out, nb::handle key) {
  PyObject* const raw = key.ptr();
  if (PyUnicode_Check(raw)) {
    append_string(out, text_of(key));
    return;
  }
  std::string text;
  if (raw == Py_True || raw == Py_False || raw == Py_None || PyLong_Check(raw) ||
      PyFloat_Check(raw)) {
    append_json(text, key);
  } else {
    throw nb::type_error("keys must be str, int, float, bool or None");
  }
  append_string(out, text);
}

void append_value(std::string& out, nb::handle value, int depth);

template <class Iterable>
void append_array(std::string& out, Iterable values, int depth) {
  char separator = '[';
  for (const nb::handle one : values) {
    out += separator;
    append_value(out, one, depth);
    separator = ',';
  }
  out += separator == '[' ? "[]" : "]";
}

/// What Python's json would refuse, but a step's inputs may well hold.
void append_other(std::string& out, nb::handle value, int depth) {
  for (const char* const method : {"model_dump", "tolist"}) {
    if (PyObject_HasAttrString(value.ptr(), method) == 1) {
      append_value(out, value.attr(method)(), depth);
      return;
    }
  }
  PyErr_Format(PyExc_TypeError, "Object of type %s is not JSON serializable",
               Py_TYPE(value.ptr())->tp_name);
  throw nb::python_error();
}

void append_value(std::string& out, nb::handle value, int depth) {
  PyObject* const raw = value.ptr();
  if (depth > kDepth) throw nb::value_error("the value is nested too deep for JSON");
  if (PyUnicode_Check(raw)) {
    append_string(out, text_of(value));
  } else if (raw == Py_None) {
    out += "null";
  } else if (raw == Py_True) {
    out += "true";
  } else if (raw == Py_False) {
    out += "false";
  } else if (PyLong_Check(raw)) {
    append_integer(out, value);
  } else if (PyFloat_Check(raw)) {
    append_float(out, PyFloat_AS_DOUBLE(raw));
  } else if (PyDict_Check(raw)) {
    char separator = '{';
    for (const auto& [key, field] : nb::borrow<nb::dict>(value)) {
      out += separator;
      append_key(out, key);
      out += ':';
      append_value(out, field, depth + 1);
      separator = ',';
    }
    out += separator == '{' ? "{}" : "}";
  } else if (PyList_Check(raw)) {
    append_array(out, nb::borrow<nb::list>(value), depth + 1);
  } else if (PyTuple_Check(raw)) {
    append_array(out, nb::borrow<nb::tuple>(value), depth + 1);
  } else {
    append_other(out, value, depth + 1);
  }
}

nb::object steal(PyObject* made) {
  if (made == nullptr) throw nb::python_error();
  return nb::steal(made);
}

nb::object python_text(const json::string& text) {
  return steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

}  // namespace

void append_json(std::string& out, nb::handle value) { append_value(out, value, 0); }

nb::object to_python(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return nb::none();
    case json::kind::bool_: return nb::bool_(value.get_bool());
    case json::kind::int64: return steal(PyLong_FromLongLong(value.get_int64()));
    case json::kind::uint64: return steal(PyLong_FromUnsignedLongLong(value.get_uint64()));
    case json::kind::double_: return steal(PyFloat_FromDouble(value.get_double()));
    case json::kind::string: return python_text(value.get_string());
    case json::kind::array: {
      const json::array& array = value.get_array();
      nb::object list = steal(PyList_New(static_cast<Py_ssize_t>(array.size())));
      for (std::size_t i = 0; i < array.size(); ++i) {
        PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i),
                        to_python(array[i]).release().ptr());
      }
      return list;
    }
    case json::kind::object: break;
  }
  nb::object dict = steal(PyDict_New());
  for (const auto& [key, field] : value.get_object()) {
    const nb::object name =
        steal(PyUnicode_DecodeUTF8(key.data(), static_cast<Py_ssize_t>(key.size()), "replace"));
    if (PyDict_SetItem(dict.ptr(), name.ptr(), to_python(field).ptr()) != 0)
      throw nb::python_error();
  }
  return dict;
}

std::string bytes_literal(std::string_view bytes) {
  const bool double_quotes = bytes.contains('\'') && !bytes.contains('"');
  const char quote = double_quotes ? '"' : '\'';
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = {'b', quote};
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out.append("\\") += c;
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out.append("\\x") += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  out += quote;
  return out;
}

}  // namespace opaline::python
