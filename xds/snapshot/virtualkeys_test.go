package snapshot_test

import (
	"strings"
	"testing"

	"bartizan/xds/snapshot"
)

const someKeys = `apiVersion: bartizan/v1
kind: VirtualKeys
metadata: { name: people }
spec:
  virtualKeys:
    - { name: ana, user: ana@example.com, groups: [finance], sha256: "0a4d55a8d778e5022fab701977c5d840bbc486d0" }
`

// TestKeysBesideTheRepository: they count like the Gateway's own, and nothing but keys may be there.
func TestKeysBesideTheRepository(t *testing.T) {
	sound := strings.Replace(someKeys, "c486d0", "c486d0aabbccddeeff001122334455", 1)
	for _, c := range []struct {
		name, file, inGit, want string
	}{
		{name: "added", file: sound},
		{name: "also in the repository", inGit: sound},
		{name: "not a hash", file: someKeys, want: "/keys/k.yaml:6:"},
		{name: "twice", file: strings.Replace(sound, "people", "others", 1), inGit: sound, want: "second key of this name"},
		{name: "same document twice", file: sound, inGit: sound, want: "second VirtualKeys of this name"},
		{name: "a rule", file: strings.Replace(sound, "VirtualKeys", "Policy", 1), want: "beside the repository there are only documents of kind VirtualKeys"},
		{name: "not YAML", file: "{", want: "/keys/k.yaml:2:1: not YAML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, opt := tree(t, "good/minimal.txtar"), options
			if c.file != "" {
				opt.Keys = map[string][]byte{"/keys/k.yaml": []byte(c.file)}
			}
			if c.inGit != "" {
				files.Files["keys.yaml"] = []byte(c.inGit)
			}
			s, errs := snapshot.Build(files, opt)
			if c.want != "" {
				if !strings.Contains(errs.Error(), c.want) {
					t.Fatalf("got %v, wanted %q", errs, c.want)
				}
				return
			}
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if keys := s.Bundle.GetVirtualKeys(); len(keys) != 1 || keys[0].GetUser() != "ana@example.com" || len(keys[0].GetSha256()) != 32 {
				t.Errorf("keys of the bundle: %v", keys)
			}
		})
	}
}
