package wal

import (
	"bufio"
	"context"
	"fmt"
	"os"
)

// Reader reads synced records in order. For one goroutine; it must be closed.
type Reader struct {
	l    *Log
	next uint64
	f    *os.File
	r    *bufio.Reader
	path string
	at   uint64 // sequence of the next frame in the open segment
}

// NewReader reads from the record after the given one. Records that were acknowledged may be gone.
func (l *Log) NewReader(after uint64) *Reader { return &Reader{l: l, next: after + 1} }

// Next returns between one and n records, of about maxBytes together, and waits for the first.
func (r *Reader) Next(ctx context.Context, n int, maxBytes int64) ([]Entry, error) {
	synced, err := r.wait(ctx)
	if err != nil {
		return nil, err
	}
	var list []Entry
	var size int64
	for r.next <= synced && len(list) < n && size < maxBytes {
		e, err := r.read()
		if err != nil {
			return nil, fmt.Errorf("read audit record %d: %w", r.next, err)
		}
		r.next++
		list = append(list, e)
		size += int64(len(e.Data))
	}
	return list, nil
}

func (r *Reader) wait(ctx context.Context) (uint64, error) {
	for {
		r.l.mu.Lock()
		synced, notify := r.l.synced, r.l.notify
		r.l.mu.Unlock()
		if synced >= r.next {
			return synced, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-notify:
		}
	}
}

// read returns record r.next, which is synced.
func (r *Reader) read() (Entry, error) {
	for {
		if err := r.seek(); err != nil {
			return Entry{}, err
		}
		fr, err := readFrame(r.r)
		if err != nil {
			return Entry{}, &CorruptError{File: r.path, Reason: fmt.Sprintf("record %d: %v", r.at, err)}
		}
		if fr.Seq != r.at {
			return Entry{}, &CorruptError{File: r.path, Reason: fmt.Sprintf("record %d, wanted %d", fr.Seq, r.at)}
		}
		r.at++
		if fr.Seq == r.next {
			return fr.Entry, nil
		}
	}
}

// seek opens the segment that holds the frame to read next.
func (r *Reader) seek() error {
	r.l.mu.Lock()
	var s segment
	for _, c := range r.l.segments {
		if c.first <= r.next && r.next <= c.last {
			s = c
		}
	}
	r.l.mu.Unlock()
	if s.path == "" {
		return &CorruptError{File: r.l.dir, Reason: fmt.Sprintf("record %d is in no segment", r.next)}
	}
	if s.path == r.path {
		return nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	r.Close()
	r.f, r.r, r.path, r.at = f, bufio.NewReaderSize(f, 64<<10), s.path, s.first
	return nil
}

// Close releases the reader.
func (r *Reader) Close() {
	if r.f != nil {
		r.f.Close()
		r.f = nil
	}
}
