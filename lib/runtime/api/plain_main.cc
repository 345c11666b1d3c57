#include "fabric/program.h"

extern "C" const fabric::ProgramTable* fabric_program_table();

int main(int argc, char** argv) { return fabric::run_standalone(*fabric_program_table(), argc, argv); }
