package server

import (
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
	for {
		msg, err := rpc.Recv()
		if err != nil {
			return nil // Envoy opens a new stream; there is nothing to fail closed here
		}
		for _, e := range msg.GetHttpLogs().GetLogEntry() {
			s.closing.heard(newWord(e))
		}
	}
}

// word is what Envoy says of one exchange.
type word struct {
	requestID string
	route     string
	by        string // the instance that answered for it; empty: none
	processed bool   // an ext_proc stream may exist: the request got as far as the filter
	status    int
	details   string
	clientOut bool // the client's connection ended first
	entry     *dataalsv3.HTTPAccessLogEntry
}

func newWord(e *dataalsv3.HTTPAccessLogEntry) *word {
	common, flags := e.GetCommonProperties(), e.GetCommonProperties().GetResponseFlags()
	stamp := common.GetMetadata().GetFilterMetadata()[stream.Namespace].GetFields()
	w := &word{
		requestID: e.GetRequest().GetRequestId(), route: common.GetRouteName(), by: stamp["by"].GetStringValue(),
		status: int(e.GetResponse().GetResponseCode().GetValue()), details: e.GetResponse().GetResponseCodeDetails(),
		clientOut: flags.GetDownstreamConnectionTermination() || flags.GetDownstreamRemoteReset(), entry: e,
	}
	w.processed = w.route != ""
	return w
}

// complete says in an unfinished record what the client got.
func (w *word) complete(r *filters.Record) {
	r.Status = w.status
	r.EndedBy, r.Outcome = filters.EndedByEnvoy, filters.OutcomeError
	if w.clientOut {
		r.EndedBy, r.Outcome = filters.EndedByClient, filters.OutcomeAborted
	}
	if w.details == "request_payload_too_large" {
		r.Outcome = filters.OutcomeDeny
	}
	r.Detail = strings.TrimPrefix(r.Detail+"; envoy: "+w.details, "; ")
}

// record is what can be said of an exchange from the access log alone.
func (w *word) record() *filters.Record {
	e := w.entry
	path, query, _ := strings.Cut(e.GetRequest().GetPath(), "?")
	x := &filters.Exchange{ID: uuid.NewString()}
	if id, err := uuid.NewV7(); err == nil {
		x.ID = id.String()
	}
	x.Route.Name = w.route
	x.Request = filters.Request{
		ID: w.requestID, Time: e.GetCommonProperties().GetStartTime().AsTime(), Method: e.GetRequest().GetRequestMethod().String(),
		Host: e.GetRequest().GetAuthority(), Path: path, Query: query, UserAgent: e.GetRequest().GetUserAgent(),
		SourceIP: e.GetCommonProperties().GetDownstreamRemoteAddress().GetSocketAddress().GetAddress(),
		BodySize: int64(e.GetRequest().GetRequestBodyBytes()),
	}
	x.Response.Bytes = int64(e.GetResponse().GetResponseBodyBytes())
	r := &filters.Record{
		Phase: filters.PhaseExchange, Time: x.Request.Time, Duration: e.GetCommonProperties().GetDuration().AsDuration(), Exchange: x,
	}
	if x.Request.Time.IsZero() {
		r.Time = time.Now()
	}
	w.complete(r)
	if w.status >= 400 && w.status < 500 && !w.clientOut {
		r.Outcome = filters.OutcomeDeny // refused by Envoy for what the caller sent
	}
	return r
}
