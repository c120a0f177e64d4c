package filters

import (
	"errors"
	"fmt"
	"log/slog"
)

// RefusalKind says why the gateway answers in the upstream's place. A codec turns it into a status and a body of its protocol.
type RefusalKind string

// The kinds of refusal.
const (
	RefusedByPolicy     RefusalKind = "policy"             // a rule's action is deny
	RefusedMalformed    RefusalKind = "malformed"          // the body is not what the protocol allows
	RefusedTooLarge     RefusalKind = "too_large"          // over the gateway's own limit
	RefusedEncoding     RefusalKind = "encoding"           // content-encoding that cannot be judged
	RefusedIdentity     RefusalKind = "unauthenticated"    // no key, an unknown key, or keys that disagree
	RefusedScope        RefusalKind = "insufficient_scope" // the caller is known, and the token lacks a scope
	RefusedUnknown      RefusalKind = "unknown"            // no such path, operation or method
	RefusedInvisible    RefusalKind = "invisible"          // nothing of this name that the caller may see
	RefusedOrigin       RefusalKind = "origin"             // a web page from elsewhere
	RefusedHTTPMethod   RefusalKind = "http_method"        // the path exists, and not for this HTTP method
	RefusedOverloaded   RefusalKind = "overloaded"         // the gateway has no room; try again
	RefusedUnrecordable RefusalKind = "unrecordable"       // the record cannot be made durable
	RefusedUpstream     RefusalKind = "upstream"           // the upstream's answer cannot be judged
	RefusedInternal     RefusalKind = "internal"           // a fault of ours
)

// Outcome tells whether a refusal of this kind is the caller's doing or ours.
func (k RefusalKind) Outcome() Outcome {
	switch k {
	case RefusedOverloaded, RefusedUnrecordable, RefusedUpstream, RefusedInternal:
		return OutcomeError
	default:
		return OutcomeDeny
	}
}

// Refusal is why an exchange is refused, in words for the person who reads it.
type Refusal struct {
	Kind       RefusalKind
	Message    string // one or two sentences: what was refused and why
	Policy     string // RefusedByPolicy
	Rule       string // RefusedByPolicy
	Code       string // the protocol's own code where the kind does not say it all: of MCP a JSON-RPC code, such as "-32020"; else empty
	AsMessage  bool   // of a model's answer: told as a message of the model, so that the session goes on; else as an error
	Challenge  string // the WWW-Authenticate that goes with it: the caller is shown where to log in; else empty
	DecisionID string // the exchange's ID
}

// Text is the whole message for a person: the reason, the rule, and what can be done.
func (r Refusal) Text() string {
	switch {
	case r.Rule != "":
		return fmt.Sprintf("Refused by Bartizan: %s (rule %s/%s, decision %s). Ask your administrator about this decision.", r.Message, r.Policy, r.Rule, r.DecisionID)
	case r.DecisionID != "":
		return fmt.Sprintf("Refused by Bartizan: %s (decision %s)", r.Message, r.DecisionID)
	default:
		return "Refused by Bartizan: " + r.Message
	}
}

// DecisionHeader names the decision on every answer of the gateway, so that a person can ask about it.
const DecisionHeader = "x-bartizan-decision"

// Reply is a whole HTTP answer of the gateway.
type Reply struct {
	Status  int
	Headers []Header // lower-case names; content-type among them
	Body    []byte
}

// Header is one header line.
type Header struct{ Name, Value string }

// Body is foreign content. Logging one shows its size, never its bytes.
type Body []byte

// LogValue keeps the content out of logs.
func (b Body) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%d bytes", len(b))) }

// BodyError says what is wrong with a foreign body. It carries no content of the body beyond names.
type BodyError struct {
	Kind    RefusalKind
	Code    string // as in Refusal; may be empty
	Pointer string // JSON pointer to the offending value; may be empty
	Message string
}

func (e *BodyError) Error() string {
	if e.Pointer == "" {
		return e.Message
	}
	return e.Message + " at " + e.Pointer
}

// DeniedError says that a rule denies an answer.
type DeniedError struct{ Verdict Verdict }

func (e *DeniedError) Error() string {
	return "denied by rule " + e.Verdict.Policy + "/" + e.Verdict.Rule
}

// Refusal is how the verdict of a rule that denies is told.
func (v *Verdict) Refusal() Refusal {
	return Refusal{Kind: RefusedByPolicy, Message: v.Reason, Policy: v.Policy, Rule: v.Rule, AsMessage: v.Message}
}

// Notice is what stands in the place of a block that the verdict's rule quarantines. It names no decision: the same block has the same
// notice on every later turn, so that a provider's prompt cache still hits.
func (v *Verdict) Notice() string {
	return fmt.Sprintf("Removed by Bartizan: %s (rule %s/%s)", v.Reason, v.Policy, v.Rule)
}

// AsRefusal turns an error of a codec into the refusal that its caller reads. An error that is none of ours is a fault of ours.
func AsRefusal(err error, id string) Refusal {
	var denied *DeniedError
	if errors.As(err, &denied) {
		r := denied.Verdict.Refusal()
		r.DecisionID = id
		return r
	}
	var be *BodyError
	if errors.As(err, &be) {
		return Refusal{Kind: be.Kind, Message: be.Error(), Code: be.Code, DecisionID: id}
	}
	return Refusal{Kind: RefusedInternal, Message: "the gateway could not read this message", DecisionID: id}
}
