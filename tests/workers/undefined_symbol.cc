// A program that links with a function missing, as shared objects may.

#include <fabric/fabric.h>

namespace forgotten {
int train_the_model(fabric::Fabric& fabric);
}

int train(fabric::Fabric& fabric, const fabric::Arguments&) { return forgotten::train_the_model(fabric); }
FABRIC_PROGRAM(train);
