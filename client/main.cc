#include "client/cli.h"

int main(int argc, char** argv) { return client::RunCli(argc, argv); }
