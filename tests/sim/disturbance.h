#pragma once

#include "tests/sim/world_plan.h"

namespace sim {

class SessionWorld;

// Disturb does one thing to the world, of those that the plan has; it may find nothing to do.
void Disturb(SessionWorld& world, const WorldPlan& plan);

}  // namespace sim
