package filters

import "fmt"

// Action is what is done with an exchange. Actions are ordered: of several, the highest wins.
type Action int

// The actions, in rising order.
const (
	ActionAllow Action = iota
	ActionFlag         // passes, and stands out in the record
	ActionDeny
)

var actionNames = [...]string{ActionAllow: "allow", ActionFlag: "flag", ActionDeny: "deny"}

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

// Verdict is what one rule concluded about one exchange.
type Verdict struct {
	Policy   string
	Rule     string
	Outcome  VerdictOutcome
	Action   Action // what the rule asks for; after failurePolicy and mode
	Severity Severity
	Reason   string
	Observed bool   // mode Observe: the verdict is recorded and has no effect
	Error    string // Failed: why
}

// Decision is the sum of all verdicts about a request.
type Decision struct {
	Action   Action
	Verdicts []Verdict // those that matched or failed; not the silent majority
	Deciding *Verdict  // the verdict whose action won; nil when none matched
}
