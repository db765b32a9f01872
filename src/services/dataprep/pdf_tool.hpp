#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "services/dataprep/parse.hpp"

namespace opaline::services::dataprep {

/// A running pdftotext (poppler-utils), confined: without network, without writing, without other
/// processes, with the caller's limits of memory and time. Poppler's library is GPL and its input
/// hostile; a process of its own answers both. Owns the process: the destructor ends and reaps it.
class PdfTool {
 public:
  /// Starts it on the file open as `document`, from its beginning. @error failed_precondition: it
  /// is not installed.
  [[nodiscard]] static base::Result<PdfTool> start(int document);
  PdfTool(PdfTool&& other) noexcept;
  PdfTool& operator=(PdfTool&&) = delete;
  ~PdfTool();

  /// Waits for its end. @error invalid_argument: its output passes limits::kDocumentTextBytes.
  [[nodiscard]] base::Result<PdfText> read();
  [[nodiscard]] int process() const { return process_; }

 private:
  PdfTool(int process, int output, int errors)
      : process_(process), output_(output), errors_(errors) {}

  int process_;
  int output_;
  int errors_;
};

/// The whole of it for bytes in memory.
[[nodiscard]] base::Result<PdfText> run_pdftotext(std::string_view bytes);

}  // namespace opaline::services::dataprep
