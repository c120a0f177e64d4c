// Package manifest reads the YAML documents of a policy repository, strictly, and keeps the place of everything that it reads.
//
// It promises: what is not understood is an error. Unknown fields, duplicate keys, anchors, aliases, merge keys, explicit tags,
// wrong types and characters that an editor does not show as what they are (bidirectional overrides, line breaks other than LF)
// are refused; each error names file, line and column, and all errors of a file come at once. A file is at most [MaxFileBytes],
// its nesting at most [MaxDepth], and no more than [MaxErrors] errors are reported about it.
//
// It does not know any kind of document: what a Policy holds, which fields it needs and which values they take is the caller's.
// Defaults are the caller's too: a field that is absent keeps the value that the struct had.
//
// Everything here is a pure function of its arguments. A [Document] is not changed by decoding it and may be decoded by several
// goroutines at once. Failure is always [Errors]; nothing panics on foreign bytes.
package manifest
