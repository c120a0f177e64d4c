package strictjson

import (
	"bytes"
	"crypto/sha256"

	"github.com/go-json-experiment/json/jsontext"
)

// Digest is the SHA-256 of a value's canonical form (RFC 8785), so that neither the order of keys nor spelling tells two values
// apart. It says no to what is not one strict JSON value.
func Digest(raw []byte) (sum [32]byte, ok bool) {
	if Validate(raw) != nil {
		return sum, false
	}
	canonical := jsontext.Value(bytes.Clone(raw))
	if canonical.Canonicalize() != nil {
		return sum, false
	}
	return sha256.Sum256(canonical), true
}
