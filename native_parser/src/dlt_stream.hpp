// The walk over a stream of DLT messages that both passes share: they believe the same messages.
#pragma once

#include "argus/dlt.hpp"
#include "dlt_judge.hpp"

namespace argus::dlt {

// A number for an id: itself where it has up to four bytes, else a hash of it.
[[nodiscard]] inline std::uint64_t id_key(Bytes id) noexcept {
  if (id.size() == 4) return load_little<std::uint32_t>(id.data());
  std::uint64_t key = 0;
  if (id.size() < 4) {
    for (std::size_t i = 0; i < id.size(); ++i) key |= std::uint64_t{id[i]} << 8 * i;
    return key;
  }
  key = 0xCBF29CE484222325ull;  // FNV-1a
  for (const std::uint8_t byte : id) key = (key ^ byte) * 0x100000001B3ull;
  return key | std::uint64_t{1} << 63;
}

// `Pass` says how a payload fits (`measure`, which may leave what it rendered), takes each believed
// message (`take`), and forgets what it rendered of one that is not believed (`drop`).
template <class Pass>
class MessageStream : public Decoder {
 public:
  explicit MessageStream(const DecoderSetup& setup)
      : output_(*setup.output), in_step_(setup.state.in_step), reason_(setup.state.reason) {
    if (reason_ == nullptr) reason_ = reason_between;
  }

  [[nodiscard]] Progress decode(const Window& window) override;
  [[nodiscard]] DecoderState state() const override { return {in_step_, reason_, {}}; }

 protected:
  [[nodiscard]] Output& output() noexcept { return output_; }

 private:
  [[nodiscard]] Pass& pass() noexcept { return static_cast<Pass&>(*this); }
  void take(std::uint64_t window_offset, std::size_t& at, Bytes message) {
    pass().take(window_offset + at, message, header_, rendered_);
    at += message.size();
    in_step_ = true;
    reason_ = reason_between;
  }

  Output& output_;
  bool in_step_;
  const char* reason_;
  Header header_;
  Rendered rendered_;
};

template <class Pass>
Progress MessageStream<Pass>::decode(const Window& window) {
  const Bytes bytes = window.bytes;
  const auto measure = [this](Bytes message, Header& header) {
    rendered_ = pass().measure(message, header);
    return rendered_.fit;
  };
  std::size_t at = 0;
  while (window.offset + at < window.limit) {
    if (const Bytes front = bytes.subspan(at); is_plain(front, header_)) {
      const Bytes message = front.first(header_.size);
      if (measure(message, header_) == Fit::exact) {
        take(window.offset, at, message);
        continue;
      }
      pass().drop();
    }
    const Found found = next_candidate(bytes, at, in_step_, window.last);
    if (found.position > at) {
      output_.faults.add(window.offset + at, found.position - at, reason_);
      in_step_ = false;
      at = found.position;
      if (found.candidate && window.offset + at >= window.limit) break;
    }
    if (!found.candidate) return {at, found.wanted};
    const Bytes rest = bytes.subspan(at);
    const bool framed = found.kind == Candidate::framed;
    const Judgement judged =
        framed ? judge_framed(rest, window.last, header_, measure)
               : judge_bare(rest, window.last, in_step_, header_, measure);
    switch (judged.belief) {
      case Belief::undecided:
        pass().drop();
        return {at, judged.wanted};
      case Belief::believed:
        take(window.offset, at, bytes.subspan(at, header_.size));
        break;
      case Belief::rejected: {
        pass().drop();
        // A search tries many places; only where a message should have been is a reason.
        if (framed || in_step_) reason_ = judged.reason;
        in_step_ = false;
        const std::size_t passed = framed ? pattern_size : 1;
        output_.faults.add(window.offset + at, passed, reason_);
        at += passed;
        break;
      }
    }
  }
  return {at, 0};
}

}  // namespace argus::dlt
