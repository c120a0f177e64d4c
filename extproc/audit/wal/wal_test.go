package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func mustOpen(t *testing.T, dir string, o Options) (*Log, Recovery) {
	t.Helper()
	l, rec, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.lock.Close() })
	return l, rec
}

func fill(t *testing.T, l *Log, n int) {
	t.Helper()
	for range n {
		if err := l.Append("audit.v1.t.llm.allow", fmt.Appendf(nil, "record %d %s", l.Next(), strings.Repeat("x", 100))); err != nil {
			t.Fatal(err)
		}
	}
}

func mustSync(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
}

// read returns the sequences of all synced records after the given one.
func read(t *testing.T, l *Log, after uint64) []uint64 {
	t.Helper()
	r := l.NewReader(after)
	defer r.Close()
	var seqs []uint64
	for l.Stats().Synced > after+uint64(len(seqs)) {
		list, err := r.Next(t.Context(), 7, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if !strings.HasPrefix(string(e.Data), fmt.Sprintf("record %d ", e.Seq)) || e.Subject != "audit.v1.t.llm.allow" {
				t.Errorf("record %d holds %q under %q", e.Seq, e.Data, e.Subject)
			}
			seqs = append(seqs, e.Seq)
		}
	}
	return seqs
}

func span(from, to uint64) (list []uint64) {
	for ; from <= to; from++ {
		list = append(list, from)
	}
	return list
}

// crash copies a directory as a crash would leave it: the running log knows nothing of it.
func crash(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func newest(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(list) == 0 {
		t.Fatalf("segments: %v, %v", list, err)
	}
	return list[len(list)-1]
}

func TestSurvivesCrash(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1000})
	fill(t, l, 40)
	mustSync(t, l)
	fill(t, l, 1) // in memory only

	again, rec := mustOpen(t, crash(t, l.dir), Options{SegmentBytes: 1000})
	if rec.LastSeq != 40 || rec.Unacked != 40 || rec.Torn != 0 || !strings.HasPrefix(string(rec.Last), "record 40 ") || rec.Segments < 3 {
		t.Errorf("recovered %+v", rec)
	}
	if again.Producer() != l.Producer() || again.Next() != 41 {
		t.Errorf("producer %s next %d, wanted %s and 41", again.Producer(), again.Next(), l.Producer())
	}
	if diff := cmp.Diff(span(1, 40), read(t, again, 0)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	fill(t, again, 5)
	mustSync(t, again)
	if diff := cmp.Diff(span(38, 45), read(t, again, 37)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestReaderSeesSyncedOnly(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	fill(t, l, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r := l.NewReader(0)
	defer r.Close()
	if list, err := r.Next(ctx, 10, 1<<20); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("unsynced records were read: %v, %v", list, err)
	}
	mustSync(t, l)
	if list, err := r.Next(t.Context(), 10, 1<<20); err != nil || len(list) != 2 {
		t.Errorf("read %d records, %v", len(list), err)
	}
}

// TestTornTail cuts the unsynced part of a log at every byte: what was synced is there, the rest is cut and the log goes on.
func TestTornTail(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	fill(t, l, 3)
	mustSync(t, l)
	whole, err := os.Stat(newest(t, l.dir))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, l, 1)
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(newest(t, l.dir))
	if err != nil {
		t.Fatal(err)
	}
	for n := whole.Size() + 1; n < int64(len(data)); n += 3 {
		dir := crash(t, l.dir)
		if err := os.WriteFile(newest(t, dir), data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		again, rec := mustOpen(t, dir, Options{})
		if rec.LastSeq != 3 || rec.Torn != n-whole.Size() {
			t.Fatalf("cut at %d: %+v", n, rec)
		}
		fill(t, again, 2)
		mustSync(t, again)
		if diff := cmp.Diff(span(1, 5), read(t, again, 0)); diff != "" {
			t.Fatalf("cut at %d: (-want +got):\n%s", n, diff)
		}
	}
}

// TestDamage flips one byte in each record that had been synced before a later one was written: Open must say so, and leave the files alone.
func TestDamage(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 2000})
	for range 20 { // the newest segment holds several
		fill(t, l, 1)
		mustSync(t, l)
	}
	files, err := filepath.Glob(filepath.Join(l.dir, "*"+suffix))
	if err != nil || len(files) < 2 {
		t.Fatalf("segments %v, %v", files, err)
	}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		end := len(data)
		if i == len(files)-1 {
			end -= 2 * (headerSize + 100) // only a record with another behind it is known to have been synced
		}
		for at := 0; at < end; at += 37 {
			bad := bytes.Clone(data)
			bad[at] ^= 0x40
			dir := crash(t, l.dir)
			path := filepath.Join(dir, filepath.Base(file))
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			var ce *CorruptError
			if _, _, err := Open(dir, Options{}); !errors.As(err, &ce) {
				t.Fatalf("%s byte %d: %v", filepath.Base(file), at, err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, bad) {
				t.Fatalf("Open has changed a damaged file (%v)", err)
			}
		}
	}
}

