package expr

import "math"

// Limits. The unit of cost is one step of an evaluation (an operation, a field), which takes 50 to 100 ns; for text it is as many bytes
// as take 0.3 to 0.5 µs where the text was made to be slow, and up to 1.7 µs where the regular expression was as well (prices.go,
// BenchmarkRegexp). So a hostile caller with 40 MiB gets 5 s of one core from an ordinary rule and 17 s from the worst one, five
// times that from all rules together. What people write takes milliseconds. An ordinary rule is judged on the largest body that a
// listener admits by default, 40 MiB: TestLargestBody holds that, TestHostileBody the other end.
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

	// MaxCost is what one evaluation may really cost: 60 searches of 40 MiB for a literal, or five for a regular expression of
	// 13 instructions that has none. Through writeRate it also bounds the memory that an evaluation writes, to 160 MB.
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
