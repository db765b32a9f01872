#include "services/remote/api_key.hpp"

#include <cstdlib>
#include <fstream>

namespace opaline::services {
namespace {

using base::ErrorCode;

base::Result<std::string> checked(std::string key, const std::string& where) {
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (key.empty())
    return base::fail(ErrorCode::failed_precondition,
                      "the API key in " + where + " is missing or empty");
  for (const char c : key) {
    if (c <= ' ' || c == 0x7F) {
      return base::fail(ErrorCode::failed_precondition,
                        "the API key in " + where + " holds a character that no header can carry");
    }
  }
  return key;
}

}  // namespace

base::Result<std::string> resolve_api_key(std::string_view reference) {
  if (reference.empty()) return std::string();
  if (reference.starts_with("env:")) {
    const std::string variable(reference.substr(4));
    const char* value = std::getenv(variable.c_str());
    return checked(value == nullptr ? "" : value, "the environment variable " + variable);
  }
  if (reference.starts_with("file:")) {
    const std::string path(reference.substr(5));
    std::ifstream file(path);
    std::string key;
    std::getline(file, key);
    return checked(std::move(key), "the file " + path);
  }
  return base::fail(
      ErrorCode::invalid_argument,
      "an API key is given by reference: env:NAME or file:PATH (the text is not shown here)");
}

}  // namespace opaline::services
