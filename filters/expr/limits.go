package expr

import "math"

// Limits. CEL counts one for an operation or a field, 0.1 for a character that is read once (common/cost in cel-go). Kubernetes
// calibrated the unit (apiserver/pkg/apis/cel): a million of them take about a tenth of a second on slow hardware. Searching long
// text is far cheaper than that: see BenchmarkText in package policy.
const (
	// MaxExpression is the length of one expression in characters. Long lists of names fit; generated programs do not.
	MaxExpression = 16 << 10

	// MaxRecursion bounds how deep an expression nests, and so the stack that parsing and evaluating it takes.
	MaxRecursion = 64

	// MaxNodes bounds the nodes of an expression with its macros expanded.
	MaxNodes = 20_000

	// MaxComprehensions is how many of exists, all, map and filter may stand within each other.
	MaxComprehensions = 3

	// MaxRegexProgram is the size of a compiled regular expression, in instructions: a counted repetition is written short and compiles long.
	MaxRegexProgram = 5_000

	// MaxEstimate is the highest price that an expression may be estimated at for the exchange that sizes.go describes, a large one.
	// More is refused when it compiles.
	MaxEstimate = 10_000_000

	// MaxCost is what one evaluation may really cost: at most about a second, for an exchange far larger than the estimate's.
	MaxCost = 10_000_000

	// MaxExchangeCost is what all evaluations for one exchange may cost together: it bounds a caller who sends the largest body
	// that many rules find expensive. Evaluations after it is spent fail.
	MaxExchangeCost = 50_000_000

	// maxArgumentValues and maxArgumentDepth bound the arguments of an MCP tool call that an expression reads, so that a body
	// of many small values does not become many times its size in memory.
	maxArgumentValues = 100_000
	maxArgumentDepth  = 64

	unbounded = math.MaxUint64
)
