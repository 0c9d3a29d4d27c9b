adit_fuzz(lane_resume
  SOURCES lane_resume_fuzz.cc lane_world.cc null_channel.cc ../unit/agent/joining_relay.cc ../unit/agent/lane_client.cc ../unit/agent/sealed_fixture.cc
  DEPS agent_session engine_sim engine_platform GTest::gtest)
adit_fuzz(session_link SOURCES session_link_fuzz.cc null_channel.cc DEPS client_core engine_sim GTest::gtest)
