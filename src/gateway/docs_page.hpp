#pragma once

#include <string_view>

namespace opaline::gateway {

/// The page at /docs: it reads /openapi.json and shows it, with a form to try each route. Nothing
/// comes from elsewhere, nothing is inline: it lives under the strictest Content-Security-Policy.
extern const std::string_view kDocsPage;    ///< text/html
extern const std::string_view kDocsScript;  ///< text/javascript, at /docs/page.js
extern const std::string_view kDocsStyle;   ///< text/css, at /docs/page.css

}  // namespace opaline::gateway
