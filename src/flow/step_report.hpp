#pragma once

#include "contract/step_report.hpp"

namespace opaline::flow {

using contract::StepObserver;
using contract::StepReport;

}  // namespace opaline::flow
