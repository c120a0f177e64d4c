package snapshot_test

import (
	"testing"

	"bartizan/xds/snapshot"
)

func TestWarnings(t *testing.T) {
	for _, name := range []string{"access", "models"} {
		t.Run(name, func(t *testing.T) {
			s, errs := snapshot.Build(tree(t, "warnings/"+name+".txtar"), options)
			if errs.Err() != nil {
				t.Fatal(errs)
			}
			golden(t, "warnings/"+name+".golden.txt", []byte(s.Warnings.Error()+"\n"))
		})
	}
}
