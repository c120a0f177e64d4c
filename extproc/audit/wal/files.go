package wal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process owns the directory.
var ErrLocked = errors.New("audit log is in use by another process")

// lockDir takes the directory's lock; it is free again when the file is closed, or its process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
		}
		return nil, err
	}
	return f, nil
}

// producerID reads the id of the directory's chain, or draws one for an empty directory: 128 random bits in hexadecimal.
func producerID(dir string, empty bool) (string, error) {
	path := filepath.Join(dir, "producer")
	b, err := os.ReadFile(path)
	id := strings.TrimSpace(string(b))
	switch {
	case err == nil && validID(id):
		return id, nil
	case (err == nil || errors.Is(err, os.ErrNotExist)) && !empty:
		return "", &CorruptError{File: path, Reason: "records without the id of their producer"}
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return "", err
	}
	var raw [16]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", err
	}
	id = hex.EncodeToString(raw[:])
	return id, replaceFile(path, []byte(id+"\n"), true)
}

func validID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 16
}

// Cursor is what the receiver has acknowledged.
type Cursor struct {
	Acked     uint64    // all records up to this one
	StreamSeq uint64    // where the receiver put that record; 0 where unknown
	Time      time.Time // of the acknowledgement
}

// encode is of the same length for every cursor, so that one can be written over another.
func (c Cursor) encode() []byte {
	line := fmt.Sprintf("%020d %020d %020d", c.Acked, c.StreamSeq, c.Time.UnixNano())
	return fmt.Appendf(nil, "%s %08x\n", line, crc32.ChecksumIEEE([]byte(line)))
}

// readCursor returns the zero cursor where there is none, or where a power loss has damaged it: then all is published again.
func readCursor(path string) (Cursor, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Cursor{}, err
	}
	var c Cursor
	var nanos int64
	var sum uint32
	if _, err := fmt.Sscanf(string(b), "%d %d %d %x\n", &c.Acked, &c.StreamSeq, &nanos, &sum); err != nil {
		return Cursor{}, nil
	}
	c.Time = time.Unix(0, nanos)
	if string(c.encode()) != string(b) {
		return Cursor{}, nil
	}
	return c, nil
}

// replaceFile writes a file so that it is seen whole or not at all, and with sync survives a power loss.
func replaceFile(path string, data []byte, sync bool) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil || !sync {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
