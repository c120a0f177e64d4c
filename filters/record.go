package filters

import "time"

// EndedBy says who ended the exchange.
type EndedBy string

// Who can end an exchange.
const (
	EndedByUpstream EndedBy = "upstream" // the answer was passed on to its end
	EndedByGateway  EndedBy = "gateway"  // refused or cut by a decision of ours
	EndedByClient   EndedBy = "client"   // the client left
	EndedByEnvoy    EndedBy = "envoy"    // Envoy answered by itself, or the upstream failed
)

// Outcome is the last word of the subject audit.v1.<tenant>.<surface>.<outcome>.
type Outcome string

// The outcomes of an exchange.
const (
	OutcomeAllow      Outcome = "allow"
	OutcomeFlag       Outcome = "flag"
	OutcomeRedact     Outcome = "redact"     // passed with something masked
	OutcomeQuarantine Outcome = "quarantine" // passed with a block or a message replaced or left out
	OutcomeDeny       Outcome = "deny"       // refused by a rule, or by the gateway for what the caller sent
	OutcomeError      Outcome = "error"      // failed for a reason that is not the caller's
	OutcomeAborted    Outcome = "aborted"    // the client left before the end
)

// The phases of an exchange that are recorded.
const (
	PhaseIntent   = "intent"   // strict mode: before the request goes on
	PhaseExchange = "exchange" // the closing record
)

// Record is the audit event of a decision. Exactly one with Phase "exchange" closes every exchange; in strict mode one with
// Phase "intent" precedes it, durable before the request goes on.
type Record struct {
	Phase    string
	Time     time.Time
	Duration time.Duration
	Exchange *Exchange
	Decision Decision // about the request
	Answer   Decision // about the answer, message by message
	Judged   bool     // the request was decoded and judged; else nothing of it was allowed, whatever ended it
	Refusal  *Refusal // what the gateway answered in the upstream's place; nil where it did not
	Commit   string   // the Git commit of the bundle that judged
	Bundle   string   // its version
	Outcome  Outcome
	EndedBy  EndedBy
	Status   int // the HTTP status that the client got; 0: none, the connection ended first
	Payload  Payload
	Detail   string // why it ended, where that is not plain: Envoy's response code details, a fault
	Judging  time.Duration
}

// Payload is what a record shows of the bodies, where its mode wants that.
type Payload struct {
	Request  Excerpt
	Response Excerpt
}

// Excerpt is the beginning of a body.
type Excerpt struct {
	Data    []byte // its own copy
	Omitted int64  // bytes that came after it
}

// Add takes the next bytes of the body, as long as no more than limit are kept.
func (e *Excerpt) Add(p []byte, limit int) {
	kept := min(len(p), max(0, limit-len(e.Data)))
	e.Data = append(e.Data, p[:kept]...)
	e.Omitted += int64(len(p) - kept)
}
