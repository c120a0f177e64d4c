package sealed

import (
	"encoding/json"
	"time"

	"bartizan/filters"
)

// CallerHeader carries a sealed [Caller]. From outside nobody can send one that opens, and none goes on to an upstream.
const CallerHeader = "x-bartizan-caller"

// Caller is who stands behind a request, found by the exchange at the endpoint for all servers, and believed by the exchanges
// with each server that follow from it.
type Caller struct {
	Identity filters.Identity
	SourceIP string
	Exchange string // the id of the exchange at the endpoint for all servers
}

// Way is the direction in which a caller's text goes. One is no good in the other.
type Way string

// The ways.
const (
	ToAggregator Way = "caller/aggregator" // from extproc with the request to the endpoint
	ToGate       Way = "caller/gate"       // from the aggregator with a request to one server
)

// transit is how long a caller's text is good for: the time from its making to when Envoy hands its request on.
const transit = time.Minute

type letter struct {
	Caller
	Until time.Time
}

// SealCaller makes the text for CallerHeader.
func (k *Key) SealCaller(way Way, c Caller, now time.Time) string {
	data, err := json.Marshal(letter{c, now.Add(transit)})
	if err != nil {
		panic("encode strings: " + err.Error())
	}
	return k.Seal(string(way), data)
}

// OpenCaller reads what SealCaller made a short while ago.
func (k *Key) OpenCaller(way Way, text string, now time.Time) (Caller, bool) {
	var l letter
	data, ok := k.Open(string(way), text)
	if !ok || json.Unmarshal(data, &l) != nil || now.After(l.Until) || !l.Identity.Known() {
		return Caller{}, false
	}
	return l.Caller, true
}
