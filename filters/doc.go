// Package filters is the kernel: the words of Bartizan as Go types.
//
// One HTTP request and its response are an [Exchange]. A codec (packages llm and mcp) decodes bodies into it, a policy
// (package policy) concludes a [Verdict] per rule and a [Decision] from them, and what came of it all is a [Record].
//
// The package imports the standard library only, holds no state, and its values are not safe for concurrent use:
// an Exchange belongs to the one stream that carries it.
package filters
