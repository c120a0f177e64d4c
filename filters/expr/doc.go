// Package expr is CEL as Bartizan's policies speak it: which variables and functions there are, what they cost, and how much an
// expression may cost.
//
// It promises: an expression that compiles is of declared types (a misspelt field is an error with file, line and column), compares
// a field of closed vocabulary with no word that it can never be, is free of side effects, gives the same answer for the same
// exchange on every replica, and ends: its price is estimated when it compiles and counted while it runs, in steps and bytes and
// never in time. A call is charged before it is made, so that none can take more than what is left. The functions are CEL's standard
// ones and its strings extension; a golden file in the tests freezes their list. Maps iterate in the order of their keys.
//
// It does not decide: what a failed evaluation means for the exchange is the caller's failure policy (package policy).
//
// An [Env] and a [Program] are immutable and safe for concurrent use. An [Activation] belongs to one exchange and one goroutine; it
// reads the exchange lazily and remembers what it read, so the exchange's request must not change while the activation lives: the
// texts of blocks are not even copied.
//
// A mistake of an author is a *manifest.Error. A failed evaluation is an *[EvalError]: it says what kind of failure and where in the
// policy, and never quotes the exchange, since records and logs keep it.
package expr
