package snapshot_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"bartizan/xds/snapshot"
	"bartizan/xds/source"
)

var options = snapshot.Options{SecretsDir: "/run/secrets/bartizan", CAFile: "/etc/ca.pem"}

func TestGood(t *testing.T) {
	for _, name := range inputs(t, "good") {
		t.Run(name, func(t *testing.T) {
			s, errs := snapshot.Build(tree(t, name), options)
			if errs.Err() != nil {
				t.Fatalf("mistakes in a good repository:\n%v", errs)
			}
			golden(t, strings.TrimSuffix(name, ".txtar")+".golden.json", render(t, s))
		})
	}
}

func TestBad(t *testing.T) {
	for _, name := range inputs(t, "bad") {
		t.Run(name, func(t *testing.T) {
			s, errs := snapshot.Build(tree(t, name), options)
			if s != nil || len(errs) == 0 {
				t.Fatal("a bad repository has a snapshot")
			}
			if strings.Contains(errs.Error(), "hunter2") || strings.Contains(errs.Error(), "API_KEY") {
				t.Error("an error quotes a secret")
			}
			golden(t, strings.TrimSuffix(name, ".txtar")+".golden.txt", []byte(errs.Error()+"\n"))
		})
	}
}

// TestResourcesAreValid holds every resource to the rules in Envoy's own protobufs.
func TestResourcesAreValid(t *testing.T) {
	for _, name := range inputs(t, "good") {
		s, _ := snapshot.Build(tree(t, name), options)
		for _, m := range resources(s) {
			if err := m.(interface{ ValidateAll() error }).ValidateAll(); err != nil {
				t.Errorf("%s: %T: %v", name, m, err)
			}
		}
	}
}

// TestDeterministic: the same tree gives the same bytes, also when the same documents stand in other files.
func TestDeterministic(t *testing.T) {
	files := tree(t, "good/full.txtar")
	want, _ := snapshot.Build(files, options)
	for range 20 {
		got, _ := snapshot.Build(files, options)
		if got.Version != want.Version || got.Bundle.Version != want.Bundle.Version {
			t.Fatal("two builds of one tree differ")
		}
	}
	renamed := source.Tree{Commit: files.Commit, Files: map[string][]byte{}}
	for name, data := range files.Files {
		if !strings.Contains(name, "policies/") { // a policy's file is in the bundle
			name = "z/" + strings.ReplaceAll(name, "s", "q")
		}
		renamed.Files[name] = data
	}
	got, errs := snapshot.Build(renamed, options)
	if errs.Err() != nil {
		t.Fatal(errs)
	}
	if diff := cmp.Diff(string(render(t, want)), string(render(t, got))); diff != "" {
		t.Errorf("other file names give another snapshot:\n%s", diff)
	}
}

func TestVersions(t *testing.T) {
	files := tree(t, "good/full.txtar")
	before, _ := snapshot.Build(files, options)

	files.Commit = "another"
	commit, _ := snapshot.Build(files, options)
	if before.Bundle.Version == commit.Bundle.Version || before.Version == commit.Version {
		t.Error("another commit has the same version, though its records name another commit")
	}
	other := options
	other.SecretsDir = "/elsewhere"
	secrets, _ := snapshot.Build(files, other)
	if secrets.Version == commit.Version || secrets.Bundle.Version != commit.Bundle.Version {
		t.Error("a change for Envoy alone must change the snapshot's version and not the bundle's")
	}
	clone := proto.CloneOf(commit.Bundle)
	clone.Limits.RequestBytes++
	if proto.Equal(clone, commit.Bundle) {
		t.Error("bundle is shared")
	}
}

func TestBareListensWithoutInspection(t *testing.T) {
	bare := options
	bare.Bare = true
	s, _ := snapshot.Build(tree(t, "good/full.txtar"), bare)
	if text := render(t, s); bytes.Contains(text, []byte("ext_proc.v3")) {
		t.Error("a bare listener has ext_proc")
	}
}

// FuzzBuild: foreign bytes give a snapshot or errors with places, never both, never a panic.
func FuzzBuild(f *testing.F) {
	for _, name := range []string{"good/full.txtar", "bad/everything.txtar"} {
		for _, data := range tree(f, name).Files {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, errs := snapshot.Build(source.Tree{Commit: "c", Files: map[string][]byte{"a.yaml": data}}, options)
		if (s == nil) != (len(errs) > 0) {
			t.Fatalf("snapshot %v with %d errors", s != nil, len(errs))
		}
		for _, e := range errs {
			if e.Line < 1 || e.Column < 1 || e.Message == "" {
				t.Errorf("error without a place or a message: %+v", e)
			}
		}
	})
}

func resources(s *snapshot.Snapshot) []proto.Message {
	return slices.Concat(s.Envoy.Listeners, s.Envoy.Clusters, s.Envoy.Routes, s.Envoy.Secrets)
}

// render is the snapshot as stable JSON; protojson varies its white space on purpose.
func render(t *testing.T, s *snapshot.Snapshot) []byte {
	t.Helper()
	all := map[string][]json.RawMessage{"bundle": {protoJSON(t, s.Bundle)}}
	for kind, list := range map[string][]proto.Message{
		"listeners": s.Envoy.Listeners, "clusters": s.Envoy.Clusters, "routes": s.Envoy.Routes, "secrets": s.Envoy.Secrets,
	} {
		for _, m := range list {
			all[kind] = append(all[kind], protoJSON(t, m))
		}
	}
	data, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func protoJSON(t *testing.T, m proto.Message) json.RawMessage {
	t.Helper()
	data, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// inputs are the *.txtar files of a folder; a golden without one is an error.
func inputs(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no inputs in %s: %v", folder, err)
	}
	var names []string
	for _, path := range paths {
		if name, isGolden := strings.CutSuffix(strings.TrimSuffix(strings.TrimSuffix(path, ".json"), ".txt"), ".golden"); isGolden {
			if !slices.Contains(paths, name+".txtar") {
				t.Errorf("golden %s has no input", path)
			}
			continue
		}
		names = append(names, folder+"/"+filepath.Base(path))
	}
	return names
}

// tree reads "-- name --" lines and the text after each as files; what stands before the first is a comment.
func tree(t testing.TB, name string) source.Tree {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	out := source.Tree{Commit: "0123456789abcdef0123456789abcdef01234567", Files: map[string][]byte{}}
	file := ""
	for line := range strings.Lines(string(data)) {
		if inner, ok := strings.CutPrefix(strings.TrimSuffix(line, " --\n"), "-- "); ok && strings.HasSuffix(line, " --\n") {
			file = inner
			continue
		}
		if file != "" {
			out.Files[file] = append(out.Files[file], line...)
		}
	}
	if got := len(slices.Collect(maps.Keys(out.Files))); got == 0 && name != "bad/empty.txtar" {
		t.Fatalf("%s has no files", name)
	}
	return out
}
