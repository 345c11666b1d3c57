#include "core/network_interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <map>
#include <memory>

namespace fabric {
namespace {

/// Empty if it is none that others can reach.
std::string address_of(const sockaddr* address) {
  if (address == nullptr) return {};
  const bool is_v6 = address->sa_family == AF_INET6;
  if (!is_v6 && address->sa_family != AF_INET) return {};
  if (is_v6 && IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr)) return {};
  const void* const number = is_v6
                                 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr)
                                 : &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(address->sa_family, number, text.data(), text.size()) != nullptr ? text.data() : std::string();
}

}  // namespace

Result<std::string> address_of_interface(const std::string& name) {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return errno_status(errno, "list the network interfaces");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, &::freeifaddrs);
  std::map<std::string, std::string> addresses;
  for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0) continue;
    std::string address = address_of(entry->ifa_addr);
    if (address.empty()) continue;
    const bool is_v4 = entry->ifa_addr->sa_family == AF_INET;
    const auto [known, is_new] = addresses.try_emplace(entry->ifa_name, address);
    if (!is_new && is_v4 && known->second.find(':') != std::string::npos) known->second = std::move(address);
  }
  const auto found = addresses.find(name);
  if (found != addresses.end()) return found->second;
  std::string known;
  for (const auto& [interface, address] : addresses)
    known += concat(known.empty() ? "" : ", ", interface, " (", address, ')');
  return not_found(concat("must be a network interface that is up and has an address, but '", name,
                          "' is none; this host has ", known.empty() ? "none" : known));
}

}  // namespace fabric
