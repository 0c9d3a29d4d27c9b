// The modes. Each takes the command line and returns the exit status; README.md says what they do.

#pragma once

#include "bench/macro/loadgen/loadgen_arguments.h"

namespace loadgen {

int Serve(const Arguments& arguments);
int Bulk(const Arguments& arguments);
int PingPong(const Arguments& arguments);
int ConnectionRate(const Arguments& arguments);
int Idle(const Arguments& arguments);
int Startup(const Arguments& arguments);
int FirstByte(const Arguments& arguments);
int TerminalEcho(const Arguments& arguments);
int ProcessFigures(const Arguments& arguments);
int SlowLink(const Arguments& arguments);
int PlainRelay(const Arguments& arguments);
int FreePorts(const Arguments& arguments);

}  // namespace loadgen
