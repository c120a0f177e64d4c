package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Errors of Append and Sync.
var (
	ErrFull   = errors.New("audit spool is full")
	ErrBroken = errors.New("audit log cannot be written")
)

// Options configure a log. The zero value is usable.
type Options struct {
	MaxBytes     int64 // of all segments; 0: 1 GiB
	SegmentBytes int64 // 0: an eighth of MaxBytes, at most 16 MiB

	// Fault, where set, is asked before each operation on the disk ("create", "write", "sync") and can make it fail: for tests of
	// what cannot be had from a healthy disk.
	Fault func(op string) error
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = min(16<<20, o.MaxBytes/8)
	}
	if o.Fault == nil {
		o.Fault = func(string) error { return nil }
	}
	return o
}

// Log is an open log.
type Log struct {
	dir      string
	opts     Options
	producer string
	lock     *os.File

	// Of the writer alone.
	f   *os.File
	buf []byte
	seq uint64 // of the newest record appended

	mu       sync.Mutex
	segments []segment
	bytes    int64 // of all segments, what is still in buf included
	synced   uint64
	notify   chan struct{} // closed at the next sync
	cursor   Cursor
	marks    *os.File // the cursor's file, open since the first acknowledgement
	err      error    // sticky
}

// Open takes ownership of a directory, which it creates where needed, and recovers what it holds.
func Open(dir string, opts Options) (*Log, Recovery, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Recovery{}, fmt.Errorf("create audit log: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, Recovery{}, fmt.Errorf("lock audit log: %w", err)
	}
	l := &Log{dir: dir, opts: opts.withDefaults(), lock: lock, notify: make(chan struct{})}
	rec, err := l.recover()
	if err != nil {
		lock.Close()
		return nil, Recovery{}, fmt.Errorf("recover audit log: %w", err)
	}
	return l, rec, nil
}

func (l *Log) recover() (rec Recovery, err error) {
	if l.segments, rec, err = recoverSegments(l.dir); err != nil {
		return rec, err
	}
	if l.producer, err = producerID(l.dir, len(l.segments) == 0); err != nil {
		return rec, err
	}
	if l.cursor, err = readCursor(l.cursorPath()); err != nil {
		return rec, err
	}
	if l.cursor.Acked > rec.LastSeq {
		return rec, &CorruptError{File: l.cursorPath(), Reason: fmt.Sprintf("record %d was published, and the log ends with %d", l.cursor.Acked, rec.LastSeq)}
	}
	for _, s := range l.segments {
		l.bytes += s.size
	}
	if n := len(l.segments); n > 0 {
		l.cursor.Acked = max(l.cursor.Acked, l.segments[0].first-1)
		if l.f, err = os.OpenFile(l.segments[n-1].path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
			return rec, err
		}
		// What a crashed predecessor wrote and did not sync is readable and perhaps not durable; readers are shown it only now.
		if err := l.f.Sync(); err != nil {
			return rec, err
		}
	}
	l.seq, l.synced = rec.LastSeq, rec.LastSeq
	rec.Unacked = l.seq - l.cursor.Acked
	return rec, nil
}

func (l *Log) cursorPath() string { return filepath.Join(l.dir, "cursor") }

// Producer is the id of this log's chain: stable for the life of the directory.
func (l *Log) Producer() string { return l.producer }

// Next is the sequence that the next Append gives. For the writer alone.
func (l *Log) Next() uint64 { return l.seq + 1 }

// Append adds a record; it is durable after the next Sync. It copies data. Errors: ErrFull (the record was not taken, later
// ones may be), ErrBroken.
func (l *Log) Append(subject string, data []byte) error {
	size := int64(headerSize + len(subject) + len(data))
	if size-headerSize > maxPayload {
		return fmt.Errorf("record of %d bytes is too large", len(data))
	}
	l.mu.Lock()
	err, full := l.err, l.bytes+size > l.opts.MaxBytes
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case full:
		return ErrFull
	}
	if err := l.rotate(size); err != nil {
		return l.fail(err)
	}
	l.mu.Lock()
	l.buf = appendFrame(l.buf, Entry{Seq: l.seq + 1, Subject: subject, Data: data}, l.synced)
	l.seq++
	s := &l.segments[len(l.segments)-1]
	s.last, s.size, l.bytes = l.seq, s.size+size, l.bytes+size
	l.mu.Unlock()
	if len(l.buf) < 1<<20 {
		return nil
	}
	return l.fail(l.flush())
}

