adit_fuzz(lane_resume
  SOURCES lane_resume_fuzz.cc lane_world.cc null_channel.cc ../unit/agent/joining_relay.cc ../unit/agent/lane_client.cc ../unit/agent/sealed_fixture.cc
  DEPS agent_session engine_sim engine_platform GTest::gtest
  COVERS agent/session/hosted_lane.* agent/session/lane_carrier.* agent/session/lane_host.*
         agent/session/relay_outbox.* agent/session/sealed_session.* agent/session/session_grant.*
         agent/session/session_lane.* agent/session/session_table.* engine/net/resume_proof.*)
adit_fuzz(session_link SOURCES session_link_fuzz.cc null_channel.cc DEPS client_core engine_sim GTest::gtest
  COVERS client/session_link.* client/lane_return.* client/resume_talk.* client/sealed_proof.* client/link_end.*)