func TestMissingPieces(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) error{
		"middle segment": func(_ *testing.T, dir string) error {
			list, err := listSegments(dir)
			return errors.Join(err, os.Remove(list[1].path))
		},
		"newest segment": func(t *testing.T, dir string) error { return os.Remove(newest(t, dir)) },
		"producer":       func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "producer")) },
		"producer empty": func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Join(dir, "producer"), nil, 0o600) },
		"foreign name":   func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Join(dir, "x"+suffix), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1000})
			fill(t, l, 30)
			mustSync(t, l)
			if err := l.Ack(29, 29); err != nil { // so that the segments before the newest are gone, and a later loss is seen
				t.Fatal(err)
			}
			fill(t, l, 30)
			mustSync(t, l)
			if err := l.Ack(59, 59); err != nil {
				t.Fatal(err)
			}
			l2, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1000})
			fill(t, l2, 30)
			mustSync(t, l2)
			dir := crash(t, l2.dir)
			if name == "newest segment" {
				dir = crash(t, l.dir)
			}
			if err := spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			var ce *CorruptError
			if _, _, err := Open(dir, Options{}); !errors.As(err, &ce) {
				t.Errorf("Open: %v", err)
			}
		})
	}
}

func TestAckDeletesSegments(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1000})
	fill(t, l, 50)
	mustSync(t, l)
	before := l.Stats().Bytes
	if err := l.Ack(50, 77); err != nil {
		t.Fatal(err)
	}
	if after := l.Stats().Bytes; after >= before/3 || after == 0 {
		t.Errorf("%d bytes after the acknowledgement of %d", after, before)
	}
	again, rec := mustOpen(t, crash(t, l.dir), Options{SegmentBytes: 1000})
	if rec.LastSeq != 50 || rec.Unacked != 0 || !strings.HasPrefix(string(rec.Last), "record 50 ") {
		t.Errorf("recovered %+v", rec)
	}
	if c := again.Stats().Cursor; c.Acked != 50 || c.StreamSeq != 77 || time.Since(c.Time) > time.Minute {
		t.Errorf("cursor %+v", c)
	}
}

