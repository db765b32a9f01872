/// @file
/// The whole C++ API of Opaline. `find_package(Opaline)`, or `pkg-config opaline`.
#pragma once

#include <opaline/error.hpp>
#include <opaline/generator.hpp>
#include <opaline/json.hpp>
#include <opaline/log.hpp>
#include <opaline/message.hpp>
#include <opaline/micro_service.hpp>
#include <opaline/server.hpp>
#include <opaline/service.hpp>
#include <opaline/service_orchestrator.hpp>
#include <opaline/task.hpp>
#include <opaline/version.hpp>
