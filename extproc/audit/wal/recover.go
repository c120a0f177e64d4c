package wal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// CorruptError says that the disk no longer holds what had been synced. An operator decides: keep the directory as evidence, and
// start with an empty one, which is a new producer.
type CorruptError struct {
	File   string
	Offset int64
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("audit log is damaged: %s at byte %d: %s", e.File, e.Offset, e.Reason)
}

// Recovery is what Open found.
type Recovery struct {
	Last     []byte // the data of the newest record; nil for an empty log
	LastSeq  uint64
	Torn     int64 // bytes of an unsynced tail that were cut
	Unacked  uint64
	Segments int
}

type segment struct {
	first uint64
	last  uint64
	path  string
	size  int64
}

const suffix = ".wal"

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, suffix) }

func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(name, 10, 64)
		if err != nil || first == 0 {
			return nil, &CorruptError{File: e.Name(), Reason: "not the name of a segment"}
		}
		list = append(list, segment{first: first, path: filepath.Join(dir, e.Name())})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].first < list[j].first })
	return list, nil
}

// recoverSegments reads every frame of every segment. Only the last segment may have a torn tail; it is cut.
func recoverSegments(dir string) ([]segment, Recovery, error) {
	var rec Recovery
	list, err := listSegments(dir)
	if err != nil {
		return nil, rec, err
	}
	for i := range list {
		s := &list[i]
		if i > 0 && s.first != rec.LastSeq+1 {
			return nil, rec, &CorruptError{File: s.path, Reason: fmt.Sprintf("begins with record %d, wanted %d", s.first, rec.LastSeq+1)}
		}
		last, err := scan(s)
		if errors.Is(err, errFrame) && i == len(list)-1 {
			rec.Torn, err = cutTail(s)
		}
		if errors.Is(err, errFrame) {
			err = &CorruptError{File: s.path, Offset: s.size, Reason: "unreadable record in a closed segment"}
		}
		if err != nil {
			return nil, rec, err
		}
		if s.last >= s.first {
			rec.Last, rec.LastSeq = last, s.last
		}
	}
	if n := len(list); n > 0 && list[n-1].size == 0 { // created, and never synced
		if err := os.Remove(list[n-1].path); err != nil {
			return nil, rec, err
		}
		list = list[:n-1]
	}
	rec.Segments = len(list)
	return list, rec, nil
}

// scan reads a segment and sets its last record and the size of its valid part. errFrame: what follows is not valid.
func scan(s *segment) (data []byte, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 256<<10)
	s.last = s.first - 1
	for {
		fr, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return data, err
		}
		if fr.Seq != s.last+1 {
			return data, &CorruptError{File: s.path, Offset: s.size, Reason: fmt.Sprintf("record %d, wanted %d", fr.Seq, s.last+1)}
		}
		data, s.last = fr.Data, fr.Seq
		s.size += fr.size
	}
}

// cutTail truncates an unsynced tail, having made sure that it is one.
func cutTail(s *segment) (int64, error) {
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	tail := make([]byte, info.Size()-s.size)
	if _, err := f.ReadAt(tail, s.size); err != nil {
		return 0, err
	}
	if lost := s.last + 1; syncedIn(tail) >= lost {
		return 0, &CorruptError{File: s.path, Offset: s.size, Reason: fmt.Sprintf("record %d had been synced and is unreadable", lost)}
	}
	if err := f.Truncate(s.size); err != nil {
		return 0, err
	}
	return int64(len(tail)), f.Sync()
}

// syncedIn returns the highest synced sequence that any valid frame in p states.
func syncedIn(p []byte) (top uint64) {
	mark := binary.LittleEndian.AppendUint32(nil, magic)
	for {
		i := bytes.Index(p, mark)
		if i < 0 {
			return top
		}
		if fr, err := readFrame(bytes.NewReader(p[i:])); err == nil {
			top = max(top, fr.synced)
		}
		p = p[i+len(mark):]
	}
}
