package server

import (
	"context"
	"strings"
	"time"

	dataalsv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/google/uuid"

	"bartizan/extproc/stream"
	"bartizan/filters"
)

// StreamAccessLogs takes Envoy's access log. Envoy sends it for exchanges that went wrong or that extproc never answered for.
func (s *Server) StreamAccessLogs(rpc alsv3.AccessLogService_StreamAccessLogsServer) error {
	in := make(chan *alsv3.StreamAccessLogsMessage)
	ctx, cancel := context.WithCancel(rpc.Context())
	defer cancel()
	s.receivers.Go(func() { // ends with the stream's context, once the handler has returned
		defer close(in)
		s.guard(func() { _ = receive(ctx, rpc.Recv, in) }) // Envoy opens a new stream; there is nothing to fail closed here
	})
	for {
		select {
		case msg, ok := <-in:
			if !ok {
				return nil
			}
			for _, e := range msg.GetHttpLogs().GetLogEntry() {
				s.guard(func() { s.closing.heard(newWord(e)) })
			}
		case <-s.quiet:
			return nil
		}
	}
}

// word is what Envoy says of one exchange.
type word struct {
	requestID string
	route     string
	by        string // the instance that answered for it; empty: none
	decision  string // under which that instance leaves the record to us; empty: it makes its own
	processed bool   // an ext_proc stream may exist: the request got as far as the filter
	status    int
	details   string
	clientOut bool // the client's connection ended first
	request   filters.Request
	bytes     int64 // of the answer
	duration  time.Duration
	timer     *time.Timer // forgets the word
}

// maxWord bounds a foreign string of a word, in bytes: thousands of words may wait, and a path alone can have 60 KiB.
const maxWord = 1 << 10

func clip(s string) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), maxWord)]), "")
}

func newWord(e *dataalsv3.HTTPAccessLogEntry) *word {
	common, flags := e.GetCommonProperties(), e.GetCommonProperties().GetResponseFlags()
	stamp := common.GetMetadata().GetFilterMetadata()[stream.Namespace].GetFields()
	w := &word{
		requestID: e.GetRequest().GetRequestId(), route: common.GetRouteName(), by: stamp["by"].GetStringValue(),
		decision: stamp["decision"].GetStringValue(),
		status:   int(e.GetResponse().GetResponseCode().GetValue()), details: e.GetResponse().GetResponseCodeDetails(),
		clientOut: flags.GetDownstreamConnectionTermination() || flags.GetDownstreamRemoteReset(),
		request:   wordRequest(e), bytes: int64(e.GetResponse().GetResponseBodyBytes()), duration: common.GetDuration().AsDuration(),
	}
	w.processed = w.route != ""
	return w
}

// wordRequest is what Envoy tells of the request, in memory of its own.
func wordRequest(e *dataalsv3.HTTPAccessLogEntry) filters.Request {
	path, query, _ := strings.Cut(e.GetRequest().GetPath(), "?")
	r := filters.Request{
		ID: e.GetRequest().GetRequestId(), Method: e.GetRequest().GetRequestMethod().String(), Host: clip(e.GetRequest().GetAuthority()),
		Path: clip(path), Query: clip(query), UserAgent: clip(e.GetRequest().GetUserAgent()),
		SourceIP: e.GetCommonProperties().GetDownstreamRemoteAddress().GetSocketAddress().GetAddress(),
		BodySize: int64(e.GetRequest().GetRequestBodyBytes()),
	}
	if start := e.GetCommonProperties().GetStartTime(); start != nil {
		r.Time = start.AsTime()
	}
	return r
}

// complete says in an unfinished record what the client got. If the client left, that is what ext_proc had let out: Envoy's own
// status is the upstream's, also while its answer was held.
func (w *word) complete(r *filters.Record) {
	r.EndedBy, r.Outcome = filters.EndedByEnvoy, filters.OutcomeError
	if w.clientOut {
		r.EndedBy, r.Outcome = filters.EndedByClient, filters.OutcomeAborted
	} else {
		r.Status = w.status
	}
	if w.details == "request_payload_too_large" {
		r.Outcome = filters.OutcomeDeny
	}
	r.Detail = strings.TrimPrefix(r.Detail+"; envoy: "+w.details, "; ")
}

// record is what can be said of an exchange from the access log alone.
func (w *word) record() *filters.Record {
	x := &filters.Exchange{ID: w.decision}
	if x.ID == "" {
		x.ID = newID()
	}
	x.Route.Name = w.route
	x.Request = w.request
	x.Response.Bytes = w.bytes
	r := &filters.Record{Phase: filters.PhaseExchange, Time: x.Request.Time, Duration: w.duration, Status: w.status, Exchange: x}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	w.complete(r)
	if w.status >= 400 && w.status < 500 && !w.clientOut {
		r.Outcome = filters.OutcomeDeny // refused by Envoy for what the caller sent
	}
	return r
}

// newID names an exchange that no stream has named.
func newID() string {
	if id, err := uuid.NewV7(); err == nil {
		return id.String()
	}
	return uuid.NewString()
}
