"""Bugs of the kinds that links and sessions have had: (name, file, what stands there, what is planted)."""

_STATE = 'engine/mux/multiplexer_state.cc'
_RECEIVE = 'engine/mux/multiplexer_receive.cc'

PLANTED = [
    ('an acknowledgement one byte too far', _STATE,
     'output_.AckDue(received_position_);', 'output_.AckDue(received_position_ + 1);'),
    ('a lost wake-up', _STATE,
     'if (stream.events != nullptr) stream.events->OnWritable();',
     'if (stream.queued_bytes() == 0) stream.events->OnWritable();'),
    ('credit leaked on reset', _STATE,
     'window_bytes_sum_ -= stream.receive.window();', 'if (stream.IsOver()) window_bytes_sum_ -= stream.receive.window();'),
    ('a link that goes on one byte too late', 'engine/mux/sent_log.cc',
     '  sent_ = begin_;\n', '  sent_ = begin_ + (pieces_.empty() ? 0 : 1);\n'),
    ('what was lost is not sent again', 'engine/mux/sent_log.cc',
     '  unsent_ = pieces_.front();\n', '  unsent_ = pieces_.empty() ? nullptr : decltype(pieces_)::Next(*pieces_.front());\n'),
    ('what is left of a piece begins one byte too late', 'engine/mux/sent_log.cc',
     '  piece.ring_at += of_ring;', '  piece.ring_at += of_ring + (of_ring > 1 ? 1 : 0);'),
    ('credit that is renewed too late', 'engine/mux/credit.cc',
     'return target - limit_ >= RenewedAtOnce();', 'return target - limit_ > RenewedAtOnce() + window_;'),
    ('one byte too much for a limit', 'engine/mux/credit.cc',
     'if (size > limit_ - received_) return false;', 'if (size + 1 > limit_ - received_) return false;'),
    ('a finish that ends the other direction, too', _RECEIVE,
     '  if (stream != nullptr) CloseIfOver(*stream);', '  if (stream != nullptr) stream->send_half = Stream::Half::kFinished, CloseIfOver(*stream);'),
    ('data of a link that is resumed counts twice', _RECEIVE,
     'received_position_ += plaintext.size();', 'received_position_ += plaintext.size() + (plaintext.size() == 13 ? 13 : 0);'),
    ('a session that goes on from the byte before', 'agent/session/session_lane.cc',
     '  const uint64_t position = multiplexer_->received_position();\n',
     '  const uint64_t position = multiplexer_->received_position() - 1;\n'),
    ('what was sent is let go before it was acknowledged', 'engine/mux/sent_log.cc',
     '  if (position <= begin_) return true;\n', '  if (position <= begin_) return true;\n  position = sent_;\n'),
    ('a request to come again that works twice', 'relay/broker/broker_lanes.cc',
     'if (std::optional<LaneFailure> failure = CheckEpoch(*live, epoch)) return *std::move(failure);', ''),
    ('a client that does not ask again', 'client/lane_return.cc',
     'if (CanRejoinLater(ticket.status())) return AskSoon();', 'if (CanRejoinLater(ticket.status())) return;'),
]
