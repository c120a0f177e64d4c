package snapshot_test

import (
	"testing"

	"bartizan/xds/snapshot"
)

func TestWarnings(t *testing.T) {
	s, errs := snapshot.Build(tree(t, "warnings/access.txtar"), options)
	if errs.Err() != nil {
		t.Fatal(errs)
	}
	golden(t, "warnings/access.golden.txt", []byte(s.Warnings.Error()+"\n"))
}
