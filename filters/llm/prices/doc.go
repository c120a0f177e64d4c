// Package prices says what an answer of a model costs, by the public prices that it ships (public.yaml, each with its source and the day
// on which it was read) or by those that a Provider sets.
//
// It promises that a cost is exact for the tokens that the provider counted, in integers: all parts are added up and rounded once, half
// up, to a millionth of a dollar. It never guesses: a model, a part or a mode of serving without a price makes the cost unknown. What it
// does not know are discounts, free tiers and credits, and what is billed by time, such as the storage of a cache.
//
// A Table is a value that nobody changes: it is safe for concurrent use.
package prices
