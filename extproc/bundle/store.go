package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"bartizan/xds/bundlepb"
)

// Store keeps the last good bundle in a folder. The zero value keeps nothing.
type Store struct{ Dir string }

func (s Store) path() string { return filepath.Join(s.Dir, "bundle.pb") }

// Load reads the bundle; nil where there is none.
func (s Store) Load() (*bundlepb.Bundle, error) {
	if s.Dir == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read last good bundle: %w", err)
	}
	pb := new(bundlepb.Bundle)
	if err := proto.Unmarshal(raw, pb); err != nil {
		return nil, fmt.Errorf("read last good bundle %s: %w", s.path(), err)
	}
	return pb, nil
}

// Save replaces the bundle: a reader sees the old one or the new one, whole.
func (s Store) Save(pb *bundlepb.Bundle) error {
	if s.Dir == "" {
		return nil
	}
	raw, err := proto.Marshal(pb)
	if err != nil {
		return fmt.Errorf("encode bundle: %w", err)
	}
	next, err := os.CreateTemp(s.Dir, "bundle-*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("keep bundle: %w", err)
	}
	defer os.Remove(next.Name())
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return fmt.Errorf("keep bundle: %w", err)
	}
	if err := os.Rename(next.Name(), s.path()); err != nil {
		return fmt.Errorf("keep bundle: %w", err)
	}
	return nil
}
