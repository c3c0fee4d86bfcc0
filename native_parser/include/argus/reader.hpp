// A recording in a file, read by several threads: the same batches, in the same order, as the push
// parser makes of its bytes.
//
// A DLT recording is read twice: the first pass finds lifecycles and lost messages (scan.hpp), the
// second makes the rows, whose event times need the first. Each pass gives the file's segments to
// the threads. A thread does not know where in its segment the first message begins, so it guesses
// by the evidence that also resynchronises after damage, and its result counts only if the segment
// before it ended just there; otherwise the segment is read again from there.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "argus/csv.hpp"
#include "argus/parser.hpp"
#include "argus/scan.hpp"

namespace argus {

struct ReaderOptions {
  Knowledge knowledge;             // its scan is made by the reader
  unsigned threads = 0;            // 0: as many as the machine has
  std::optional<CsvOptions> csv;   // write each batch's rows as CSV, too, without a header
};

struct Piece {
  BatchPtr batch;
  Buffer csv;
};

class Reader {
 public:
  // Throws std::system_error where the file cannot be opened.
  Reader(const std::string& path, ReaderOptions options);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The next batches in order; none at the end, or once it was cancelled. Blocks, and calls `poll`
  // now and then, which may throw to end it. Throws std::system_error where the file cannot be
  // read. By one thread at a time.
  [[nodiscard]] std::vector<Piece> next(const std::function<void()>& poll = {});
  // The faults since the last call; the newest may still grow and is kept back until the end.
  [[nodiscard]] std::vector<Fault> take_faults() { return total_.faults.take(finished_); }

  // Both may be called by any thread at any time.
  void cancel() noexcept;
  // Bytes that both passes are done with, of `work`.
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] std::uint64_t work() const noexcept { return work_; }

  [[nodiscard]] bool finished() const noexcept { return finished_; }
  [[nodiscard]] std::uint64_t size() const noexcept;
  [[nodiscard]] const Format* format() const noexcept { return format_; }
  [[nodiscard]] const Output& totals() const noexcept { return total_; }

 private:
  class File;
  class SegmentPass;

  void begin(const std::function<void()>& poll);

  ReaderOptions options_;
  std::unique_ptr<File> file_;
  std::unique_ptr<SegmentPass> pass_;
  const Format* format_ = nullptr;
  Output total_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> work_{1};
  std::atomic<bool> cancelled_{false};
  bool begun_ = false;
  bool finished_ = false;
};

}  // namespace argus
