// The push parser: chunks of any size in, batches of rows and faults out.
//
// However the bytes are cut into chunks, the same batches come out. Between two calls the parser
// holds at most one segment of the recording as rows, and one message that is not complete yet.
// Bad bytes never raise an error: they are quarantined.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "argus/decoder.hpp"
#include "argus/odvd.hpp"
#include "argus/recogniser.hpp"

namespace argus {

// Raised whenever the parser's output changes for the same input.
inline constexpr std::string_view version = "0.3.0";

// What a pass over a recording is for: its rows, or what has to be known before (see scan.hpp).
enum class Pass : std::uint8_t { decode, scan };

class ScanBuilder;

class Parser {
 public:
  explicit Parser(Knowledge knowledge = {}) : knowledge_(std::move(knowledge)) {}
  // A first pass, which hands what it finds to the builder. Of a format that needs none, nothing is
  // decoded or quarantined.
  explicit Parser(ScanBuilder& builder) : pass_(Pass::scan), builder_(&builder) {}
  // One that goes on at `offset` of a recording of this format, where another one stopped.
  Parser(Knowledge knowledge, Pass pass, const Format& format, std::uint64_t offset,
         DecoderState state);
  Parser(Parser&&) = delete;  // the decoder knows where the output is

  // Takes the next bytes; they need not live longer than the call.
  void feed(Bytes chunk);
  // No more bytes follow. Calling it again does nothing.
  void finish();
  [[nodiscard]] bool finished() const noexcept { return finished_; }

  // Stop where no message that begins before `offset`, the end of a segment, is left. What is fed
  // beyond that is not kept.
  void stop_at(std::uint64_t offset) noexcept { stop_ = offset; }
  [[nodiscard]] bool stopped() const noexcept { return offset_ >= stop_; }
  // Up to where every byte is decoded or quarantined, and what goes on there.
  [[nodiscard]] std::uint64_t position() const noexcept { return offset_; }
  [[nodiscard]] DecoderState state() const { return decoder_ ? decoder_->state() : DecoderState{}; }
  // Where the first message was found, once the format is known.
  [[nodiscard]] std::uint64_t begins_at() const noexcept { return unknown_; }

  // The batches and the faults since the last call.
  [[nodiscard]] std::vector<BatchPtr> take();
  [[nodiscard]] std::vector<Fault> take_faults() { return total_.faults.take(finished_); }
  // Where the first byte lies that could not be decoded, and why; null where there is none.
  [[nodiscard]] const Fault* first_fault() const noexcept {
    if (total_.faults.count() > 0) return &total_.faults.first();
    return segment_.faults.count() > 0 ? &segment_.faults.first() : nullptr;
  }
  // Everything of the segments that are complete.
  [[nodiscard]] Output take_output() { return std::exchange(total_, {}); }

  // Null where it is not known (yet).
  [[nodiscard]] const Format* format() const noexcept { return format_; }
  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return offset_ + carry_.size(); }
  // After `finish` these two add up to `bytes_in`.
  [[nodiscard]] std::uint64_t decoded_bytes() const noexcept {
    return total_.decoded_bytes + segment_.decoded_bytes;
  }
  [[nodiscard]] std::uint64_t quarantined_bytes() const noexcept {
    return total_.faults.bytes() + segment_.faults.bytes();
  }
  [[nodiscard]] std::uint64_t fault_count() const noexcept { return total_.faults.count(); }
  [[nodiscard]] std::uint64_t rows() const noexcept { return total_.rows + segment_.rows; }
  [[nodiscard]] const auto& undecoded() const noexcept { return total_.undecoded; }

 private:
  [[nodiscard]] std::size_t run(Bytes bytes, bool last);
  [[nodiscard]] std::size_t recognise(Bytes bytes, bool last);
  void begin(const Format& format, DecoderState state);
  void end_segment();

  Knowledge knowledge_;
  Pass pass_ = Pass::decode;
  ScanBuilder* builder_ = nullptr;
  Recogniser recogniser_;
  const Format* format_ = nullptr;
  std::unique_ptr<Decoder> decoder_;
  Output segment_;  // of the segment that is being read
  Output total_;    // of those before
  Buffer carry_;    // bytes that wait for what follows them
  std::size_t wanted_ = 1;     // bytes that the carry needs before it is worth another look
  std::uint64_t offset_ = 0;   // of the carry's first byte
  std::uint64_t limit_ = segment_bytes;  // where the segment ends
  std::uint64_t stop_ = UINT64_MAX;
  std::uint64_t unknown_ = 0;  // bytes before the format was recognised
  bool finished_ = false;
};

}  // namespace argus
