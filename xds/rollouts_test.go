package xds

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/xds/source"
)

// TestRollouts: what runs is given up for the next one; keys that are the same as before change nothing.
func TestRollouts(t *testing.T) {
	began := make(chan string)
	r := rollouts{keys: source.Tree{Commit: "k1"}, publish: func(ctx context.Context, tree, keys source.Tree) {
		began <- tree.Commit + " " + keys.Commit
		<-ctx.Done()
	}}
	r.nextKeys(t.Context(), source.Tree{Commit: "k2"}) // no tree yet
	var got []string
	for _, step := range []func(){
		func() { r.nextTree(t.Context(), source.Tree{Commit: "t1"}) },
		func() {
			r.nextKeys(t.Context(), source.Tree{Commit: "k2"})
			r.nextKeys(t.Context(), source.Tree{Commit: "k3"})
		},
		func() { r.nextTree(t.Context(), source.Tree{Commit: "t2"}) },
	} {
		step()
		got = append(got, <-began)
	}
	r.end()
	if diff := cmp.Diff([]string{"t1 k2", "t1 k3", "t2 k3"}, got); diff != "" {
		t.Error(diff)
	}
}
