// The Python class Catalogue, and how a parser takes what is in it.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "argus/catalogue.hpp"

namespace argus::python {

class Catalogue {
 public:
  // What a parser reads while others may read it too: from now on nothing more can be added.
  [[nodiscard]] std::shared_ptr<const argus::Catalogue> share() noexcept {
    shared_ = true;
    return catalogue_;
  }
  [[nodiscard]] std::shared_ptr<const argus::Catalogue> look() const noexcept { return catalogue_; }
  // Throws std::runtime_error when it was shared before.
  [[nodiscard]] argus::Catalogue& change();

 private:
  std::shared_ptr<argus::Catalogue> catalogue_ = std::make_shared<argus::Catalogue>();
  bool shared_ = false;
};

void bind_catalogue(nanobind::module_& m);

}  // namespace argus::python
