package filters

import (
	"fmt"
	"regexp"
)

// Action is what is done with an exchange. Actions are ordered: of several, the highest wins.
type Action int

// The actions, in rising order.
const (
	ActionAllow      Action = iota
	ActionFlag              // passes, and stands out in the record
	ActionRedact            // passes with what a pattern matches in a block masked
	ActionQuarantine        // passes with a block replaced by a notice
	ActionDeny
)

var actionNames = [...]string{
	ActionAllow: "allow", ActionFlag: "flag", ActionRedact: "redact", ActionQuarantine: "quarantine", ActionDeny: "deny",
}

func (a Action) String() string {
	if a < 0 || int(a) >= len(actionNames) {
		return fmt.Sprintf("action(%d)", int(a))
	}
	return actionNames[a]
}

// MarshalText writes the action's name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// ParseAction reads the name of an action.
func ParseAction(s string) (Action, bool) {
	for i, name := range actionNames {
		if s == name {
			return Action(i), true
		}
	}
	return 0, false
}

// VerdictOutcome is what one rule concluded. Never what is done about it.
type VerdictOutcome string

// The outcomes of a rule.
const (
	Matched    VerdictOutcome = "matched"
	NotMatched VerdictOutcome = "not_matched"
	Failed     VerdictOutcome = "failed" // the expression erred or cost too much
)

// Severity ranks a rule for the people who read decisions; the names are OCSF's.
type Severity string

// The severities.
const (
	SeverityInformational Severity = "informational"
	SeverityLow           Severity = "low"
	SeverityMedium        Severity = "medium"
	SeverityHigh          Severity = "high"
	SeverityCritical      Severity = "critical"
)

// Verdict is what one rule concluded about one exchange: about its request, or about one message of its answer.
type Verdict struct {
	Policy   string
	Rule     string
	Outcome  VerdictOutcome
	Action   Action // what the rule asks for; after failurePolicy and mode
	Severity Severity
	Reason   string
	Observed bool   // mode Observe: the verdict is recorded and has no effect
	Error    string // Failed: why
	Pointer  string // a rule about blocks: the first block concerned
	Blocks   int    // a rule about blocks: how many are concerned
	Message  bool   // deny: told as a message of the model, not as an error
}

// Decision is the sum of all verdicts about a request, or about an answer.
type Decision struct {
	Action     Action
	Verdicts   []Verdict   // those that matched or failed; not the silent majority
	Deciding   *Verdict    // the verdict whose action won; nil when none matched
	Treatments []Treatment // what is done with blocks; at most one a block, in the order of the blocks. Where Action is deny nothing passes
}

// Treatment is what is done with one block of those that were judged.
type Treatment struct {
	Block  int              // its index
	Action Action           // ActionRedact or ActionQuarantine
	Masks  []*regexp.Regexp // ActionRedact: what any of them matches is masked
	Notice string           // ActionQuarantine: what stands in the block's place, the same on every later turn
}

// Merge adds what was decided about a further message of the same answer. Treatments are of a message, and are not kept.
func (d *Decision) Merge(more Decision) {
	const limit = 256 // verdicts of one answer; a stream may have any number of messages
	d.Verdicts = append(d.Verdicts, more.Verdicts[:min(len(more.Verdicts), max(0, limit-len(d.Verdicts)))]...)
	if more.Deciding != nil && (d.Deciding == nil || more.Action > d.Action) {
		d.Action, d.Deciding = more.Action, more.Deciding
	}
}
