#include "api/flow_core.hpp"

#include <utility>

#include "api/drive.hpp"
#include "api/micro_service_core.hpp"
#include "api/stream_state.hpp"

namespace opaline::api {
namespace {

Reply to_reply(flow::JsonOrBytes output) {
  if (auto* bytes = std::get_if<contract::BytesReply>(&output)) {
    return Bytes{.content_type = std::move(bytes->content_type), .bytes = std::move(bytes->bytes)};
  }
  return std::get<boost::json::value>(std::move(output));
}

/// In coroutines of their own, so that what a hook throws at once is caught as the rest is.
Task<Json> call_hook(const InputHook* hook, Json inputs, detail::SiteState* state) {
  StepSite site(*state);
  co_return co_await (*hook)(std::move(inputs), site);
}
Task<Json> call_hook(const OutputHook* hook, Reply output, const Json* inputs,
                     detail::SiteState* state) {
  StepSite site(*state);
  co_return co_await (*hook)(std::move(output), *inputs, site);
}

Generator<std::string> call_hook(const StreamHook* hook, Stream stream, std::string step) {
  Generator<std::string> pieces = (*hook)(std::move(stream), std::move(step));
  while (std::optional<std::string> piece = co_await pieces.next()) co_yield *std::move(piece);
}

/// The application's hooks, for one request.
class FunctionHooks final : public flow::StepHooks {
 public:
  FunctionHooks(std::shared_ptr<FlowPlan> plan, base::Context context)
      : plan_(std::move(plan)), context_(std::move(context)) {}

  base::Task<base::Result<Json>> align_inputs(Json inputs, flow::HookSite site) override {
    if (!plan_->design().align_inputs) co_return inputs;
    detail::SiteState state = state_of(site);
    auto aligned =
        co_await drive(call_hook(&plan_->design().align_inputs, std::move(inputs), &state),
                       context_, &plan_->workers());
    co_return aligned;
  }

  [[nodiscard]] bool aligns(const flow::JsonOrBytes& output) const override {
    if (!plan_->design().align_outputs) return false;
    return plan_->design().aligned_answers == FlowDesign::Answers::all ||
           std::holds_alternative<boost::json::value>(output);
  }

  base::Task<base::Result<Json>> align_outputs(flow::JsonOrBytes output, const Json& inputs,
                                               flow::HookSite site) override {
    detail::SiteState state = state_of(site);
    auto aligned = co_await drive(
        call_hook(&plan_->design().align_outputs, to_reply(std::move(output)), &inputs, &state),
        context_, &plan_->workers());
    co_return aligned;
  }

  std::unique_ptr<contract::ByteStream> align_stream(std::unique_ptr<contract::ByteStream> stream,
                                                     flow::HookSite site) override {
    const StreamHook& hook = plan_->design().align_generator;
    if (!hook) return stream;
    std::string type = stream->content_type();
    Stream aligned(
        call_hook(&hook, make_stream(std::move(stream), nullptr, nullptr), std::string(site.step)),
        std::move(type));
    return byte_stream(std::move(aligned), context_, &plan_->workers()).value();
  }

 private:
  detail::SiteState state_of(const flow::HookSite& site) const {
    return {.site = site, .design = plan_->design(), .name = std::string(site.step)};
  }

  std::shared_ptr<FlowPlan> plan_;  // Owners: see FlowPlan.
  base::Context context_;
};

bool generates(ServiceType type) { return type == ServiceType::llm || type == ServiceType::lvm; }

}  // namespace

base::Result<std::shared_ptr<FlowPlan>> FlowPlan::create(FlowDesign design) {
  std::shared_ptr<FlowPlan> plan(new FlowPlan(std::move(design)));
  flow::JsonFlow flow{.graph = plan->design_.graph, .steps = {}, .output = {}};
  for (const MicroService& service : plan->design_.services) {
    flow::JsonStep& step = flow.steps.emplace_back();
    step.service = &service.core().step_service();
    step.generates = generates(service.type());
  }
  OPALINE_TRY(plan->orchestrator_, flow::Orchestrator::create(std::move(flow)));
  return plan;
}

std::unique_ptr<flow::StepHooks> FlowPlan::make_hooks(const base::Context& context) {
  if (!design_.align_inputs && !design_.align_outputs && !design_.align_generator) return nullptr;
  return std::make_unique<FunctionHooks>(shared_from_this(), context);
}

base::Task<base::Result<flow::JsonFlowReply>> FlowPlan::run(flow::JsonFlowRequest request,
                                                            base::Context context) {
  const std::unique_ptr<flow::StepHooks> hooks = make_hooks(context);
  co_return co_await orchestrator_->schedule(std::move(request), std::move(context), hooks.get(),
                                             {});
}

}  // namespace opaline::api

namespace opaline::detail {

std::shared_ptr<api::FlowPlan> FlowCore::plan() {
  const std::lock_guard lock(mutex_);
  if (!plan_) plan_ = api::value_or_raise(api::FlowPlan::create(design_));
  return plan_;
}

void FlowCore::change(const std::function<void(api::FlowDesign&)>& change) {
  const std::lock_guard lock(mutex_);
  change(design_);
  plan_.reset();
}

}  // namespace opaline::detail
