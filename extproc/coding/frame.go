package coding

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// oneFrame checks that body is one zstd frame with content, by the sizes of its blocks (RFC 8878, sections 3.1.1 and 3.1.1.2).
func oneFrame(body []byte) error {
	const blockHeader, checksum, runLength = 3, 4, 1
	var h zstd.Header
	rest, err := h.DecodeAndStrip(body)
	switch {
	case err != nil:
		return err
	case h.Skippable:
		return errors.New("it begins with a frame without content")
	case h.DictionaryID != 0:
		return errors.New("it needs a dictionary")
	}
	for last := false; !last; {
		if len(rest) < blockHeader {
			return io.ErrUnexpectedEOF
		}
		header := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		size := header >> 3
		if header>>1&3 == runLength {
			size = 1 // of the one byte that is repeated
		}
		if last = header&1 == 1; last && h.HasCheckSum {
			size += checksum
		}
		if rest = rest[blockHeader:]; len(rest) < size {
			return io.ErrUnexpectedEOF
		}
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return errTrailing
	}
	return nil
}
