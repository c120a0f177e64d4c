// Package server runs the inspection service: the ext_proc and access log services of gRPC, health, admission and drain.
//
// It owns every goroutine of the service. Each ext_proc stream has a handler and a receiver; the handler feeds the stream's
// machine (package stream), obeys its outputs and holds its deadlines. A panic in a stream ends that stream with an error and
// is counted; the service lives. A stream never ends with OK before its exchange has ended, drain included: what is still
// running when the drain's time is up is broken off, and Envoy fails those exchanges closed.
//
// Memory is bounded by bytes, not by streams. A request is admitted against the size it declares, before Envoy sends it on; the parts
// of answers that are held back have a budget of their own, past which an answer is refused or cut. Admission may wait, since a
// body that is judged gives its room back; answers never wait for each other.
//
// Records of exchanges that ended in an unusual way are joined with Envoy's access log, which comes in any order. A drain therefore
// outlasts the last exchange by the time that Envoy keeps its log to itself.
package server
