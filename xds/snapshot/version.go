package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"bartizan/xds/bundlepb"
)

// version is the bundle's: hex SHA-256 over its deterministic encoding with an empty version (bundle.proto).
func version(b *bundlepb.Bundle) string {
	sum := sha256.Sum256(encode(b))
	return hex.EncodeToString(sum[:])
}

// hash is the version of the whole: over the bundle and every resource, each with its length before it.
func (s *Snapshot) hash() string {
	all := slices.Concat([]proto.Message{s.Bundle}, s.Envoy.Listeners, s.Envoy.Clusters, s.Envoy.Routes, s.Envoy.Secrets)
	sum := sha256.New()
	for _, m := range all {
		data := encode(m)
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(data))))
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// encode fails only on a string that is not UTF-8, and none gets past the manifest reader.
func encode(m proto.Message) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", m, err))
	}
	return data
}
