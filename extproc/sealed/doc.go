// Package sealed makes short texts that only this process can make and read: who calls, on the way through Envoy to the aggregator
// and back, and what the aggregator wants to get back from a client, such as the cursors of a merged list.
//
// A text is encrypted and authenticated (AES-256-GCM) with a key that lives as long as the process, is in no file, and leaves it
// with nobody. It is bound to a purpose: one made for another is as good as forged. Values are safe for concurrent use.
package sealed
