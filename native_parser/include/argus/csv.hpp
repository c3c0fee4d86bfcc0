// CSV after RFC 4180.
#pragma once

#include <string>

#include "argus/buffer.hpp"
#include "argus/columns.hpp"

namespace argus {

struct CsvOptions {
  bool header = true;
  char delimiter = ',';
  std::string line_end = "\r\n";
};

// Appends a batch as CSV. Null is an empty field, an empty text is "" (so that the two differ);
// fields are quoted only where they hold the delimiter, a quote or a line break. Times are
// ISO 8601 with nanoseconds and Z, booleans true and false, binary lower-case hex, floats the
// shortest digits that read back as the same value, or NaN, inf, -inf.
void write_csv(const Batch& batch, const CsvOptions& options, Buffer& out);

}  // namespace argus
