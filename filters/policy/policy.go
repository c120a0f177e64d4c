package policy

import (
	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
)

// Kind is the kind of the documents that this package decodes.
const Kind = "Policy"

// FailurePolicy says what an expression that cannot be evaluated comes to. The words are Kubernetes' (ValidatingAdmissionPolicy).
type FailurePolicy string

// The failure policies.
const (
	Fail   FailurePolicy = "Fail"   // deny: the default
	Ignore FailurePolicy = "Ignore" // as if the rule had not been there, but recorded
)

// Mode says whether a policy has an effect.
type Mode string

// The modes.
const (
	Enforce Mode = "Enforce" // the default
	Observe Mode = "Observe" // verdicts are recorded and change nothing
)

// Limits of one policy, far above what a person writes and reads.
const (
	MaxRules           = 500
	MaxVariables       = 100
	MaxMatchConditions = 50
)

// Policy is one document of kind Policy, as it is written in YAML or carried in a bundle. Every field must be set as Decode
// leaves it: the defaults are in it.
type Policy struct {
	Name            string
	At              manifest.Position // of the name; only its File is needed
	Surface         filters.Surface
	FailurePolicy   FailurePolicy
	Mode            Mode
	MatchConditions []manifest.String // all must be true, or the policy is skipped
	Variables       []Variable
	Rules           []Rule
}

// Variable is an expression with a name: variables.Name in the expressions after it.
type Variable struct {
	Name       string
	Expression manifest.String
}

// Rule is one CEL expression with an action.
type Rule struct {
	Name       string
	On         []string // operations (llm) or methods (mcp); empty: all
	Expression manifest.String
	Pattern    manifest.String // redact: what is masked, in RE2; else empty
	Action     filters.Action
	Message    bool // deny, surface llm: told as a message of the model, after which the session goes on
	Severity   filters.Severity
	Reason     string // for the person who is refused or reads a notice; required for deny and quarantine
}

// operations are the names that on may hold: the operations that the codecs of a surface decode.
func operations(s filters.Surface) []string {
	if s == filters.SurfaceLLM {
		return llm.Operations()
	}
	return mcp.Methods()
}
