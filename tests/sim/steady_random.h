// Keys, signatures and tokens of a simulated world come from its seed: sizes of signatures differ
// with their bytes, and a byte more in one message makes another run.
//
// The library of TLS seeds itself by the system call getrandom(2), through syscall(3), which the
// linker replaces in this program by one that knows the seed (--wrap=syscall).

#pragma once

#include <cstdint>

namespace sim {

// HideProcessorsRandomness makes the program that is executed next do without the processor's own
// random numbers.
void HideProcessorsRandomness();

// SetSteadyRandom gives every later getrandom(2) of this process numbers of that seed.
void SetSteadyRandom(uint64_t seed);

}  // namespace sim
