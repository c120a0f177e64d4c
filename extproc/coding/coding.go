package coding

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/filters"
)

// Working is how much memory a decoder takes at most beside what it decodes, in bytes: the window of brotli, which is twice that of zstd.
const Working = 16 << 20

// window bounds what a zstd frame may ask for: what every decoder has to support (RFC 8878, section 3.1.1.1.2).
const window = 8 << 20

// Names are the codings that are read, as content-encoding has them.
func Names() []string { return []string{"gzip", "zstd", "br"} }

// Known tells whether a coding is read.
func Known(name string) bool { return slices.Contains(Names(), name) }

// Measure reads body without keeping anything, and returns how many bytes it decodes to. More than limit are an error of kind
// RefusedTooLarge.
func Measure(name string, body []byte, limit int64) (int64, error) {
	var size int64
	err := read(name, body, func(r io.Reader) (err error) {
		size, err = io.Copy(io.Discard, io.LimitReader(r, limit+1))
		if size > limit {
			return &filters.BodyError{
				Kind:    filters.RefusedTooLarge,
				Message: fmt.Sprintf("the request body of %d bytes is larger than the %d bytes that this gateway judges, once it is decompressed", len(body), limit),
			}
		}
		return err
	})
	return size, err
}

// Decode returns what body decodes to, which is of the size that Measure found.
func Decode(name string, body []byte, size int64) ([]byte, error) {
	decoded := make([]byte, size)
	err := read(name, body, func(r io.Reader) error {
		if _, err := io.ReadFull(r, decoded); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, r) // to its end, where the checksum is
		return err
	})
	if err != nil {
		return nil, err
	}
	return decoded, nil
}

// read lets use read what body decodes to, and says what is wrong with body.
func read(name string, body []byte, use func(io.Reader) error) error {
	src := bytes.NewReader(body)
	r, err := open(name, body, src)
	if err != nil {
		return malformed(name, err)
	}
	defer r.Close()
	if err := use(r); err != nil {
		return malformed(name, err)
	}
	if src.Len() > 0 {
		return malformed(name, errTrailing)
	}
	return nil
}

var (
	errTrailing = errors.New("something stands behind its end")
	errUnknown  = errors.New("it is not a coding that is read here")
)

func malformed(name string, err error) error {
	var be *filters.BodyError
	if errors.As(err, &be) {
		return err
	}
	return &filters.BodyError{Kind: filters.RefusedMalformed, Message: fmt.Sprintf("the request body is no valid %s: %v", name, err)}
}

func open(name string, body []byte, src *bytes.Reader) (io.ReadCloser, error) {
	switch name {
	case "gzip":
		r, err := gzip.NewReader(src)
		if err != nil {
			return nil, err
		}
		r.Multistream(false)
		return r, nil
	case "br":
		return io.NopCloser(brotli.NewReader(src)), nil
	case "zstd":
		if err := oneFrame(body); err != nil {
			return nil, err
		}
		r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	default:
		return nil, errUnknown
	}
}
