// Which format is this? Told by the bytes alone, also where the recording's head is damaged.
#pragma once

#include <cstddef>
#include <string>

#include "argus/decoder.hpp"

namespace argus {

class Recogniser {
 public:
  struct Result {
    const Format* format = nullptr;  // null: not known yet, or not at all when it was the last
    std::size_t skipped = 0;         // bytes at the front that begin no message
    std::size_t wanted = 0;          // bytes of the rest that must be there to go on
  };

  // Looks for the first message of any format in a window whose bytes none was found in before.
  [[nodiscard]] Result look(const Window& window);

  // Why a recording of no known format is none, from its first bytes: "… it looks like text".
  [[nodiscard]] std::string reason() const;

 private:
  Buffer sample_;
  std::uint64_t sampled_to_ = 0;
};

}  // namespace argus
