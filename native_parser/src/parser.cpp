#include "argus/parser.hpp"

#include <algorithm>
#include <iterator>

#include "argus/scan.hpp"

namespace argus {

Parser::Parser(Knowledge knowledge, Pass pass, const Format& format, std::uint64_t offset,
               DecoderState state)
    : knowledge_(std::move(knowledge)), pass_(pass), offset_(offset), unknown_(offset) {
  begin(format, std::move(state));
}

void Parser::begin(const Format& format, DecoderState state) {
  format_ = &format;
  limit_ = (unknown_ / segment_bytes + 1) * segment_bytes;
  const auto make = pass_ == Pass::decode ? format.make : format.make_scan;
  if (make != nullptr) decoder_ = make({&segment_, knowledge_, std::move(state)});
}

// Bytes that no format claims until one is recognised are only counted; they become one fault.
std::size_t Parser::recognise(Bytes bytes, bool last) {
  const Recogniser::Result result = recogniser_.look({bytes, offset_, last});
  unknown_ += result.skipped;
  wanted_ = result.wanted;
  if (result.format != nullptr) {
    segment_.faults.add(0, unknown_, "bytes before the first message");
    begin(*result.format, {unknown_ == 0, nullptr, {}});
  } else if (last) {
    segment_.faults.add(0, unknown_, recogniser_.reason());
  }
  return result.skipped;
}

// Returns how many bytes were used up from the front of `bytes`, which begin at `offset_`.
std::size_t Parser::run(Bytes bytes, bool last) {
  std::size_t used = 0;
  if (format_ == nullptr) {
    used = recognise(bytes, last);
    offset_ += used;
  }
  if (format_ != nullptr && !decoder_) {
    offset_ += bytes.size() - used;
    return bytes.size();
  }
  while (decoder_ && !stopped()) {
    const Progress progress = decoder_->decode({bytes.subspan(used), offset_, last, limit_});
    used += progress.consumed;
    offset_ += progress.consumed;
    wanted_ = progress.wanted;
    if (offset_ < limit_) break;
    end_segment();
  }
  return used;
}

void Parser::end_segment() {
  if (decoder_) decoder_->end_segment();
  if (builder_ != nullptr) builder_->absorb(segment_.sightings);
  total_.absorb(std::move(segment_));
  limit_ = (offset_ / segment_bytes + 1) * segment_bytes;
}

void Parser::feed(Bytes chunk) {
  while (!chunk.empty() && !stopped()) {
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
  end_segment();
}

std::vector<BatchPtr> Parser::take() {
  std::vector<BatchPtr> taken = std::exchange(total_.batches, {});
  std::move(segment_.batches.begin(), segment_.batches.end(), std::back_inserter(taken));
  segment_.batches.clear();
  return taken;
}

}  // namespace argus
