package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A frame is: magic u32, CRC32C u32 of all that follows, length of subject and data u32, length of subject u16, zero u16,
// sequence u64, the sequence that was known synced when the frame was written u64, subject, data. Little-endian.
//
// The synced sequence tells a torn tail from damage: where a readable frame further on says that the unreadable one had been synced,
// the disk has lost something that was promised.
const (
	magic      = 0x315a5442 // "BTZ1"
	headerSize = 32
	maxPayload = 1 << 20
)

// errFrame says that bytes are no valid frame.
var errFrame = errors.New("invalid frame")

// Entry is one record of the log.
type Entry struct {
	Seq     uint64
	Subject string
	Data    []byte
}

type frame struct {
	Entry
	synced uint64
	size   int64 // on disk
}

func appendFrame(dst []byte, e Entry, synced uint64) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Subject)+len(e.Data)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(e.Subject)))
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, e.Seq)
	dst = binary.LittleEndian.AppendUint64(dst, synced)
	dst = append(dst, e.Subject...)
	dst = append(dst, e.Data...)
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(dst[start+8:], castagnoli()))
	return dst
}

// castagnoli returns the standard library's shared table.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// readFrame reads one frame: io.EOF at a clean end, errFrame for anything that is not a whole valid frame.
func readFrame(r io.Reader) (frame, error) {
	var h [headerSize]byte
	if n, err := io.ReadFull(r, h[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return frame{}, io.EOF
		}
		return frame{}, asFrameError(err)
	}
	n, subject, ok := lengths(h)
	if !ok {
		return frame{}, errFrame
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return frame{}, asFrameError(err)
	}
	return decode(h, payload, subject)
}

func lengths(h [headerSize]byte) (total, subject int, ok bool) {
	total = int(binary.LittleEndian.Uint32(h[8:]))
	subject = int(binary.LittleEndian.Uint16(h[12:]))
	return total, subject, binary.LittleEndian.Uint32(h[:]) == magic && total <= maxPayload && subject <= total
}

func decode(h [headerSize]byte, payload []byte, subject int) (frame, error) {
	sum := crc32.Update(crc32.Checksum(h[8:], castagnoli()), castagnoli(), payload)
	if sum != binary.LittleEndian.Uint32(h[4:]) {
		return frame{}, errFrame
	}
	return frame{
		Entry: Entry{
			Seq:     binary.LittleEndian.Uint64(h[16:]),
			Subject: string(payload[:subject]),
			Data:    payload[subject:],
		},
		synced: binary.LittleEndian.Uint64(h[24:]),
		size:   int64(headerSize + len(payload)),
	}, nil
}

// asFrameError keeps errors of the disk apart from bytes that end too early.
func asFrameError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errFrame
	}
	return err
}
