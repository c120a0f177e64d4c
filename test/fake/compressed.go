package fake

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// decompressed reads a body that may be compressed, as vendors do.
func decompressed(r *http.Request) ([]byte, error) {
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "br":
		return io.ReadAll(brotli.NewReader(r.Body))
	case "zstd":
		var body bytes.Buffer
		z, err := zstd.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		_, err = body.ReadFrom(z)
		return body.Bytes(), err
	default:
		return io.ReadAll(r.Body)
	}
}
