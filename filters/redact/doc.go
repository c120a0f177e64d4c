// Package redact changes bodies: it turns treatments of blocks into edits, and splices edits into a document.
//
// It promises that every byte outside of an edit stays as it stands, that a document that was valid JSON stays valid, and that the
// same treatment of the same block gives the same bytes. A mask is applied to the unescaped text, and in JSON to every string that
// is a value: not to member names and not to numbers. What has no form that is still of its protocol is an error, never left as it
// was: which forms a protocol has, its codec says.
//
// A text that comes in pieces is masked by a [Stream], with the same result as the whole. The package itself holds no state. The size of what it writes is bounded by five times that of what it reads.
package redact
