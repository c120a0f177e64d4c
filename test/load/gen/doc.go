// Package gen is a load generator for HTTP/1.1 on the loopback interface.
//
// It drives one request, again and again, over connections that stay open: in a closed loop (each worker sends when its last
// answer has ended) or in an open loop (requests are due at a fixed rate, and a latency counts from the time when its
// request was due, so that a stall of the server shows in all requests that it delayed; Gil Tene calls the lack of this
// "coordinated omission"). It measures whole latencies, times to the first byte, and of server-sent events the gaps between
// them and, against package upstream, their age on arrival. It does not follow redirects, decompress, or speak TLS, and
// refuses targets that are not on a loopback address.
//
// A request that fails is counted by its reason and never retried; only a target that cannot be reached at the start ends a run.
// Memory is bounded by the number of workers: histograms have a fixed size. All of it is safe for concurrent use.
package gen
