package filters

import "bytes"

// Data is the content of a block. It aliases the body where it can: it is read-only, and valid as long as the exchange. The zero value is
// empty. It is for one goroutine at a time.
type Data struct {
	bytes []byte                      // what it says, or how that is written
	open  func(written []byte) []byte // reads what is written; nil: bytes say it
	size  int
}

// Plain is data that stands for itself.
func Plain[T string | []byte](text T) Data { return Data{bytes: []byte(text), size: len(text)} }

// Written is data of size bytes that open reads from how it is written, once somebody asks for it.
func Written(written []byte, size int, open func(written []byte) []byte) Data {
	return Data{written, open, size}
}

// Bytes is what the data says.
func (d *Data) Bytes() []byte {
	if d.open != nil {
		d.bytes, d.open = d.open(d.bytes), nil
	}
	return d.bytes
}

// Len is the number of Bytes, which nobody has to read for it.
func (d *Data) Len() int { return d.size }

// Equal tells whether two say the same.
func (d Data) Equal(other Data) bool { return bytes.Equal(d.Bytes(), other.Bytes()) }

// Sum is a digest of data under a secret of the process: data of equal sums is equal. It is for the memory of one process, and never
// shown. The zero Sum stands for none.
type Sum [16]byte

// Memory is what a process remembers from one exchange to the next, for decoders. It is bounded, forgets, and is safe for concurrent use.
type Memory interface {
	Sum(data []byte) Sum
	Recall(key Sum) any                     // nil: nothing
	Remember(key Sum, value any, bytes int) // value takes so many bytes, and does not change any more
}
