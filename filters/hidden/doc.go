// Package hidden finds characters that a person does not see and a model or a terminal reads: Unicode tags, variation selectors and
// zero-width characters that carry data, bidirectional controls that show text in another order, invisible letters, and escape
// sequences of terminals (Unicode 17, chapters 23.2 to 23.9; ECMA-48; Trojan Source, CVE-2021-42574).
//
// It promises to be quiet about ordinary text in any script: joiners in Persian, Indic scripts and emoji, variation selectors after
// emoji and ideographs, flags, direction marks in text of both directions, a byte order mark at the beginning.
//
// All functions are pure and safe for concurrent use.
package hidden