func TestLostCursorPublishesAgain(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	fill(t, l, 5)
	mustSync(t, l)
	if err := l.Ack(4, 4); err != nil {
		t.Fatal(err)
	}
	dir := crash(t, l.dir)
	if err := os.WriteFile(filepath.Join(dir, "cursor"), []byte("4 4 99"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, rec := mustOpen(t, dir, Options{}); rec.Unacked != 5 {
		t.Errorf("recovered %+v", rec)
	}
}

func TestFull(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{MaxBytes: 4000, SegmentBytes: 1000})
	n := 0
	for ; l.Append("s", make([]byte, 200)) == nil; n++ {
		mustSync(t, l)
	}
	if err := l.Append("s", make([]byte, 200)); !errors.Is(err, ErrFull) || n < 10 {
		t.Fatalf("after %d records: %v", n, err)
	}
	if err := l.Ack(uint64(n), 1); err != nil {
		t.Fatal(err)
	}
	if err := l.Append("s", make([]byte, 200)); err != nil {
		t.Errorf("after the acknowledgement: %v", err)
	}
}

func TestDiskErrorsStick(t *testing.T) {
	for _, op := range []string{"create", "write", "sync"} {
		t.Run(op, func(t *testing.T) {
			sick := false
			l, _ := mustOpen(t, t.TempDir(), Options{Fault: func(o string) error {
				if sick && o == op {
					return unix.ENOSPC
				}
				return nil
			}})
			if op != "create" {
				fill(t, l, 2)
				mustSync(t, l)
			}
			sick = true
			err := errors.Join(l.Append("s", []byte("x")), l.Sync())
			if !errors.Is(err, ErrBroken) || !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("error %v", err)
			}
			sick = false
			for _, err := range []error{l.Append("s", []byte("x")), l.Sync(), l.Err()} {
				if !errors.Is(err, ErrBroken) {
					t.Errorf("the disk is trusted again: %v", err)
				}
			}
		})
	}
}

func TestOneOwnerAndModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "wal")
	l, _ := mustOpen(t, dir, Options{})
	fill(t, l, 1)
	mustSync(t, l)
	if err := l.Ack(1, 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second owner: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Fatalf("entries %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v (%v)", info.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, rec := mustOpen(t, dir, Options{}); rec.LastSeq != 1 {
		t.Errorf("recovered %+v", rec)
	}
}

func FuzzOpen(f *testing.F) {
	good := appendFrame(nil, Entry{Seq: 1, Subject: "s", Data: []byte("a")}, 0)
	f.Add(good)
	f.Add(appendFrame(good, Entry{Seq: 2, Subject: "s", Data: []byte("b")}, 1))
	f.Add(append([]byte("junk"), good...))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := errors.Join(os.WriteFile(filepath.Join(dir, segmentName(1)), data, 0o600),
			os.WriteFile(filepath.Join(dir, "producer"), []byte(strings.Repeat("ab", 16)), 0o600)); err != nil {
			t.Fatal(err)
		}
		l, rec, err := Open(dir, Options{})
		if err != nil {
			var ce *CorruptError
			if !errors.As(err, &ce) {
				t.Fatal(err)
			}
			return
		}
		// What was recovered is stable: it is found again, with nothing more to cut, and the log goes on behind it.
		if err := errors.Join(l.Append("s", []byte("next")), l.Close()); err != nil {
			t.Fatal(err)
		}
		again, second, err := Open(dir, Options{})
		if err != nil || second.LastSeq != rec.LastSeq+1 || second.Torn != 0 || string(second.Last) != "next" {
			t.Fatalf("first %+v, then %+v, %v", rec, second, err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCursorIsWrittenOver: a later cursor is read whole, even where its numbers are smaller, as after a stream that began anew.
func TestCursorIsWrittenOver(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	fill(t, l, 12)
	mustSync(t, l)
	for _, c := range []Cursor{{Acked: 8, StreamSeq: 123_456_789}, {Acked: 9, StreamSeq: 7}, {Acked: 12, StreamSeq: 10}} {
		if err := l.Ack(c.Acked, c.StreamSeq); err != nil {
			t.Fatal(err)
		}
		again, rec := mustOpen(t, crash(t, l.dir), Options{})
		if got := again.Stats().Cursor; got.Acked != c.Acked || got.StreamSeq != c.StreamSeq || rec.Unacked != 12-c.Acked {
			t.Errorf("cursor %+v, want %+v", got, c)
		}
	}
}
