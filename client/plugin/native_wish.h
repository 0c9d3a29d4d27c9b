// Whether a session may go over Adit's own protocol instead of AWS's data channel, and how.

#pragma once

#include <optional>
#include <string>

#include "client/environment.h"
#include "client/forward_spec.h"
#include "client/plugin/plugin_arguments.h"

namespace client {

// NativeWishOf returns the forward that a session is, when it can be one: a port under a document
// whose meaning is fixed, at a service that is not AWS's, and unless ADIT_PLUGIN_NATIVE=0 says no.
// Shells are left to the data channel, which survives the loss of its connection.
std::optional<ForwardSpec> NativeWishOf(const PluginStart& start, const Environment& environment);

}  // namespace client