// rotate starts a new segment where the current one has no room. The old one is complete and durable before.
func (l *Log) rotate(size int64) error {
	l.mu.Lock()
	n := len(l.segments)
	room := n > 0 && (l.segments[n-1].size == 0 || l.segments[n-1].size+size <= l.opts.SegmentBytes)
	l.mu.Unlock()
	if room {
		return nil
	}
	if err := l.sync(); err != nil {
		return err
	}
	if err := l.opts.Fault("create"); err != nil {
		return err
	}
	path := filepath.Join(l.dir, segmentName(l.seq+1))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if l.f != nil {
		l.f.Close() // already synced
	}
	l.f = f
	l.mu.Lock()
	l.segments = append(l.segments, segment{first: l.seq + 1, last: l.seq, path: path})
	l.mu.Unlock()
	return syncDir(l.dir)
}

// Sync makes all that was appended durable and shows it to readers.
func (l *Log) Sync() error {
	if err := l.Err(); err != nil {
		return err
	}
	return l.fail(l.sync())
}

func (l *Log) sync() error {
	if err := l.flush(); err != nil {
		return err
	}
	if l.f == nil {
		return nil
	}
	if err := l.opts.Fault("sync"); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.synced != l.seq {
		l.synced = l.seq
		close(l.notify)
		l.notify = make(chan struct{})
	}
	return nil
}

func (l *Log) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	if err := l.opts.Fault("write"); err != nil {
		return err
	}
	_, err := l.f.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

// fail makes the first error stick.
func (l *Log) fail(err error) error {
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return l.err
}

// Err returns the disk error that has broken the log, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Stats are the log's figures.
type Stats struct {
	Bytes  int64  // of all segments
	Synced uint64 // newest durable record
	Cursor Cursor
}

// Stats returns the figures of now.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Bytes: l.bytes, Synced: l.synced, Cursor: l.cursor}
}

// Ack records that the receiver holds all records up to seq, the last one at streamSeq, and deletes segments that are no longer
// needed.
func (l *Log) Ack(seq, streamSeq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq <= l.cursor.Acked || seq > l.synced {
		return nil
	}
	l.cursor = Cursor{Acked: seq, StreamSeq: streamSeq, Time: time.Now()}
	if err := l.writeCursor(); err != nil {
		return fmt.Errorf("write audit cursor: %w", err)
	}
	// A segment goes only when a later one holds a durable record: the newest record is the chain's memory.
	for len(l.segments) > 1 && l.segments[0].last <= seq && l.segments[1].first <= l.synced {
		if err := os.Remove(l.segments[0].path); err != nil {
			return fmt.Errorf("delete audit segment: %w", err)
		}
		l.bytes -= l.segments[0].size
		l.segments = l.segments[1:]
	}
	return nil
}

// writeCursor replaces the cursor's file once, so that it holds one cursor and nothing else, and from then on writes over it: each
// cursor is as long as the one before. A new file for every batch of records cost a twentieth of the process's time.
func (l *Log) writeCursor() (err error) {
	if l.marks != nil {
		_, err = l.marks.WriteAt(l.cursor.encode(), 0)
		return err
	}
	if err := replaceFile(l.cursorPath(), l.cursor.encode(), false); err != nil {
		return err
	}
	l.marks, err = os.OpenFile(l.cursorPath(), os.O_WRONLY, 0)
	return err
}

// Close syncs, closes and unlocks. The log's readers must have ended.
func (l *Log) Close() error {
	err := l.Sync()
	if l.f != nil {
		err = errors.Join(err, l.f.Close())
	}
	if l.marks != nil {
		err = errors.Join(err, l.marks.Close())
	}
	return errors.Join(err, l.lock.Close())
}
