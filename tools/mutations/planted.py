"""Bugs of the kinds that links and sessions have had: ("kind: name", file, what stands there, what is
planted)."""

_STATE = 'engine/mux/multiplexer_state.cc'
_RECEIVE = 'engine/mux/multiplexer_receive.cc'

PLANTED = [
    ('acknowledgement: an acknowledgement one byte too far', _STATE,
     'output_.AckDue(received_position_);', 'output_.AckDue(received_position_ + 1);'),
    ('wake-up: a lost wake-up', _STATE,
     'if (stream.events != nullptr) stream.events->OnWritable();',
     'if (stream.queued_bytes() == 0) stream.events->OnWritable();'),
    ('credit: credit leaked on reset', _STATE,
     'window_bytes_sum_ -= stream.receive.window();', 'if (stream.IsOver()) window_bytes_sum_ -= stream.receive.window();'),
    ('resumption: a link that goes on one byte too late', 'engine/mux/sent_log.cc',
     '  sent_ = begin_;\n', '  sent_ = begin_ + (pieces_.empty() ? 0 : 1);\n'),
    ('resumption: what was lost is not sent again', 'engine/mux/sent_log.cc',
     '  unsent_ = pieces_.front();\n', '  unsent_ = pieces_.empty() ? nullptr : decltype(pieces_)::Next(*pieces_.front());\n'),
    ('resumption: what is left of a piece begins one byte too late', 'engine/mux/sent_log.cc',
     '  piece.ring_at += of_ring;', '  piece.ring_at += of_ring + (of_ring > 1 ? 1 : 0);'),
    ('credit: credit that is renewed too late', 'engine/mux/credit.cc',
     'return target - limit_ >= RenewedAtOnce();', 'return target - limit_ > RenewedAtOnce() + window_;'),
    ('credit: one byte too much for a limit', 'engine/mux/credit.cc',
     'if (size > limit_ - received_) return false;', 'if (size + 1 > limit_ - received_) return false;'),
    ('half-close: a finish that ends the other direction, too', _RECEIVE,
     '  if (stream != nullptr) CloseIfOver(*stream);', '  if (stream != nullptr) stream->send_half = Stream::Half::kFinished, CloseIfOver(*stream);'),
    ('resumption: data of a link that is resumed counts twice', _RECEIVE,
     'received_position_ += plaintext.size();', 'received_position_ += plaintext.size() + (plaintext.size() == 13 ? 13 : 0);'),
    ('resumption: a session that goes on from the byte before', 'agent/session/session_lane.cc',
     '  const uint64_t position = multiplexer_->received_position();\n',
     '  const uint64_t position = multiplexer_->received_position() - 1;\n'),
    ('acknowledgement: what was sent is let go before it was acknowledged', 'engine/mux/sent_log.cc',
     '  if (position <= begin_) return true;\n', '  if (position <= begin_) return true;\n  position = sent_;\n'),
    ('replay: a request to come again that works twice', 'relay/broker/broker_lanes.cc',
     'if (std::optional<LaneFailure> failure = CheckEpoch(*live, epoch)) return *std::move(failure);', ''),
    ('resumption: a client that does not ask again', 'client/lane_return.cc',
     'if (CanRejoinLater(ticket.status())) return AskSoon();', 'if (CanRejoinLater(ticket.status())) return;'),
    ('record: an answer before its record is kept', 'relay/control_desk.cc',
     'store_->AfterCommit(add(std::move(answer)), add(std::move(lost)));',
     'store_->AfterCommit(add(answer), add(lost ? answer : lost));'),
    ('permission: a session that outlives its permission', 'relay/access/session_watch.cc',
     'for (const auto& [id, reason] : lost) end(id, reason);', 'static_cast<void>(end);'),
    ('permission: a session that comes again without its permission', 'relay/api/rejoin_api.cc',
     'if (!lost->has_value()) return std::nullopt;', 'if (lost->has_value()) return std::nullopt;'),
    ('record: audit files that leave a record out', 'relay/audit/audit_outbox.cc',
     'if (!events->empty()) writer_', 'if (events->size() > 1) writer_'),
    ('clock: a certificate that a relay of 1970 made', 'agent/certificate_renewal.cc',
     'certificate->not_after() <= before->not_after()', 'certificate->not_after() == 0'),
    ('clock: a certificate that begins later is refused', 'engine/tls/tls_verify.cc',
     'X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_NOT_YET_VALID;',
     'X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_HAS_EXPIRED;'),
    ('replay: a connection that its successor has overtaken', 'agent/session/session_lane.cc',
     'if (resume.epoch <= epoch_) {', 'if (epoch_ == UINT64_MAX) {'),
    ('wake-up: a joint that does not go on when there is room', 'relay/switchboard/leg_joint.cc',
     '!std::exchange(other.is_stalled, false)) return;\n  other.leg->Pull();', '!std::exchange(other.is_stalled, false)) return;'),
]

# Bugs that no seed finds, and why: a run fails when one of them is found, too, so that this stays true.
NOT_FOUND = {
    'replay: a connection that its successor has overtaken':
        'the relay refuses an old epoch before the node sees it; lane_resume_test finds it',
    'clock: a certificate that a relay of 1970 made':
        'a renewal would have to come while the clock of the relay is wrong; enrollment_test finds it',
}
