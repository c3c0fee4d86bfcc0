#include "argus/parser.hpp"

#include <algorithm>

namespace argus {

// Bytes that no format claims until one is recognised are only counted; they become one fault.
std::size_t Parser::recognise(Bytes bytes, bool last) {
  const Recogniser::Result result = recogniser_.look({bytes, offset_, last});
  unknown_ += result.skipped;
  wanted_ = result.wanted;
  if (result.format != nullptr) {
    format_ = result.format;
    output_.faults.add(0, unknown_, "bytes before the first message");
    decoder_ = format_->make({&output_, specification_, unknown_ == 0});
  } else if (last) {
    output_.faults.add(0, unknown_, recogniser_.reason());
  }
  return result.skipped;
}

// Returns how many bytes were used up from the front of `bytes`, which begin at `offset_`.
std::size_t Parser::run(Bytes bytes, bool last) {
  std::size_t used = 0;
  if (!decoder_) used = recognise(bytes, last);
  if (decoder_) {
    const Progress progress = decoder_->decode({bytes.subspan(used), offset_ + used, last});
    used += progress.consumed;
    wanted_ = progress.wanted;
  }
  offset_ += used;
  return used;
}

void Parser::feed(Bytes chunk) {
  while (!chunk.empty()) {
    if (carry_.empty()) {
      const std::size_t used = run(chunk, false);
      chunk = chunk.subspan(used);
      carry_.append(chunk.data(), chunk.size());
      return;
    }
    // Only as much is copied as the waiting bytes need; then the chunk itself is read on.
    const std::size_t waiting = carry_.size();
    const std::size_t missing = wanted_ > waiting ? wanted_ - waiting : 1;
    const std::size_t copied = std::min(missing, chunk.size());
    carry_.append(chunk.data(), copied);
    if (copied < missing) return;
    const std::size_t used = run({carry_.data(), carry_.size()}, false);
    if (used >= waiting) {
      chunk = chunk.subspan(used - waiting);
      carry_.clear();
    } else {
      carry_.drop_front(used);
      chunk = chunk.subspan(copied);
    }
  }
}

void Parser::finish() {
  if (finished_) return;
  finished_ = true;
  const std::size_t used = run({carry_.data(), carry_.size()}, true);
  carry_.drop_front(used);
  if (decoder_) decoder_->flush();
}

}  // namespace argus
