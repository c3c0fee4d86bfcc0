// The push parser: chunks of any size in, batches of rows and faults out.
//
// However the bytes are cut into chunks, the same batches come out. Between two calls the parser
// holds at most one batch for each table (batch_bytes altogether, about), and one message that is
// not complete yet. Bad bytes never raise an error: they are quarantined.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "argus/decoder.hpp"
#include "argus/odvd.hpp"
#include "argus/recogniser.hpp"

namespace argus {

// Raised whenever the parser's output changes for the same input.
inline constexpr std::string_view version = "0.1.0";

class Parser {
 public:
  explicit Parser(std::shared_ptr<const Specification> specification = nullptr)
      : specification_(std::move(specification)) {}

  // Takes the next bytes; they need not live longer than the call.
  void feed(Bytes chunk);
  // No more bytes follow. Calling it again does nothing.
  void finish();
  [[nodiscard]] bool finished() const noexcept { return finished_; }

  // The batches and the faults since the last call.
  [[nodiscard]] std::vector<BatchPtr> take() { return std::exchange(output_.batches, {}); }
  [[nodiscard]] std::vector<Fault> take_faults() { return output_.faults.take(finished_); }

  // "dlt", "rec", or empty where it is not known (yet).
  [[nodiscard]] std::string_view format() const noexcept {
    return format_ != nullptr ? format_->name : std::string_view{};
  }
  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return offset_ + carry_.size(); }
  // After `finish` these two add up to `bytes_in`.
  [[nodiscard]] std::uint64_t decoded_bytes() const noexcept { return output_.decoded_bytes; }
  [[nodiscard]] std::uint64_t quarantined_bytes() const noexcept { return output_.faults.bytes(); }
  [[nodiscard]] std::uint64_t fault_count() const noexcept { return output_.faults.count(); }
  [[nodiscard]] std::uint64_t rows() const noexcept { return output_.rows; }
  [[nodiscard]] const auto& undecoded() const noexcept { return output_.undecoded; }

 private:
  [[nodiscard]] std::size_t run(Bytes bytes, bool last);
  [[nodiscard]] std::size_t recognise(Bytes bytes, bool last);

  std::shared_ptr<const Specification> specification_;
  Recogniser recogniser_;
  const Format* format_ = nullptr;
  std::unique_ptr<Decoder> decoder_;
  Output output_;
  Buffer carry_;               // bytes that wait for what follows them
  std::size_t wanted_ = 1;     // bytes that the carry needs before it is worth another look
  std::uint64_t offset_ = 0;   // of the carry's first byte
  std::uint64_t unknown_ = 0;  // bytes before the format was recognised
  bool finished_ = false;
};

}  // namespace argus
