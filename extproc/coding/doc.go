// Package coding reads request bodies that are compressed: the content codings gzip, zstd and br (RFC 9110, section 8.4.1; RFC 1952,
// RFC 8878, RFC 7932).
//
// It promises that a body is measured in constant memory before any is taken for it, so that one that would grow beyond the limit is
// refused early, and that there is one way only to read it: exactly one gzip member, zstd frame or brotli stream, whole, with nothing
// behind it. Readers differ in what they make of a second one. The coding deflate is not read: half of the world means RFC 1950 by it, and
// half RFC 1951. Nor are dictionaries, or several codings in a row.
//
// What is wrong with a body is a *filters.BodyError. The package holds no state and is safe for concurrent use.
package coding
