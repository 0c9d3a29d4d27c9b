#include "engine/datachannel/control_payloads.h"

#include "engine/datachannel/json_object.h"

namespace engine::datachannel {
namespace {

constexpr size_t kTokenMax = 2048;

// Every member is there, with a value of the type that agents insist on: one of another type, and
// they drop the whole task without a word (P9).
Json InputsOf(const StartTask& task) {
  return {{"s3BucketName", ""},
          {"s3KeyPrefix", ""},
          {"s3EncryptionEnabled", false},
          {"cloudWatchLogGroupName", ""},
          {"cloudWatchEncryptionEnabled", false},
          {"cloudWatchStreamingEnabled", false},
          {"kmsKeyId", task.key_id},
          {"runAsEnabled", !task.run_as.empty()},
          {"runAsDefaultUser", task.run_as},
          {"shellProfile", {{"windows", task.profile}, {"linux", task.profile}}}};
}

Json PropertiesOf(const StartTask& task) {
  if (task.port.has_value()) {
    return {{"portNumber", task.port->port_number},
            {"localPortNumber", task.port->local_port_number},
            {"localUnixSocket", task.port->local_unix_socket},
            {"localConnectionType", task.port->local_connection_type},
            {"type", task.port->type},
            {"host", task.port->host}};
  }
  if (task.type == kSessionShell) return Json::object();
  Json command = {{"commands", task.command}, {"runAsElevated", false}};
  if (task.separates_output) {
    command["separateOutputStream"] = true;
    command["stdOutSeparatorPrefix"] = task.output_prefix;
    command["stdErrSeparatorPrefix"] = task.error_prefix;
  }
  return {{"linux", command}, {"windows", command}, {"macos", command}};
}

}  // namespace

std::string ChannelCreatedText(std::string_view token) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChannelCreated>"
         "<MessageSchemaVersion>1.0</MessageSchemaVersion><TokenValue>" +
         std::string(token) + "</TokenValue></ChannelCreated>";
}

bool Decode(std::string_view text, OpenControlChannel& out) {
  const json::Json json = json::ParseObject(text, kOpenControlChannelSizeMax);
  JsonObject object(json);
  object.Text("TokenValue", out.token, kTokenMax)
      .Text("AgentVersion", out.agent_version)
      .Text("PlatformType", out.platform_type);
  return object.ok();
}

std::string Encode(const StartTask& task) {
  const Json document = {{"schemaVersion", "1.0"},
                         {"description", ""},
                         {"sessionType", task.type},
                         {"inputs", InputsOf(task)},
                         {"properties", PropertiesOf(task)}};
  const Json content = {{"DocumentName", task.document_name}, {"DocumentContent", document},
                        {"SessionId", task.session_id},       {"Parameters", Json::object()},
                        {"RunAsUser", task.run_as},           {"SessionOwner", task.owner}};
  // JSON in a text of JSON (P8).
  return DumpJson({{"Content", DumpJson(content)},
                   {"TaskId", task.session_id},
                   {"Topic", "aws.ssm.interactiveShell"},
                   {"SchemaVersion", 1}});
}

bool Decode(ByteView payload, TaskComplete& out) {
  const json::Json json = json::ParseObject(AsText(payload), kTaskCompleteSizeMax);
  JsonObject object(json);
  object.Text("TaskId", out.task_id)
      .Text("Topic", out.topic)
      .Text("FinalTaskStatus", out.status)
      .Text("Output", out.output, kTaskOutputMax);
  return object.ok();
}

std::string EncodeTaskAcknowledge(const TaskComplete& task, std::string_view message_id) {
  return DumpJson({{"SchemaVersion", 1},
                   {"MessageId", message_id},
                   {"TaskId", task.task_id},
                   {"Topic", task.topic}});
}

}  // namespace engine::datachannel
