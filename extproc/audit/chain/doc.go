// Package chain verifies that the stream AUDIT is what the gateways wrote: of every producer all records, in order, unchanged.
//
// Each record carries its producer, a sequence and the SHA-256 of the record before it. A record that is missing, changed, moved or added
// breaks the chain of its producer at the next one. Proved is what lies between a producer's first and last record in the stream. Not
// proved: that no records are missing after a producer's newest one (nothing comes after it to tell), and what was in the stream
// before its oldest: the stream forgets by age, and the report says where each chain begins.
//
// Memory grows with the number of producers, not of records. The same record twice, at a small distance, is no
// break (it is the same bytes), and is counted.
package chain
