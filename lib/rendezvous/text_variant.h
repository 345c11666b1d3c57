#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "rendezvous/text_record.h"

namespace fabric::rendezvous {

/// Names of a variant's alternatives, in their order.
template <class Variant>
using AlternativeNames = std::array<std::string_view, std::variant_size_v<Variant>>;

/// Reads the alternative called `name`; false if there is none of that name.
template <class Variant, size_t I = 0>
bool read_alternative(TextReader& reader, std::string_view name, const AlternativeNames<Variant>& names,
                      Variant& value) {
  if constexpr (I == std::variant_size_v<Variant>) {
    return false;
  } else {
    if (name != names[I]) return read_alternative<Variant, I + 1>(reader, name, names, value);
    reader(value.template emplace<I>());
    return true;
  }
}

}  // namespace fabric::rendezvous
